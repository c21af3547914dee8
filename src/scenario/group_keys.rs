//! The keys of `[group]` and `[[instances]]`.
//!
//! Sources of names, defaults and ranges: Apache Kafka 4.1 `ConsumerConfig`, `GroupCoordinatorConfig`.

use super::keys::Fallback::{Derived, Toml};
use super::keys::{Fallback, I32, Key, Kind, Table};

/// `group.min.session.timeout.ms` and `group.max.session.timeout.ms` of a broker: outside of them a join is refused.
pub(super) const SESSION_TIMEOUT_MS: (u64, u64) = (6_000, 1_800_000);

pub(super) static GROUP: Table = Table {
    name: "group",
    repeated: false,
    doc: "The consumer group of `[[instances]]`, under Kafka's names for consumers and, where it says so, for brokers.",
    keys: &[
        key(
            "id",
            &["group.id"],
            Kind::Text,
            Toml("\"fairdrain\""),
            "Group id; with a group for each topic `{id}-{topic}`.",
        ),
        key(
            "ids",
            &[],
            Kind::Choice(&["one", "per-topic"]),
            Derived("one; per-topic under the schedulers with a consumer for each topic"),
            "One group for all topics, or one for each.",
        ),
        key(
            "protocol",
            &["group.protocol"],
            Kind::Choice(&["classic", "consumer"]),
            Derived("the client's: consumer for java-async, classic for the others"),
            "How members and broker agree: join and sync, or KIP-848.",
        ),
        key(
            "assignor",
            &["partition.assignment.strategy", "group.remote.assignor"],
            Kind::Choice(&["range", "roundrobin", "cooperative-sticky", "uniform"]),
            Derived("the client's: range, for aiokafka roundrobin; uniform with the consumer protocol"),
            "Who gets which partitions; only range keeps co-partitioned topics together.",
        ),
        key(
            "session.timeout.ms",
            &[],
            Kind::Millis(SESSION_TIMEOUT_MS.1),
            Toml("45000"),
            "A member that has not been heard of for so long is expelled.",
        ),
        key("heartbeat.interval.ms", &[], Kind::Millis(I32), Toml("3000"), "From one heartbeat to the next."),
        key(
            "max.poll.interval.ms",
            &[],
            Kind::Millis(I32),
            Toml("300000"),
            "A member that has not polled for so long leaves; a rebalance waits for members as long.",
        ),
        key(
            "static",
            &[],
            Kind::Flag,
            Toml("false"),
            "Whether each instance has a group.instance.id, with which it comes back after a restart.",
        ),
        key(
            "group.initial.rebalance.delay.ms",
            &["initial.rebalance.delay"],
            Kind::Millis(I32),
            Toml("3000"),
            "The broker's: an empty group waits so long for further members.",
        ),
        key(
            "offsets.retention",
            &[],
            Kind::Duration,
            Toml("\"168 h\""),
            "The broker's offsets.retention.minutes: how long committed offsets outlive their use.",
        ),
        key(
            "auto.offset.reset",
            &[],
            Kind::Choice(&["earliest", "latest", "none"]),
            Toml("\"earliest\""),
            "Where a partition without a committed offset begins.",
        ),
        key(
            "copartitioned",
            &[],
            Kind::Flag,
            Toml("true"),
            "Whether to refuse what may spread the records of a key over several instances; false: measure it.",
        ),
    ],
};

pub(super) static INSTANCES: Table = Table {
    name: "instances",
    repeated: true,
    doc: "An instance of the service, or several alike, which share the work through `[group]`; without any a run is one process.",
    keys: &[
        key("count", &[], Kind::Count(1, 64), Toml("1"), "How many instances these lines stand for."),
        key("joins", &[], Kind::Duration, Toml("\"0 s\""), "When it starts."),
        key("leaves", &[], Kind::Duration, Derived("it stays"), "When it ends, whatever there is left to do."),
        key(
            "how",
            &[],
            Kind::Choice(&["stop", "crash"]),
            Toml("\"stop\""),
            "How it ends: in order, or its process dies and nobody is told.",
        ),
        key("returns", &[], Kind::Duration, Derived("never"), "When it is started again after it has ended."),
    ],
};

const fn key(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: Kind,
    default: Fallback,
    doc: &'static str,
) -> Key {
    Key { name, aliases, kind, default, only: None, doc }
}
