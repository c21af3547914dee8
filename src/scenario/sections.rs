//! The tables that need more than one getter a key: topics, the consumer, faults.

use super::error::ERRORS_PRINTED;
use super::group_parse::read_partitioner;
use super::names::{TOPICS_MAX, did_you_mean, expand, short};
use super::read::{Findings, Reader};
use super::units::Problem;
use super::{Arrival, Commit, Consumer, Fault, FaultKind, Start, Topic};
use crate::Fill;

/// The topics, ranges expanded, and for each its place among the entries.
pub(super) fn read_topics(out: &mut Findings, entries: &[Reader]) -> (Vec<Topic>, Vec<usize>) {
    let (mut topics, mut entry_of_topic) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let names = match entry.sound(&["name"]).then(|| expand(&entry.text("name"))) {
            Some(Ok(names)) => names,
            Some(Err(problem)) => {
                out.error(entry.at("name"), problem);
                continue;
            }
            None => continue,
        };
        let topic = Topic {
            name: String::new(),
            partitions: entry.small("partitions"),
            backlog: entry.number("backlog"),
            value_bytes: entry.sizes("value_bytes"),
            key_bytes: entry.small("key_bytes"),
            batch_records: entry.small("batch_records"),
            compression_millis: entry.small("compression_ratio"),
            arrival: read_arrival(out, entry),
            keys: entry.small("keys"),
            weight: entry.small("weight"),
            partitioner: read_partitioner(entry),
            required: entry.flag("required"),
            leader: entry.small("leader"),
            processing_per_record: entry.duration_given("processing_per_record"),
        };
        // Here, and not among the checks: a small file can ask for more topics than there is memory for.
        if topics.len() + names.len() > TOPICS_MAX {
            out.error(entry.at("name"), Problem::new(format!("more than {TOPICS_MAX} topics")));
            break;
        }
        for name in names {
            topics.push(Topic { name, ..topic.clone() });
            entry_of_topic.push(index);
        }
    }
    (topics, entry_of_topic)
}

fn read_arrival(out: &mut Findings, entry: &Reader) -> Option<Arrival> {
    // Without an end the run would have none either.
    for (one, other, help) in [
        ("arrival.rate", "arrival.until", "arrivals have to end: write until = \"10 s\""),
        ("arrival.until", "arrival.rate", "write rate = \"5/s\""),
        ("arrival.batch_records", "arrival.rate", "write rate = \"5/s\""),
    ] {
        if entry.has(one) && !entry.has(other) {
            out.error(entry.at(one), Problem::new(format!("`{one}` without `{other}`")).help(help));
            return None;
        }
    }
    Some(Arrival {
        records_per_kilosecond: entry.number_given("arrival.rate")?,
        batch_records: entry.small("arrival.batch_records"),
        until: entry.duration_given("arrival.until")?,
    })
}

/// `instances`: whether there are any, which then are a group unless the file says otherwise.
pub(super) fn read_consumer(r: &Reader, instances: bool) -> Consumer {
    Consumer {
        client: r.client("client"),
        max_poll_records: r.small("max.poll.records"),
        poll_timeout: r.duration("poll.timeout.ms"),
        fill: r.text_given("fill").map(|fill| if fill == "full" { Fill::Full } else { Fill::First }),
        start: match r.text_given("start").as_deref() {
            Some("group") => Start::Group,
            None if instances => Start::Group,
            _ => Start::Assign,
        },
        commit: match r.text("commit").as_str() {
            "per-batch" => Commit::PerBatch,
            "on-stop" => Commit::OnStop,
            "interval" => Commit::Interval(r.duration("auto.commit.interval.ms")),
            _ => Commit::None,
        },
        fetch_min_bytes: r.small("fetch.min.bytes"),
        fetch_max_bytes: r.small_given("fetch.max.bytes"),
        max_partition_fetch_bytes: r.small("max.partition.fetch.bytes"),
        fetch_max_wait: r.duration_given("fetch.max.wait.ms"),
        queued_min_messages: r.small_given("queued.min.messages"),
        queued_max_messages_kbytes: r.small_given("queued.max.messages.kbytes"),
        fetch_queue_backoff: r.duration_given("fetch.queue.backoff.ms"),
        costs: None,
    }
}

/// One fault; `None`: it is wrong, which has been reported.
pub(super) fn read_fault(out: &mut Findings, r: &Reader, topics: &[Topic]) -> Option<Fault> {
    if !r.sound(&["kind"]) {
        return None;
    }
    let kind = r.text("kind");
    // What each kind needs, and what makes no sense with it.
    let wanted = match kind.as_str() {
        "broker-down" => Some("broker"),
        "topic-fails" => Some("topic"),
        "latency-spike" => Some("add"),
        _ => None,
    };
    for key in ["broker", "topic", "add"] {
        if wanted == Some(key) && !r.has(key) {
            out.error(r.at("kind"), Problem::new(format!("kind = \"{kind}\" needs `{key}`")));
        } else if wanted != Some(key) && r.has(key) {
            out.error(
                r.at(key),
                Problem::new(format!("`{key}` means nothing with kind = \"{kind}\"")).help("take it out"),
            );
        }
    }
    let kind = match kind.as_str() {
        "broker-down" => FaultKind::BrokerDown(r.small_given("broker")?),
        "topic-fails" => {
            let name = r.text_given("topic")?;
            let Some(place) = topics.iter().position(|t| t.name == name) else {
                let problem = Problem::new(format!("no topic `{}` in this scenario", short(&name)));
                // Suggestions compare names letter by letter: not for errors that are not printed.
                let likely = topics.iter().take(if out.errors.len() < ERRORS_PRINTED { TOPICS_MAX } else { 0 });
                let near = did_you_mean(&name, likely.map(|t| t.name.as_str()));
                out.error(
                    r.at("topic"),
                    near.map_or(problem.clone(), |near| problem.help(format!("did you mean `{near}`?"))),
                );
                return None;
            };
            FaultKind::TopicFails(u32::try_from(place).expect("the number of topics is bounded"))
        }
        "latency-spike" => FaultKind::LatencySpike(r.duration_given("add")?),
        _ => FaultKind::Crash,
    };
    r.sound(&["from", "until"]).then(|| Fault { from: r.duration("from"), until: r.duration("until"), kind })
}
