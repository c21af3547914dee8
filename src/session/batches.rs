//! Batches that have been delivered and not yet processed.

use std::collections::VecDeque;

use crate::{BatchId, ConsumerId, Run};

/// A delivered batch.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) id: BatchId,
    pub(super) consumer: ConsumerId,
    pub(super) runs: Vec<Run>,
}

/// The outstanding batches, by id. There are no more than there is credit, they come in nearly in the order of their ids and go
/// nearly in that order too, so that a sorted queue is quicker than a map.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    queue: VecDeque<Batch>,
}

impl Batches {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn insert(&mut self, batch: Batch) {
        match self.place(batch.id) {
            Ok(_) => panic!("{:?} is delivered twice", batch.id),
            Err(place) => self.queue.insert(place, batch),
        }
    }

    pub(super) fn remove(&mut self, id: BatchId) -> Batch {
        let place = self.place(id).unwrap_or_else(|_| panic!("{id:?} is processed, but is not outstanding"));
        let batch = if place == 0 { self.queue.pop_front() } else { self.queue.remove(place) };
        batch.expect("the place has just been found")
    }

    pub(super) fn get_mut(&mut self, id: BatchId) -> &mut Batch {
        let place = self.place(id).unwrap_or_else(|_| panic!("{id:?} is held, but is not outstanding"));
        &mut self.queue[place]
    }

    fn place(&self, id: BatchId) -> Result<usize, usize> {
        match (self.queue.front(), self.queue.back()) {
            (Some(first), _) if first.id == id => Ok(0),
            (_, Some(last)) if last.id < id => Err(self.queue.len()),
            _ => self.queue.binary_search_by_key(&id, |batch| batch.id),
        }
    }
}
