//! `calibrate`: what clients cost on the machine that runs were recorded on.

use std::fs;
use std::path::PathBuf;

use fairdrain::calibrate::{self, Recording, Score};
use fairdrain::profile::Profile;
use fairdrain::report::file;
use fairdrain::scenario::Client;
use rayon::prelude::*;

use super::exit::{Exit, usage};
use super::output::{self, Shown, note};
use super::traces;

mod render;

/// Arguments of `calibrate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fairdrain calibrate my-traces -o mine.toml                 fit, and say how well
  fairdrain compare my.toml --profile mine.toml              simulate that machine
  fairdrain calibrate tests/traces --client java --hold-out  how well are scenarios predicted that were not fitted to?")]
pub(crate) struct Args {
    /// Traces (format fairdrain-trace/1), or folders of them
    #[arg(required = true, value_name = "TRACE")]
    traces: Vec<PathBuf>,

    /// Write the profile to a file, whole or not at all, and the summary to standard output [default: the profile to standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Only these client models, separated by commas [default: all that there are traces of]
    #[arg(short, long = "client", value_name = "NAME", value_delimiter = ',')]
    clients: Vec<Client>,

    /// Besides, fit once for each scenario without it, and predict it
    #[arg(long)]
    hold_out: bool,

    /// Write what came of it as a page (Markdown); implies --hold-out
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Write nothing; fail with exit code 3 if profile or page are not what would be written
    #[arg(long)]
    check: bool,
}

/// One client's fit, and how it predicts scenarios that it has not seen.
pub(super) struct Calibrated {
    pub(super) client: Client,
    /// Of the costs that the model has without a profile.
    pub(super) by_default: Score,
    /// Of the profile, in the runs that it was fitted to.
    pub(super) fitted: Score,
    /// Each scenario predicted from the others.
    pub(super) held_out: Option<Score>,
    /// Recordings that can't be told apart by scenario: there is only one.
    pub(super) scenarios: usize,
    pub(super) runs: usize,
}

/// Runs the command.
pub(crate) fn run(args: &Args, shown: Shown) -> anyhow::Result<Exit> {
    for path in [&args.output, &args.report].into_iter().flatten() {
        if !args.check {
            file::check(path)?;
        }
    }
    if args.check && args.output.is_none() && args.report.is_none() {
        usage!("--check compares files: say which, with -o or --report");
    }
    let recordings = recordings(args)?;
    if recordings.is_empty() {
        note("error: nothing to fit to: none of the traces is of a client that there is a model of");
        return Ok(Exit::NothingMeasured);
    }
    let hold_out = args.hold_out || args.report.is_some();
    let clients = calibrate::clients_of(&recordings);
    let each = clients.par_iter().map(|client| one(*client, &recordings, hold_out)).collect::<Result<Vec<_>, _>>()?;
    let (profiles, calibrated): (Vec<_>, Vec<Calibrated>) = each.into_iter().flatten().unzip();
    if profiles.is_empty() {
        note("error: nothing to fit to: no recording was drained to its end");
        return Ok(Exit::NothingMeasured);
    }
    let profile = Profile { clients: profiles };
    let toml = profile.to_toml();
    let mut files = Vec::new();
    if let Some(path) = &args.output {
        files.push((path, toml.clone()));
    }
    if let Some(path) = &args.report {
        files.push((path, render::page(&profile, &calibrated)));
    }
    let mut differing = false;
    for (path, text) in &files {
        if !args.check {
            file::write(path, text.as_bytes())?;
        } else if fs::read(path).ok().as_deref() != Some(text.as_bytes()) {
            differing = true;
            note(&format!(
                "{} is not what this program writes: leave --check out, and look at the difference",
                path.display()
            ));
        }
    }
    let summary = render::summary(&profile, &calibrated);
    if args.output.is_some() {
        output::print(summary.as_bytes())?;
    } else {
        output::print(toml.as_bytes())?;
        if !shown.quiet {
            note(summary.trim_end());
        }
    }
    Ok(if differing { Exit::GateFailed } else { Exit::Fine })
}

fn recordings(args: &Args) -> anyhow::Result<Vec<Recording>> {
    let mut recordings = Vec::new();
    for path in traces::collect(&args.traces)? {
        let (trace, bytes) = traces::read(&path)?;
        match Recording::new(trace, traces::name(&path), &bytes) {
            Ok(recording) if args.clients.is_empty() || args.clients.contains(&recording.client()) => {
                recordings.push(recording);
            }
            Ok(_) => {}
            Err(error) => match traces::refused(&path, error) {
                Ok(error) => return Err(error),
                Err(no_model) => note(&format!("{}: skipped: {no_model}", path.display())),
            },
        }
    }
    Ok(recordings)
}

fn one(
    client: Client,
    recordings: &[Recording],
    hold_out: bool,
) -> anyhow::Result<Option<(fairdrain::profile::ClientProfile, Calibrated)>> {
    let own: Vec<&Recording> = recordings.iter().filter(|r| r.client() == client).collect();
    let Some(profile) = calibrate::fit(client, &own)? else { return Ok(None) };
    let mut scenarios: Vec<&str> = own.iter().map(|r| r.scenario()).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    let held_out = if hold_out && scenarios.len() > 1 {
        let folds = scenarios.par_iter().map(|scenario| calibrate::hold_out(client, &own, scenario));
        let folds = folds.collect::<Result<Vec<_>, _>>()?;
        Some(Score::of(folds.into_iter().flatten().flat_map(|score| score.misses).collect()))
    } else {
        None
    };
    let defaults = fairdrain::profile::Values::of(client).unwrap_or_default();
    let calibrated = Calibrated {
        client,
        by_default: calibrate::score(&own, &defaults)?,
        fitted: calibrate::score(&own, &profile.values)?,
        held_out,
        scenarios: scenarios.len(),
        runs: own.len(),
    };
    Ok(Some((profile, calibrated)))
}
