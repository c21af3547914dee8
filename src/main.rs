//! The command line of fairdrain.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
