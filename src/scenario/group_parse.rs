//! `[group]` and `[[instances]]`: read, checked, and written back.

use super::check::Read;
use super::group::{Assignor, Departure, Group, Ids, Instance, Leave, OffsetReset, Partitioner, Protocol};
use super::group_keys::{GROUP, SESSION_TIMEOUT_MS};
use super::keys::{Key, Table};
use super::read::{Findings, Reader};
use super::resolve::unwritten;
use super::units::{Problem, duration_text};
use super::values::Value;
use super::{Client, Commit, FaultKind, Scenario};
use crate::Duration;

/// Instances of one scenario; a bound on memory, since each has a world of its own.
const INSTANCES_MAX: usize = 64;
/// Partitions times instances, each of which knows all of them: a bound on memory.
const VIEWS_MAX: u64 = 100_000;

pub(super) fn read_group(r: &Reader, client: Client) -> Group {
    let protocol = match r.text_given("protocol").as_deref() {
        Some("consumer") => Protocol::Consumer,
        Some(_) => Protocol::Classic,
        None => Protocol::default_of(client),
    };
    let assignor = match r.text_given("assignor").as_deref() {
        Some("range") => Assignor::Range,
        Some("roundrobin") => Assignor::RoundRobin,
        Some("cooperative-sticky") => Assignor::CooperativeSticky,
        Some(_) => Assignor::Uniform,
        None => Assignor::default_of(client, protocol),
    };
    let heartbeat_interval = match (protocol, r.has("heartbeat.interval.ms")) {
        // `group.consumer.heartbeat.interval.ms` of a broker.
        (Protocol::Consumer, false) => Duration::from_secs(5),
        _ => r.duration("heartbeat.interval.ms"),
    };
    Group {
        id: r.text("id"),
        ids: r.text_given("ids").map(|ids| if ids == "one" { Ids::One } else { Ids::PerTopic }),
        protocol,
        assignor,
        session_timeout: r.duration("session.timeout.ms"),
        heartbeat_interval,
        max_poll_interval: r.duration("max.poll.interval.ms"),
        is_static: r.flag("static"),
        initial_rebalance_delay: r.duration("group.initial.rebalance.delay.ms"),
        offsets_retention: r.duration("offsets.retention"),
        offset_reset: match r.text("auto.offset.reset").as_str() {
            "latest" => OffsetReset::Latest,
            "none" => OffsetReset::None,
            _ => OffsetReset::Earliest,
        },
        copartitioned: r.flag("copartitioned"),
    }
}

/// The instances, and for each its place among the entries.
pub(super) fn read_instances(out: &mut Findings, entries: &[Reader]) -> (Vec<Instance>, Vec<usize>) {
    let (mut instances, mut entry_of_instance) = (Vec::new(), Vec::new());
    for (index, r) in entries.iter().enumerate() {
        for key in ["how", "returns"] {
            if r.has(key) && !r.has("leaves") {
                let problem = Problem::new(format!("`{key}` without `leaves`")).help("write leaves = \"30 s\"");
                out.error(r.at(key), problem);
            }
        }
        let how = if r.text("how") == "crash" { Departure::Crash } else { Departure::Stop };
        let leaves = r.duration_given("leaves").map(|at| Leave { at, how, returns: r.duration_given("returns") });
        let instance = Instance { joins: r.duration("joins"), leaves };
        let count = r.small("count") as usize;
        if instances.len() + count > INSTANCES_MAX {
            out.error(r.at("count"), Problem::new(format!("more than {INSTANCES_MAX} instances")));
            break;
        }
        for _ in 0..count {
            instances.push(instance);
            entry_of_instance.push(index);
        }
    }
    (instances, entry_of_instance)
}

pub(super) fn read_partitioner(r: &Reader) -> Option<Partitioner> {
    // librdkafka's names: with `_random` records without a key go anywhere, which changes nothing for those with one.
    r.text_given("partitioner").map(|name| match name.trim_end_matches("_random") {
        "murmur2" => Partitioner::Murmur2,
        "consistent" => Partitioner::Consistent,
        "fnv1a" => Partitioner::Fnv1a,
        _ => Partitioner::Random,
    })
}

