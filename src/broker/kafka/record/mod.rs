//! Recording: topics that are there already are read by a real librdkafka, poll by poll, into a trace.
//!
//! Nothing on the cluster changes: partitions are assigned, not subscribed to, so that no group is joined, and nothing is
//! committed. The session, the schedulers and the consumers are those of a run; what writes the trace is an observer of it.

use std::io::Write;
use std::time::{Duration as Wall, Instant};

use serde_json::{Map, Value};

use super::KafkaBroker;
use super::cluster::{Cluster, Options, Target};
use super::connect::{Consumers, Extras, Groups, Position, Shape, Share, Topic};
use super::error::Error;
use crate::drive::drive;
use crate::policy::{AnyPolicy, Name, Settings};
use crate::scenario::{Commit, is_secret};
use crate::session::{Config, Session};
use crate::trace::{self, Backlog, Header, Mode, Subscribe, TopicBacklog, TraceWriter};
use crate::tuning::SplitQueues;
use crate::{Duration, Fill, PartitionId, Time};

use layout::{Brokers, PartitionLayout};
use watch::Watch;

mod layout;
mod watch;

/// What a scheduler's consumers are given, unless the user says otherwise.
const OWN: [(&str, &str); 2] = [("enable.auto.commit", "false"), ("auto.offset.reset", "earliest")];

/// librdkafka's properties that matter for fetching.
const EFFECTIVE: [&str; 10] = [
    "fetch.min.bytes",
    "fetch.max.bytes",
    "fetch.wait.max.ms",
    "fetch.message.max.bytes",
    "queued.min.messages",
    "queued.max.messages.kbytes",
    "fetch.queue.backoff.ms",
    "message.max.bytes",
    "isolation.level",
    "enable.partition.eof",
];

/// Where recording begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// At the first record of each partition that is still there.
    Beginning,
    /// At this offset of each partition, or at the nearest one that it has.
    Offset(i64),
}

/// Whether the layout of the logs in batches is read beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Over a plain connection: all that will be drained is read once more.
    Read,
    /// It is left out of the header; such a trace can't be replayed.
    None,
}

/// What to record, where, and how.
#[derive(Clone, Debug)]
pub struct Recording<'a> {
    /// The scenario's name in the header.
    pub name: &'a str,
    /// The topics, in subscription order.
    pub topics: &'a [String],
    /// How consumers are polled.
    pub mode: Mode,
    /// Most records of one poll, or of one hand-over.
    pub cap: u32,
    /// Timeout of a poll.
    pub poll_timeout: Duration,
    /// Where it begins.
    pub from: From,
    /// It ends after so many records, if there are more.
    pub limit: Option<u64>,
    /// Likewise after so long a time.
    pub time: Option<Duration>,
    /// Whether batches are read.
    pub layout: Layout,
    /// Version of the brokers, for the header: they don't tell.
    pub broker_version: &'a str,
    /// Number of the repetition, from 1.
    pub repeat: u32,
    /// Where.
    pub target: &'a Target,
    /// How. `keep` has no meaning here.
    pub options: &'a Options,
}

/// What has been recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Poll calls.
    pub polls: u64,
    /// Records.
    pub records: u64,
    /// Records that there were to drain.
    pub total: u64,
    /// Why not all of them were drained; `None` if they were. The trace's last line says the same.
    pub partial: Option<String>,
    /// How long it took to drain.
    pub took: Duration,
}

/// What there is to drain, and where in the logs it lies.
struct Found {
    backlog: Backlog,
    /// By topic and partition: first offset, and one after the last.
    bounds: Vec<Vec<(i64, i64)>>,
}

/// Reads how much there is in these topics, and in which batches, and nothing else.
///
/// # Errors
/// [`Error`] if the cluster does not allow it, or has none of a topic.
pub fn backlog(recording: &Recording<'_>) -> Result<Backlog, Error> {
    Ok(find(&Cluster::connect(recording.target, recording.options, 1)?, recording)?.backlog)
}

