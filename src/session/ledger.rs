//! The offset ledger: who has a partition, what of it is with the application, and how far it has been processed without a hole.

use std::collections::VecDeque;

use crate::{BatchId, ConsumerId, PartitionId, Run, TopicId};

/// Of all partitions there have been.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    topics: Vec<Topic>,
}

#[derive(Clone, Debug, Default)]
struct Topic {
    partitions: Vec<Partition>,
    /// How many of them may be handed out.
    accepted: u32,
}

#[derive(Clone, Debug, Default)]
struct Partition {
    owner: Option<ConsumerId>,
    /// Being revoked: nothing more of it is handed out.
    leaving: bool,
    /// Processed further than committed, and listed with its consumer for the next commit.
    dirty: bool,
    /// The next offset to read, if one were to go on after the processed prefix. Unknown until something has been processed.
    position: Option<i64>,
    /// Runs that are delivered and either not processed or behind one that is not, in offset order.
    pending: VecDeque<Pending>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    batch: BatchId,
    next: i64,
    done: bool,
}

impl Ledger {
    pub(super) fn new(topics: usize) -> Self {
        Self { topics: vec![Topic::default(); topics] }
    }

    pub(super) fn owner(&self, id: PartitionId) -> Option<ConsumerId> {
        self.get(id).and_then(|partition| partition.owner)
    }

    /// Whether records of this partition from this consumer may be processed.
    pub(super) fn accepts(&self, id: PartitionId, consumer: ConsumerId) -> bool {
        self.get(id).is_some_and(|partition| partition.owner == Some(consumer) && !partition.leaving)
    }

    /// Whether no partition of the topic may be handed out.
    pub(super) fn is_gone(&self, topic: TopicId) -> bool {
        self.topics[topic.index()].accepted == 0
    }

    /// Whether nothing of the partition is with the application.
    pub(super) fn is_settled(&self, id: PartitionId) -> bool {
        self.get(id).is_none_or(|partition| partition.pending.is_empty())
    }

    pub(super) fn assign(&mut self, id: PartitionId, consumer: ConsumerId) {
        let topic = &mut self.topics[id.topic.index()];
        topic.accepted += 1;
        let place = id.partition as usize;
        if topic.partitions.len() <= place {
            topic.partitions.resize_with(place + 1, Partition::default);
        }
        topic.partitions[place].owner = Some(consumer);
    }

    /// Nothing more of it is to be handed out.
    pub(super) fn close(&mut self, id: PartitionId) {
        if !core::mem::replace(&mut self.partition(id).leaving, true) {
            self.topics[id.topic.index()].accepted -= 1;
        }
    }

    /// It belongs to nobody, and nothing is known of it.
    pub(super) fn release(&mut self, id: PartitionId) {
        self.close(id);
        *self.partition(id) = Partition::default();
    }

    pub(super) fn deliver(&mut self, run: &Run, batch: BatchId) {
        self.partition(run.partition).pending.push_back(Pending { batch, next: run.next, done: false });
    }

    /// Takes back what of a batch has been delivered but will not be processed.
    pub(super) fn withdraw(&mut self, id: PartitionId, batch: BatchId) {
        self.partition(id).pending.retain(|pending| pending.batch != batch);
    }

    /// A batch has been processed. Returns whether the partition has become dirty by that.
    pub(super) fn process(&mut self, id: PartitionId, batch: BatchId) -> bool {
        let partition = self.partition(id);
        // The runs of a batch lie side by side. There are none if the partition has been taken away in the meantime.
        let of_batch = |pending: &&mut Pending| pending.batch == batch;
        for pending in partition.pending.iter_mut().skip_while(|p| p.batch != batch).take_while(of_batch) {
            pending.done = true;
        }
        let before = partition.position;
        while let Some(pending) = partition.pending.front()
            && pending.done
        {
            partition.position = Some(pending.next);
            partition.pending.pop_front();
        }
        partition.position != before && !core::mem::replace(&mut partition.dirty, true)
    }

    /// The position to commit; the partition is clean from here on.
    pub(super) fn clean(&mut self, id: PartitionId) -> i64 {
        let partition = self.partition(id);
        partition.dirty = false;
        partition.position.expect("only what has been processed becomes dirty")
    }

    /// A commit has failed. Returns whether the partition has become dirty by that: it is still there, and was clean.
    pub(super) fn soil(&mut self, id: PartitionId, consumer: ConsumerId) -> bool {
        let partition = self.partition(id);
        partition.owner == Some(consumer)
            && partition.position.is_some()
            && !core::mem::replace(&mut partition.dirty, true)
    }

    fn get(&self, id: PartitionId) -> Option<&Partition> {
        self.topics[id.topic.index()].partitions.get(id.partition as usize)
    }

    fn partition(&mut self, id: PartitionId) -> &mut Partition {
        &mut self.topics[id.topic.index()].partitions[id.partition as usize]
    }
}
