//! `demo`: the documented backlog under the documented remedy and the others, for the clients it is about.

use std::path::Path;

use fairdrain::policy::Name;
use fairdrain::scenario::Client;

use super::backend::Place;
use super::compare::{Measured, differs, measure};
use super::exit::Exit;
use super::output::{self, Shown};
use super::{backend, select};

/// The scenario.
const SCENARIO: &str = "documented-backlog";
/// Its caps are 3000 for `single` and 500 for the others.
const SCHEDULERS: [Name; 5] = [Name::Single, Name::MultiGather, Name::Multi, Name::Fair, Name::CompleteFirst];
/// The client that the documentation is about, and the one that most other languages have.
const CLIENTS: [Client; 2] = [Client::Aiokafka, Client::Librdkafka];

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    select: select::Args,

    #[command(flatten)]
    backend: backend::Args,

    #[command(flatten)]
    output: output::Args,
}

/// Runs the command.
pub(crate) fn run(args: &Args, shown: Shown) -> anyhow::Result<Exit> {
    args.output.format()?;
    let place = args.backend.place()?;
    // A real backend is librdkafka: it can't be another client.
    let clients = if matches!(place, Place::Simulation) { &CLIENTS[..] } else { &CLIENTS[1..] };
    if matches!(place, Place::Real { .. }) {
        args.select.check_real()?;
    }
    // Warnings about the scenario are for whoever wrote it.
    let select = args.select.clone().or(clients, &SCHEDULERS);
    let selected = [select.select(Path::new(SCENARIO), Shown { quiet: true })?];
    let report = match measure(&selected, &place, &args.backend, false)? {
        Measured::Done(report) => report,
        Measured::Differs(what) => return Ok(differs(&what)),
    };
    // To a shell, what is behind # is a comment: a whole line can be pasted.
    let next = [
        "fairdrain scenario init my.toml                                              # your own topics",
        "fairdrain run documented-backlog --client librdkafka --scheduler single      # what each topic waits for",
        "fairdrain compare documented-backlog --scheduler single,fair --cap 500,3000  # what the cap changes",
        "fairdrain compare documented-backlog --client librdkafka --permute-names 20  # the luck of the topics' names",
        "fairdrain compare documented-idle                                            # the barrier, when topics are idle",
    ];
    args.output.emit(&report, next.map(str::to_owned).to_vec(), shown)
}
