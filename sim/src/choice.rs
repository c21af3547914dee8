//! Choice points: everything that is random or timing-dependent in a real client, by name, so that it can be drawn from the seed,
//! recorded, and played back.

use core::fmt;
use std::collections::VecDeque;

use crate::seed::{Domain, Stream};

/// A kind of decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// aiokafka: the order of the partitions in a fetch request (`fetcher.py: _get_actions_per_node`, `random.shuffle`).
    AiokafkaRequestOrder,
    /// librdkafka: how the reverse-sorted partition list of a group start is cut into the segments that become active together
    /// (`rdkafka_broker.c: rd_kafka_broker_active_toppar_add`). One number a segment: its length.
    LibrdkafkaStartSegments,
    /// librdkafka: reconnect back-off in thousandths of its nominal value (`rdkafka_broker.c: rd_kafka_broker_update_reconnect_backoff`,
    /// -25 % to +50 %).
    LibrdkafkaReconnectJitter,
    /// Java: 0, or one more than the number of empty polls before the first records.
    JavaLeadingEmpty,
    /// Java up to 3.9 in a group: whether an answer that arrived between two polls has been fired by the heartbeat thread
    /// (`AbstractCoordinator.HeartbeatThread.run`).
    JavaFired,
    /// Java async under `assign`: which of the iteration orders of `Set.copyOf` (`AssignmentChangeEvent`; a salt drawn at JVM start).
    JavaAssignOrder,
    /// Java async 4.2: how many entries of an answer the waiting poll sees; 0: all.
    JavaSplit,
    /// Java async 4.2: 0, or one more than the number of entries that join the poll in whose drain a stale request was made.
    JavaRace,
    /// Java async 4.2: whether a poll sleeps until its timeout with nothing in flight (KAFKA-20780).
    JavaStall,
    /// kafka-python from 2.1: the one shuffle of a group's assignment (`subscription_state.py: _apply_assignment`).
    KafkaPythonStartOrder,
    /// kafka-python 2.0: the order of a request (`fetcher.py: _create_fetch_requests`, `random.shuffle`).
    KafkaPythonRequestOrder,
    /// kafka-python 2.0: the order in which a reply's partitions are queued (`fetcher.py: _handle_fetch_response`).
    KafkaPythonReplyOrder,
    /// A group: what a new member's id is sorted by. (Real ids are random, and assignors go by their order.)
    GroupMemberOrder,
    /// Latency added to one trip over the network, in nanoseconds.
    NetworkJitter,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::AiokafkaRequestOrder,
        Self::LibrdkafkaStartSegments,
        Self::LibrdkafkaReconnectJitter,
        Self::JavaLeadingEmpty,
        Self::JavaFired,
        Self::JavaAssignOrder,
        Self::JavaSplit,
        Self::JavaRace,
        Self::JavaStall,
        Self::KafkaPythonStartOrder,
        Self::KafkaPythonRequestOrder,
        Self::KafkaPythonReplyOrder,
        Self::GroupMemberOrder,
        Self::NetworkJitter,
    ];

    /// Whether this is a matter of timing in the Java client, with 0 for what happens ordinarily.
    #[must_use]
    pub const fn is_timing_of_java(self) -> bool {
        matches!(self, Self::JavaFired | Self::JavaSplit | Self::JavaRace | Self::JavaStall)
    }

    /// Its name in files and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AiokafkaRequestOrder => "aiokafka.request_order",
            Self::LibrdkafkaStartSegments => "librdkafka.start_segments",
            Self::LibrdkafkaReconnectJitter => "librdkafka.reconnect_jitter",
            Self::JavaLeadingEmpty => "java.leading_empty",
            Self::JavaFired => "java.fired",
            Self::JavaAssignOrder => "java.assign_order",
            Self::JavaSplit => "java.split",
            Self::JavaRace => "java.race",
            Self::JavaStall => "java.stall",
            Self::KafkaPythonStartOrder => "kafka_python.start_order",
            Self::KafkaPythonRequestOrder => "kafka_python.request_order",
            Self::KafkaPythonReplyOrder => "kafka_python.reply_order",
            Self::GroupMemberOrder => "group.member_order",
            Self::NetworkJitter => "network.jitter",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One decision taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What kind.
    pub point: Point,
    /// Whose: the consumer's place in the list, or the connection's.
    pub entity: u32,
    /// The decision. For an order: the items in their chosen order. For a number: that number alone.
    pub value: Vec<u64>,
}

/// The source of decisions: a script as long as it lasts, the seed after that.
#[derive(Clone, Debug)]
pub struct Choices {
    seed: u64,
    streams: Vec<(Domain, u32, Stream)>,
    script: VecDeque<Choice>,
    record: Option<Vec<Choice>>,
    refused: Option<Choice>,
    calm: bool,
}

