//! Markdown: the same tables, for a document or a pull request.

use super::beside;
use super::findings::{findings, legend};
use super::fleet;
use super::model::Report;
use super::units::grouped;
use super::view::{self, Grid};

/// Topics shown one by one: a document has no screen to fill, but a reader.
const TOPICS_SHOWN: usize = 20;

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    for compared in report.results() {
        out += &format!("## {}\n\n{}\n\n", escaped(&compared.scenario), escaped(&compared.description));
        let loads: Vec<String> =
            compared.topics.iter().map(|t| format!("{} {}", escaped(&t.topic), grouped(t.backlog_records))).collect();
        out += &format!("Backlog in records: {}.\n\n", loads.join(", "));
        if let Some(grid) = view::first_poll(compared) {
            write(&mut out, &grid);
        }
        for (client, rows) in view::by_client(compared) {
            write(&mut out, &view::client(compared, client, &rows, TOPICS_SHOWN));
            if let Some(grid) = view::names(compared, client, &rows, TOPICS_SHOWN) {
                write(&mut out, &grid);
            }
        }
        for grid in beside::grids(compared, report.beside(), TOPICS_SHOWN) {
            write(&mut out, &grid);
        }
        if let [row] = &compared.rows[..]
            && let Some(grid) = view::blame(row, TOPICS_SHOWN)
        {
            write(&mut out, &grid);
        }
        for finding in findings(compared) {
            out += &format!("- {}\n", escaped(&finding));
        }
        out.push('\n');
    }
    for compared in report.fleets() {
        out += &format!("## {}\n\n{}\n\n", escaped(&compared.scenario), escaped(&compared.description));
        for text in [fleet::load(compared, TOPICS_SHOWN), fleet::plan(compared)] {
            out += &format!("{}.\n\n", escaped(&capitalized(&text)));
        }
        for grid in fleet::grids(compared, TOPICS_SHOWN) {
            write(&mut out, &grid);
        }
        for finding in fleet::findings(compared) {
            out += &format!("- {}\n", escaped(&finding));
        }
        out.push('\n');
    }
    for text in legend(report) {
        out += &format!("{text}\n\n");
    }
    if !report.complete {
        out += "**Incomplete**: interrupted before all runs were done.\n\n";
    }
    if let Some(results) = &report.deterministic {
        out += &format!("Fingerprint `{}`. ", results.fingerprint);
    }
    out += &format!("Again: `{}`\n", report.command.replace('`', "'"));
    out
}

fn write(out: &mut String, grid: &Grid) {
    *out += &format!("**{}**\n\n", escaped(&grid.caption));
    let line = |cells: &[String]| {
        format!("| {} |\n", cells.iter().map(|c| escaped(c.trim_end())).collect::<Vec<_>>().join(" | "))
    };
    *out += &line(&grid.header);
    *out += &format!("|---{}|\n", "|---:".repeat(grid.header.len() - 1));
    for row in &grid.rows {
        *out += &line(row);
    }
    out.push('\n');
    for note in &grid.notes {
        *out += &format!("- {}\n", escaped(note));
    }
    if !grid.notes.is_empty() {
        out.push('\n');
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Text as text: nothing in a name may end a cell or become markup.
fn escaped(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        match c {
            '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