/// What the client or the broker would refuse.
pub(super) fn check_group(out: &mut Findings, s: &Scenario, group: &Reader) {
    let (g, client) = (&s.group, s.consumer.client);
    let legal = |c: char| c.is_ascii_graphic();
    if group.sound(&["id"]) && (g.id.is_empty() || !g.id.chars().all(legal)) {
        let problem = Problem::new("a group id is one or more visible ASCII characters");
        out.error(group.at("id"), problem.help("write id = \"my-service\""));
    }
    protocol(out, g, client, group);
    if !group.sound(&["session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms"]) {
        return;
    }
    let (session, heartbeat) = (g.session_timeout, g.heartbeat_interval);
    let text = duration_text;
    if session < Duration::from_millis(SESSION_TIMEOUT_MS.0) {
        let problem = Problem::new(format!("a broker refuses a session.timeout.ms of {}", text(session)));
        let least = SESSION_TIMEOUT_MS.0;
        out.error(
            group.at("session.timeout.ms"),
            problem.help(format!("at least {least}, its group.min.session.timeout.ms")),
        );
    } else if heartbeat >= session || heartbeat.is_zero() {
        let problem = Problem::new(format!("heartbeats every {} with a session of {}", text(heartbeat), text(session)));
        let place = group.at("heartbeat.interval.ms").or_else(|| group.at("session.timeout.ms"));
        let third = (session.as_nanos() / 3_000_000).max(1);
        out.error(
            place,
            problem.help(format!("a heartbeat.interval.ms below the session's, as a rule a third: {third}")),
        );
    } else if session > g.max_poll_interval {
        // librdkafka refuses it (`rd_kafka_conf_finalize`); with the others the poll interval would never matter.
        let problem = Problem::new(format!(
            "a session of {} is longer than the max.poll.interval.ms of {}",
            text(session),
            text(g.max_poll_interval)
        ));
        let place = group.at("max.poll.interval.ms").or_else(|| group.at("session.timeout.ms"));
        out.error(place, problem.help("session.timeout.ms <= max.poll.interval.ms"));
    }
}

fn protocol(out: &mut Findings, g: &Group, client: Client, group: &Reader) {
    if !group.sound(&["protocol", "assignor"]) {
        return;
    }
    let model = client.name();
    match (g.protocol, model) {
        (Protocol::Consumer, "aiokafka" | "kafka-python") => {
            let problem = Problem::new(format!("{model} has no group.protocol=consumer"));
            return out.error(group.at("protocol"), problem.help("write \"classic\""));
        }
        (Protocol::Consumer, "java") => {
            let problem = Problem::new("the model `java` is the Java client with group.protocol=classic");
            return out.error(group.at("protocol"), problem.help("write client = \"java-async\" in [consumer]"));
        }
        (Protocol::Classic, "java-async") => {
            let problem = Problem::new("the model `java-async` is the Java client with group.protocol=consumer");
            return out.error(group.at("protocol"), problem.help("write client = \"java\" in [consumer]"));
        }
        _ => {}
    }
    let assignors = client.assignors(g.protocol);
    if !assignors.contains(&g.assignor) {
        let who = match g.protocol {
            Protocol::Consumer => "the consumer protocol".to_owned(),
            Protocol::Classic => format!("{model} with the classic protocol"),
        };
        let problem = Problem::new(format!("{who} has no assignor `{}`", g.assignor.as_str()));
        let has = assignors.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(", ");
        out.error(group.at("assignor"), problem.help(format!("there are {has}")));
    }
    if g.protocol == Protocol::Consumer {
        for key in ["session.timeout.ms", "heartbeat.interval.ms"].into_iter().filter(|key| group.has(key)) {
            let problem = Problem::new(format!("with the consumer protocol clients refuse `{key}`"));
            out.error(group.at(key), problem.help(format!("take it out: it is the broker's group.consumer.{key}")));
        }
    }
}