/// Drains topics and writes what each poll returned. `progress` is told how many records have been drained and how many there are,
/// now and then.
///
/// # Errors
/// [`Error`] if the cluster or a property does not allow it, or `output` does not take it.
pub fn record<W: Write>(
    recording: &Recording<'_>,
    output: W,
    progress: impl FnMut(u64, u64),
) -> Result<(Recorded, W), Error> {
    let cluster = Cluster::connect(recording.target, recording.options, 1)?;
    let found = find(&cluster, recording)?;
    let scheduler = scheduler(recording.mode);
    let header = header(recording, found.backlog.clone())?;
    let unwritten = |e: std::io::Error| Error::refused(format!("the trace can't be written: {e}"));
    let writer = TraceWriter::new(output, &header).map_err(unwritten)?;
    let settings = Settings {
        cap: recording.cap,
        wait: recording.poll_timeout,
        fill: Fill::Full,
        weights: vec![1; recording.topics.len()],
        workers: 1,
    };
    let mut broker = start(&cluster, &found, scheduler, recording)?;
    let mut watch = Watch::new(writer, recording, &found, cluster.interrupt.clone(), progress);
    let config = Config::new(scheduler, &settings, Commit::None);
    let mut session = Session::new(AnyPolicy::new(scheduler, &settings), config, Time::ZERO);
    drive(&mut session, &mut broker, &mut watch)?;
    drop(broker);
    watch.finish().map_err(unwritten)
}

fn scheduler(mode: Mode) -> Name {
    match mode {
        Mode::Single => Name::Single,
        Mode::MultiGather => Name::MultiGather,
        Mode::MultiSequential => Name::MultiSequential,
        Mode::MultiIndependent => Name::Multi,
        Mode::Fair => Name::Fair,
        Mode::CompleteFirst => Name::CompleteFirst,
    }
}

fn find(cluster: &Cluster, recording: &Recording<'_>) -> Result<Found, Error> {
    let mut brokers = match recording.layout {
        Layout::None => None,
        Layout::Read => Some(plain_connection(cluster, recording)?),
    };
    let (mut topics, mut bounds) = (Vec::new(), Vec::new());
    for (name, mut places) in recording.topics.iter().zip(cluster.bounds(recording.topics)?) {
        let mut partitions = Vec::new();
        for (partition, place) in places.iter_mut().enumerate() {
            if let From::Offset(offset) = recording.from {
                place.0 = offset.clamp(place.0, place.1);
            }
            let unread = |e: std::io::Error| match e.kind() {
                std::io::ErrorKind::Interrupted => Error::Interrupted,
                _ => Error::refused(format!("the batches of {name}/{partition} can't be read: {e}; {NO_LAYOUT}")),
            };
            let layout = match &mut brokers {
                None => PartitionLayout {
                    records: u64::try_from(place.1 - place.0).unwrap_or(0),
                    end: place.1,
                    ..PartitionLayout::default()
                },
                Some(brokers) => {
                    brokers.layout(name, partition as u32, *place, || !cluster.is_interrupted()).map_err(unread)?
                }
            };
            // What comes after the last record of all (a transaction marker) is never handed out.
            place.1 = layout.end;
            partitions.push(layout);
        }
        topics.push(topic_backlog(name, &partitions, &places));
        bounds.push(places);
    }
    let alike = |of: fn(&TopicBacklog) -> u32| {
        let first = topics.first().map(of);
        first.filter(|first| topics.iter().all(|t| of(t) == *first) && recording.layout == Layout::Read)
    };
    let missing: u64 = topics.iter().filter_map(|t: &TopicBacklog| t.missing_offsets).sum();
    let backlog = Backlog {
        name: recording.name.to_owned(),
        value_bytes: alike(|t| t.value_bytes),
        batch_records: alike(|t| t.batch_records),
        spread: match (recording.layout, missing) {
            (Layout::None, _) => "not read".to_owned(),
            (Layout::Read, 0) => "as found".to_owned(),
            (Layout::Read, n) => format!("as found; {n} offsets hold no record"),
        },
        topics,
    };
    Ok(Found { backlog, bounds })
}

