//! `fidelity`: recordings of real clients, replayed by their models.

use std::fs;
use std::path::{Path, PathBuf};

use fairdrain::fidelity::{Difference, Moments, Replay, model_of};
use fairdrain::report::Format;
use fairdrain::trace::Mode;
use serde::Serialize;

use super::exit::Exit;
use super::output::{self, Shown, note};
use super::profile::{self, Profiles};
use super::traces;
use measured::{Times, Topic};

mod measured;
mod render;

/// Arguments of `fidelity`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fairdrain fidelity tests/traces                     every recording in a folder and the folders in it
  fairdrain fidelity my.jsonl --min-exact 95          one recording; fail below 95 % of its polls
  fairdrain fidelity tests/traces --format json -o fidelity.json
  fairdrain fidelity my-traces --profile mine.toml    times at the costs of a machine of your own")]
pub(crate) struct Args {
    /// Traces (format fairdrain-trace/1), or folders: of these, every file that ends in .jsonl, in the folders in them too
    #[arg(required = true, value_name = "TRACES")]
    traces: Vec<PathBuf>,

    /// Fail with exit code 3 if in any row fewer polls than this come out exactly
    #[arg(long, alias = "at-least", value_name = "PERCENT", default_value_t = 100.0, value_parser = percent)]
    min_exact: f64,

    /// Write nothing; fail with exit code 3 if this page (Markdown) is not what would be written
    #[arg(long, value_name = "FILE", conflicts_with_all = ["format", "output"])]
    check: Option<PathBuf>,

    #[command(flatten)]
    profile: profile::Args,

    #[command(flatten)]
    output: output::Args,
}

fn percent(written: &str) -> Result<f64, String> {
    match written.trim_end_matches('%').parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a number from 0 to 100".to_owned()),
    }
}

/// All that came of it.
#[derive(Debug, Serialize)]
struct Fidelity {
    schema_version: u32,
    /// Of all rows.
    runs: usize,
    polls: usize,
    polls_exact: usize,
    /// Versions of the brokers that the runs were recorded on.
    brokers: Vec<String>,
    /// The client models whose costs are a profile's.
    profiles: Vec<String>,
    min_exact_percent: f64,
    /// Whether every row has that much.
    passed: bool,
    rows: Vec<Row>,
    skipped: Vec<Skipped>,
}

/// The runs of one client, version, scenario and mode.
#[derive(Debug, Serialize)]
struct Row {
    client: String,
    version: String,
    /// Group protocol: `classic` or `consumer`.
    protocol: String,
    scenario: String,
    mode: Mode,
    runs: usize,
    /// Polls compared: all in `single` mode, those with records in the others.
    polls: usize,
    polls_exact: usize,
    /// Likewise, in free runs: nothing of what was random in the recording goes in, the model draws it from a seed.
    free_polls_exact: usize,
    /// Runs with a recorded choice that was impossible in the model.
    refused: usize,
    first_difference: Option<First>,
    topics: Vec<Topic>,
    drain: Times,
    /// Until a record of every topic had been returned.
    ttci: Times,
}

/// The first poll that differs, of the first run in which one does.
#[derive(Debug, Serialize)]
struct First {
    file: String,
    consumer: u32,
    /// Its number among the consumer's polls compared, from 1.
    poll: usize,
    /// `[topic, partition, first offset, count]`, as in the trace.
    recorded: Vec<fairdrain::trace::Handed>,
    /// `null`: the model was done by then.
    model: Option<Vec<fairdrain::trace::Handed>>,
}

/// Traces that no model is there for.
#[derive(Debug, Serialize)]
struct Skipped {
    client: String,
    version: String,
    reason: String,
    traces: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args, shown: Shown) -> anyhow::Result<Exit> {
    let format = args.output.format()?;
    let profiles = args.profile.load()?;
    let files = traces::collect(&args.traces)?;
    let mut result = Fidelity {
        schema_version: 1,
        runs: 0,
        polls: 0,
        polls_exact: 0,
        brokers: Vec::new(),
        profiles: Vec::new(),
        min_exact_percent: args.min_exact,
        passed: false,
        rows: Vec::new(),
        skipped: Vec::new(),
    };
    for file in &files {
        result.add(file, &profiles)?;
    }
    // With versions in an order that people expect only by chance; but the same on every machine.
    result.rows.sort_by(|a, b| a.key().cmp(&b.key()));
    result.skipped.sort_by(|a, b| (&a.client, &a.version).cmp(&(&b.client, &b.version)));
    result.rows.iter_mut().for_each(Row::finish);
    result.brokers.sort();
    result.passed = result.polls > 0 && result.rows.iter().all(|row| row.percent() >= args.min_exact);
    let mut stale = false;
    let text = match format {
        _ if args.check.is_some() => render::page(&result),
        Format::Table => render::table(&result),
        Format::Json => render::json(&result),
        Format::Jsonl => render::json_lines(&result),
        Format::Csv => render::csv(&result),
        Format::Markdown => render::page(&result),
    };
    if let Some(page) = &args.check {
        stale = fs::read(page).ok().as_deref() != Some(text.as_bytes());
        if stale {
            let page = page.display();
            note(&format!(
                "{page} is not what this program writes: write it with -o {page}, and look at the difference"
            ));
        }
    } else {
        args.output.write(text.as_bytes())?;
    }
    if !shown.quiet && !matches!(format, Format::Table | Format::Markdown) {
        for skipped in &result.skipped {
            note(&render::skipped(skipped));
        }
    }
    for row in result.rows.iter().filter(|row| row.refused > 0) {
        note(&format!("warning: {}: a recorded choice was impossible in {} runs", row.label(), row.refused));
    }
    Ok(if result.polls == 0 {
        note("error: nothing to compare: none of the traces is of a client that there is a model of");
        Exit::NothingMeasured
    } else if result.passed && !stale {
        Exit::Fine
    } else {
        Exit::GateFailed
    })
}

