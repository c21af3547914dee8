//! Properties: the scenario's, those that a scheduler needs, and the user's.

use super::Error;
use super::ffi::Conf;
use crate::scenario::{Consumer, Group, GroupProtocol, OffsetReset, is_secret};
use crate::tuning::SplitQueues;

/// What a run depends on; a user's value would break it.
const RESERVED: [(&str, &str); 7] = [
    ("bootstrap.servers", "is what --bootstrap-server gives"),
    ("metadata.broker.list", "is what --bootstrap-server gives"),
    ("group.id", "is what the run or the instance says by itself"),
    ("group.instance.id", "is what the instance says by itself, one for each of its consumers"),
    ("enable.auto.commit", "is off: what is committed, and when, is the session's business"),
    ("enable.auto.offset.store", "is off: what is committed, and when, is the session's business"),
    ("enable.partition.eof", "is off: the batch call would take an end for a record (librdkafka #4844)"),
];

/// Refuses what librdkafka does not know, and what a run depends on.
pub(super) fn check(properties: &[(String, String)]) -> Result<(), Error> {
    let mut conf = Conf::new();
    for (key, value) in properties {
        if let Some((_, why)) = RESERVED.iter().find(|(reserved, _)| reserved == key) {
            return Err(refused(key, value, format!("{key} {why}")));
        }
        conf.set(key, value).map_err(|reason| refused(key, value, reason))?;
    }
    Ok(())
}

/// Refuses what a benchmark depends on besides.
pub(super) fn check_benchmark(properties: &[(String, String)]) -> Result<(), Error> {
    const RESET: &str = "auto.offset.reset";
    let reset = properties.iter().find(|(key, _)| key == RESET);
    reset.map_or(Ok(()), |(key, value)| {
        Err(refused(key, value, format!("{RESET} is `earliest`: the backlog is what there is to measure")))
    })
}

/// What may be written for properties whose refusal by librdkafka does not say.
const CHOICES: [(&str, &str); 4] = [
    ("group.protocol", "classic or consumer"),
    ("partition.assignment.strategy", "range, roundrobin or cooperative-sticky"),
    ("auto.offset.reset", "earliest, latest or error"),
    ("security.protocol", "plaintext, ssl, sasl_plaintext or sasl_ssl"),
];

fn refused(key: &str, value: &str, mut reason: String) -> Error {
    if let Some((_, choices)) = CHOICES.iter().find(|(k, _)| *k == key && reason.starts_with("Invalid value")) {
        reason = format!("{reason}; write {choices}");
    }
    let secret = !value.is_empty() && is_secret(key);
    let reason = if secret { reason.replace(value, "***") } else { reason };
    let value = if secret { "***" } else { value };
    Error::Property { key: key.to_owned(), value: value.to_owned(), reason }
}

/// Who a consumer is in its group.
pub(super) struct Member<'a> {
    pub(super) group: &'a str,
    /// `group.instance.id`.
    pub(super) instance: Option<&'a str>,
    /// It takes, hand-overs of at most so many records.
    pub(super) takes: Option<u32>,
}

/// The configuration of a consumer.
pub(super) fn consumer(servers: &str, member: Member<'_>, properties: &[(String, String)]) -> Result<Conf, Error> {
    let Member { group, instance, takes } = member;
    let mut all = vec![
        ("bootstrap.servers", servers.to_owned()),
        ("group.id", group.to_owned()),
        ("client.id", "fairdrain".to_owned()),
        ("enable.auto.commit", "false".to_owned()),
        ("enable.auto.offset.store", "false".to_owned()),
        ("enable.partition.eof", "false".to_owned()),
        ("auto.offset.reset", "earliest".to_owned()),
        // How long a topic that was there and is missing now may be so before it is an error. The loader has seen all of them.
        ("topic.metadata.propagation.max.ms", "1000".to_owned()),
        // A topic that could not be read is in nobody's subscription any more until the next look at the metadata shows that it can:
        // with librdkafka's default after up to five minutes.
        ("topic.metadata.refresh.interval.ms", "5000".to_owned()),
    ];
    if !properties.iter().any(|(key, value)| key == "group.protocol" && value == "consumer") {
        // An eager rebalance empties the split queues of partitions that stay, too. The consumer protocol has its assignors in the
        // broker, and librdkafka refuses this property with it.
        all.push(("partition.assignment.strategy", "cooperative-sticky".to_owned()));
    }
    all.extend(instance.map(|instance| ("group.instance.id", instance.to_owned())));
    if let Some(split) = takes.map(SplitQueues::for_cap) {
        all.extend([
            ("fetch.max.bytes", split.fetch_max_bytes.to_string()),
            ("fetch.wait.max.ms", millis(split.fetch_wait_max)),
            ("queued.min.messages", split.queued_min_messages.to_string()),
            ("fetch.queue.backoff.ms", millis(split.fetch_queue_backoff)),
        ]);
    }
    let mut conf = Conf::new();
    let users = properties.iter().map(|(key, value)| (key.as_str(), value.clone()));
    for (key, value) in all.into_iter().chain(users) {
        conf.set(key, &value).map_err(|reason| refused(key, &value, reason))?;
    }
    Ok(conf)
}

