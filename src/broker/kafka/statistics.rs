//! What librdkafka counts.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// What one consumer's librdkafka has counted, when it last said so: every `statistics.interval.ms`, a property that has to be set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes of records received from the brokers since the consumer was made; what is fetched again counts again.
    pub received_bytes: u64,
    /// Records received.
    pub received_records: u64,
    /// Records that wait in the client's queues now. Split queues are summed; a shared one counts once.
    pub queued_records: u64,
    /// Their bytes: values only.
    pub queued_bytes: u64,
    /// Assignments and revocations so far.
    pub rebalances: u64,
}

impl Statistics {
    /// Reads librdkafka's JSON (STATISTICS.md). `shared`: all partitions report the length of the one queue that they share.
    pub(super) fn read(json: &str, shared: bool) -> Option<Self> {
        let all: Value = serde_json::from_str(json).ok()?;
        let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        let (mut queued_records, mut queued_bytes) = (0, 0);
        for topic in all.get("topics")?.as_object()?.values() {
            for (partition, counts) in topic.get("partitions")?.as_object()? {
                // Partition -1 is librdkafka's own.
                if partition != "-1" {
                    let (records, bytes) = (number(counts, "fetchq_cnt"), number(counts, "fetchq_size"));
                    queued_records = if shared { records.max(queued_records) } else { queued_records + records };
                    queued_bytes = if shared { bytes.max(queued_bytes) } else { queued_bytes + bytes };
                }
            }
        }
        Some(Self {
            received_bytes: number(&all, "rxmsg_bytes"),
            received_records: number(&all, "rxmsgs"),
            queued_records,
            queued_bytes,
            rebalances: all.get("cgrp").map_or(0, |group| number(group, "rebalance_cnt")),
        })
    }
}

/// The latest of each consumer.
#[derive(Clone, Debug, Default)]
pub(super) struct Board(Arc<Mutex<Vec<Option<Statistics>>>>);

impl Board {
    pub(super) fn put(&self, consumer: usize, statistics: Statistics) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= consumer {
            all.resize(consumer + 1, None);
        }
        all[consumer] = Some(statistics);
    }

    pub(super) fn get(&self) -> Vec<Option<Statistics>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
