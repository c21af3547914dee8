//! The code of docs/apply.md for Rust, against librdkafka's mock cluster.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fairdrain::broker::kafka::{Mock, NewTopic, Target, put};
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer, DefaultConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

// --- fair ---
/// Hands out the records of several topics evenly: deficit round robin, one record a turn, over split partition queues.
///
/// Has to be made before the consumer subscribes or is assigned to. The consumer itself has to be polled as well, for
/// rebalances and errors.
struct Fair {
    /// By topic: a queue for each partition, and the record by which it was noticed that there are any.
    flows: Vec<(Vec<PartitionQueue<DefaultConsumerContext>>, Option<OwnedMessage>)>,
    /// Topics with records, in the order of their turns.
    ring: VecDeque<usize>,
    cap: usize,
}

impl Fair {
    fn new(consumer: &Arc<BaseConsumer>, topics: &[(&str, i32)], cap: usize) -> Option<Self> {
        let queue = |topic: &str, partition| consumer.split_partition_queue(topic, partition);
        let flow = |&(topic, partitions): &(&str, i32)| (0..partitions).map(|p| queue(topic, p)).collect();
        let flows = topics.iter().map(flow).collect::<Option<Vec<_>>>()?;
        Some(Self { flows: flows.into_iter().map(|queues| (queues, None)).collect(), ring: VecDeque::new(), cap })
    }

    /// At most `cap` records, of all topics that have any; none if there are none now.
    fn hand_over(&mut self) -> KafkaResult<Vec<OwnedMessage>> {
        for topic in 0..self.flows.len() {
            if !self.ring.contains(&topic) {
                let first = self.next(topic)?;
                self.ring.extend(first.is_some().then_some(topic));
                self.flows[topic].1 = first;
            }
        }
        let mut taken = Vec::new();
        for (topic, share) in self.plan() {
            for _ in 0..share {
                match self.next(topic)? {
                    Some(record) => taken.push(record),
                    None => {
                        self.ring.retain(|other| *other != topic);
                        break;
                    }
                }
            }
        }
        Ok(taken)
    }

    /// A topic's next record that is there already.
    fn next(&mut self, topic: usize) -> KafkaResult<Option<OwnedMessage>> {
        let (queues, first) = &mut self.flows[topic];
        let polled = || queues.iter().find_map(|queue| queue.poll(Duration::ZERO));
        match first.take() {
            Some(record) => Ok(Some(record)),
            None => polled().transpose().map(|record| record.map(|record| record.detach())),
        }
    }

    /// An equal share of the cap for each topic in the ring; whose turn comes next begins next time.
    fn plan(&mut self) -> Vec<(usize, usize)> {
        let topics = self.ring.len().max(1);
        let (rounds, rest) = (self.cap / topics, self.cap % topics);
        let share = |(turn, topic): (usize, &usize)| (*topic, rounds + usize::from(turn < rest));
        let plan = self.ring.iter().enumerate().map(share).filter(|(_, share)| *share > 0).collect();
        self.ring.rotate_left(if self.ring.is_empty() { 0 } else { rest });
        plan
    }
}
// --- end ---

#[test]
fn small_topics_are_done_in_the_first_hand_overs_and_every_record_comes_once() {
    let mock = Mock::start(1).unwrap();
    let backlog = [("A", 3000), ("B", 1500), ("C", 100), ("D", 50), ("E", 10)];
    let topics: Vec<_> = backlog.iter().map(|&(name, records)| NewTopic::filled(name, 1, records)).collect();
    put(&Target::Shared(mock.clone()), &[], &topics).unwrap();
    let consumer: Arc<BaseConsumer> = Arc::new(
        ClientConfig::new()
            .set("bootstrap.servers", mock.servers())
            .set("group.id", "fair")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "10")
            .set("fetch.queue.backoff.ms", "10")
            .set("queued.min.messages", "1500")
            .create()
            .unwrap(),
    );
    let mut fair = Fair::new(&consumer, &backlog.map(|(name, _)| (name, 1)), 500).unwrap();
    let mut list = TopicPartitionList::new();
    for (name, _) in backlog {
        list.add_partition_offset(name, 0, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let (mut next, mut served): (BTreeMap<String, i64>, BTreeMap<String, usize>) = Default::default();
    let (mut hand_overs, began) = (0, Instant::now());
    while next.values().sum::<i64>() < 4660 {
        assert!(began.elapsed() < Duration::from_secs(20), "{next:?}");
        assert!(consumer.poll(Duration::ZERO).is_none(), "everything is on split queues");
        let taken = fair.hand_over().unwrap();
        assert!(taken.len() <= 500);
        hand_overs += usize::from(!taken.is_empty());
        for record in taken {
            let expected = next.entry(record.topic().to_owned()).or_default();
            assert_eq!(record.offset(), *expected, "{}", record.topic());
            *expected += 1;
            served.entry(record.topic().to_owned()).or_insert(hand_overs);
        }
    }
    assert_eq!(backlog.map(|(name, _)| next[name]), [3000, 1500, 100, 50, 10]);
    // While A and B, which have far more, are still being drained.
    let last = backlog[2..].iter().map(|(name, _)| served[*name]).max().unwrap();
    assert!(last < hand_overs, "served first in {served:?} of {hand_overs}");
}
