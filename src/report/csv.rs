//! CSV: tidy, one line per row and statistic, and below each one line per topic.

use super::model::{Measures, Report, Row, TopicMeasures};
use super::units::Micros;

const HEADER: [&str; 34] = [
    "scenario",
    "client",
    "scheduler",
    "cap_records",
    "seed",
    "seeds",
    "statistic",
    "topic",
    "runs_complete",
    "ttci_first_us",
    "ttci_p50_us",
    "ttci_p95_us",
    "ttci_max_us",
    "ttci_never_keys",
    "ttci_p95_bound_ratio",
    "drain_us",
    "drain_bound_ratio",
    "gap_max_us",
    "gap_max_topic",
    "jain",
    "polls",
    "polls_empty",
    "fetches",
    "bytes_fetched",
    "bytes_fetched_again",
    "buffered_records_peak",
    "buffered_bytes_peak",
    "in_hand_bytes_peak",
    "starved_topics",
    "duplicate_records",
    "left_records",
    "first_record_us",
    "first_poll",
    "completion_us",
];

/// Topic columns stand at the end of [`HEADER`], after those of the run.
const RUN_COLUMNS: std::ops::Range<usize> = 8..31;

pub(super) fn render(report: &Report) -> String {
    // Other columns: a file has one kind of lines.
    if report.results().is_empty() && !report.fleets().is_empty() {
        return super::fleet::csv(report.fleets());
    }
    let mut out = ::csv::Writer::from_writer(Vec::new());
    let mut write =
        |record: &[String]| out.write_record(record).expect("a Vec takes everything, and all records have one length");
    write(&HEADER.map(str::to_owned));
    for compared in report.results() {
        for row in &compared.rows {
            let statistics = match &row.worst {
                None => vec![("all", &row.median)],
                Some(worst) => vec![("median", &row.median), ("worst", worst)],
            };
            for (statistic, m) in statistics {
                let lead = |topic: &str| {
                    vec![
                        text(&compared.scenario),
                        text(&row.client),
                        row.scheduler.clone(),
                        row.cap_records.to_string(),
                        compared.seed.to_string(),
                        row.seeds.to_string(),
                        statistic.to_owned(),
                        text(topic),
                    ]
                };
                write(&[lead(""), run_columns(row, m), vec![String::new(); HEADER.len() - RUN_COLUMNS.end]].concat());
                for topic in &m.topics {
                    write(&[lead(&topic.topic), topic_columns(topic)].concat());
                }
            }
        }
    }
    let bytes = out.into_inner().expect("a Vec takes everything");
    String::from_utf8(bytes).expect("made of strings")
}

fn run_columns(row: &Row, m: &Measures) -> Vec<String> {
    vec![
        row.ends.complete.to_string(),
        us(m.ttci_first_us),
        us(m.ttci_p50_us),
        us(m.ttci_p95_us),
        us(m.ttci_max_us),
        m.ttci_never_keys.to_string(),
        decimal(m.ttci_p95_bound_ratio),
        us(m.drain_us),
        decimal(m.drain_bound_ratio),
        us(m.gap_max_us),
        text(m.gap_max_topic.as_deref().unwrap_or_default()),
        decimal(m.jain),
        m.polls.to_string(),
        m.polls_empty.to_string(),
        count(m.fetches),
        count(m.bytes_fetched),
        count(m.bytes_fetched_again),
        count(m.buffered_records_peak),
        count(m.buffered_bytes_peak),
        m.in_hand_bytes_peak.to_string(),
        m.starved_topics.to_string(),
        m.duplicate_records.to_string(),
        m.left_records.to_string(),
    ]
}

/// A topic has a longest gap of its own; the run's other columns stay empty.
fn topic_columns(t: &TopicMeasures) -> Vec<String> {
    let mut columns = vec![String::new(); RUN_COLUMNS.len()];
    let gap = HEADER.iter().position(|h| *h == "gap_max_us").expect("it is in the header");
    columns[gap - RUN_COLUMNS.start] = us(Some(t.gap_max_us));
    columns.extend([us(t.first_record_us), count(t.first_poll), us(t.completion_us)]);
    columns
}

fn us(t: Option<Micros>) -> String {
    t.map_or_else(String::new, |t| (t.0.as_nanos() as f64 / 1_000.0).to_string())
}

fn count(n: Option<u64>) -> String {
    n.map_or_else(String::new, |n| n.to_string())
}

fn decimal(x: Option<f64>) -> String {
    x.map_or_else(String::new, |x| x.to_string())
}

/// A spreadsheet takes a cell that begins like this for a formula, and a scenario's name may come from anybody
/// (OWASP, "CSV Injection"): an apostrophe in front makes it text.
pub(super) fn text(s: &str) -> String {
    if s.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{s}") } else { s.to_owned() }
}
