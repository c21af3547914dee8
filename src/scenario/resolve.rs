//! `scenario show --resolved`: every value and where it comes from, as a scenario file that reads back to the same scenario.

use super::group_parse::{group_value, instance_value};
use super::keys::{Key, Kind, Table};
use super::parse::Parsed;
use super::properties::CONSUMER;
use super::provenance::Origin;
use super::tables::TABLES;
use super::values::{Value, write};
use super::{Commit, FaultKind, Scenario, Start};
use crate::Fill;

/// Comments begin here, where the line is not longer.
const COMMENT_COLUMN: usize = 48;

impl Parsed {
    /// The scenario as a file: ranges expanded, defaults written out, and behind each value a comment that says where it comes from.
    /// Values that other things decide during a run are comments, and so are properties without effect.
    #[must_use]
    pub fn resolved(&self) -> String {
        let mut out =
            format!("# Resolved from {}. Lines are those of that file.\n", self.file().replace(char::is_control, "?"));
        for table in TABLES {
            let count = match table.name {
                "topics" => self.scenario.topics.len(),
                "faults" => self.scenario.faults.len(),
                "instances" => self.scenario.instances.len(),
                _ => 1,
            };
            for index in 0..count {
                out += &match (table.name, table.repeated) {
                    ("", _) => "\n".to_owned(),
                    (name, true) => format!("\n[[{name}]]\n"),
                    (name, false) => format!("\n[{name}]\n"),
                };
                for key in table.keys.iter().filter(|k| !matches!(k.kind, Kind::Inert)) {
                    out += &self.written(table, index, key);
                }
                if table.name == CONSUMER.name {
                    out += &self.inert();
                }
            }
        }
        out
    }

    /// Properties without effect. Their values may be secrets.
    fn inert(&self) -> String {
        let inert = self.given.iter().filter(|(key, _)| matches!(key.kind, Kind::Inert));
        let lines = inert.map(|(key, at)| {
            format!("# {:<width$} # line {}: {}\n", key.name, self.line(at), key.doc, width = COMMENT_COLUMN - 2)
        });
        lines.collect()
    }

    fn written(&self, table: &Table, index: usize, key: &Key) -> String {
        let origin = self.provenance.of(table.name, index).and_then(|o| o.get(key.name));
        let origin = origin.map_or_else(String::new, Origin::to_string);
        match value_of(&self.scenario, table, index, key) {
            Some(value) => {
                format!("{:<COMMENT_COLUMN$} # {origin}\n", format!("{} = {}", key.name, write(key.kind, &value)))
            }
            None => format!("# {:<width$} # {origin}\n", key.name, width = COMMENT_COLUMN - 2),
        }
    }
}

/// The value of a key in a scenario; `None`: the scenario leaves it open.
fn value_of(s: &Scenario, table: &Table, index: usize, key: &Key) -> Option<Value> {
    let number = |n: u64| Some(Value::Number(n));
    let small = |n: u32| Some(Value::Number(n.into()));
    let text = |t: &str| Some(Value::Text(t.to_owned()));
    match table.name {
        "" => match key.name {
            "schema_version" => number(1),
            "name" => text(&s.name),
            "description" => text(&s.description),
            "seed" => number(s.seed),
            other => unwritten(table, other),
        },
        "topics" => {
            let t = &s.topics[index];
            match key.name {
                "name" => text(&t.name),
                "partitions" => small(t.partitions),
                "backlog" => number(t.backlog),
                "value_bytes" => Some(Value::Sizes(t.value_bytes.clone())),
                "key_bytes" => small(t.key_bytes),
                "batch_records" => small(t.batch_records),
                "compression_ratio" => small(t.compression_millis),
                "arrival.rate" => t.arrival.map(|a| Value::Number(a.records_per_kilosecond)),
                "arrival.batch_records" => t.arrival.map(|a| Value::Number(a.batch_records.into())),
                "arrival.until" => t.arrival.map(|a| Value::Duration(a.until)),
                "keys" => small(t.keys),
                "weight" => small(t.weight),
                "partitioner" => t.partitioner.and_then(|p| text(p.as_str())),
                "required" => Some(Value::Flag(t.required)),
                "leader" => small(t.leader),
                "processing_per_record" => t.processing_per_record.map(Value::Duration),
                other => unwritten(table, other),
            }
        }
        "consumer" => consumer_value(s, table, key),
        "group" => group_value(s, table, key),
        "instances" => instance_value(s, table, index, key),
        "scheduler" => match key.name {
            "names" => Some(Value::Schedulers(s.scheduler.names.clone())),
            "max.poll.records" => s.scheduler.max_poll_records.and_then(small),
            "starvation_bound" => s.scheduler.starvation_bound.map(Value::Duration),
            other => unwritten(table, other),
        },
        "application" => match key.name {
            "processing_per_record" => Some(Value::Duration(s.application.per_record)),
            "processing_per_batch" => Some(Value::Duration(s.application.per_batch)),
            "workers" => small(s.application.workers),
            "blocking" => Some(Value::Flag(s.application.blocking)),
            other => unwritten(table, other),
        },
        "network" => match key.name {
            "latency" => Some(Value::Duration(s.network.latency)),
            "jitter" => Some(Value::Duration(s.network.jitter)),
            "bandwidth" => s.network.bandwidth.and_then(number),
            other => unwritten(table, other),
        },
        "brokers" => match key.name {
            "count" => small(s.brokers.count),
            "service" => Some(Value::Duration(s.brokers.service)),
            "fetch.max.bytes" => small(s.brokers.fetch_max_bytes),
            other => unwritten(table, other),
        },
        "faults" => fault_value(s, table, index, key),
        "limits" => match key.name {
            "time" => Some(Value::Duration(s.limits.time)),
            "polls" => number(s.limits.polls),
            other => unwritten(table, other),
        },
        _ => unwritten(table, key.name),
    }
}

