//! How a partition's records lie in batches: read over a plain connection, because librdkafka does not tell.
//!
//! Only what there is no client for is done here: one Metadata and many Fetch requests, whose encoding is the `kafka-protocol`
//! crate's, and the length and the last offset in front of each batch. Whole batches are read and none is kept: memory does not grow
//! with the log. Requests have the lowest versions that Kafka 4 still takes, so that every broker from 0.11 on understands them.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiKey, BrokerId, FetchRequest, FetchResponse, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, StrBytes, encode_request_header_into_buffer};
use kafka_protocol::records::{Compression, RecordBatchDecoder};

use crate::trace::BatchRun;

const METADATA: i16 = 4;
const FETCH: i16 = 4;
/// Of one partition at a time; a larger batch comes whole all the same (KIP-74).
const FETCH_BYTES: i32 = 4 << 20;
/// Bytes before a batch's length is over (base offset, length), and up to and with its last offset delta (KIP-98).
const LENGTH_END: usize = 12;
const LAST_DELTA: core::ops::Range<usize> = 23..27;
/// No answer is longer: the largest batch that a broker can have is 2 GiB, and none of its own settings go there.
const ANSWER_BYTES_MAX: usize = 1 << 30;
/// An answer may take as long. A fetch of records that are there is answered at once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// One partition's batches from an offset on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PartitionLayout {
    /// Equal batches in a row.
    pub(super) runs: Vec<BatchRun>,
    /// Records that a consumer gets.
    pub(super) records: u64,
    /// One more than the last such record's offset; the first offset if there is none.
    pub(super) end: i64,
    /// Offsets in between that hold no record for a consumer: compacted away, or transaction markers.
    pub(super) missing: u64,
    /// Mean value bytes of the records of the first batch. `None` if it is compressed.
    pub(super) value_bytes: Option<u32>,
}

/// Connections to the brokers of a cluster, for reading.
pub(super) struct Brokers {
    addresses: BTreeMap<i32, String>,
    /// By topic and partition.
    leaders: BTreeMap<(String, i32), i32>,
    connections: BTreeMap<i32, Connection>,
}

impl Brokers {
    /// Asks one of the bootstrap servers who leads these topics' partitions.
    pub(super) fn connect(servers: &str, topics: &[&str]) -> io::Result<Self> {
        let mut connection = first_that_answers(servers)?;
        let topic = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let request = MetadataRequest::default().with_topics(Some(topics.iter().map(topic).collect()));
        let request = request.with_allow_auto_topic_creation(false);
        let answer: MetadataResponse = connection.ask(ApiKey::Metadata, METADATA, &request)?;
        let addresses =
            answer.brokers.iter().map(|b| (b.node_id.0, format!("{}:{}", b.host.as_str(), b.port))).collect();
        let mut leaders = BTreeMap::new();
        for topic in &answer.topics {
            let name = topic.name.as_ref().map_or_else(String::new, |name| name.0.as_str().to_owned());
            for partition in &topic.partitions {
                leaders.insert((name.clone(), partition.partition_index), partition.leader_id.0);
            }
        }
        Ok(Self { addresses, leaders, connections: BTreeMap::new() })
    }

    /// Reads the batches of a partition from offset `first` on, until `end`. `go_on` is asked after each answer.
    pub(super) fn layout(
        &mut self,
        topic: &str,
        partition: u32,
        (first, end): (i64, i64),
        mut go_on: impl FnMut() -> bool,
    ) -> io::Result<PartitionLayout> {
        let mut layout = PartitionLayout { end: first, ..PartitionLayout::default() };
        let mut at = first;
        while at < end {
            let records = self.fetch(topic, partition as i32, at)?;
            let next = layout.add(&records, (first, end))?;
            if next <= at {
                return Err(invalid(format!(
                    "{topic}/{partition}: nothing at offset {at}, though the log goes on to {end}"
                )));
            }
            at = next;
            if !go_on() {
                return Err(io::ErrorKind::Interrupted.into());
            }
        }
        layout.missing = u64::try_from(end - first).unwrap_or(0).saturating_sub(layout.records);
        Ok(layout)
    }