/// Adds a name that is not there yet.
fn note_once(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|other| other == name) {
        names.push(name.to_owned());
    }
}

impl Fidelity {
    /// Replays a trace and counts it.
    fn add(&mut self, file: &Path, profiles: &Profiles) -> anyhow::Result<()> {
        let (trace, _) = traces::read(file)?;
        let client = &trace.header.client;
        let values = model_of(&trace).ok().and_then(|client| profiles.values(client));
        // A repeat is another run of the model too, where that has anything to draw.
        let both = Replay::with(&trace, values)
            .and_then(|replay| Ok((replay, Replay::free(&trace, values, trace.header.repeat.into())?)));
        let (replay, free) = match both {
            Ok(both) => both,
            Err(error) => match traces::refused(file, error) {
                Ok(error) => return Err(error),
                Err(no_model) => {
                    self.skip(&client.name, &client.version, no_model.to_string());
                    return Ok(());
                }
            },
        };
        self.runs += 1;
        note_once(&mut self.brokers, &trace.header.broker.version);
        if let (Some(_), Ok(client)) = (values, model_of(&trace)) {
            note_once(&mut self.profiles, &client.to_string());
        }
        self.polls += replay.polls;
        self.polls_exact += replay.polls_exact;
        let row = Row {
            client: client.name.clone(),
            version: client.version.clone(),
            protocol: client.protocol.clone(),
            scenario: trace.header.scenario.name.clone(),
            mode: trace.header.mode,
            runs: 0,
            polls: 0,
            polls_exact: 0,
            free_polls_exact: 0,
            refused: 0,
            first_difference: None,
            topics: Vec::new(),
            drain: Times::default(),
            ttci: Times::default(),
        };
        let place = self.rows.iter().position(|other| other.key() == row.key()).unwrap_or_else(|| {
            self.rows.push(row);
            self.rows.len() - 1
        });
        let row = &mut self.rows[place];
        row.runs += 1;
        row.polls += replay.polls;
        row.polls_exact += replay.polls_exact;
        row.free_polls_exact += free.polls_exact;
        row.refused += usize::from(replay.refused.is_some());
        row.measure(&Moments::recorded(&trace), &replay.moments);
        if row.first_difference.is_none() {
            row.first_difference = replay.first_difference.map(|difference| First::of(file, difference));
        }
        Ok(())
    }

    fn skip(&mut self, client: &str, version: &str, reason: String) {
        match self.skipped.iter_mut().find(|s| s.reason == reason && s.client == client && s.version == version) {
            Some(skipped) => skipped.traces += 1,
            None => {
                let (client, version) = (client.to_owned(), version.to_owned());
                self.skipped.push(Skipped { client, version, reason, traces: 1 });
            }
        }
    }
}

impl First {
    fn of(file: &Path, difference: Difference) -> Self {
        let Difference { consumer, number, recorded, model } = difference;
        Self { file: file.display().to_string(), consumer, poll: number, recorded, model }
    }
}

impl Row {
    fn key(&self) -> (&str, &str, &str, &str, u8) {
        (&self.client, &self.version, &self.protocol, &self.scenario, self.mode as u8)
    }

    fn percent(&self) -> f64 {
        if self.polls == 0 { 100.0 } else { self.polls_exact as f64 * 100.0 / self.polls as f64 }
    }

    fn label(&self) -> String {
        format!("{} {} ({}), {}, {}", self.client, self.version, self.protocol, self.scenario, self.mode_name())
    }

    /// As in a trace.
    fn mode_name(&self) -> String {
        let name = serde_json::to_value(self.mode).ok();
        name.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    }
}