fn consumer_value(s: &Scenario, table: &Table, key: &Key) -> Option<Value> {
    let c = &s.consumer;
    let text = |t: &str| Some(Value::Text(t.to_owned()));
    let small = |n: u32| Some(Value::Number(n.into()));
    match key.name {
        "client" => Some(Value::Client(c.client)),
        "max.poll.records" => small(c.max_poll_records),
        "poll.timeout.ms" => Some(Value::Duration(c.poll_timeout)),
        "fill" => c.fill.and_then(|f| text(if f == Fill::Full { "full" } else { "first" })),
        "start" => text(match c.start {
            Start::Assign => "assign",
            Start::Group => "group",
        }),
        "commit" => text(match c.commit {
            Commit::None => "none",
            Commit::PerBatch => "per-batch",
            Commit::OnStop => "on-stop",
            Commit::Interval(_) => "interval",
        }),
        "auto.commit.interval.ms" => match c.commit {
            Commit::Interval(every) => Some(Value::Duration(every)),
            Commit::None | Commit::PerBatch | Commit::OnStop => None,
        },
        "fetch.min.bytes" => small(c.fetch_min_bytes),
        "fetch.max.bytes" => c.fetch_max_bytes.and_then(small),
        "max.partition.fetch.bytes" => small(c.max_partition_fetch_bytes),
        "fetch.max.wait.ms" => c.fetch_max_wait.map(Value::Duration),
        "queued.min.messages" => c.queued_min_messages.and_then(small),
        "queued.max.messages.kbytes" => c.queued_max_messages_kbytes.and_then(small),
        "fetch.queue.backoff.ms" => c.fetch_queue_backoff.map(Value::Duration),
        other => unwritten(table, other),
    }
}

fn fault_value(s: &Scenario, table: &Table, index: usize, key: &Key) -> Option<Value> {
    let fault = &s.faults[index];
    match (key.name, fault.kind) {
        ("kind", kind) => Some(Value::Text(
            match kind {
                FaultKind::BrokerDown(_) => "broker-down",
                FaultKind::TopicFails(_) => "topic-fails",
                FaultKind::Crash => "crash",
                FaultKind::LatencySpike(_) => "latency-spike",
            }
            .to_owned(),
        )),
        ("from", _) => Some(Value::Duration(fault.from)),
        ("until", _) => Some(Value::Duration(fault.until)),
        ("broker", FaultKind::BrokerDown(broker)) => Some(Value::Number(broker.into())),
        ("topic", FaultKind::TopicFails(topic)) => Some(Value::Text(s.topics[topic as usize].name.clone())),
        ("add", FaultKind::LatencySpike(add)) => Some(Value::Duration(add)),
        ("broker" | "topic" | "add", _) => None,
        (other, _) => unwritten(table, other),
    }
}

/// A key of the format that is not written above: our bug, which the test of the resolved bundled scenarios finds.
pub(super) fn unwritten(table: &Table, key: &str) -> Option<Value> {
    unreachable!("[{}] {key} is read and never written", table.name)
}
