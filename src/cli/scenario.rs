//! `scenario`: list, show, begin and check scenario files.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use fairdrain::scenario::{self, Bundled, Scenario, bundled, bundled_of_clients};

use super::exit::{Exit, labelled, usage};
use super::output::{Shown, note, print};

/// Arguments of `scenario`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The bundled scenarios and what each of them shows
    List,
    /// Print a scenario file
    Show {
        /// A scenario file, or the name of a bundled scenario
        #[arg(value_name = "SCENARIO")]
        scenario: PathBuf,
        /// Every value, defaults included, and where it comes from
        #[arg(long)]
        resolved: bool,
    },
    /// Begin a scenario of your own: a commented file with everything that can be said
    Init {
        /// The file to write; an existing one is left alone
        #[arg(default_value = "scenario.toml", value_name = "FILE")]
        file: PathBuf,
    },
    /// Check scenario files without running them
    Validate {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Print the JSON Schema of scenario files, for editors
    Schema,
}

/// Runs the command.
pub(crate) fn run(args: &Args, shown: Shown) -> anyhow::Result<Exit> {
    match &args.command {
        Command::List => list(),
        Command::Show { scenario, resolved: true } => {
            let parsed = Scenario::load(scenario)?;
            warn(&parsed, shown);
            print(parsed.resolved().as_bytes())?;
            Ok(Exit::Fine)
        }
        Command::Show { scenario, resolved: false } => show(scenario, shown),
        Command::Init { file } => init(file, shown),
        Command::Validate { files } => validate(files, shown),
        Command::Schema => {
            let schema = serde_json::to_string_pretty(&scenario::json_schema())?;
            print(format!("{schema}\n").as_bytes())?;
            Ok(Exit::Fine)
        }
    }
}

/// First what schedulers are compared on, then, after an empty line, what single clients do.
fn list() -> anyhow::Result<Exit> {
    let lines = |group: &[Bundled]| {
        let longest = group.iter().map(|b| b.name.len()).max().unwrap_or(0);
        let line = |b: &Bundled| format!("{:<longest$}  {}\n", b.name, b.parsed().scenario.description);
        group.iter().map(line).collect::<String>()
    };
    print(format!("{}\n{}", lines(bundled()), lines(bundled_of_clients())).as_bytes())?;
    Ok(Exit::Fine)
}

/// The file as it is written, comments included.
fn show(scenario: &Path, shown: Shown) -> anyhow::Result<Exit> {
    let parsed = Scenario::load(scenario)?;
    warn(&parsed, shown);
    let text = match bundled().iter().chain(bundled_of_clients()).find(|b| b.name == scenario.as_os_str()) {
        Some(bundled) if !scenario.exists() => bundled.text.to_owned(),
        _ => std::fs::read_to_string(scenario)?,
    };
    print(text.as_bytes())?;
    Ok(Exit::Fine)
}

fn init(file: &Path, shown: Shown) -> anyhow::Result<Exit> {
    // `create_new` is the check for an existing file and the creation in one step.
    let mut out = match OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(out) => out,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            usage!("{} is there already and is left as it is; name another file", file.display())
        }
        Err(e) => usage!("can't write {}: {e}", file.display()),
    };
    if let Err(error) = out.write_all(scenario::TEMPLATE.as_bytes()) {
        // Half a scenario would look like a whole one.
        let _ = std::fs::remove_file(file);
        return Err(error.into());
    }
    if !shown.quiet {
        note(&format!("{} is written; edit it, then: fairdrain compare {0}", file.display()));
    }
    Ok(Exit::Fine)
}

/// All files are checked, however many are wrong.
fn validate(files: &[PathBuf], shown: Shown) -> anyhow::Result<Exit> {
    let mut exit = Exit::Fine;
    for file in files {
        match Scenario::load(file) {
            Ok(parsed) => {
                warn(&parsed, shown);
                print(format!("{}: fine, {} topics\n", file.display(), parsed.scenario.topics.len()).as_bytes())?;
            }
            Err(error) => {
                note(&labelled(&error.to_string()));
                exit = Exit::Usage;
            }
        }
    }
    Ok(exit)
}

fn warn(parsed: &scenario::Parsed, shown: Shown) {
    if !shown.quiet {
        for warning in parsed.warnings() {
            note(&format!("warning: {}", warning.one_line()));
        }
    }
}
