//! `completions`: scripts for shells.

use clap::CommandFactory;
use clap_complete::Shell;

use super::exit::Exit;
use super::output::print;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fairdrain completions bash > ~/.local/share/bash-completion/completions/fairdrain")]
pub(crate) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "fairdrain", &mut script);
    print(&script)?;
    Ok(Exit::Fine)
}
