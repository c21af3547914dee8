//! Text tables for terminals: plain characters, no colours, so that nothing gets lost in a pipe, a log or to a reader.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::findings::{findings, legend};
use super::fleet::{self, FleetCompared};
use super::model::{Compared, Report};
use super::units::grouped;
use super::view::{self, Grid};
use super::{Layout, beside};

/// Topics shown one by one; the others are in the other formats.
const TOPICS_SHOWN: usize = 10;
/// Narrower than this, tables stay as they are and lines get broken by the terminal.
const WIDTH_MIN: usize = 40;

pub(super) fn render(report: &Report, layout: &Layout) -> String {
    let width = layout.width.max(WIDTH_MIN);
    let mut out = String::new();
    for compared in report.results() {
        scenario(&mut out, compared, report.beside(), width);
    }
    for compared in report.fleets() {
        instances(&mut out, compared, width);
    }
    if !report.results().is_empty() || !report.fleets().is_empty() {
        for text in legend(report) {
            paragraph(&mut out, &text, "", width);
        }
        out.push('\n');
    }
    if !report.complete {
        paragraph(&mut out, "INCOMPLETE: interrupted before all runs were done.", "", width);
    }
    if let Some(results) = &report.deterministic {
        let seeds: Vec<String> = results.seeds().map(|seed| seed.to_string()).collect();
        out += &format!("seed {}, fingerprint {}\n", dedup(seeds).join(", "), results.fingerprint);
    }
    if report.measured.is_some() {
        out += &format!("measured on {}, not repeatable to the digit\n", report.environment.backend);
    }
    out += &format!("again: {}\n", report.command);
    if !layout.next.is_empty() {
        out += "next:\n";
    }
    for next in &layout.next {
        out += &format!("  {next}\n");
    }
    out
}

fn dedup(mut seeds: Vec<String>) -> Vec<String> {
    seeds.dedup();
    seeds
}

fn scenario(out: &mut String, compared: &Compared, simulated: &[Compared], width: usize) {
    paragraph(out, &format!("{}: {}", compared.scenario, compared.description), "", width);
    paragraph(out, &load(compared), "  ", width);
    out.push('\n');
    if let Some(grid) = view::first_poll(compared) {
        write(out, &grid, width);
    }
    let clients = view::by_client(compared);
    for (client, rows) in &clients {
        write(out, &view::client(compared, client, rows, TOPICS_SHOWN), width);
        if let Some(grid) = view::names(compared, client, rows, TOPICS_SHOWN) {
            write(out, &grid, width);
        }
    }
    for grid in beside::grids(compared, simulated, TOPICS_SHOWN) {
        write(out, &grid, width);
    }
    if let [row] = &compared.rows[..]
        && let Some(grid) = view::blame(row, TOPICS_SHOWN)
    {
        write(out, &grid, width);
    }
    if compared.topics.len() > TOPICS_SHOWN {
        let hidden = compared.topics.len() - TOPICS_SHOWN;
        paragraph(out, &format!("{hidden} more topics are in the formats json, jsonl and csv."), "", width);
        out.push('\n');
    }
    for finding in findings(compared) {
        paragraph(out, &finding, "", width);
    }
    out.push('\n');
}

fn instances(out: &mut String, compared: &FleetCompared, width: usize) {
    paragraph(out, &format!("{}: {}", compared.scenario, compared.description), "", width);
    paragraph(out, &fleet::load(compared, TOPICS_SHOWN), "  ", width);
    paragraph(out, &fleet::plan(compared), "  ", width);
    out.push('\n');
    for grid in fleet::grids(compared, TOPICS_SHOWN) {
        write(out, &grid, width);
    }
    for finding in fleet::findings(compared) {
        paragraph(out, &finding, "", width);
    }
    out.push('\n');
}

fn load(compared: &Compared) -> String {
    let total: u64 = compared.topics.iter().map(|t| t.backlog_records).sum();
    let shown: Vec<String> = compared
        .topics
        .iter()
        .take(TOPICS_SHOWN)
        .map(|t| format!("{} {}", t.topic, grouped(t.backlog_records)))
        .collect();
    let more = if compared.topics.len() > TOPICS_SHOWN { ", ..." } else { "" };
    format!("backlog: {}{more}; {} records in all", shown.join(", "), grouped(total))
}

/// Writes a grid, in several parts below each other if its columns don't fit side by side.
fn write(out: &mut String, grid: &Grid, width: usize) {
    paragraph(out, &grid.caption, "", width);
    let cells =
        |column: usize| std::iter::once(&grid.header).chain(&grid.rows).map(move |row| row[column].chars().count());
    let column_width = |column: usize| cells(column).max().unwrap_or(0) + 2;
    let mut next = 1;
    while next < grid.header.len() {
        let mut end = next;
        let mut used = column_width(0);
        while end < grid.header.len() && (end == next || used + column_width(end) <= width) {
            used += column_width(end);
            end += 1;
        }
        let part = |row: &Vec<String>| {
            std::iter::once(row[0].clone()).chain(row[next..end].iter().cloned()).collect::<Vec<_>>()
        };
        let mut table = Table::new();
        table
            .load_style(TableStyle::new().header_separator(LineStyle::none().fill('-')))
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(part(&grid.header));
        for row in &grid.rows {
            table.add_row(part(row));
        }
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding(if i == 0 { (0, 1) } else { (1, 1) });
            column.set_cell_alignment(if i == 0 { CellAlignment::Left } else { CellAlignment::Right });
        }
        *out += &table.trim_fmt();
        out.push('\n');
        next = end;
        if next < grid.header.len() {
            out.push('\n');
        }
    }
    for note in &grid.notes {
        paragraph(out, note, "", width);
    }
    out.push('\n');
}

fn paragraph(out: &mut String, text: &str, indent: &str, width: usize) {
    let options = textwrap::Options::new(width).initial_indent(indent).subsequent_indent("  ");
    *out += &textwrap::fill(&glued(text), options).replace(GLUE, " ");
    out.push('\n');
}

/// A space at which no line may break.
const GLUE: char = '\u{a0}';

/// A number stays together, and with its unit: `15 160 records`, `9.40 s`.
fn glued(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        out += word;
        if words.peek().is_some() {
            let number = word.trim_start_matches('(');
            let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            out.push(if is_number { GLUE } else { ' ' });
        }
    }
    out
}
