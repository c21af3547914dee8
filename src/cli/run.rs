//! `run`: one client, one scheduler, in detail.

use std::path::PathBuf;

use super::compare::{Measured, differs, measure};
use super::exit::Exit;
use super::output::{self, Shown};
use super::{backend, select};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fairdrain run documented-backlog                              the scenario's client and first scheduler
  fairdrain run documented-backlog --client librdkafka --scheduler fair --cap 500
  fairdrain run my.toml --backend kafka --bootstrap-server localhost:9092 --client librdkafka")]
pub(crate) struct Args {
    /// A scenario file, or the name of a bundled scenario (`fairdrain scenario list`)
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,

    #[command(flatten)]
    select: select::Args,

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
    let selected = [args.select.select_one(&args.scenario, shown)?];
    let place = args.backend.place()?;
    match measure(&selected, &place, &args.backend, args.check_determinism)? {
        Measured::Done(report) => args.output.emit(&report, Vec::new(), shown),
        Measured::Differs(what) => Ok(differs(&what)),
    }
}