impl Choices {
    /// Decisions drawn from a seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { seed, streams: Vec::new(), script: VecDeque::new(), record: None, refused: None, calm: false }
    }

    /// Plays these decisions back first. Decisions of the same point and entity are used in the order given; a point and entity
    /// that the script does not (or no longer) mention draws from the seed.
    pub fn play(&mut self, script: impl IntoIterator<Item = Choice>) {
        self.script = script.into_iter().collect();
    }

    /// From now on a number that the script does not mention is 0, which is the ordinary case of those that have one, instead of
    /// drawn.
    pub fn calm(&mut self) {
        self.calm = true;
    }

    /// Keeps every decision from now on.
    pub fn start_recording(&mut self) {
        self.record = Some(Vec::new());
    }

    /// The decisions taken since recording began.
    #[must_use]
    pub fn recorded(&self) -> &[Choice] {
        self.record.as_deref().unwrap_or_default()
    }

    /// The first scripted decision that was impossible where it was due (an order of other items, a number out of range): from
    /// there on the run is not the one that the script was taken from.
    #[must_use]
    pub fn refused(&self) -> Option<&Choice> {
        self.refused.as_ref()
    }

    /// Puts `items` into an order of which every permutation is equally likely.
    pub fn order(&mut self, point: Point, entity: u32, items: &mut [u32]) {
        if let Some(choice) = self.scripted(point, entity) {
            let order: Vec<u32> = choice.value.iter().map(|&v| v as u32).collect();
            let (mut have, mut want) = (items.to_vec(), order.clone());
            have.sort_unstable();
            want.sort_unstable();
            if have == want {
                items.copy_from_slice(&order);
            } else {
                self.refused.get_or_insert(choice);
                self.stream(point, entity).shuffle(items);
            }
        } else {
            self.stream(point, entity).shuffle(items);
        }
        self.keep(point, entity, || items.iter().map(|&i| u64::from(i)).collect());
    }

    /// A number below `n`, drawn by `draw` from the entity's stream.
    pub fn number(&mut self, point: Point, entity: u32, n: u64, draw: impl FnOnce(&mut Stream) -> u64) -> u64 {
        let valid = |values: &[u64]| matches!(values, [value] if *value < n);
        if self.calm && !self.mentions(point, entity) {
            self.keep(point, entity, || vec![0]);
            return 0;
        }
        self.values(point, entity, valid, |stream| vec![draw(stream)])[0]
    }

    /// Some numbers that `valid` accepts, drawn by `draw` from the entity's stream.
    pub fn values(
        &mut self,
        point: Point,
        entity: u32,
        valid: impl Fn(&[u64]) -> bool,
        draw: impl FnOnce(&mut Stream) -> Vec<u64>,
    ) -> Vec<u64> {
        let values = match self.scripted(point, entity) {
            Some(choice) if valid(&choice.value) => choice.value,
            Some(choice) => {
                self.refused.get_or_insert(choice);
                draw(self.stream(point, entity))
            }
            None => draw(self.stream(point, entity)),
        };
        self.keep(point, entity, || values.clone());
        values
    }

    /// Whether the script has something to say about a point and an entity.
    pub(crate) fn mentions(&self, point: Point, entity: u32) -> bool {
        self.script.iter().any(|c| c.point == point && c.entity == entity)
    }

    fn scripted(&mut self, point: Point, entity: u32) -> Option<Choice> {
        let i = self.script.iter().position(|c| c.point == point && c.entity == entity)?;
        self.script.remove(i)
    }

    fn keep(&mut self, point: Point, entity: u32, value: impl FnOnce() -> Vec<u64>) {
        if let Some(record) = &mut self.record {
            record.push(Choice { point, entity, value: value() });
        }
    }

    /// Streams are made at their first draw: most worlds draw from one or two, and a stream costs more than a poll.
    fn stream(&mut self, point: Point, entity: u32) -> &mut Stream {
        let domain = match point {
            Point::NetworkJitter => Domain::Network,
            _ => Domain::Client,
        };
        let i = self.streams.iter().position(|(d, e, _)| (*d, *e) == (domain, entity)).unwrap_or_else(|| {
            self.streams.push((domain, entity, Stream::new(self.seed, domain, u64::from(entity))));
            self.streams.len() - 1
        });
        &mut self.streams[i].2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Point = Point::AiokafkaRequestOrder;

    #[test]
    fn what_was_recorded_plays_back_whatever_the_seed() {
        let mut original = Choices::seeded(1);
        original.start_recording();
        let mut first = [[0, 1, 2, 3, 4]; 3];
        first.iter_mut().for_each(|items| original.order(ORDER, 0, items));

        let mut replay = Choices::seeded(2);
        replay.play(original.recorded().to_vec());
        let mut second = [[0, 1, 2, 3, 4]; 3];
        second.iter_mut().for_each(|items| replay.order(ORDER, 0, items));
        assert_eq!(first, second);
        assert_eq!(replay.refused(), None);
    }

    #[test]
    fn an_order_of_other_items_is_refused_and_reported() {
        let mut choices = Choices::seeded(1);
        choices.play([Choice { point: ORDER, entity: 0, value: vec![7, 8] }]);
        let mut items = [1, 2, 3];
        choices.order(ORDER, 0, &mut items);
        assert_eq!(choices.refused().map(|c| c.value.as_slice()), Some([7, 8].as_slice()));
    }

    #[test]
    fn entities_draw_from_streams_of_their_own() {
        let draw = |others: u32| {
            let mut choices = Choices::seeded(5);
            for other in 0..others {
                choices.order(ORDER, 10 + other, &mut [0, 1, 2, 3]);
            }
            let mut items = [0, 1, 2, 3, 4, 5];
            choices.order(ORDER, 1, &mut items);
            items
        };
        assert_eq!(draw(0), draw(3));
    }
}
