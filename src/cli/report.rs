//! `fairdrain report`: the simulated results of every bundled scenario, as files.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use fairdrain::compare::{Plan, compare};
use fairdrain::fleet::{Ways, compare_fleet};
use fairdrain::report::{Format, Layout, Report, Results, SCHEMA_VERSION, file, render};
use fairdrain::run::{RunSpec, simulate_until};
use fairdrain::scenario::{Client, Scenario, bundled};

use super::backend;
use super::exit::{Exit, usage};
use super::interrupt;
use super::output::{Shown, note};

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fairdrain report                write reports/<scenario>.md and reports/README.md
  fairdrain report --check        exit with 3 if they are not what the program would write")]
pub(crate) struct Args {
    /// Where the files are
    #[arg(value_name = "DIR", default_value = "reports")]
    directory: PathBuf,

    /// Write nothing; compare byte by byte instead
    #[arg(long)]
    check: bool,
}

/// Writes, or checks, the reports.
pub(crate) fn run(args: &Args, shown: Shown) -> anyhow::Result<Exit> {
    if !args.directory.is_dir() {
        usage!("{} is no directory; create it first", args.directory.display());
    }
    let stop = interrupt::listen()?;
    let mut index = String::from(
        "# Simulated results\n\nWhat `fairdrain report` writes: every bundled scenario under the schedulers it names, for each client \
         model. Exact: the same on every machine. How the models compare with real clients: [polls](fidelity.md) and \
         [times](calibration.md).\n\n| scenario | what it shows |\n|---|---|\n",
    );
    let mut files = Vec::new();
    for scenario in bundled() {
        let parsed = scenario.parsed();
        let mut clients: Vec<Scenario> = Vec::new();
        for client in [Client::Aiokafka, Client::Librdkafka] {
            clients.push(parsed.with_client(client)?.scenario);
        }
        let with_instances = clients[0].has_instances();
        let plan = Plan { schedulers: vec![], caps: vec![], seed: clients[0].seed, seeds: None, permute_names: 0 };
        let (results, complete) = if with_instances {
            let (compared, complete) = compare_fleet(&clients, &plan, &Ways::All, &stop)?;
            (Results::with_fleets(vec![], vec![compared]), complete)
        } else {
            let runner = &|scenario: &Scenario, spec: &RunSpec| simulate_until(scenario, spec, &stop);
            let (compared, complete) = compare(&clients, &plan, runner, &stop)?;
            (Results::new(vec![compared]), complete)
        };
        if !complete {
            return Ok(Exit::Interrupted);
        }
        let report = Report {
            schema_version: SCHEMA_VERSION,
            command: format!("fairdrain compare {} --client aiokafka,librdkafka", scenario.name),
            complete,
            deterministic: Some(results),
            measured: None,
            environment: backend::simulated(),
        };
        writeln!(index, "| [{0}]({0}.md) | {1} |", scenario.name, clients[0].description)?;
        let text = render(&report, Format::Markdown, &Layout { width: 120, next: vec![] });
        files.push((format!("{}.md", scenario.name), text));
    }
    files.push(("README.md".to_owned(), index));
    let mut differing = 0;
    for (name, text) in &files {
        let path = args.directory.join(name);
        if !args.check {
            file::write(&path, text.as_bytes())?;
        } else if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            differing += 1;
            note(&format!(
                "{} is not what this program writes: run `fairdrain report` and look at the difference",
                path.display()
            ));
        }
    }
    if differing > 0 {
        return Ok(Exit::GateFailed);
    }
    if !shown.quiet {
        let done = if args.check { "as they should be" } else { "written" };
        note(&format!("{} files in {} {done}", files.len(), args.directory.display()));
    }
    Ok(Exit::Fine)
}
