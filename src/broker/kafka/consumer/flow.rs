//! A topic of a consumer that takes: its partitions' queues, and whose turn it is.

use super::super::ffi::{Message, Queue};

/// A topic's place in a consumer that takes.
pub(super) struct Flow {
    /// One a partition.
    queues: Vec<Queue>,
    /// Whose turn it is.
    turn: usize,
    /// A message taken to see whether there is one: a queue's length counts librdkafka's own barriers too.
    pub(super) peeked: Option<Message>,
    /// Nothing was there when last looked; the session waits for `Ready`.
    pub(super) dry: bool,
}

impl Flow {
    pub(super) fn new(queues: Vec<Queue>) -> Self {
        Self { queues, turn: 0, peeked: None, dry: true }
    }

    /// Looks at this queue for a partition from now on. What was seen of the partition before is gone.
    pub(super) fn renew(&mut self, partition: usize, queue: Queue, place: usize) {
        if self.peeked.as_ref().is_some_and(|m| m.partition() as usize == partition) {
            self.peeked = None;
        }
        let Some(own) = self.queues.get_mut(partition) else { return };
        // The former one goes first: if both are of the same partition, its end switches the notification off.
        drop(std::mem::replace(own, queue));
        own.notify(place);
    }

    /// Takes up to `quota` messages, an equal share from each partition in turn, then the rest from whoever has it.
    pub(super) fn take(&mut self, quota: u32, messages: &mut Vec<Message>) {
        let mut left = quota;
        if left > 0
            && let Some(message) = self.peeked.take()
        {
            messages.push(message);
            left -= 1;
        }
        let mut open: Vec<usize> = (0..self.queues.len()).map(|i| (self.turn + i) % self.queues.len()).collect();
        while left > 0 && !open.is_empty() {
            let share = left.div_ceil(open.len() as u32);
            open.retain(|&i| {
                let ask = share.min(left);
                let got = if ask == 0 { 0 } else { self.queues[i].take(ask, messages) };
                left -= got;
                self.turn = if ask == 0 { self.turn } else { (i + 1) % self.queues.len() };
                got == ask
            });
        }
    }

    /// Whether a message is there.
    pub(super) fn peek(&mut self) -> bool {
        if self.peeked.is_none() {
            let mut one = Vec::new();
            self.queues.iter().any(|queue| queue.take(1, &mut one) > 0);
            self.peeked = one.pop();
        }
        self.peeked.is_some()
    }
}
