//! Producing with an exact batch layout.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext};

use super::content::Content;
use super::error::Error;
use super::ffi;

/// After which a load that makes no progress is given up.
pub(super) const STALL_MAX: Duration = Duration::from_secs(15);
/// Long enough for the threads of a producer to see a flush, short enough to see soon that it is over.
const FLUSH: Duration = Duration::from_millis(10);

/// What has been acknowledged.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    /// By the number the records were written with.
    pub(super) records: Vec<u64>,
    /// The first thing that went wrong.
    pub(super) error: Option<String>,
}

#[derive(Default)]
struct Reports(Mutex<Acknowledged>);

impl ClientContext for Reports {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Reports {
    /// What [`Acknowledged`] counts the record under, and the offset it has to get, if that is known.
    type DeliveryOpaque = Box<(usize, Option<i64>)>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Self::DeliveryOpaque) {
        let (number, offset) = *opaque;
        let mut acknowledged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let error = match result {
            Ok(message) if offset.is_none_or(|offset| message.offset() == offset) => {
                if acknowledged.records.len() <= number {
                    acknowledged.records.resize(number + 1, 0);
                }
                acknowledged.records[number] += 1;
                return;
            }
            Ok(message) => format!(
                "a record of topic {} has got offset {} instead of {}: somebody else writes there",
                message.topic(),
                message.offset(),
                offset.unwrap_or_default()
            ),
            Err((error, message)) => format!("a record of topic {} was refused: {error}", message.topic()),
        };
        acknowledged.error.get_or_insert(error);
    }
}

/// A producer whose batches are full whenever they are sent, except at a flush.
pub(super) struct Writer {
    producer: BaseProducer<Reports>,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Most bytes a record takes in a batch besides its key and value: lengths, deltas and attributes, each at its longest.
const RECORD_OVERHEAD: u64 = 28;
/// Bytes of a batch's header.
const BATCH_OVERHEAD: u64 = 61;

/// No batch of so many records of this size is larger, uncompressed.
pub(super) fn batch_bytes_max(records: u32, key_bytes: u32, value_bytes: u32) -> u64 {
    BATCH_OVERHEAD + u64::from(records) * (RECORD_OVERHEAD + u64::from(key_bytes) + u64::from(value_bytes))
}

impl Writer {
    /// For batches of this many records and at most this many bytes; `pending` is how many records may be waiting for their batch
    /// to fill up.
    pub(super) fn new(
        mut config: ClientConfig,
        batch_records: u32,
        batch_bytes: u64,
        compressed: bool,
        pending: u64,
    ) -> Result<Self, KafkaError> {
        config
            // A batch that is sent again must neither be repeated nor be cut anew.
            .set("enable.idempotence", "true")
            .set("batch.num.messages", batch_records.to_string())
            .set("batch.size", "2147483647")
            .set("message.max.bytes", batch_bytes.clamp(1_000_000, 1_000_000_000).to_string())
            // Nothing is sent for being old: rdkafka_broker.c: rd_kafka_toppar_producer_serve waits for a full batch or a flush.
            .set("linger.ms", "600000")
            .set("message.timeout.ms", "900000")
            .set("compression.codec", if compressed { "lz4" } else { "none" })
            .set("queue.buffering.max.messages", pending.clamp(100_000, i32::MAX as u64).to_string())
            .set("queue.buffering.max.kbytes", "2097151");
        let producer = config.create_with_context(Reports::default())?;
        Ok(Self { producer, key: Vec::new(), value: Vec::new() })
    }

    /// Writes records `first..next` of a partition. `number` is for [`Acknowledged::records`]. `timestamp` is the first record's,
    /// in milliseconds; the others follow 1 ms apart. `go_on` is asked while there is no room.
    pub(super) fn write(
        &mut self,
        (topic, number): (&str, usize),
        (partition, first, next): (u32, i64, i64),
        timestamp: i64,
        content: &mut Content,
        go_on: impl Fn() -> bool,
    ) -> Result<(), KafkaError> {
        for offset in first..next {
            content.write_key(partition, offset, &mut self.key);
            content.write_value(partition, offset, &mut self.value);
            let (key, value) = (std::mem::take(&mut self.key), std::mem::take(&mut self.value));
            let timestamp = Some(timestamp + (offset - first));
            let sent = self.write_one((topic, partition), (number, Some(offset)), (&key, &value), timestamp, &go_on);
            (self.key, self.value) = (key, value);
            sent?;
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Writes one record. `number` and the offset it has to get are for [`Acknowledged`]; without a timestamp it gets the present
    /// one.
    pub(super) fn write_one(
        &mut self,
        (topic, partition): (&str, u32),
        (number, offset): (usize, Option<i64>),
        (key, value): (&[u8], &[u8]),
        timestamp: Option<i64>,
        go_on: impl Fn() -> bool,
    ) -> Result<(), KafkaError> {
        let mut record =
            BaseRecord::with_opaque_to(topic, Box::new((number, offset))).partition(partition as i32).payload(value);
        record.timestamp = timestamp;
        if !key.is_empty() {
            record = record.key(key);
        }
        while let Err((error, back)) = self.producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) || !go_on() {
                return Err(error);
            }
            self.producer.poll(Duration::from_millis(20));
            record = back;
        }
        Ok(())
    }

    /// Sends what is left and waits for all acknowledgements, as long as some come. What has not been acknowledged then, nobody
    /// waits for.
    pub(super) fn finish(&self, is_interrupted: impl Fn() -> bool) -> Result<(), Error> {
        let (mut progress, mut seen) = (Instant::now(), 0);
        while !self.flush() {
            let total = self.acknowledged(|a| a.records.iter().sum::<u64>());
            if total > seen {
                (progress, seen) = (Instant::now(), total);
            }
            if is_interrupted() {
                return Err(Error::Interrupted);
            }
            if progress.elapsed() > STALL_MAX || self.acknowledged(|a| a.error.is_some()) {
                break;
            }
        }
        self.acknowledged(|a| a.error.take()).map_or(Ok(()), |error| Err(Error::refused(error)))
    }

    /// Sends what is left, for a moment. Whether all of it has been acknowledged.
    pub(super) fn flush(&self) -> bool {
        ffi::flush(self.producer.client(), FLUSH);
        self.producer.poll(Duration::ZERO);
        self.producer.in_flight_count() == 0
    }

    /// Waits for acknowledgements.
    pub(super) fn poll(&self, wait: Duration) {
        self.producer.poll(wait);
    }

    /// Looks at what has been acknowledged so far.
    pub(super) fn acknowledged<T>(&self, look: impl FnOnce(&mut Acknowledged) -> T) -> T {
        look(&mut self.producer.context().0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
