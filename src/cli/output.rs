//! Where results go: data to standard output or a file, everything else to standard error.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use fairdrain::report::{Format, Layout, Report, file, findings, render};

use super::exit::{Exit, usage};

/// Width of a table that nobody looks at on a terminal: fits a mail, a log and a README.
const WIDTH_DEFAULT: usize = 120;

/// How to show results.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Output")]
pub(crate) struct Args {
    /// Format of the result [default: by the extension of -o, else table]
    #[arg(short, long, value_enum)]
    format: Option<Format>,

    /// Write the result to a file, whole or not at all, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Characters in a line of a table [default: the terminal's, else 120]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..))]
    width: Option<u16>,
}

/// What is shown besides results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    pub(crate) quiet: bool,
}

impl Args {
    /// The format that was asked for. Refuses an output file that can't be written: before anything has run.
    pub(crate) fn format(&self) -> anyhow::Result<Format> {
        if let Some(path) = &self.output {
            file::check(path)?;
        }
        match (self.format, &self.output) {
            (Some(format), _) => Ok(format),
            (None, None) => Ok(Format::Table),
            (None, Some(path)) => match Format::of_file(path) {
                Some(format) => Ok(format),
                None => usage!(
                    "can't tell the format of {} from its name: end it in .txt, .json, .jsonl, .csv or .md, or add --format",
                    path.display(),
                ),
            },
        }
    }

    /// Shows a report, and says how the command ends.
    pub(crate) fn emit(&self, report: &Report, next: Vec<String>, shown: Shown) -> anyhow::Result<Exit> {
        let format = self.format()?;
        let text = render(report, format, &Layout { width: self.width(), next });
        self.write(text.as_bytes())?;
        if !shown.quiet && !matches!(format, Format::Table | Format::Markdown) {
            for finding in report.results().iter().flat_map(findings::findings) {
                note(&finding);
            }
        }
        Ok(Exit::of(report))
    }

    /// Writes data to where it was asked for.
    pub(crate) fn write(&self, data: &[u8]) -> anyhow::Result<()> {
        match &self.output {
            Some(path) => Ok(file::write(path, data)?),
            None => print(data),
        }
    }

    fn width(&self) -> usize {
        let asked = self.width.map(usize::from);
        let terminal = || {
            let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
            Some(usize::from(width.0))
        };
        match &self.output {
            Some(_) => asked.unwrap_or(WIDTH_DEFAULT),
            None => asked.or_else(terminal).unwrap_or(WIDTH_DEFAULT),
        }
    }
}

/// Writes to standard output, without the panic of `print!` when nobody reads on.
pub(crate) fn print(data: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(data).and_then(|()| out.flush()).context("can't write to standard output")
}

/// Says something on standard error. If even that is closed there is nobody to tell. Names of files and reasons of brokers are not
/// ours: what they may say to a terminal is text.
pub(crate) fn note(text: &str) {
    let text = text.replace(|c: char| c.is_control() && c != '\n' && c != '\t', "\u{fffd}");
    let _ = writeln!(io::stderr().lock(), "{text}");
}
