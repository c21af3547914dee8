//! Messages into runs.

use super::Topic;
use super::content::Checker;
use super::ffi::Message;
use crate::{PartitionId, Run};

/// Folds messages, in the order of their delivery, into runs of one partition each.
pub(super) struct Runs<'a> {
    topics: &'a [Topic],
    checker: Option<&'a mut Checker>,
    /// Places of topics met so far: names are compared once a batch.
    places: Vec<(usize, usize)>,
    runs: Vec<Run>,
    /// Handle and place of the last run's topic.
    last: Option<(usize, usize)>,
    wrong: u64,
}

impl<'a> Runs<'a> {
    pub(super) fn new(topics: &'a [Topic], checker: Option<&'a mut Checker>) -> Self {
        Self { topics, checker, places: Vec::new(), runs: Vec::new(), last: None, wrong: 0 }
    }

    /// Adds a record. One that goes back in offset begins a new run: that is for the verification to see.
    pub(super) fn push(&mut self, message: &Message) {
        let handle = message.topic_handle();
        let place = match self.last {
            Some((last, place)) if last == handle => place,
            _ => match self.place(message) {
                Some(place) => place,
                None => return self.wrong += 1,
            },
        };
        self.last = Some((handle, place));
        let partition = PartitionId { topic: self.topics[place].id, partition: message.partition() };
        let (offset, bytes) = (message.offset(), message.value_bytes());
        if let Some(checker) = &mut self.checker
            && !checker.is_right(place, partition.partition, offset, message.key(), bytes)
        {
            self.wrong += 1;
        }
        match self.runs.last_mut() {
            Some(run) if run.partition == partition && offset >= run.next => {
                run.next = offset + 1;
                run.records += 1;
                run.bytes += bytes as u64;
            }
            _ => {
                self.runs.push(Run { partition, first: offset, next: offset + 1, records: 1, bytes: bytes as u64 });
            }
        }
    }

    fn place(&mut self, message: &Message) -> Option<usize> {
        let handle = message.topic_handle();
        if let Some(&(_, place)) = self.places.iter().find(|&&(h, _)| h == handle) {
            return Some(place);
        }
        let name = message.topic();
        let place = self.topics.iter().position(|t| t.name == name)?;
        self.places.push((handle, place));
        Some(place)
    }

    /// The runs, and how many records were not what had been loaded.
    pub(super) fn finish(self) -> (Vec<Run>, u64) {
        (self.runs, self.wrong)
    }
}
