//! JSON: the whole report, or one line a row.

use serde::Serialize;

use super::model::Report;

/// The report as one document.
pub(super) fn document(report: &Report) -> String {
    let mut json = serde_json::to_string_pretty(report).expect("a report has string keys and finite numbers only");
    json.push('\n');
    json
}

/// One row in a line, with what is needed to understand it alone.
#[derive(Serialize)]
struct Line<'a, R> {
    scenario: &'a str,
    scenario_digest: &'a str,
    seed: u64,
    #[serde(flatten)]
    row: &'a R,
}

/// One line a row, in the report's order.
pub(super) fn lines(report: &Report) -> String {
    let mut out = String::new();
    for c in report.results() {
        write(&mut out, &c.scenario, &c.scenario_digest, c.seed, &c.rows);
    }
    for c in report.fleets() {
        write(&mut out, &c.scenario, &c.scenario_digest, c.seed, &c.rows);
    }
    out
}

fn write<R: Serialize>(out: &mut String, scenario: &str, scenario_digest: &str, seed: u64, rows: &[R]) {
    for row in rows {
        let line = Line { scenario, scenario_digest, seed, row };
        *out += &serde_json::to_string(&line).expect("a row has string keys and finite numbers only");
        out.push('\n');
    }
}
