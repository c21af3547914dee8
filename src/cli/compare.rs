//! `compare`: schedulers, clients and caps on scenarios. What `demo` and `run` share with it is here too.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use fairdrain::compare::compare;
use fairdrain::fleet::{Ways, compare_fleet};
use fairdrain::report::{Compared, FleetCompared, Format, Report, Results, SCHEMA_VERSION};
use fairdrain::run::{RunSpec, simulate_until};
use fairdrain::scenario::Scenario;

use super::backend::Place;
use super::exit::{Exit, usage};
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

    #[command(flatten)]
    sharing: select::Sharing,

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
        let with_instances = one.clients[0].has_instances();
        one.ways = args.sharing.ways(&one.clients[0], Ways::All)?;
        if with_instances && args.permute_names > 0 {
            usage!("--permute-names is for scenarios without [[instances]]: {} has some", one.clients[0].name);
        }
        selected.push(one);
    }
    let with_instances = selected.iter().filter(|s| s.clients[0].has_instances()).count();
    if args.output.format()? == Format::Csv && with_instances > 0 && with_instances < selected.len() {
        usage!(
            "scenarios with and without [[instances]] have different columns: compare them one kind at a time, or use --format json"
        );
    }
    let place = args.backend.place()?;
    if matches!(place, Place::Real { .. }) && (args.permute_names > 0 || args.check_determinism) {
        usage!("--permute-names and --check-determinism are for the simulation: a real run is never the same twice");
    }
    if matches!(place, Place::Real { .. }) {
        args.select.check_real()?;
    }
    match measure(&selected, &place, &args.backend, args.check_determinism)? {
        Measured::Done(report) => args.output.emit(&report, Vec::new(), shown),
        Measured::Differs(what) => Ok(differs(&what)),
    }
}

/// What came of some comparisons.
pub(crate) enum Measured {
    /// A report.
    Done(Box<Report>),
    /// Two times the same gave two results.
    Differs(String),
}

/// Says that two times the same gave two results.
pub(crate) fn differs(what: &str) -> Exit {
    note(&format!("error: nondeterminism: {what}"));
    Exit::Nondeterminism
}

/// Does the comparisons, one after the other. `twice`: and again, to see whether the results are the same.
pub(crate) fn measure(
    selected: &[Selected],
    place: &Place,
    backend: &backend::Args,
    twice: bool,
) -> anyhow::Result<Measured> {
    if let (Place::Real { .. }, Some(one)) = (place, selected.iter().find(|s| s.clients[0].has_instances())) {
        usage!("{} has [[instances]], which are simulated only; leave --backend out", one.clients[0].name);
    }
    let stop = interrupt::listen()?;
    let mut environment = backend.environment();
    let done = match place {
        Place::Simulation => simulate(selected, &stop, twice)?,
        #[cfg(feature = "kafka")]
        Place::Real { servers, properties, keep } => {
            super::kafka::drain(selected, servers.as_deref(), properties, *keep, &stop, &mut environment)?
        }
        #[cfg(not(feature = "kafka"))]
        Place::Real { .. } => {
            environment.librdkafka_version = None;
            usage!("this program was built without the feature `kafka`: install it with default features")
        }
    };
    let (scenarios, fleets, mut complete) = match done {
        Runs::Done { scenarios, fleets, complete } => (scenarios, fleets, complete),
        Runs::Differ(what) => return Ok(Measured::Differs(what)),
    };
    let seed = selected[0].plan.seed;
    let results = Some(Results::with_fleets(scenarios, fleets));
    let (deterministic, measured) = match place {
        Place::Simulation => (results, None),
        Place::Real { .. } if backend.with_simulation() => match simulate(selected, &stop, twice)? {
            Runs::Done { scenarios, complete: all, .. } => {
                complete &= all;
                (Some(Results::new(scenarios)), results)
            }
            Runs::Differ(what) => return Ok(Measured::Differs(what)),
        },
        Place::Real { .. } => (None, results),
    };
    Ok(Measured::Done(Box::new(Report {
        schema_version: SCHEMA_VERSION,
        command: rerun::command(selected.iter().all(|s| s.plan.seed == seed).then_some(seed)),
        complete,
        deterministic,
        measured,
        environment,
    })))
}

/// What came of some runs.
pub(crate) enum Runs {
    /// Results, and whether they are all that were planned.
    Done {
        /// Of scenarios of one process.
        scenarios: Vec<Compared>,
        /// Of scenarios with instances.
        fleets: Vec<FleetCompared>,
        /// Whether they are all.
        complete: bool,
    },
    /// Two times the same gave two results.
    Differ(String),
}

fn simulate(selected: &[Selected], stop: &AtomicBool, twice: bool) -> anyhow::Result<Runs> {
    let runner = &|scenario: &Scenario, spec: &RunSpec| simulate_until(scenario, spec, stop);
    let (mut scenarios, mut fleets) = (Vec::new(), Vec::new());
    let mut complete = true;
    for one in selected {
        if one.clients[0].has_instances() {
            let (compared, all) = compare_fleet(&one.clients, &one.plan, &one.ways, stop)?;
            complete &= all;
            if twice && complete {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
                let (again, all) = pool.install(|| compare_fleet(&one.clients, &one.plan, &one.ways, stop))?;
                complete &= all;
                if complete && again != compared {
                    return Ok(Runs::Differ(format!("{} gave two different results", compared.scenario)));
                }
            }
            fleets.push(compared);
            continue;
        }
        let (compared, all) = compare(&one.clients, &one.plan, runner, stop)?;
        complete &= all;
        if twice && complete {
            // On one thread: a result that depends on the number of threads is found too.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
            let (again, all) = pool.install(|| compare(&one.clients, &one.plan, runner, stop))?;
            complete &= all;
            if complete && again != compared {
                return Ok(Runs::Differ(difference(&compared, &again)));
            }
        }
        scenarios.push(compared);
    }
    Ok(Runs::Done { scenarios, fleets, complete })
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
