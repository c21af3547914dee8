//! The command line: one file a subcommand; what they share is in `select` (what to run), `backend` (where), `output` (how to show
//! it), `exit` (how to end) and `rerun` (how to say it again).

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod backend;
mod calibrate;
mod compare;
mod completions;
mod demo;
mod doctor;
mod exit;
mod fidelity;
mod interrupt;
#[cfg(feature = "kafka")]
mod kafka;
mod output;
mod profile;
mod record;
mod report;
mod rerun;
mod run;
mod scenario;
mod select;
mod traces;

use exit::Exit;

/// Predicts, explains and fixes how a Kafka consumer drains several backlogged topics.
#[derive(Debug, Parser)]
#[command(name = "fairdrain", version, max_term_width = 110, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// Print results and errors only: no warnings, no remarks
    #[arg(short, long, global = true)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  fairdrain demo                                an example: five topics, two clients, five schedulers
  fairdrain compare documented-500 --client aiokafka --scheduler single,fair --cap 500,3000
  fairdrain run my.toml --scheduler fair        one client, one scheduler, in detail
  fairdrain scenario init my.toml               begin a scenario of your own

Exit status:
  0 fine                   1 internal error       2 usage or configuration   3 a gate failed
  4 nothing measured     5 nondeterminism found 6 limit reached before the drain had finished     7 backend unreachable
  130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show an example backlog of five topics under every scheduler: the place to begin
    Demo(demo::Args),
    /// Run one scenario with one client and one scheduler, in detail
    Run(run::Args),
    /// Compare schedulers, clients and caps on scenarios
    Compare(compare::Args),
    /// Write, or check, the results of every bundled scenario as files
    Report(report::Args),
    /// Replay recordings of real clients and count the polls that the models get right
    Fidelity(fidelity::Args),
    /// Fit what clients cost to recordings, and write a profile of it for --profile
    Calibrate(calibrate::Args),
    /// Record a real librdkafka's polls on a live cluster; reads only
    Record(record::Args),
    /// List, show, begin and check scenario files
    Scenario(scenario::Args),
    /// Say what this program was built with, and whether it works here
    Doctor(doctor::Args),
    /// Write a completion script for a shell to standard output
    Completions(completions::Args),
}

/// Parses the arguments, does what they say, and turns whatever happens into an exit code.
pub(crate) fn main() -> ExitCode {
    // Help, version and usage errors: clap prints them on the right stream and ends with 0 or 2.
    let cli = Cli::parse();
    let shown = output::Shown { quiet: cli.quiet };
    let done = match cli.command {
        Command::Demo(args) => demo::run(&args, shown),
        Command::Run(args) => run::run(&args, shown),
        Command::Compare(args) => compare::run(&args, shown),
        Command::Report(args) => report::run(&args, shown),
        Command::Fidelity(args) => fidelity::run(&args, shown),
        Command::Calibrate(args) => calibrate::run(&args, shown),
        Command::Record(args) => record::run(&args, shown),
        Command::Scenario(args) => scenario::run(&args, shown),
        Command::Doctor(args) => doctor::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }
}
