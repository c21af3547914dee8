//! The keys of `[consumer]`: what is fairdrain's own, the properties of Kafka's clients that a model obeys, and those that are known
//! but change nothing.
//!
//! Sources of names and defaults: aiokafka 0.14 `consumer.py` and `fetcher.py`; librdkafka 2.12 `CONFIGURATION.md`. Where two clients
//! name one thing differently, the Java client's name is the documented one and the others are aliases.

use fairdrain_sim::client::java::{Protocol, Version};
use fairdrain_sim::client::kafka_python::Version as Line;

use super::Client;
use super::keys::{Fallback, I32, Key, Kind, Only, Table};
use Fallback::{Derived, Toml};

/// Every model of the Java client.
const JAVA: [Client; 6] = [
    Client::Java(Version::V3_0, Protocol::Classic),
    Client::Java(Version::V3_7, Protocol::Classic),
    Client::Java(Version::V4_0, Protocol::Classic),
    Client::Java(Version::V4_2, Protocol::Classic),
    Client::Java(Version::V4_0, Protocol::Consumer),
    Client::Java(Version::V4_2, Protocol::Consumer),
];
/// Every model of kafka-python.
const KAFKA_PYTHON: [Client; 3] =
    [Client::KafkaPython(Line::V3_0), Client::KafkaPython(Line::V2_2), Client::KafkaPython(Line::V2_0)];
const LIBRDKAFKA: Only = Only { clients: &[Client::Librdkafka], otherwise: "it is a property of librdkafka; ignored" };
const FETCHING: Only = Only {
    clients: &[
        Client::Aiokafka,
        Client::Librdkafka,
        JAVA[0],
        JAVA[1],
        JAVA[2],
        JAVA[3],
        JAVA[4],
        JAVA[5],
        KAFKA_PYTHON[0],
        KAFKA_PYTHON[1],
        KAFKA_PYTHON[2],
    ],
    otherwise: "this client has no fetch machinery; ignored",
};

/// Without `max.poll.records` librdkafka still has the bound of its consume call, so the value is used, under another name.
const BATCH_BOUND: Only = Only {
    clients: &[
        Client::Aiokafka,
        JAVA[0],
        JAVA[1],
        JAVA[2],
        JAVA[3],
        JAVA[4],
        JAVA[5],
        KAFKA_PYTHON[0],
        KAFKA_PYTHON[1],
        KAFKA_PYTHON[2],
        Client::Ideal,
    ],
    otherwise: "librdkafka has no such property; used as the batch bound of the consume call",
};

const fn own(name: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Key {
    Key { name, aliases: &[], kind, default, only: None, doc }
}

const fn limited(
    name: &'static str,
    aliases: &'static [&'static str],
    kind: Kind,
    default: Fallback,
    only: Only,
    doc: &'static str,
) -> Key {
    Key { name, aliases, kind, default, only: Some(only), doc }
}

