//! Messages.

use std::ptr::NonNull;
use std::slice;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;

use super::text;

/// A message, or an error in its place.
#[repr(transparent)]
pub(in super::super) struct Message(NonNull<rd::rd_kafka_message_t>);

impl Message {
    fn get(&self) -> &rd::rd_kafka_message_t {
        // SAFETY: ours until it is dropped, and nobody writes to it.
        unsafe { self.0.as_ref() }
    }

    /// The error that stands in place of a message.
    pub(in super::super) fn error(&self) -> Option<(Code, String)> {
        let code = self.get().err;
        // SAFETY: a live message; the string belongs to it.
        (code != Code::RD_KAFKA_RESP_ERR_NO_ERROR)
            .then(|| (code, unsafe { text(rd::rd_kafka_message_errstr(self.0.as_ptr())) }))
    }

    /// Equal for messages of one topic; a name is dearer to compare.
    pub(in super::super) fn topic_handle(&self) -> usize {
        self.get().rkt as usize
    }

    /// The topic's name; empty for an error of no topic.
    pub(in super::super) fn topic(&self) -> String {
        let topic = self.get().rkt;
        if topic.is_null() {
            return String::new();
        }
        // SAFETY: not null, and kept alive by the message.
        unsafe { text(rd::rd_kafka_topic_name(topic)) }
    }

    pub(in super::super) fn partition(&self) -> u32 {
        self.get().partition as u32
    }

    pub(in super::super) fn offset(&self) -> i64 {
        self.get().offset
    }

    /// Length of the value.
    pub(in super::super) fn value_bytes(&self) -> usize {
        self.get().len
    }

    pub(in super::super) fn key(&self) -> &[u8] {
        let message = self.get();
        if message.key.is_null() {
            return &[];
        }
        // SAFETY: not null; so many bytes, which live as long as the message.
        unsafe { slice::from_raw_parts(message.key.cast(), message.key_len) }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rd::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}
