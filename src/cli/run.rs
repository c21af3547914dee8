//! `run`: one client, one scheduler, in detail.

use std::path::PathBuf;

use fairdrain::fleet::Ways;
use fairdrain::metrics::End;
use fairdrain::report::Format;
use fairdrain::run::{RunSpec, Simulation};
use fairdrain::trace::{Header, TraceWriter};

use super::backend::Place;
use super::compare::{Measured, differs, measure};
use super::exit::{Exit, usage};
use super::output::{self, Shown, note};
use super::select::Selected;
use super::{backend, select};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fairdrain run documented-backlog                              the scenario's client and first scheduler
  fairdrain run documented-backlog --client librdkafka --scheduler fair --cap 500
  fairdrain run documented-backlog --format jsonl               every poll, as a trace (fairdrain-trace/1)
  fairdrain run my.toml --backend kafka --bootstrap-server localhost:9092 --client librdkafka")]
pub(crate) struct Args {
    /// A scenario file, or the name of a bundled scenario (`fairdrain scenario list`)
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,

    #[command(flatten)]
    select: select::Args,

    #[command(flatten)]
    sharing: select::Sharing,

    /// Do it twice and fail with exit code 5 if the results differ
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
    let mut selected = [args.select.select_one(&args.scenario, shown)?];
    selected[0].ways = args.sharing.ways(&selected[0].clients[0], Ways::Own)?;
    let place = args.backend.place()?;
    if matches!(place, Place::Real { .. }) {
        args.select.check_real()?;
    }
    if args.check_determinism && matches!(place, Place::Real { .. }) {
        usage!("--check-determinism is for the simulation: a real run is never the same twice");
    }
    if args.output.format()? == Format::Jsonl {
        return match place {
            Place::Simulation => trace(&selected[0], &args.output),
            Place::Real { .. } => usage!("traces are of simulated runs; use --format json for a real one"),
        };
    }
    match measure(&selected, &place, &args.backend, args.check_determinism)? {
        Measured::Done(report) => args.output.emit(&report, Vec::new(), shown),
        Measured::Differs(what) => Ok(differs(&what)),
    }
}

/// Writes the poll-by-poll trace of one run.
fn trace(Selected { clients, plan, .. }: &Selected, output: &output::Args) -> anyhow::Result<Exit> {
    if clients[0].has_instances() {
        usage!("a trace is of one process, and this scenario has [[instances]]; use --format json");
    }
    if plan.seeds != Some(1) {
        usage!("a trace is of one run: leave --seeds out");
    }
    let mut scenario = clients[0].clone();
    let scheduler = plan.schedulers[0];
    if let Some(&cap) = plan.caps.first() {
        // The trace's header says what the scenario says.
        scenario.consumer.max_poll_records = cap;
        scenario.scheduler.max_poll_records = Some(cap);
    }
    let spec = RunSpec { client: scenario.consumer.client, scheduler, cap: scenario.cap(scheduler), seed: plan.seed };
    let writer = TraceWriter::new(Vec::new(), &Header::of(&scenario, scheduler, "simulated", 1))?;
    let (metrics, writer) = Simulation::new(&scenario, &spec)?.run_observed(spec.seed, writer);
    output.write(&writer.finish()?)?;
    Ok(match metrics.end {
        End::Complete => Exit::Fine,
        End::LimitReached { .. } => Exit::LimitReached,
        End::Interrupted { .. } => Exit::Interrupted,
        End::Failed(reason) => {
            note(&format!("error: {reason}"));
            Exit::NothingMeasured
        }
    })
}
