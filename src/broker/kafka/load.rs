//! A scenario's backlog in topics of its own, which are gone again when the run is over.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::LoadedTopic;
use super::cluster::Cluster;
use super::content::Content;
use super::error::Error;
use super::producer::{STALL_MAX, Writer, batch_bytes_max};
use fairdrain_sim::client::metadata_order;

use crate::TopicId;
use crate::scenario::{Client, Scenario, Topic};

/// Most bytes and batches of a partition that the mock cluster keeps (rdkafka_mock.c: rd_kafka_mock_partition_init).
const MOCK_PARTITION: (u64, u64) = (5 * 1024 * 1024, 100_000);
/// A record batch larger than this needs a topic that allows it (the producer's default; the broker's is a little more).
const BATCH_BYTES_USUAL: u64 = 1_000_000;
/// Kafka's longest topic name.
const NAME_MAX: usize = 249;

/// Topics with their backlog. Dropping it deletes them, and the groups of the run, unless they are to be kept.
pub(super) struct Loaded<'a> {
    cluster: &'a Cluster,
    pub(super) topics: Vec<LoadedTopic>,
    /// What the names of this load begin with; no other load's do.
    pub(super) prefix: String,
    /// Whether the cluster lists these topics in the order in which it would list the scenario's own names.
    pub(super) order_kept: bool,
    /// How long loading took.
    pub(super) took: Duration,
    groups: Mutex<Vec<String>>,
    keep: bool,
}

impl Drop for Loaded<'_> {
    fn drop(&mut self) {
        // Reached on the way out of an error or a panic; otherwise `remove` has left nothing to do.
        drop(self.clean());
    }
}

impl Loaded<'_> {
    /// Remembers a group that has to be deleted.
    pub(super) fn add_group(&self, name: String) {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    /// Deletes topics and groups, and says what could not be deleted.
    pub(super) fn remove(mut self) -> Result<(), Error> {
        self.clean()
    }

    fn clean(&mut self) -> Result<(), Error> {
        let groups = std::mem::take(&mut *self.groups.lock().unwrap_or_else(PoisonError::into_inner));
        let groups = self.cluster.delete_groups(&groups.iter().map(String::as_str).collect::<Vec<_>>());
        let topics = std::mem::take(&mut self.topics);
        if !self.keep {
            self.cluster.delete_topics(&topics.iter().map(|t| t.name.as_str()).collect::<Vec<_>>())?;
        }
        groups
    }
}

/// Refuses a scenario that this backend can't do.
pub(super) fn check(scenario: &Scenario, backend: &'static str) -> Result<(), Error> {
    let refuse = |reason: String| Err(Error::Unsupported { backend, scenario: scenario.name.clone(), reason });
    if scenario.consumer.client != Client::Librdkafka {
        return refuse(format!(
            "its client is {}, and this backend is the real librdkafka; set `client = \"librdkafka\"`, or simulate it",
            scenario.consumer.client
        ));
    }
    if !scenario.faults.is_empty() {
        return refuse("it has faults, and a real cluster has none to order; simulate it".to_owned());
    }
    if scenario.has_instances() {
        return refuse("it has [[instances]], and this backend drains with one; simulate it".to_owned());
    }
    for topic in &scenario.topics {
        let name = &topic.name;
        let digits = (topic.keys - 1).max(1).ilog10() + 1;
        if topic.key_bytes > 0 && digits > topic.key_bytes {
            return refuse(format!("topic {name}: {} bytes are too few for {} keys", topic.key_bytes, topic.keys));
        }
        let value_bytes = topic.value_bytes.max();
        let full = batch_bytes_max(topic.batch_records, topic.key_bytes, value_bytes);
        if full > 1_000_000_000 {
            return refuse(format!("topic {name}: a batch may have {full} bytes, more than librdkafka sends (1 GB)"));
        }
        if backend == "mock" {
            let per_partition = (topic.backlog + arriving(topic)).div_ceil(u64::from(topic.partitions));
            // The first partitions may have a batch more than the others.
            let batches = per_partition / u64::from(topic.batch_records) + 1;
            let records = per_partition + u64::from(topic.batch_records);
            let records = if topic.partitions == 1 { per_partition } else { records };
            let bytes = records * (u64::from(value_bytes + topic.key_bytes) + 14) + batches * 61;
            if bytes > MOCK_PARTITION.0 || batches > MOCK_PARTITION.1 {
                return refuse(format!(
                    "topic {name} needs up to {bytes} bytes in {batches} batches a partition, and librdkafka's mock cluster \
                     keeps 5 MiB or 100000 batches and drops the oldest; use fewer records, more partitions, or a real cluster"
                ));
            }
        }
    }
    Ok(())
}

