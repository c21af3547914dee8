//! The result of `fidelity` in its formats.

use std::fmt::Write as _;

use fairdrain::report::units::{counted, grouped};
use fairdrain::trace::Handed;

use super::measured::Range;
use super::{Fidelity, First, Row, Skipped};

const COLUMNS: usize = 13;
const HEADER: [&str; COLUMNS] = [
    "client", "version", "protocol", "scenario", "mode", "runs", "polls", "exact", "free", "drain", "TTCI", "first",
    "last",
];
/// The first columns are text, and so are the last two.
const TEXT_COLUMNS: usize = 5;
const NUMBERS_END: usize = 11;

pub(super) fn table(result: &Fidelity) -> String {
    let rows: Vec<[String; COLUMNS]> = result.rows.iter().map(cells).collect();
    let lines = || std::iter::once(HEADER.map(str::to_owned)).chain(rows.iter().cloned());
    let mut widths = [0; COLUMNS];
    for line in lines() {
        for (width, cell) in widths.iter_mut().zip(&line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (i, line) in lines().enumerate() {
        let cells = line.iter().zip(widths).enumerate().map(|(k, (cell, width))| {
            if (TEXT_COLUMNS..NUMBERS_END).contains(&k) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
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
    out += LEGEND;
    out.push('\n');
    out
}

const LEGEND: &str = "\
exact: polls that come out exactly, recorded choices going in; free: with choices drawn instead. drain, TTCI: median error
of the model's time. first, last: polls until each topic's first and last record, least to most over the runs";

/// A page of its own.
pub(super) fn page(result: &Fidelity) -> String {
    let mut out = String::from(
        "# Fidelity\n\nWhat `fairdrain fidelity` makes of recordings of real clients: each run's set-up, replayed by the \
         client's model, and compared poll by poll. What the columns mean: [docs/fidelity.md](../docs/fidelity.md#the-table).\n\n",
    );
    let or_none = |names: &[String]| if names.is_empty() { "none".to_owned() } else { printable(&names.join(", ")) };
    let _ = writeln!(
        out,
        "Brokers: Apache Kafka {}. Costs out of a profile: {}.\n",
        or_none(&result.brokers),
        or_none(&result.profiles)
    );
    out + &markdown(result)
}

fn markdown(result: &Fidelity) -> String {
    let line = |cells: &[String; COLUMNS]| {
        let cells: Vec<String> = cells.iter().map(|c| c.replace('\\', "\\\\").replace('|', "\\|")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = line(&HEADER.map(str::to_owned));
    let numbers = "---:|".repeat(NUMBERS_END - TEXT_COLUMNS);
    let _ = writeln!(out, "|{}{numbers}{}", "---|".repeat(TEXT_COLUMNS), "---|".repeat(COLUMNS - NUMBERS_END));
    for row in &result.rows {
        out += &line(&cells(row));
    }
    out.push('\n');
    for remark in remarks(result) {
        let _ = writeln!(out, "- {}", remark.replace('\n', "  \n  "));
    }
    out
}

fn cells(row: &Row) -> [String; COLUMNS] {
    let text = [&row.client, &row.version, &row.protocol, &row.scenario].map(|cell| printable(cell));
    let [client, version, protocol, scenario] = text;
    let [runs, polls, exact, free] =
        [row.runs, row.polls, row.polls_exact, row.free_polls_exact].map(|n| grouped(n as u64));
    let [drain, ttci] =
        [&row.drain, &row.ttci].map(|t| t.error_percent.map_or("-".to_owned(), |e| format!("{e:+.0} %")));
    let first = polls_of(row.topics.iter().map(|t| &t.first_poll));
    let last = polls_of(row.topics.iter().map(|t| &t.completed_poll));
    [client, version, protocol, scenario, row.mode_name(), runs, polls, exact, free, drain, ttci, first, last]
}

/// Poll numbers, topic by topic; if the model's are others, after an arrow.
fn polls_of<'a>(ranges: impl Iterator<Item = &'a Range>) -> String {
    let shown = |range: Option<[u64; 2]>| match range {
        None => "never".to_owned(),
        Some([least, most]) if least == most => least.to_string(),
        Some([least, most]) => format!("{least}-{most}"),
    };
    let ranges: Vec<(String, String)> = ranges.map(|r| (shown(r.recorded), shown(r.model))).collect();
    let list = |all: Vec<&str>| {
        let more = all.len().saturating_sub(TOPICS_SHOWN);
        let list = all.into_iter().take(TOPICS_SHOWN).collect::<Vec<_>>().join("/");
        if more > 0 { format!("{list}/+{more}") } else { list }
    };
    let recorded = list(ranges.iter().map(|r| r.0.as_str()).collect());
    let model = list(ranges.iter().map(|r| r.1.as_str()).collect());
    if recorded == model { recorded } else { format!("{recorded} -> {model}") }
}

/// Further topics are only counted.
const TOPICS_SHOWN: usize = 8;

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
        "{}, {}, {} exact; {} in free runs",
        counted(result.runs as u64, "run", "runs"),
        counted(result.polls as u64, "poll", "polls"),
        grouped(result.polls_exact as u64),
        grouped(result.rows.iter().map(|row| row.free_polls_exact as u64).sum()),
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
    let mut write = |cells: [String; 17]| out.write_record(cells).expect("a Vec takes everything");
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
            "free_polls_exact",
            "drain_recorded_us",
            "drain_model_us",
            "ttci_recorded_us",
            "ttci_model_us",
        ]
        .map(str::to_owned),
    );
    let micros = |time: Option<u64>| time.map(|us| us.to_string()).unwrap_or_default();
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
            row.free_polls_exact.to_string(),
            micros(row.drain.recorded_us),
            micros(row.drain.model_us),
            micros(row.ttci.recorded_us),
            micros(row.ttci.model_us),
        ]);
    }
    let bytes = out.into_inner().expect("a Vec takes everything");
    String::from_utf8(bytes).expect("made of strings")
}
