//! Consumers.

use std::ffi::{CString, c_char, c_int};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::calls;
use super::{Conf, Hook, Partitions, Queue, check, check_error, millis, text};

/// A consumer's `rd_kafka_t`.
#[derive(Clone)]
pub(in super::super) struct Client(Rc<Handle>);

struct Handle {
    rk: NonNull<rd::rd_kafka_t>,
    /// What `opaque` points to. librdkafka's threads call it until `rd_kafka_destroy` has returned.
    hook: Box<Box<Hook>>,
}

impl Client {
    /// Starts a consumer. Fails with librdkafka's reason if properties contradict each other.
    pub(in super::super) fn new(conf: Conf, hook: Box<Hook>) -> Result<Self, String> {
        let hook = Box::new(hook);
        let mut error = [0 as c_char; 512];
        // SAFETY: the configuration is ours. `opaque` points into a box that outlives the handle (see `Drop`), and the callbacks
        // have the signatures of rdkafka.h. rd_kafka_new takes the configuration over if and only if it succeeds.
        let rk = unsafe {
            rd::rd_kafka_conf_set_opaque(conf.0.as_ptr(), ptr::from_ref(&*hook).cast_mut().cast());
            rd::rd_kafka_conf_set_rebalance_cb(conf.0.as_ptr(), Some(calls::on_rebalance));
            rd::rd_kafka_conf_set_error_cb(conf.0.as_ptr(), Some(calls::on_error));
            rd::rd_kafka_conf_set_log_cb(conf.0.as_ptr(), Some(calls::on_log));
            rd::rd_kafka_conf_set_stats_cb(conf.0.as_ptr(), Some(calls::on_statistics));
            rd::rd_kafka_new(rd::rd_kafka_type_t::RD_KAFKA_CONSUMER, conf.0.as_ptr(), error.as_mut_ptr(), error.len())
        };
        let Some(rk) = NonNull::new(rk) else {
            // SAFETY: terminated by rd_kafka_new.
            return Err(unsafe { text(error.as_ptr()) });
        };
        std::mem::forget(conf);
        // SAFETY: a live consumer. From here on the main queue (errors) is served together with the consumer's.
        unsafe { rd::rd_kafka_poll_set_consumer(rk.as_ptr()) };
        Ok(Self(Rc::new(Handle { rk, hook })))
    }

    pub(super) fn rk(&self) -> *mut rd::rd_kafka_t {
        self.0.rk.as_ptr()
    }

    /// Where the hook is, as long as the client lives.
    pub(super) fn hook(&self) -> *const Box<Hook> {
        &raw const *self.0.hook
    }

    fn queue(&self, queue: *mut rd::rd_kafka_queue_t) -> Option<Queue> {
        NonNull::new(queue).map(|queue| Queue::new(queue, self.clone()))
    }

    /// A queue of our own, to which partitions can be forwarded.
    pub(in super::super) fn new_queue(&self) -> Queue {
        // SAFETY: a live client.
        self.queue(unsafe { rd::rd_kafka_queue_new(self.rk()) }).expect("rd_kafka_queue_new never returns null")
    }

    /// Where rebalances and errors arrive.
    pub(in super::super) fn consumer_queue(&self) -> Option<Queue> {
        // SAFETY: a live client. Null if it has no group.id.
        self.queue(unsafe { rd::rd_kafka_queue_get_consumer(self.rk()) })
    }

