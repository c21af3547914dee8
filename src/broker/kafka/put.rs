//! Topics with known records, for whoever tests a consumer.

use super::cluster::{Cluster, Options, Target};
use super::error::Error;
use super::producer::{Writer, batch_bytes_max};
use super::secrets::Secrets;

/// A topic to put records into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name. One that exists already is added to, if it has as many partitions.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// Records of a batch. The last batch of a partition may have fewer.
    pub batch_records: u32,
    /// The records, in the order in which they are put.
    pub records: Vec<Record>,
}

/// A record to put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Into which partition.
    pub partition: u32,
    /// Its key; no key if it is empty.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

impl NewTopic {
    /// A topic with so many records of 100 bytes in each partition, whose keys are the numbers from 0 on, the same in each.
    #[must_use]
    pub fn filled(name: &str, partitions: u32, records: u32) -> Self {
        let record = |partition, n: u32| Record { partition, key: n.to_string().into_bytes(), value: vec![b'x'; 100] };
        let records = (0..records).flat_map(|n| (0..partitions).map(move |partition| record(partition, n))).collect();
        Self { name: name.to_owned(), partitions, batch_records: 100, records }
    }
}

/// Creates topics and puts records into them; returns when all of them are acknowledged.
///
/// `properties` are librdkafka's, such as those for security.
///
/// # Errors
/// [`Error`] if the cluster does not answer, or refuses a topic or a record.
pub fn put(target: &Target, properties: &[(String, String)], topics: &[NewTopic]) -> Result<(), Error> {
    try_put(target, properties, topics).map_err(|error| Secrets::of(properties).redact_error(error))
}

fn try_put(target: &Target, properties: &[(String, String)], topics: &[NewTopic]) -> Result<(), Error> {
    let cluster = connect(target, properties)?;
    let new: Vec<_> = topics.iter().map(|t| (t.name.as_str(), t.partitions, None)).collect();
    cluster.ensure(&new)?;
    for topic in topics {
        put_records(&cluster, topic)?;
    }
    Ok(())
}

/// Deletes topics and groups; those that are gone already count as deleted. On a mock cluster nothing can be deleted, and nothing is.
///
/// # Errors
/// [`Error`] if the cluster does not answer; what can't be deleted is named.
pub fn delete(target: &Target, properties: &[(String, String)], topics: &[&str], groups: &[&str]) -> Result<(), Error> {
    let delete = || {
        let cluster = connect(target, properties)?;
        cluster.delete_groups(groups)?;
        cluster.delete_topics(topics)
    };
    delete().map_err(|error| Secrets::of(properties).redact_error(error))
}

fn connect(target: &Target, properties: &[(String, String)]) -> Result<Cluster, Error> {
    let options = Options { properties: properties.to_vec(), ..Options::default() };
    Cluster::connect(target, &options, 1)
}

fn put_records(cluster: &Cluster, topic: &NewTopic) -> Result<(), Error> {
    let refused = |reason: String| Error::refused(format!("records can't be put into topic {}: {reason}", topic.name));
    let largest = |of: fn(&Record) -> usize| topic.records.iter().map(of).max().unwrap_or(0) as u32;
    let bytes = batch_bytes_max(topic.batch_records, largest(|r| r.key.len()), largest(|r| r.value.len()));
    let pending = topic.records.len() as u64;
    let mut writer = Writer::new(cluster.config(), topic.batch_records, bytes, false, pending)
        .map_err(|e| refused(e.to_string()))?;
    for record in &topic.records {
        let at = (topic.name.as_str(), record.partition);
        writer
            .write_one(at, (0, None), (&record.key, &record.value), None, || true)
            .map_err(|e| refused(e.to_string()))?;
    }
    writer.finish(|| cluster.is_interrupted()).map_err(|e| match e {
        Error::Interrupted => e,
        other => refused(other.to_string()),
    })?;
    match writer.acknowledged(|a| a.records.iter().sum::<u64>()) {
        n if n == pending => Ok(()),
        n => Err(refused(format!("no answer for {} of {pending}", pending - n))),
    }
}
