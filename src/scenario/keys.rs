//! What a table of the file format is made of, and the tables but for the consumer's, which are in [`super::properties`].

use super::Client;

/// A table of the file.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name between the brackets; empty for the top of the file.
    pub(super) name: &'static str,
    /// Whether it is an array of tables, `[[name]]`.
    pub(super) repeated: bool,
    /// What it is about.
    pub(super) doc: &'static str,
    /// What may stand in it.
    pub(super) keys: &'static [Key],
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    /// The name it is documented under: Kafka's own, with dots, where Kafka has one.
    pub(super) name: &'static str,
    /// Other names for the same thing, such as another client's.
    pub(super) aliases: &'static [&'static str],
    /// What its value looks like.
    pub(super) kind: Kind,
    /// What holds without it.
    pub(super) default: Fallback,
    /// The clients that it means something to, and what happens with the others; `None`: it means the same to all.
    pub(super) only: Option<Only>,
    /// What it is for.
    pub(super) doc: &'static str,
}

/// A limitation of a key to some clients.
#[derive(Debug)]
pub(super) struct Only {
    /// Those that know it.
    pub(super) clients: &'static [Client],
    /// What the others do instead.
    pub(super) otherwise: &'static str,
}

/// What holds if a key is not given.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fallback {
    /// It has to be given.
    Required,
    /// This, as it would stand in the file.
    Toml(&'static str),
    /// Something that depends on the rest: which, in words.
    Derived(&'static str),
}

/// What the value of a key looks like. Both bounds of a range are included.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// The version of the format: this one.
    Version(u64),
    /// A string of one line.
    Text,
    /// `true` or `false`.
    Flag,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A whole number.
    Count(u64, u64),
    /// A whole number of bytes, or a string such as `"1 MiB"`.
    Bytes(u64, u64),
    /// A string such as `"1.5 s"`.
    Duration,
    /// A whole number of milliseconds from 0 to this, or a string such as `"1 s"`.
    Millis(u64),
    /// Records a time, such as `"5/s"`.
    Rate,
    /// Bytes a second, such as `"100 MB/s"`.
    Bandwidth,
    /// A decimal from 1.0 to 1000.0, to thousandths.
    Ratio,
    /// Bytes, or `{ uniform = [from, to] }`, or `{ table = [[bytes, weight], ...] }`.
    Sizes,
    /// A client, with or without `@version`.
    Client,
    /// An array of scheduler names.
    Schedulers,
    /// Anything: known to Kafka's clients, but nothing that is simulated depends on it.
    Inert,
}

impl Table {
    /// The key of this name or alias; `.` and `_` are the same.
    pub(super) fn key(&self, written: &str) -> Option<&'static Key> {
        let wanted = normal(written);
        self.keys.iter().find(|k| k.names().any(|n| normal(n) == wanted))
    }
}