    fn fetch(&mut self, topic: &str, partition: i32, offset: i64) -> io::Result<Bytes> {
        let what = || format!("{topic}/{partition}");
        let leader = *self
            .leaders
            .get(&(topic.to_owned(), partition))
            .ok_or_else(|| invalid(format!("{} is unknown", what())))?;
        if !self.connections.contains_key(&leader) {
            let address = self.addresses.get(&leader).ok_or_else(|| invalid(format!("{} has no leader", what())))?;
            self.connections.insert(leader, Connection::open(address)?);
        }
        let connection = self.connections.get_mut(&leader).expect("just put there");
        let place = FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(FETCH_BYTES);
        let topics = vec![FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![place])];
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(500)
            .with_min_bytes(1)
            .with_max_bytes(FETCH_BYTES)
            .with_topics(topics);
        let mut answer: FetchResponse = connection.ask(ApiKey::Fetch, FETCH, &request)?;
        let answered = answer.responses.pop().and_then(|mut topic| topic.partitions.pop());
        let answered = answered.ok_or_else(|| invalid(format!("{}: an answer without it", what())))?;
        match answered.error_code {
            0 => Ok(answered.records.unwrap_or_default()),
            code => Err(invalid(format!("{} can't be read: Kafka's error {code}", what()))),
        }
    }
}

impl PartitionLayout {
    /// Adds the batches of an answer, those that begin before `end`; the last one may be cut off. Returns the offset to go on from.
    fn add(&mut self, records: &Bytes, (first, end): (i64, i64)) -> io::Result<i64> {
        let (mut from, mut next) = (0, first);
        while let Some(head) = records.get(from..from + LAST_DELTA.end) {
            let number =
                |range: core::ops::Range<usize>| i32::from_be_bytes(head[range].try_into().expect("four bytes"));
            let base = i64::from_be_bytes(head[..8].try_into().expect("eight bytes"));
            let bytes = LENGTH_END
                + usize::try_from(number(8..LENGTH_END)).map_err(|_| invalid("a batch of negative length"))?;
            if records.len() < from + bytes || base >= end {
                break;
            }
            let batch = records.slice(from..from + bytes);
            let last = base + i64::from(number(LAST_DELTA));
            from += bytes;
            next = last + 1;
            let found = RecordBatchDecoder::decode_batch_info(&mut batch.clone()).map_err(invalid)?;
            let info =
                found.first().ok_or_else(|| invalid("a message set of before Kafka 0.11, which has no batches"))?;
            if info.control || info.record_count == 0 || last < first {
                continue;
            }
            // A fetch from the middle of a batch brings all of it; the client drops what is before.
            let before = u32::try_from(first - base).unwrap_or(0);
            let count = (info.record_count as u32).saturating_sub(before);
            if self.records == 0 && info.compression == Compression::None {
                self.value_bytes = mean_value_bytes(batch)?;
            }
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            match self.runs.last_mut() {
                Some(run) if (run.1, run.2) == (count, bytes) => run.0 += 1,
                _ => self.runs.push(BatchRun(1, count, bytes)),
            }
            self.records += u64::from(count);
            self.end = last + 1;
        }
        Ok(next)
    }
}

fn mean_value_bytes(mut batch: Bytes) -> io::Result<Option<u32>> {
    let set = RecordBatchDecoder::decode(&mut batch).map_err(invalid)?;
    let bytes: usize = set.records.iter().map(|r| r.value.as_ref().map_or(0, Bytes::len)).sum();
    Ok(bytes.checked_div(set.records.len()).and_then(|mean| u32::try_from(mean).ok()))
}

struct Connection {
    stream: TcpStream,
    correlation: i32,
}

impl Connection {
    fn open(address: &str) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{address} has no address"));
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
                    stream.set_nodelay(true)?;
                    return Ok(Self { stream, correlation: 0 });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn ask<Q: Encodable, A: Decodable + HeaderVersion>(
        &mut self,
        key: ApiKey,
        version: i16,
        request: &Q,
    ) -> io::Result<A> {
        self.correlation += 1;
        let header = RequestHeader::default()
            .with_request_api_key(key as i16)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation)
            .with_client_id(Some(StrBytes::from_static_str("fairdrain")));
        let mut out = BytesMut::new();
        encode_request_header_into_buffer(&mut out, &header).map_err(invalid)?;
        request.encode(&mut out, version).map_err(invalid)?;
        let length = i32::try_from(out.len()).map_err(invalid)?;
        self.stream.write_all(&[&length.to_be_bytes(), out.as_ref()].concat())?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > ANSWER_BYTES_MAX {
            return Err(invalid("what answers is no Kafka broker, or wants TLS"));
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        let mut answer = Bytes::from(answer);
        let head = ResponseHeader::decode(&mut answer, A::header_version(version)).map_err(invalid)?;
        if head.correlation_id != self.correlation {
            return Err(invalid("an answer to another request"));
        }
        A::decode(&mut answer, version).map_err(invalid)
    }
}

fn first_that_answers(servers: &str) -> io::Result<Connection> {
    let mut last = invalid("no bootstrap server given");
    for server in servers.split(',').map(str::trim).filter(|s| !s.is_empty()) {
        // librdkafka takes a protocol in front.
        match Connection::open(server.rsplit('/').next().unwrap_or(server)) {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

fn invalid(reason: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.to_string())
}