/// What to do where batches can't be read.
const NO_LAYOUT: &str = "--batch-layout none records without them (such a trace can't be replayed)";

fn plain_connection(cluster: &Cluster, recording: &Recording<'_>) -> Result<Brokers, Error> {
    let protocol = recording.options.properties.iter().rev().find(|(key, _)| key == "security.protocol");
    if let Some((_, protocol)) = protocol.filter(|(_, protocol)| !protocol.eq_ignore_ascii_case("plaintext")) {
        return Err(Error::refused(format!(
            "batches are read over plain connections only, and security.protocol is {protocol}; {NO_LAYOUT}"
        )));
    }
    let names: Vec<&str> = recording.topics.iter().map(String::as_str).collect();
    Brokers::connect(&cluster.servers, &names)
        .map_err(|e| Error::refused(format!("batches can't be read from {}: {e}; {NO_LAYOUT}", cluster.servers)))
}

fn topic_backlog(name: &str, partitions: &[PartitionLayout], bounds: &[(i64, i64)]) -> TopicBacklog {
    let runs = || partitions.iter().flat_map(|p| &p.runs);
    let full = runs().map(|run| run.1).max().unwrap_or(0);
    let sizes = || runs().filter(|run| run.1 == full).map(|run| run.2);
    // Of a compressed batch only the size is known: what is left of it after key, lengths and deltas.
    let guess = || runs().next().map_or(0, |run| (run.2.saturating_sub(61) / run.1.max(1)).saturating_sub(18));
    let missing: u64 = partitions.iter().map(|p| p.missing).sum();
    let first: Vec<i64> = bounds.iter().map(|(first, _)| *first).collect();
    TopicBacklog {
        name: name.to_owned(),
        partitions: partitions.len() as u32,
        records: partitions.iter().map(|p| p.records).sum(),
        partition_records: partitions.iter().map(|p| p.records).collect(),
        value_bytes: partitions.iter().find_map(|p| p.value_bytes).unwrap_or_else(guess),
        batch_records: full,
        batch_bytes: [sizes().min().unwrap_or(0), sizes().max().unwrap_or(0)],
        first_offsets: first.iter().any(|offset| *offset != 0).then_some(first),
        missing_offsets: (missing > 0).then_some(missing),
        batches: partitions.iter().map(|p| p.runs.clone()).collect(),
    }
}

