//! `compare`: schedulers, clients and caps on scenarios. What `demo` and `run` share with it is here too.

use std::path::PathBuf;

use fairdrain::compare::{Runner, compare};
use fairdrain::report::{Compared, Report, Results, SCHEMA_VERSION};

use super::exit::Exit;
use super::output::{self, Shown, note};
use super::select::Selected;
use super::{backend, interrupt, rerun, select};

/// Arguments of `compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fairdrain compare documented-backlog
  fairdrain compare my.toml other.toml --scheduler single,fair --client librdkafka -o comparison.md
  fairdrain compare documented-backlog --client librdkafka --scheduler single --permute-names 20
  fairdrain compare documented-backlog --backend kafka --bootstrap-server localhost:9092")]
pub(crate) struct Args {
    /// Scenario files, or names of bundled scenarios (`fairdrain scenario list`)
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,

    #[command(flatten)]
    select: select::Args,

    /// Deal the topics' names out anew N times: how much of the result is the luck of a name
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = clap::value_parser!(u32).range(0..=10_000), help_heading = "What to run")]
    permute_names: u32,

    /// Do everything twice, the second time on one thread, and fail with exit code 5 if the results differ
    #[arg(long, help_heading = "What to run")]
    check_determinism: bool,

    #[command(flatten)]
    backend: backend::Args,

    #[command(flatten)]
    output: output::Args,
}

/// Runs the command.
pub(crate) fn run(args: &Args, shown: Shown) -> anyhow::Result<Exit> {
    args.output.format()?;
    // All scenarios are read before the first one runs: an error in the last must not cost the work on the others.
    let mut selected = Vec::new();
    for path in &args.scenarios {
        let mut one = args.select.select(path, shown)?;
        one.plan.permute_names = args.permute_names;
        selected.push(one);
    }
    let runner = args.backend.runner()?;
    let done = match measure(&selected, &*runner, args.check_determinism)? {
        Measured::Differs(what) => {
            note(&format!("error: nondeterminism: {what}"));
            return Ok(Exit::Nondeterminism);
        }
        Measured::Done { scenarios, complete } => (scenarios, complete),
    };
    let report = report(done, &selected, &*runner, &args.backend);
    args.output.emit(&report, Vec::new(), shown)
}

/// What came of some comparisons.
pub(crate) enum Measured {
    /// The results, and whether all runs were done.
    Done { scenarios: Vec<Compared>, complete: bool },
    /// Two times the same gave two results.
    Differs(String),
}

/// Does the comparisons, one after the other.
pub(crate) fn measure(selected: &[Selected], runner: &dyn Runner, twice: bool) -> anyhow::Result<Measured> {
    let stop = interrupt::listen()?;
    let mut scenarios = Vec::new();
    let mut complete = true;
    for one in selected {
        let (compared, all) = compare(&one.clients, &one.plan, runner, stop)?;
        complete &= all;
        if twice && runner.is_deterministic() && complete {
            // On one thread: a result that depends on the number of threads is found too.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
            let (again, all) = pool.install(|| compare(&one.clients, &one.plan, runner, stop))?;
            complete &= all;
            if complete && again != compared {
                return Ok(Measured::Differs(difference(&compared, &again)));
            }
        }
        scenarios.push(compared);
    }
    Ok(Measured::Done { scenarios, complete })
}

fn difference(first: &Compared, second: &Compared) -> String {
    let rows = first.rows.iter().zip(&second.rows).find(|(a, b)| a != b);
    let Some((a, b)) = rows else { return format!("{} gave two different results", first.scenario) };
    format!(
        "{}, {} under {}: fingerprint {} the first time, {} the second",
        first.scenario,
        a.client,
        a.scheduler,
        a.fingerprint.as_deref().unwrap_or("none"),
        b.fingerprint.as_deref().unwrap_or("none"),
    )
}

/// Wraps results up.
pub(crate) fn report(
    (scenarios, complete): (Vec<Compared>, bool),
    selected: &[Selected],
    runner: &dyn Runner,
    backend: &backend::Args,
) -> Report {
    let seed = selected[0].plan.seed;
    let results = Some(Results::new(scenarios));
    let (deterministic, measured) = if runner.is_deterministic() { (results, None) } else { (None, results) };
    Report {
        schema_version: SCHEMA_VERSION,
        command: rerun::command(selected.iter().all(|s| s.plan.seed == seed).then_some(seed)),
        complete,
        deterministic,
        measured,
        environment: backend.environment(),
    }
}
