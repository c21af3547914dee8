//! The result of `fidelity` in its formats.

use std::fmt::Write as _;

use fairdrain::report::units::{counted, grouped};
use fairdrain::trace::Handed;

use super::{Fidelity, First, Row, Skipped};

const HEADER: [&str; 8] = ["client", "version", "protocol", "scenario", "mode", "runs", "polls", "exact"];
/// The first columns are text.
const TEXT_COLUMNS: usize = 5;

pub(super) fn table(result: &Fidelity) -> String {
    let rows: Vec<[String; 8]> = result.rows.iter().map(cells).collect();
    let lines = || std::iter::once(HEADER.map(str::to_owned)).chain(rows.iter().cloned());
    let mut widths = [0; 8];
    for line in lines() {
        for (width, cell) in widths.iter_mut().zip(&line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (i, line) in lines().enumerate() {
        let cells = line.iter().zip(widths).enumerate().map(|(k, (cell, width))| {
            if k < TEXT_COLUMNS { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
        if i == 0 {
            out += &"-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1));
            out.push('\n');
        }
    }
    out.push('\n');
    for line in remarks(result) {
        out += &line;
        out.push('\n');
    }
    out
}

pub(super) fn markdown(result: &Fidelity) -> String {
    let line = |cells: &[String; 8]| {
        let cells: Vec<String> = cells.iter().map(|c| c.replace('\\', "\\\\").replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = line(&HEADER.map(str::to_owned));
    out += &format!("|{}{}\n", "---|".repeat(TEXT_COLUMNS), "---:|".repeat(HEADER.len() - TEXT_COLUMNS));
    for row in &result.rows {
        out += &line(&cells(row));
    }
    out.push('\n');
    for remark in remarks(result) {
        let _ = writeln!(out, "- {}", remark.replace('\n', "  \n  "));
    }
    out
}

fn cells(row: &Row) -> [String; 8] {
    let text = [&row.client, &row.version, &row.protocol, &row.scenario].map(|cell| printable(cell));
    let [client, version, protocol, scenario] = text;
    let [runs, polls, exact] = [row.runs, row.polls, row.polls_exact].map(|n| grouped(n as u64));
    [client, version, protocol, scenario, row.mode_name(), runs, polls, exact]
}

/// What a trace names is shown to a terminal: without control characters.
fn printable(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// What differs, what was left out, and the sum.
fn remarks(result: &Fidelity) -> Vec<String> {
    let mut lines = Vec::new();
    for row in &result.rows {
        if let Some(first) = &row.first_difference {
            lines.push(difference(row, first));
        }
    }
    lines.extend(result.skipped.iter().map(skipped));
    lines.push(format!(
        "{}, {}, {} exact",
        counted(result.runs as u64, "run", "runs"),
        counted(result.polls as u64, "poll", "polls"),
        grouped(result.polls_exact as u64),
    ));
    lines
}

pub(super) fn skipped(skipped: &Skipped) -> String {
    format!("skipped: {}: {}", counted(skipped.traces as u64, "trace", "traces"), printable(&skipped.reason))
}

fn difference(row: &Row, first: &First) -> String {
    let handed = |runs: &[Handed]| {
        let run = |h: &Handed| format!("{}/{} {}+{}", printable(&h.0), h.1, h.2, h.3);
        if runs.is_empty() { "nothing".to_owned() } else { runs.iter().map(run).collect::<Vec<_>>().join(", ") }
    };
    format!(
        "{}: poll {} of consumer {} differs in {}\n  recorded: {}\n  model: {}",
        printable(&row.label()),
        first.poll,
        first.consumer,
        first.file,
        handed(&first.recorded),
        first.model.as_ref().map_or("it was done by then".to_owned(), |model| handed(model)),
    )
}

pub(super) fn json(result: &Fidelity) -> String {
    serde_json::to_string_pretty(result).expect("names and numbers have a JSON form") + "\n"
}

/// One line a row.
pub(super) fn json_lines(result: &Fidelity) -> String {
    let line = |row| serde_json::to_string(row).expect("names and numbers have a JSON form") + "\n";
    result.rows.iter().map(line).collect()
}

pub(super) fn csv(result: &Fidelity) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: [String; 12]| out.write_record(cells).expect("a Vec takes everything");
    write(
        [
            "client",
            "version",
            "protocol",
            "scenario",
            "mode",
            "runs",
            "polls",
            "polls_exact",
            "refused",
            "first_difference_file",
            "first_difference_consumer",
            "first_difference_poll",
        ]
        .map(str::to_owned),
    );
    for row in &result.rows {
        let first = row.first_difference.as_ref();
        let of_first = |part: fn(&First) -> String| first.map(part).unwrap_or_default();
        write([
            row.client.clone(),
            row.version.clone(),
            row.protocol.clone(),
            row.scenario.clone(),
            row.mode_name(),
            row.runs.to_string(),
            row.polls.to_string(),
            row.polls_exact.to_string(),
            row.refused.to_string(),
            of_first(|f| f.file.clone()),
            of_first(|f| f.consumer.to_string()),
            of_first(|f| f.poll.to_string()),
        ]);
    }
    let bytes = out.into_inner().expect("a Vec takes everything");
    String::from_utf8(bytes).expect("made of strings")
}
