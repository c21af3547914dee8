//! The only unsafe code: what rust-rdkafka does not offer (batches, split queues, a consumer without its event interface), as safe
//! types that clean up after themselves.
//!
//! A [`Client`] and everything made from it stay on one thread (`Rc` sees to that) and end in the right order: every [`Queue`] keeps
//! its client alive. What librdkafka has to say by itself arrives through one closure, [`Hook`], on whatever thread librdkafka
//! chooses; the closure must not call back into this module.

use std::ffi::{CStr, c_char, c_int};
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;

pub(super) use client::Client;
pub(super) use conf::Conf;
pub(super) use message::Message;
pub(super) use mock::Mock;
pub(super) use partitions::Partitions;
pub(super) use queue::Queue;

mod calls;
mod client;
mod conf;
mod message;
mod mock;
mod partitions;
mod queue;

/// In place of an offset: the group's committed position.
pub(super) const COMMITTED: i64 = rd::RD_KAFKA_OFFSET_STORED as i64;

/// What librdkafka says by itself.
#[derive(Debug)]
pub(super) enum Call {
    /// A queue that was empty has something now; the number is the one given to [`Queue::notify`].
    Nonempty(usize),
    /// These partitions are given to the consumer, or have to be given back.
    Rebalance { assign: bool, partitions: Partitions },
    /// An error of the client as a whole.
    Error { code: Code, reason: String },
    /// A log line.
    Log(String),
    /// librdkafka's statistics, as JSON.
    Statistics(String),
}

/// Told every [`Call`].
pub(super) type Hook = dyn Fn(Call) + Send + Sync;

/// Version of librdkafka.
pub(super) fn version() -> String {
    // SAFETY: returns a pointer to a static string.
    unsafe { text(rd::rd_kafka_version_str()) }
}

/// Has a producer send batches that are not full, while it lasts: at most this long. Acknowledgements are not served meanwhile.
///
/// rust-rdkafka's own flush calls this with no time at all, and then it is chance whether a broker's thread wakes up soon enough to
/// see it (rdkafka.c: `rd_kafka_flush`).
pub(super) fn flush<C: rdkafka::ClientContext>(client: &rdkafka::client::Client<C>, wait: Duration) {
    // SAFETY: a live producer. What the result says, the number of messages left says better.
    unsafe { rd::rd_kafka_flush(client.native_ptr(), millis(wait)) };
}

/// Copies a C string; empty for null.
///
/// # Safety
/// Null, or a NUL-terminated string that lives during the call.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

fn reason(code: Code) -> String {
    // SAFETY: returns a pointer to a static string for every code.
    unsafe { text(rd::rd_kafka_err2str(code)) }
}

fn check(code: Code) -> Result<(), String> {
    if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(reason(code)) }
}

/// Ok for null; destroys the error object otherwise.
///
/// # Safety
/// Null, or an error object that nobody else destroys.
unsafe fn check_error(error: *mut rd::rd_kafka_error_t) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null; read before it is destroyed, once.
    unsafe {
        let reason = text(rd::rd_kafka_error_string(error));
        rd::rd_kafka_error_destroy(error);
        Err(reason)
    }
}

/// Milliseconds for librdkafka, rounded up: rounding down would turn a short wait into none.
fn millis(wait: Duration) -> c_int {
    c_int::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}
