//! CSV of several instances: tidy, one line per row and statistic, and below each one line per topic and per instance.

use super::super::csv::text;
use super::super::units::Micros;
use super::model::{FleetCompared, FleetMeasures};

const HEADER: [&str; 34] = [
    "scenario",
    "client",
    "scheduler",
    "cap_records",
    "assignment",
    "copartitioned",
    "seed",
    "seeds",
    "statistic",
    "topic",
    "instance",
    "runs_complete",
    "ttci_first_us",
    "ttci_p50_us",
    "ttci_p95_us",
    "ttci_max_us",
    "ttci_never_keys",
    "split_keys",
    "apart_keys",
    "drain_us",
    "first_assigned_us",
    "rebalances",
    "stopped_us",
    "stopped_max_us",
    "unowned_us",
    "unowned_max_us",
    "commits_refused",
    "committed",
    "polls",
    "polls_empty",
    "delivered_records",
    "duplicate_records",
    "left_records",
    "processed_records",
];

/// The fields of a line by name; what is not there stays empty.
fn line(fields: &[(&str, String)]) -> Vec<String> {
    let mut line = vec![String::new(); HEADER.len()];
    for (name, value) in fields {
        let place = HEADER.iter().position(|h| h == name).expect("it is in the header");
        line[place].clone_from(value);
    }
    line
}

pub(in crate::report) fn render(fleets: &[FleetCompared]) -> String {
    let mut out = ::csv::Writer::from_writer(Vec::new());
    let mut write =
        |record: &[String]| out.write_record(record).expect("a Vec takes everything, and all records have one length");
    write(&HEADER.map(str::to_owned));
    for compared in fleets {
        for row in &compared.rows {
            let statistics = match &row.worst {
                None => vec![("all", &row.median)],
                Some(worst) => vec![("median", &row.median), ("worst", worst)],
            };
            for (statistic, m) in statistics {
                let lead = [
                    ("scenario", text(&compared.scenario)),
                    ("client", text(&row.client)),
                    ("scheduler", row.scheduler.clone()),
                    ("cap_records", row.cap_records.to_string()),
                    ("assignment", row.assignment.clone()),
                    ("copartitioned", row.copartitioned.to_string()),
                    ("seed", compared.seed.to_string()),
                    ("seeds", row.seeds.to_string()),
                    ("statistic", statistic.to_owned()),
                ];
                let with = |more: Vec<(&'static str, String)>| line(&[lead.to_vec(), more].concat());
                write(&with(whole(m, row.ends.complete)));
                for topic in &m.topics {
                    write(&with(vec![
                        ("topic", text(&topic.topic)),
                        ("drain_us", us(topic.completion_us)),
                        ("unowned_us", us(Some(topic.unowned_us))),
                        ("unowned_max_us", us(Some(topic.unowned_max_us))),
                        ("duplicate_records", topic.duplicate_records.to_string()),
                        ("left_records", topic.left_records.to_string()),
                    ]));
                }
                for (i, instance) in (1..).zip(&m.instances) {
                    write(&with(vec![
                        ("instance", format!("{i}")),
                        ("polls", instance.polls.to_string()),
                        ("processed_records", instance.processed_records.to_string()),
                    ]));
                }
            }
        }
    }
    let bytes = out.into_inner().expect("a Vec takes everything");
    String::from_utf8(bytes).expect("made of strings")
}

fn whole(m: &FleetMeasures, complete: u32) -> Vec<(&'static str, String)> {
    let processed: u64 = m.instances.iter().map(|i| i.processed_records).sum();
    vec![
        ("runs_complete", complete.to_string()),
        ("ttci_first_us", us(m.ttci_first_us)),
        ("ttci_p50_us", us(m.ttci_p50_us)),
        ("ttci_p95_us", us(m.ttci_p95_us)),
        ("ttci_max_us", us(m.ttci_max_us)),
        ("ttci_never_keys", m.ttci_never_keys.to_string()),
        ("split_keys", m.split_keys.to_string()),
        ("apart_keys", m.apart_keys.to_string()),
        ("drain_us", us(m.drain_us)),
        ("first_assigned_us", us(m.first_assigned_us)),
        ("rebalances", m.rebalances.to_string()),
        ("stopped_us", us(Some(m.stopped_us))),
        ("stopped_max_us", us(Some(m.stopped_max_us))),
        ("unowned_max_us", us(Some(m.unowned_max_us))),
        ("commits_refused", m.commits_refused.to_string()),
        ("committed", m.committed.map_or_else(String::new, |c| c.to_string())),
        ("polls", m.polls.to_string()),
        ("polls_empty", m.polls_empty.to_string()),
        ("delivered_records", m.delivered_records.to_string()),
        ("duplicate_records", m.duplicate_records.to_string()),
        ("left_records", m.left_records.to_string()),
        ("processed_records", processed.to_string()),
    ]
}

fn us(t: Option<Micros>) -> String {
    t.map_or_else(String::new, |t| (t.0.as_nanos() as f64 / 1_000.0).to_string())
}