    /// The queue of one partition, which librdkafka knows from here on even if it is not assigned yet.
    pub(in super::super) fn partition_queue(&self, topic: &str, partition: u32) -> Option<Queue> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: a live client, and a string that lives during the call.
        self.queue(unsafe { rd::rd_kafka_queue_get_partition(self.rk(), topic.as_ptr(), partition as i32) })
    }

    pub(in super::super) fn subscribe(&self, topics: &Partitions) -> Result<(), String> {
        // SAFETY: a live client and list; the list is copied.
        check(unsafe { rd::rd_kafka_subscribe(self.rk(), topics.0.as_ptr()) })
    }

    pub(in super::super) fn unsubscribe(&self) {
        // SAFETY: a live client. It fails only where there is no group, and then there is no subscription either.
        unsafe { rd::rd_kafka_unsubscribe(self.rk()) };
    }

    /// Replaces the assignment; takes it away if `None`.
    pub(in super::super) fn assign(&self, partitions: Option<&Partitions>) -> Result<(), String> {
        let list = partitions.map_or(ptr::null(), |p| p.0.as_ptr().cast_const());
        // SAFETY: a live client; null or a live list, which is copied.
        check(unsafe { rd::rd_kafka_assign(self.rk(), list) })
    }

    pub(in super::super) fn incremental_assign(&self, partitions: &Partitions) -> Result<(), String> {
        // SAFETY: a live client and list, which is copied; the error object is ours.
        unsafe { check_error(rd::rd_kafka_incremental_assign(self.rk(), partitions.0.as_ptr())) }
    }

    pub(in super::super) fn incremental_unassign(&self, partitions: &Partitions) -> Result<(), String> {
        // SAFETY: as above.
        unsafe { check_error(rd::rd_kafka_incremental_unassign(self.rk(), partitions.0.as_ptr())) }
    }

    /// Whether rebalances are incremental.
    pub(in super::super) fn is_cooperative(&self) -> bool {
        // SAFETY: a live client; null or a static string.
        unsafe { text(rd::rd_kafka_rebalance_protocol(self.rk())) == "COOPERATIVE" }
    }

    /// Whether the partitions to give back are gone already.
    pub(in super::super) fn is_assignment_lost(&self) -> bool {
        // SAFETY: a live client.
        unsafe { rd::rd_kafka_assignment_lost(self.rk()) != 0 }
    }

    /// Sends a commit; the answer will be in `reply`.
    pub(in super::super) fn commit(&self, offsets: &Partitions, reply: &Queue) -> Result<(), String> {
        // SAFETY: live objects; the list is copied. Without a callback the answer becomes an event on the queue
        // (rdkafka_offset.c: rd_kafka_commit_queue).
        check(unsafe {
            rd::rd_kafka_commit_queue(self.rk(), offsets.0.as_ptr(), reply.as_ptr(), None, ptr::null_mut())
        })
    }

    /// Asks the cluster for its brokers, at most this long, and says how many there are. Blocks.
    pub(in super::super) fn probe(&self, wait: Duration) -> Result<usize, String> {
        let mut metadata: *const rd::rd_kafka_metadata_t = ptr::null();
        // SAFETY: a live client; `metadata` is set if and only if there is no error, and destroyed once.
        unsafe {
            check(rd::rd_kafka_metadata(self.rk(), 0, ptr::null_mut(), &raw mut metadata, millis(wait)))?;
            let brokers = (*metadata).broker_cnt;
            rd::rd_kafka_metadata_destroy(metadata);
            Ok(brokers as usize)
        }
    }

    /// Whether the client is a member of its group, or about to become one.
    pub(in super::super) fn is_member(&self) -> bool {
        // SAFETY: a live client; null, or a string that is ours to free with librdkafka's own function.
        unsafe {
            let id = rd::rd_kafka_memberid(self.rk());
            let is_member = !text(id).is_empty();
            if !id.is_null() {
                rd::rd_kafka_mem_free(self.rk(), id.cast());
            }
            is_member
        }
    }

    /// Begins to leave the group; goes on while the queue is served.
    pub(in super::super) fn close(&self, queue: &Queue) -> Result<(), String> {
        // SAFETY: live objects; the error object is ours.
        unsafe { check_error(rd::rd_kafka_consumer_close_queue(self.rk(), queue.as_ptr())) }
    }

    pub(in super::super) fn is_closed(&self) -> bool {
        // SAFETY: a live client.
        unsafe { rd::rd_kafka_consumer_closed(self.rk()) != 0 }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the last reference, hence no queue of this client is left. Without the flag the call would wait for an orderly
        // close without limit; that has been done, or its time is up. The hook lives until the call has returned, after which no
        // thread of librdkafka is left to call it.
        unsafe { rd::rd_kafka_destroy_flags(self.rk.as_ptr(), rd::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE as c_int) }
    }
}
