//! The event queue: what is due, in one total order.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::seed::{Domain, Stream};
use crate::time::Time;

/// How simultaneous events are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ties {
    /// First scheduled, first served: easy to read.
    #[default]
    Fifo,
    /// Drawn from the seed: finds hidden dependence on the order.
    Random,
}

/// Key of an event: time, then class, then tie (0 unless ties are drawn), then order of scheduling.
type Key = (Time, u8, u32, u64);

/// Events in the order `(time, class, tie, seq)`.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    seq: u64,
    ties: Option<Stream>,
}

#[derive(Clone, Copy, Debug)]
struct Entry<E> {
    key: Key,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl<E> EventQueue<E> {
    /// An empty queue.
    #[must_use]
    pub fn new(ties: Ties, seed: u64) -> Self {
        let ties = match ties {
            Ties::Fifo => None,
            Ties::Random => Some(Stream::new(seed, Domain::Ties, 0)),
        };
        Self { heap: BinaryHeap::new(), seq: 0, ties }
    }

    /// Schedules an event. Among simultaneous events the lower class goes first.
    pub fn schedule(&mut self, at: Time, class: u8, event: E) {
        self.seq += 1;
        let tie = self.ties.as_mut().map_or(0, |s| s.bits() as u32);
        self.heap.push(Reverse(Entry { key: (at, class, tie, self.seq), event }));
    }

    /// Takes the next event out.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        self.heap.pop().map(|Reverse(entry)| (entry.key.0, entry.event))
    }

    /// When the next event is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(entry)| entry.key.0)
    }

    /// How many events are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Drops the pending events that `keep` refuses.
    pub fn retain(&mut self, keep: impl Fn(&E) -> bool) {
        self.heap.retain(|Reverse(entry)| keep(&entry.event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(ties: Ties, seed: u64) -> Vec<u32> {
        let mut queue = EventQueue::new(ties, seed);
        for event in 0..20 {
            queue.schedule(Time::from_nanos(5), 1, event);
        }
        queue.schedule(Time::from_nanos(5), 0, 100);
        queue.schedule(Time::from_nanos(4), 9, 101);
        core::iter::from_fn(|| queue.pop().map(|(_, e)| e)).collect()
    }

    #[test]
    fn simultaneous_events_come_by_class_and_then_as_scheduled() {
        assert!(drain(Ties::Fifo, 1).into_iter().eq([101, 100].into_iter().chain(0..20)));
    }

    #[test]
    fn random_ties_reorder_within_a_class_only_and_repeat_with_the_seed() {
        let drawn = drain(Ties::Random, 1);
        assert_eq!(drawn[..2], [101, 100]);
        assert_ne!(drawn[2..], (0..20).collect::<Vec<_>>()[..]);
        assert_eq!(drawn, drain(Ties::Random, 1));
        assert_ne!(drawn, drain(Ties::Random, 2));
    }
}