/// What a scenario's `[group]` says to clients.
pub(super) fn of_group(group: &Group) -> Vec<(String, String)> {
    let mut all = vec![
        ("group.protocol", group.protocol.as_str().to_owned()),
        ("max.poll.interval.ms", millis(group.max_poll_interval)),
        ("auto.offset.reset", reset(group.offset_reset).to_owned()),
    ];
    match group.protocol {
        GroupProtocol::Classic => all.extend([
            ("partition.assignment.strategy", group.assignor.as_str().to_owned()),
            ("session.timeout.ms", millis(group.session_timeout)),
            ("heartbeat.interval.ms", millis(group.heartbeat_interval)),
        ]),
        // Session and heartbeats are the broker's to say (KIP-848), and librdkafka refuses to be told.
        GroupProtocol::Consumer => all.push(("group.remote.assignor", group.assignor.as_str().to_owned())),
    }
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// As librdkafka calls it.
fn reset(reset: OffsetReset) -> &'static str {
    match reset {
        OffsetReset::Earliest => "earliest",
        OffsetReset::Latest => "latest",
        OffsetReset::None => "error",
    }
}

/// What a scenario's `[consumer]` says.
pub(super) fn of_scenario(c: &Consumer) -> Vec<(String, String)> {
    let mut all = vec![
        ("fetch.min.bytes", c.fetch_min_bytes.to_string()),
        ("max.partition.fetch.bytes", c.max_partition_fetch_bytes.to_string()),
    ];
    if let Some(bytes) = c.fetch_max_bytes.filter(|&bytes| bytes < 1_000_000) {
        // rdkafka_conf.c: rd_kafka_conf_finalize refuses a fetch.max.bytes below this.
        all.push(("message.max.bytes", bytes.to_string()));
    }
    for (key, value) in [
        ("fetch.max.bytes", c.fetch_max_bytes.map(|n| n.to_string())),
        ("fetch.wait.max.ms", c.fetch_max_wait.map(millis)),
        ("queued.min.messages", c.queued_min_messages.map(|n| n.to_string())),
        ("queued.max.messages.kbytes", c.queued_max_messages_kbytes.map(|n| n.to_string())),
        ("fetch.queue.backoff.ms", c.fetch_queue_backoff.map(millis)),
    ] {
        all.extend(value.map(|value| (key, value)));
    }
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn millis(duration: crate::Duration) -> String {
    (duration.as_nanos() / 1_000_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: &str, value: &str) -> String {
        check(&[(key.to_owned(), value.to_owned())]).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_property_is_refused_with_the_reason_of_librdkafka() {
        assert_eq!(
            message("fetch.wait.mx.ms", "5"),
            "property fetch.wait.mx.ms=5: No such configuration property: \"fetch.wait.mx.ms\""
        );
        assert!(message("fetch.wait.max.ms", "soon").contains("Invalid value"));
    }

    #[test]
    fn what_a_run_depends_on_is_not_for_the_user_to_set() {
        assert!(message("enable.auto.commit", "true").contains("the session's business"));
    }

    #[test]
    fn a_secret_is_not_echoed() {
        // The second is mistyped: the likeliest to be refused.
        for key in ["ssl.key.password.x", "sasl.passwrod", "ssl.keystore.key.x"] {
            let message = message(key, "hunter2");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
