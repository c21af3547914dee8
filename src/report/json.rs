//! JSON: the whole report, or one line a row.

use serde::Serialize;

use super::fleet::FleetRow;
use super::model::{Report, Row};

/// The report as one document.
pub(super) fn document(report: &Report) -> String {
    let mut json = serde_json::to_string_pretty(report).expect("a report has string keys and finite numbers only");
    json.push('\n');
    json
}

/// One row in a line, with what is needed to understand it alone.
#[derive(Serialize)]
struct Line<'a> {
    scenario: &'a str,
    scenario_digest: &'a str,
    seed: u64,
    #[serde(flatten)]
    row: &'a Row,
}

/// The same of several instances.
#[derive(Serialize)]
struct FleetLine<'a> {
    scenario: &'a str,
    scenario_digest: &'a str,
    seed: u64,
    #[serde(flatten)]
    row: &'a FleetRow,
}

/// One line a row, in the report's order.
pub(super) fn lines(report: &Report) -> String {
    let mut out = String::new();
    for compared in report.results() {
        for row in &compared.rows {
            let line = Line {
                scenario: &compared.scenario,
                scenario_digest: &compared.scenario_digest,
                seed: compared.seed,
                row,
            };
            out += &serde_json::to_string(&line).expect("a row has string keys and finite numbers only");
            out.push('\n');
        }
    }
    for compared in report.fleets() {
        for row in &compared.rows {
            let line = FleetLine {
                scenario: &compared.scenario,
                scenario_digest: &compared.scenario_digest,
                seed: compared.seed,
                row,
            };
            out += &serde_json::to_string(&line).expect("a row has string keys and finite numbers only");
            out.push('\n');
        }
    }
    out
}
