//! Reports: one result struct, and what can be made of it.
//!
//! A [`Report`] is complete by itself: every exporter is a pure function of it, so that a stored report can be shown again in any
//! format. Nothing here runs anything or knows how the numbers came about.

pub use fleet::{
    FleetCompared, FleetLoad, FleetMeasures, FleetRow, FleetTopicMeasures, InstanceMeasures, InstancePlan, Refused,
};
pub use model::*;
pub use reduce::Pick;
pub use remarks::Remark;
pub use units::Micros;

mod beside;
mod csv;
pub mod file;
pub mod findings;
mod fleet;
mod json;
mod markdown;
mod model;
pub mod redact;
mod reduce;
mod remarks;
mod table;
pub mod units;
mod view;

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For reading on a terminal.
    Table,
    /// One document, everything in it.
    Json,
    /// One line a row (of `run`: one line a poll, as a trace).
    Jsonl,
    /// One line per row, statistic and topic.
    Csv,
    /// Tables for a document or a pull request.
    Markdown,
}

impl Format {
    /// The format that a file of this name should have: by its extension, and a table for `.txt`.
    #[must_use]
    pub fn of_file(path: &std::path::Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "txt" => Some(Self::Table),
            "json" => Some(Self::Json),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "md" | "markdown" => Some(Self::Markdown),
            _ => None,
        }
    }
}

/// What a table needs to know of the place where it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Characters in a line.
    pub width: usize,
    /// Commands worth trying next, shown at the end.
    pub next: Vec<String>,
}

/// Writes a report in a format. Ends with a newline.
#[must_use]
pub fn render(report: &Report, format: Format, layout: &Layout) -> String {
    match format {
        Format::Table => table::render(report, layout),
        Format::Json => json::document(report),
        Format::Jsonl => json::lines(report),
        Format::Csv => csv::render(report),
        Format::Markdown => markdown::render(report),
    }
}