/// The header, with what was set and what holds under librdkafka's names. Secrets are left out.
fn header(recording: &Recording<'_>, backlog: Backlog) -> Result<Header, Error> {
    let mut native = rdkafka::ClientConfig::new();
    let mut config = Map::new();
    let mut set = |key: &str, value: &str| {
        native.set(key, value);
        let shown = value.parse::<i64>().map(Value::from).or_else(|_| value.parse::<bool>().map(Value::from));
        config.insert(key.to_owned(), shown.unwrap_or_else(|_| value.into()));
    };
    OWN.iter().for_each(|(key, value)| set(key, value));
    if scheduler(recording.mode).takes() {
        let tuned = SplitQueues::for_cap(recording.cap);
        let millis = |d: Duration| (d.as_nanos() / 1_000_000).to_string();
        set("fetch.wait.max.ms", &millis(tuned.fetch_wait_max));
        set("fetch.queue.backoff.ms", &millis(tuned.fetch_queue_backoff));
        set("queued.min.messages", &tuned.queued_min_messages.to_string());
        set("fetch.max.bytes", &tuned.fetch_max_bytes.to_string());
    }
    for (key, value) in recording.options.properties.iter().filter(|(key, _)| !is_secret(key)) {
        set(key, value);
    }
    config.insert("consume(num_messages)".to_owned(), recording.cap.into());
    native.set("enable.partition.eof", "false");
    // What only secrets or files of this machine make valid does not matter here.
    let keep = |key: &str| EFFECTIVE.contains(&key) || key == "max.partition.fetch.bytes";
    let mut fetching = rdkafka::ClientConfig::new();
    for (key, value) in native.config_map().iter().filter(|(key, _)| keep(key)) {
        fetching.set(*key, *value);
    }
    let fetching = fetching.create_native_config().map_err(|e| Error::refused(e.to_string()))?;
    let mut effective = Map::new();
    for key in EFFECTIVE {
        let value = fetching.get(key).map_err(|e| Error::refused(e.to_string()))?;
        let shown = value.parse::<i64>().map(Value::from).or_else(|_| value.parse::<bool>().map(Value::from));
        effective.insert(key.to_owned(), shown.unwrap_or_else(|_| value.into()));
    }
    Ok(Header {
        format: trace::FORMAT.to_owned(),
        client: trace::Client {
            protocol: "classic".to_owned(),
            name: "librdkafka".to_owned(),
            version: super::librdkafka_version(),
            via: Some(format!("fairdrain {}", env!("CARGO_PKG_VERSION"))),
        },
        broker: trace::Broker { version: recording.broker_version.to_owned() },
        scenario: backlog,
        mode: recording.mode,
        subscribe: Subscribe::Assign,
        config,
        effective,
        poll_timeout_ms: recording.poll_timeout.as_nanos() / 1_000_000,
        processing_us_per_record: 0.into(),
        processing_how: "none".to_owned(),
        commit: trace::Commit::None,
        idle_rounds: 0,
        cap: scheduler(recording.mode).takes().then_some(recording.cap),
        repeat: recording.repeat,
        join_order: None,
        assignment_order: None,
        jvm: None,
    })
}

fn start(cluster: &Cluster, found: &Found, scheduler: Name, recording: &Recording<'_>) -> Result<KafkaBroker, Error> {
    let described = found.backlog.topics.iter().map(|topic| (topic.name.as_str(), topic.partitions));
    let topics = Topic::list(&described.collect::<Vec<_>>());
    let from = match recording.from {
        From::Beginning => Position::Beginning,
        From::Offset(offset) => Position::Offset(offset),
    };
    // What has not got so far is left out, or it would begin at its beginning.
    let is_there = |id: &PartitionId| {
        let (_, end) = found.bounds[id.topic.index()][id.partition as usize];
        !matches!(recording.from, From::Offset(offset) if offset > end)
    };
    let all = |t: &Topic| {
        let topic = t.id;
        (0..t.partitions).map(move |partition| PartitionId { topic, partition }).filter(is_there).collect::<Vec<_>>()
    };
    let partitions = topics.iter().flat_map(all).collect();
    // librdkafka wants a name even where no group is joined.
    let group = "fairdrain-record".to_owned();
    let groups =
        if scheduler == Name::Single || scheduler.takes() { Groups::One(group) } else { Groups::PerTopic(group) };
    let shape = Shape::of(scheduler, topics.len(), recording.cap);
    let consumers = Consumers {
        share: Share::Assign { partitions, from },
        properties: cluster.properties.clone(),
        interrupt: cluster.interrupt.clone(),
        ..Consumers::new(recording.target.clone(), topics, shape, groups)
    };
    let mut broker = KafkaBroker::open(cluster, consumers, Extras::default())?;
    if let Some(time) = recording.time {
        broker.remind(Time::ZERO + time);
    }
    for k in 1..=LOOKS {
        broker.remind(Time::ZERO + LOOK.times(k));
    }
    Ok(broker)
}

/// A consumer that takes does nothing while nothing comes: so often, and so many times, it is looked whether that is a stall.
const LOOK: Duration = Duration::from_secs(15);
const LOOKS: u64 = 960;

/// How long ago something was, as the trace counts.
fn since(began: Instant) -> Duration {
    let wall: Wall = began.elapsed();
    Duration::from_nanos(u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX))
}
