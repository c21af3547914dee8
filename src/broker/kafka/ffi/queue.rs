//! Queues.

use std::ffi::CStr;
use std::ptr::{self, NonNull};

use rdkafka::bindings as rd;

use super::calls;
use super::partitions::elements;
use super::{Client, Hook, Message, check};

/// A queue of a client.
pub(in super::super) struct Queue {
    queue: NonNull<rd::rd_kafka_queue_t>,
    /// What the notification's `opaque` points to.
    waker: Option<Box<Waker>>,
    client: Client,
}

/// Whom a notification is for.
pub(super) struct Waker {
    pub(super) hook: *const Box<Hook>,
    pub(super) token: usize,
}

impl Queue {
    pub(super) fn new(queue: NonNull<rd::rd_kafka_queue_t>, client: Client) -> Self {
        Self { queue, waker: None, client }
    }

    pub(super) fn as_ptr(&self) -> *mut rd::rd_kafka_queue_t {
        self.queue.as_ptr()
    }

    /// Takes up to `cap` messages that are there already, and appends them. Serves what else is in the queue: errors and
    /// rebalances go to the hook.
    pub(in super::super) fn take(&self, cap: u32, messages: &mut Vec<Message>) -> u32 {
        let cap = cap as usize;
        messages.reserve(cap);
        // SAFETY: a live queue. `Message` is a transparent pointer, there is room for `cap` of them, librdkafka fills the first
        // `count` with messages that are ours to destroy, and none is null.
        unsafe {
            let spare = messages.as_mut_ptr().add(messages.len()).cast();
            let count = rd::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, spare, cap);
            let count = usize::try_from(count).unwrap_or(0);
            messages.set_len(messages.len() + count);
            count as u32
        }
    }

    /// Sends everything that arrives here to another queue, now and after every reassignment.
    pub(in super::super) fn forward(&self, to: &Queue) {
        // SAFETY: live queues of one client; `to` is kept alive by reference counting.
        unsafe { rd::rd_kafka_queue_forward(self.queue.as_ptr(), to.queue.as_ptr()) }
    }

    /// Keeps what arrives here from going to the consumer's queue, now and after every reassignment.
    pub(in super::super) fn split(&self) {
        // SAFETY: a live queue; null ends the forwarding.
        unsafe { rd::rd_kafka_queue_forward(self.queue.as_ptr(), ptr::null_mut()) }
    }

    /// Calls the hook with this number whenever the queue stops being empty.
    pub(in super::super) fn notify(&mut self, token: usize) {
        let waker = Box::new(Waker { hook: self.client.hook(), token });
        // SAFETY: `opaque` points into a box that lives until `drop` has disabled the notification, and the hook in it outlives
        // every queue.
        unsafe {
            let opaque = ptr::from_ref(&*waker).cast_mut().cast();
            rd::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), Some(calls::on_nonempty), opaque);
        }
        self.waker = Some(waker);
    }

    /// The answer to a commit, if one has come: of the whole, or else of the first partition that was refused.
    pub(in super::super) fn commit_reply(&self) -> Option<Result<(), String>> {
        // SAFETY: a live queue. The event, if any, is read before it is destroyed; its list belongs to it.
        unsafe {
            let event = rd::rd_kafka_queue_poll(self.queue.as_ptr(), 0);
            if event.is_null() {
                return None;
            }
            let mut result = check(rd::rd_kafka_event_error(event));
            let list = rd::rd_kafka_event_topic_partition_list(event);
            if let (Ok(()), false) = (&result, list.is_null()) {
                result = elements(list).iter().try_for_each(|e| {
                    let topic = || CStr::from_ptr(e.topic).to_string_lossy();
                    check(e.err).map_err(|reason| format!("{} [{}]: {reason}", topic(), e.partition))
                });
            }
            rd::rd_kafka_event_destroy(event);
            Some(result)
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: a live queue; once the notification is off (under the queue's lock), nothing refers to the waker any more.
        unsafe {
            if self.waker.is_some() {
                rd::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            }
            rd::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}