/// What of the instances makes no sense, or makes no difference.
pub(super) fn check_instances(out: &mut Findings, s: &Scenario, read: &Read<'_>) {
    let &Read { instances: entries, group, consumer, faults, .. } = read;
    let partitions: u64 = s.topics.iter().map(|t| u64::from(t.partitions)).sum();
    if partitions * s.instances.len() as u64 > VIEWS_MAX {
        let problem = Problem::new(format!(
            "{partitions} partitions, known to {} instances: more than {VIEWS_MAX} together",
            s.instances.len()
        ));
        out.error(None, problem.help("simulate fewer instances, or fewer partitions"));
    }
    for r in entries.iter().filter(|r| r.sound(&["joins", "leaves", "returns"])) {
        let (joins, leaves, returns) = (r.duration("joins"), r.duration_given("leaves"), r.duration_given("returns"));
        if let Some(at) = leaves.filter(|at| *at <= joins) {
            let problem = Problem::new(format!(
                "an instance that joins at {} and leaves at {} is gone before it is there",
                duration_text(joins),
                duration_text(at)
            ));
            out.error(r.at("leaves"), problem.help(format!("a time after {}", duration_text(joins))));
        }
        if let Some((at, back)) = leaves.zip(returns).filter(|(at, back)| back <= at) {
            let problem = Problem::new(format!(
                "an instance that leaves at {} can't return at {}",
                duration_text(at),
                duration_text(back)
            ));
            out.error(r.at("returns"), problem.help(format!("a time after {}", duration_text(at))));
        }
    }
    if s.instances.is_empty() {
        for key in GROUP.keys.iter().filter(|key| group.has(key.name)) {
            let problem = Problem::new(format!("`{}` changes nothing without [[instances]]", key.name));
            out.warn(group.at(key.name), problem.help("add [[instances]] with a count, or take it out"));
        }
        return;
    }
    if !s.instances.iter().any(|i| i.joins.is_zero()) && out.errors.is_empty() {
        let problem = Problem::new("time zero is when the first instance joins, and none joins at 0 s");
        out.error(entries[0].at("joins"), problem.help("joins = \"0 s\""));
    }
    for (topic, entry) in s.topics.iter().zip(read.entry_of_topic).filter(|(t, _)| t.keys < t.partitions) {
        let r = &read.topics[*entry];
        if r.sound(&["keys", "partitions"]) {
            let problem = Problem::new(format!(
                "`{}` has {} keys in {} partitions: with [[instances]] a key is in one partition, and some would have none",
                topic.name, topic.keys, topic.partitions
            ));
            out.error(r.at("keys"), problem.help(format!("keys = {} or more", topic.partitions)));
        }
    }
    let crash = s.faults.iter().zip(faults).find(|(f, _)| f.kind == FaultKind::Crash);
    if let (Some((_, fault)), true) = (crash, out.errors.is_empty()) {
        let problem = Problem::new("with [[instances]] a crash is that of one of them");
        out.error(
            fault.at("kind"),
            problem.help("write leaves = ..., how = \"crash\" and returns = ... in [[instances]]"),
        );
    }
    let departs = s.instances.iter().any(|i| i.leaves.is_some() || !i.joins.is_zero());
    if s.consumer.commit == Commit::None && departs {
        let problem =
            Problem::new("instances that come and go without commits: their work is done again by the next owner");
        let place = consumer.at("commit").or_else(|| entries.first().and_then(|r| r.at("joins")));
        out.warn(place, problem.help("commit = \"per-batch\" or \"interval\" in [consumer] keeps what was done"));
    }
    if s.is_explicit() {
        for key in ["ids", "assignor", "protocol", "static"].into_iter().filter(|key| group.has(key)) {
            let problem =
                Problem::new(format!("`{key}` changes nothing with start = \"assign\": nobody joins a group"));
            out.warn(group.at(key), problem.help("start = \"group\" in [consumer]"));
        }
    }
}

/// The value of a key of `[group]`.
pub(super) fn group_value(s: &Scenario, table: &Table, key: &Key) -> Option<Value> {
    let g = &s.group;
    let text = |t: &str| Some(Value::Text(t.to_owned()));
    match key.name {
        "id" => text(&g.id),
        "ids" => g.ids.and_then(|ids| text(ids.as_str())),
        "protocol" => text(g.protocol.as_str()),
        "assignor" => text(g.assignor.as_str()),
        // Clients refuse them with the consumer protocol, and so would this.
        "session.timeout.ms" | "heartbeat.interval.ms" if g.protocol == Protocol::Consumer => None,
        "session.timeout.ms" => Some(Value::Duration(g.session_timeout)),
        "heartbeat.interval.ms" => Some(Value::Duration(g.heartbeat_interval)),
        "max.poll.interval.ms" => Some(Value::Duration(g.max_poll_interval)),
        "static" => Some(Value::Flag(g.is_static)),
        "group.initial.rebalance.delay.ms" => Some(Value::Duration(g.initial_rebalance_delay)),
        "offsets.retention" => Some(Value::Duration(g.offsets_retention)),
        "auto.offset.reset" => text(g.offset_reset.as_str()),
        "copartitioned" => Some(Value::Flag(g.copartitioned)),
        other => unwritten(table, other),
    }
}

/// The value of a key of an `[[instances]]`, of which there is one for each instance.
pub(super) fn instance_value(s: &Scenario, table: &Table, index: usize, key: &Key) -> Option<Value> {
    let Instance { joins, leaves } = s.instances[index];
    match key.name {
        "count" => Some(Value::Number(1)),
        "joins" => Some(Value::Duration(joins)),
        "leaves" => leaves.map(|l| Value::Duration(l.at)),
        "how" => leaves.map(|l| Value::Text(l.how.as_str().to_owned())),
        "returns" => leaves.and_then(|l| l.returns).map(Value::Duration),
        other => unwritten(table, other),
    }
}