impl Key {
    const fn new(name: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Self {
        Self { name, aliases: &[], kind, default, only: None, doc }
    }

    /// All names, the documented one first.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// Whether the value of a key of this name must not be echoed: passwords, keys, and, since a mistyped name is the likeliest to be
/// echoed, whatever else begins like one of Kafka's security properties.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = normal(name.trim_matches([' ', '\t', '"', '\''])).to_ascii_lowercase();
    ["sasl", "ssl"].iter().any(|s| name.starts_with(s))
        || ["passw", "passphrase", "pwd", "secret", "jaas", "token", "credential", "user.info", "private"]
            .iter()
            .any(|s| name.contains(s))
}

/// The spelling that keys are compared in. Python's clients write Kafka's names with underscores.
pub(super) fn normal(name: &str) -> String {
    name.replace('_', ".")
}

/// The largest value of a 32-bit signed field of Kafka's protocol.
pub(super) const I32: u64 = i32::MAX as u64;
const I64: u64 = i64::MAX as u64;

use Fallback::{Derived, Required, Toml};

pub(super) static ROOT: Table = Table {
    name: "",
    repeated: false,
    doc: "A fairdrain scenario: what there is to drain, by whom, at what cost, and what goes wrong meanwhile.",
    keys: &[
        Key::new("schema_version", Kind::Version(1), Required, "Version of this file format."),
        Key::new("name", Kind::Text, Derived("the file's name"), "Short name, as in `scenario list`."),
        Key::new("description", Kind::Text, Toml("\"\""), "One sentence: the effect that the scenario shows."),
        Key::new("seed", Kind::Count(0, u64::MAX), Toml("1"), "Seed of everything drawn at random."),
    ],
};

pub(super) static TOPICS: Table = Table {
    name: "topics",
    repeated: true,
    doc: "A topic, or several alike: `orders[1-40]` stands for orders1 to orders40.",
    keys: &[
        Key::new(
            "name",
            Kind::Text,
            Required,
            "1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'; one range [from-to] expands.",
        ),
        Key::new(
            "partitions",
            Kind::Count(1, 100_000),
            Toml("1"),
            "Partitions; batch k is in partition k mod partitions.",
        ),
        Key::new("backlog", Kind::Count(0, I64), Toml("0"), "Records in the log at time zero, over all partitions."),
        Key::new("value_bytes", Kind::Sizes, Toml("200"), "Value bytes of a record: fixed, uniform or from a table."),
        Key::new("key_bytes", Kind::Bytes(0, I32), Toml("10"), "Key bytes of a record."),
        Key::new("batch_records", Kind::Count(1, I32), Toml("100"), "Records in a full record batch."),
        Key::new("compression_ratio", Kind::Ratio, Toml("1.0"), "Size of a batch divided by its compressed size."),
        Key::new(
            "arrival.rate",
            Kind::Rate,
            Derived("nothing arrives"),
            "Records that go on arriving, over all partitions.",
        ),
        Key::new("arrival.batch_records", Kind::Count(1, I32), Toml("1"), "Records in a batch of those that arrive."),
        Key::new("arrival.until", Kind::Duration, Derived("nothing arrives"), "Nothing arrives from this moment on."),
        Key::new(
            "keys",
            Kind::Count(1, u32::MAX as u64),
            Toml("10"),
            "Distinct keys; each once in as many consecutive offsets.",
        ),
        Key::new(
            "weight",
            Kind::Count(1, 1_000_000),
            Toml("1"),
            "Share under the fair schedulers, relative to the others'.",
        ),
        Key::new(
            "partitioner",
            Kind::Choice(&[
                "murmur2",
                "murmur2_random",
                "consistent",
                "consistent_random",
                "fnv1a",
                "fnv1a_random",
                "random",
            ]),
            Derived("as the other topics'"),
            "How its producers choose a partition: Java's default is murmur2, librdkafka's consistent_random.",
        ),
        Key::new("required", Kind::Flag, Toml("true"), "Whether an input is incomplete without this topic."),
        Key::new(
            "leader",
            Kind::Count(0, 9_999),
            Toml("0"),
            "Broker that leads partition 0; partition p: the p-th after it.",
        ),
        Key::new(
            "processing_per_record",
            Kind::Duration,
            Derived("the application's"),
            "Work on one record of this topic, if other than the application's.",
        ),
    ],
};

pub(super) static SCHEDULER: Table = Table {
    name: "scheduler",
    repeated: false,
    doc: "Which schedulers to compare, and their settings.",
    keys: &[
        Key::new(
            "names",
            Kind::Schedulers,
            Toml(r#"["single", "multi-gather", "multi", "fair", "complete-first"]"#),
            "Schedulers to compare, in this order.",
        ),
        Key::new(
            "max.poll.records",
            Kind::Count(1, I32),
            Derived("the consumer's"),
            "The cap of every scheduler but `single`, in records.",
        ),
        Key::new(
            "starvation_bound",
            Kind::Duration,
            Derived("three times what `fair` guarantees here"),
            "A longer wait of a topic, while others are served, is called starvation.",
        ),
    ],
};

pub(super) static APPLICATION: Table = Table {
    name: "application",
    repeated: false,
    doc: "What is done with the records.",
    keys: &[
        Key::new("processing_per_record", Kind::Duration, Toml("\"0 s\""), "Work on one record."),
        Key::new("processing_per_batch", Kind::Duration, Toml("\"0 s\""), "Work on one batch, besides its records."),
        Key::new("workers", Kind::Count(1, 1_024), Toml("1"), "Runs (of different partitions) worked on at a time."),
        Key::new(
            "blocking",
            Kind::Flag,
            Toml("false"),
            "Whether work keeps the thread (CPU) instead of awaiting (I/O).",
        ),
    ],
};

pub(super) static NETWORK: Table = Table {
    name: "network",
    repeated: false,
    doc: "Between clients and brokers. With `brokers.service` the defaults make an empty fetch take 0.3 ms and the client's own work.",
    keys: &[
        Key::new("latency", Kind::Duration, Toml("\"50 us\""), "One way, each direction."),
        Key::new("jitter", Kind::Duration, Toml("\"0 s\""), "Added to each latency: drawn evenly from zero to this."),
        Key::new("bandwidth", Kind::Bandwidth, Derived("without limit"), "Of one connection."),
    ],
};

pub(super) static BROKERS: Table = Table {
    name: "brokers",
    repeated: false,
    doc: "The cluster.",
    keys: &[
        Key::new("count", Kind::Count(1, 10_000), Toml("1"), "How many brokers."),
        Key::new(
            "service",
            Kind::Duration,
            Toml("\"200 us\""),
            "From a request's arrival to the answer, if nothing is waited for.",
        ),
        Key::new(
            "fetch.max.bytes",
            Kind::Bytes(1_024, I32),
            Toml("57671680"),
            "The broker's own limit of a fetch answer.",
        ),
    ],
};

pub(super) static FAULTS: Table = Table {
    name: "faults",
    repeated: true,
    doc: "Something that goes wrong for a while.",
    keys: &[
        Key::new(
            "kind",
            Kind::Choice(&["broker-down", "topic-fails", "crash", "latency-spike"]),
            Required,
            "What goes wrong. A crash: the consumer process dies and loses all it had in memory.",
        ),
        Key::new("from", Kind::Duration, Required, "When it begins."),
        Key::new("until", Kind::Duration, Required, "When it is over; for a crash, when the process is up again."),
        Key::new("broker", Kind::Count(0, 9_999), Derived("only with broker-down"), "Which broker, from 0."),
        Key::new("topic", Kind::Text, Derived("only with topic-fails"), "Whose fetches fail."),
        Key::new("add", Kind::Duration, Derived("only with latency-spike"), "Added to every network latency."),
    ],
};

pub(super) static LIMITS: Table = Table {
    name: "limits",
    repeated: false,
    doc: "When to give up.",
    keys: &[
        Key::new("time", Kind::Duration, Toml("\"1 h\""), "Virtual (or real) time of a run."),
        Key::new("polls", Kind::Count(1, I64), Toml("100000000"), "Poll and take calls of a run."),
    ],
};