/// Records that will arrive during a run.
fn arriving(topic: &Topic) -> u64 {
    topic.arrival.map_or(0, |arrival| u64::try_from(arrival.records()).unwrap_or(u64::MAX))
}

/// The backlog's batches in order: partition, first offset, offset after the last.
fn batches(topic: &Topic) -> impl Iterator<Item = (u32, i64, i64)> {
    let (size, partitions) = (u64::from(topic.batch_records), u64::from(topic.partitions));
    let backlog = topic.backlog;
    (0..topic.backlog_batches()).map(move |k| {
        // All earlier batches are full, and every partitions-th of them is in this partition.
        let first = k / partitions * size;
        let records = size.min(backlog - k * size);
        ((k % partitions) as u32, first as i64, (first + records) as i64)
    })
}

/// Creates the topics and produces the backlog.
pub(super) fn load<'a>(cluster: &'a Cluster, scenario: &Scenario, seed: u64, keep: bool) -> Result<Loaded<'a>, Error> {
    check(scenario, cluster.backend)?;
    let began = Instant::now();
    let (prefix, order_kept) = prefix(scenario);
    let topics: Vec<LoadedTopic> = scenario
        .topics
        .iter()
        .enumerate()
        .map(|(i, topic)| LoadedTopic {
            id: TopicId(i as u32),
            name: name(&prefix, i, &topic.name),
            partitions: topic.partitions,
            ends: (0..topic.partitions).map(|p| topic.partition_backlog(p) as i64).collect(),
            content: Content::new(seed, TopicId(i as u32), topic),
        })
        .collect();
    let allowed = scenario.topics.iter().map(|t| {
        let bytes = batch_bytes_max(t.batch_records, t.key_bytes, t.value_bytes.max());
        (bytes > BATCH_BYTES_USUAL).then_some(bytes as u32)
    });
    let wanted: Vec<(String, u32, Option<u32>)> =
        topics.iter().zip(allowed).map(|(t, bytes)| (t.name.clone(), t.partitions, bytes)).collect();
    // From here on whatever is left early takes the topics with it.
    let mut loaded =
        Loaded { cluster, topics, prefix, order_kept, took: Duration::ZERO, groups: Mutex::default(), keep: false };
    cluster.create(&wanted.iter().map(|(name, n, bytes)| (name.as_str(), *n, *bytes)).collect::<Vec<_>>())?;
    produce(cluster, scenario, &loaded.topics)?;
    loaded.took = began.elapsed();
    loaded.keep = keep;
    Ok(loaded)
}

/// What the topics' names in the cluster begin with, and whether they come in the same order there as the scenario's own names would.
///
/// librdkafka fetches in the order of the broker's metadata response, which for five or more topics is a hash order of their names.
/// Other names would starve other topics: so prefixes are drawn until one keeps the order. With more topics than
/// [`ORDERED_TOPICS_MAX`] there are too many orders to hope for it.
fn prefix(scenario: &Scenario) -> (String, bool) {
    const ORDERED_TOPICS_MAX: usize = 7;
    const DRAWS_MAX: u32 = 100_000;
    // Not from the seed: two runs with the same seed must not share topics.
    let draw = |n: u32| {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(n);
        format!("fairdrain-{:08x}", hasher.finish() as u32)
    };
    let own: Vec<&str> = scenario.topics.iter().map(|t| t.name.as_str()).collect();
    let wanted = metadata_order(&own);
    let keeps = |prefix: &String| {
        let names: Vec<String> = own.iter().enumerate().map(|(i, own)| name(prefix, i, own)).collect();
        metadata_order(&names.iter().map(String::as_str).collect::<Vec<_>>()) == wanted
    };
    let draws = if own.len() <= ORDERED_TOPICS_MAX { DRAWS_MAX } else { 1 };
    match (0..draws).map(draw).find(keeps) {
        Some(prefix) => (prefix, true),
        None => (draw(draws), false),
    }
}