/// A known property that nothing simulated depends on; `doc` says what happens instead.
const fn inert(name: &'static str, aliases: &'static [&'static str], doc: &'static str) -> Key {
    Key { name, aliases, kind: Kind::Inert, default: Derived("not given"), only: None, doc }
}

const GROUP: &str = "No effect here: [group] has it, for [[instances]].";
const COMMITS: &str = "No effect: positions are committed as `commit` says.";
const CONNECTION: &str = "No effect on a simulation; a real run takes it from the command line.";
const SECURITY: &str = "No effect on a simulation; a real run takes it from --command-config.";
const NOT_MODELLED: &str = "No effect: the model does not depend on it.";

pub(super) static CONSUMER: Table = Table {
    name: "consumer",
    repeated: false,
    doc: "The consumer: which client library, and its properties under Kafka's names. `a.b.c`, `\"a.b.c\"` and `a_b_c` are the same.",
    keys: &[
        own(
            "client",
            Kind::Client,
            Toml("\"aiokafka\""),
            "Client library; `@version` picks a version, else the newest modelled.",
        ),
        limited(
            "max.poll.records",
            &[],
            Kind::Count(1, I32),
            Toml("500"),
            BATCH_BOUND,
            "The cap of one poll under `single`, in records.",
        ),
        own("poll.timeout.ms", Kind::Millis(I32), Toml("1000"), "Timeout passed to a poll call."),
        own(
            "fill",
            Kind::Choice(&["full", "first"]),
            Derived("as the client's own call does"),
            "Whether a poll waits for the whole cap or returns as soon as anything is there.",
        ),
        own(
            "start",
            Kind::Choice(&["assign", "group"]),
            Derived("assign; group with [[instances]]"),
            "Manual assignment, of all partitions or, to instance i of n, of each n-th; or a fresh group.",
        ),
        own(
            "commit",
            Kind::Choice(&["none", "per-batch", "on-stop", "interval"]),
            Toml("\"none\""),
            "When positions are committed: what has been processed, never more.",
        ),
        Key {
            aliases: &["commit_interval"],
            ..own(
                "auto.commit.interval.ms",
                Kind::Millis(I32),
                Toml("5000"),
                "From one commit to the next; only with commit = \"interval\".",
            )
        },
        limited(
            "fetch.min.bytes",
            &[],
            Kind::Bytes(1, 100_000_000),
            Toml("1"),
            FETCHING,
            "A broker holds its answer until it has as much.",
        ),
        limited(
            "fetch.max.bytes",
            &[],
            Kind::Bytes(1, 2_147_483_135),
            Derived("the client's default"),
            FETCHING,
            "Limit of one fetch answer.",
        ),
        limited(
            "max.partition.fetch.bytes",
            &["fetch.message.max.bytes"],
            Kind::Bytes(1, 1_000_000_000),
            Toml("1048576"),
            FETCHING,
            "Limit of one partition in a fetch answer.",
        ),
        limited(
            "fetch.max.wait.ms",
            &["fetch.wait.max.ms"],
            Kind::Millis(300_000),
            Derived("500 ms, or less where the scheduler needs less"),
            FETCHING,
            "How long a broker holds an answer that is below fetch.min.bytes.",
        ),
        limited(
            "queued.min.messages",
            &[],
            Kind::Count(1, 10_000_000),
            Derived("100000, or less where the scheduler needs less"),
            LIBRDKAFKA,
            "Fetching pauses while as many records are queued.",
        ),
        limited(
            "queued.max.messages.kbytes",
            &[],
            Kind::Count(1, 2_097_151),
            Derived("65536"),
            LIBRDKAFKA,
            "Fetching pauses while as many thousand bytes are queued.",
        ),
        limited(
            "fetch.queue.backoff.ms",
            &[],
            Kind::Millis(300_000),
            Derived("1000 ms, or less where the scheduler needs less"),
            LIBRDKAFKA,
            "How long a partition whose queue is full is not looked at.",
        ),
        inert("session.timeout.ms", &[], GROUP),
        inert("heartbeat.interval.ms", &[], GROUP),
        inert("max.poll.interval.ms", &[], GROUP),
        inert("rebalance.timeout.ms", &[], "No effect: it is [group] max.poll.interval.ms."),
        inert("group.id", &[], GROUP),
        inert("group.instance.id", &[], "No effect here: [group] has `static`, for [[instances]]."),
        inert("group.protocol", &[], GROUP),
        inert("partition.assignment.strategy", &["group.remote.assignor"], GROUP),
        inert("auto.offset.reset", &[], GROUP),
        inert("enable.auto.commit", &[], COMMITS),
        inert("enable.auto.offset.store", &[], COMMITS),
        inert("isolation.level", &[], "No effect: there are no transactions in a scenario."),
        inert("check.crcs", &[], NOT_MODELLED),
        inert("enable.partition.eof", &[], NOT_MODELLED),
        inert("message.max.bytes", &[], "No effect: the model keeps librdkafka's default of 1000000."),
        inert("receive.message.max.bytes", &[], NOT_MODELLED),
        inert("fetch.error.backoff.ms", &[], "No effect: the model keeps the client's default."),
        inert("retry.backoff.ms", &[], "No effect: the model keeps the client's default."),
        inert("retry.backoff.max.ms", &[], NOT_MODELLED),
        inert("consumer.timeout.ms", &[], "No effect: the model keeps the client's default."),
        inert("request.timeout.ms", &[], NOT_MODELLED),
        inert("socket.timeout.ms", &[], NOT_MODELLED),
        inert("default.api.timeout.ms", &[], NOT_MODELLED),
        inert("api.version", &[], NOT_MODELLED),
        inert("metadata.max.age.ms", &["topic.metadata.refresh.interval.ms"], NOT_MODELLED),
        inert("allow.auto.create.topics", &[], NOT_MODELLED),
        inert("exclude.internal.topics", &[], NOT_MODELLED),
        inert("statistics.interval.ms", &[], NOT_MODELLED),
        inert("client.id", &[], NOT_MODELLED),
        inert("client.rack", &[], NOT_MODELLED),
        inert("connections.max.idle.ms", &[], NOT_MODELLED),
        inert("receive.buffer.bytes", &["socket.receive.buffer.bytes"], NOT_MODELLED),
        inert("send.buffer.bytes", &["socket.send.buffer.bytes"], NOT_MODELLED),
        inert("key.deserializer", &[], NOT_MODELLED),
        inert("value.deserializer", &[], NOT_MODELLED),
        inert("interceptor.classes", &[], NOT_MODELLED),
        inert("bootstrap.servers", &["metadata.broker.list"], CONNECTION),
        inert("security.protocol", &[], SECURITY),
        inert("sasl.mechanism", &["sasl.mechanisms"], SECURITY),
        inert("sasl.username", &["sasl.plain.username"], SECURITY),
        inert("sasl.password", &["sasl.plain.password"], SECURITY),
        inert("sasl.jaas.config", &[], SECURITY),
        inert("ssl.ca.location", &["ssl.truststore.location", "ssl.cafile"], SECURITY),
        inert("ssl.truststore.password", &[], SECURITY),
        inert("ssl.certificate.location", &["ssl.keystore.location", "ssl.certfile"], SECURITY),
        inert("ssl.keystore.password", &[], SECURITY),
        inert("ssl.key.location", &["ssl.keyfile"], SECURITY),
        inert("ssl.key.password", &[], SECURITY),
    ],
};