/// The topic's name in the cluster.
fn name(prefix: &str, place: usize, name: &str) -> String {
    let full = format!("{prefix}-{name}");
    if full.len() <= NAME_MAX {
        return full;
    }
    let end = format!("-{place}");
    format!("{}{end}", &full[..NAME_MAX - end.len()])
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// One writer for all topics with batches alike: its settings are those of a batch.
pub(super) struct Writers(Vec<((u32, bool), Writer)>);

impl Writers {
    /// For these topics and the size of their batches; those without a size are left out.
    pub(super) fn new(cluster: &Cluster, topics: &[(&Topic, Option<u32>)]) -> Result<Self, Error> {
        let mut writers = Self(Vec::new());
        for &(topic, batch_records) in topics {
            let Some(batch_records) = batch_records else { continue };
            let kind = (batch_records, topic.compression_millis > 1000);
            if writers.0.iter().any(|(k, _)| *k == kind) {
                continue;
            }
            let alike = topics.iter().filter(|(t, n)| (*n, t.compression_millis > 1000) == (Some(kind.0), kind.1));
            let (mut bytes, mut partitions) = (0, 0);
            for (t, _) in alike {
                bytes = bytes.max(batch_bytes_max(batch_records, t.key_bytes, t.value_bytes.max()));
                partitions += u64::from(t.partitions);
            }
            let pending = 2 * partitions * u64::from(batch_records);
            let writer = Writer::new(cluster.config(), batch_records, bytes, kind.1, pending);
            writers.0.push((kind, writer.map_err(|e| Error::refused(e.to_string()))?));
        }
        Ok(writers)
    }

    /// The writer for a topic's batches of this size.
    pub(super) fn of(&mut self, topic: &Topic, batch_records: u32) -> &mut Writer {
        let kind = (batch_records, topic.compression_millis > 1000);
        &mut self.0.iter_mut().find(|(k, _)| *k == kind).expect("`new` has made one for each kind").1
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Writer> {
        self.0.iter().map(|(_, writer)| writer)
    }
}

fn produce(cluster: &Cluster, scenario: &Scenario, topics: &[LoadedTopic]) -> Result<(), Error> {
    let sizes: Vec<_> = scenario.topics.iter().map(|t| (t, (t.backlog > 0).then_some(t.batch_records))).collect();
    let mut writers = Writers::new(cluster, &sizes)?;
    let failed = |e: rdkafka::error::KafkaError| match cluster.is_interrupted() {
        true => Error::Interrupted,
        false => Error::refused(format!("the backlog can't be loaded: {e}")),
    };
    let now = now_ms();
    for (topic, loaded) in scenario.topics.iter().zip(topics).filter(|(t, _)| t.backlog > 0) {
        let writer = writers.of(topic, topic.batch_records);
        let mut content = loaded.content.clone();
        for (partition, first, next) in batches(topic) {
            if cluster.is_interrupted() {
                return Err(Error::Interrupted);
            }
            // The whole backlog lies in the past, where no broker refuses a timestamp.
            let timestamp = now - loaded.ends[partition as usize] + first;
            let place = (partition, first, next);
            let began = Instant::now();
            let go_on = || !cluster.is_interrupted() && began.elapsed() < STALL_MAX;
            writer.write((&loaded.name, loaded.id.index()), place, timestamp, &mut content, go_on).map_err(failed)?;
        }
    }
    let mut acknowledged = vec![0; topics.len()];
    for writer in writers.iter() {
        writer.finish(|| cluster.is_interrupted()).map_err(|e| match e {
            Error::Interrupted => e,
            other => cluster.unless_gone(Error::refused(format!("the backlog can't be loaded: {other}"))),
        })?;
        writer.acknowledged(|a| acknowledged.iter_mut().zip(&a.records).for_each(|(sum, n)| *sum += n));
    }
    for (topic, records) in scenario.topics.iter().zip(acknowledged) {
        if records != topic.backlog {
            let (name, backlog) = (&topic.name, topic.backlog);
            return Err(cluster.unless_gone(Error::refused(format!(
                "the backlog can't be loaded: no answer for {} of {backlog} records of topic {name} within {} s",
                backlog - records,
                STALL_MAX.as_secs()
            ))));
        }
    }
    Ok(())
}
