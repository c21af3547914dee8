//! What librdkafka calls. None of it may panic: it would abort the process.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;

use super::queue::Waker;
use super::{Call, Hook, Partitions, text};

/// Calls the hook behind an `opaque`.
///
/// # Safety
/// `opaque` is the one that `Client::new` has set, and its client is alive.
unsafe fn call(opaque: *mut c_void, call: Call) {
    // SAFETY: as the caller vouches.
    let hook = unsafe { &*opaque.cast::<Box<Hook>>() };
    hook(call);
}

pub(super) unsafe extern "C" fn on_rebalance(
    _: *mut rd::rd_kafka_t,
    code: Code,
    partitions: *mut rd::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    let assign = code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    // SAFETY: a live list, which is copied because librdkafka destroys it after the call; the opaque is `Client::new`'s.
    unsafe {
        let copy = rd::rd_kafka_topic_partition_list_copy(partitions);
        let partitions = Partitions(NonNull::new(copy).expect("librdkafka aborts when out of memory"));
        call(opaque, Call::Rebalance { assign, partitions });
    }
}

pub(super) unsafe extern "C" fn on_error(
    _: *mut rd::rd_kafka_t,
    code: c_int,
    message: *const c_char,
    opaque: *mut c_void,
) {
    let code = Code::try_from(code).unwrap_or(Code::RD_KAFKA_RESP_ERR_UNKNOWN);
    // SAFETY: a terminated string that lives during the call; the opaque is `Client::new`'s.
    unsafe { call(opaque, Call::Error { code, reason: text(message) }) }
}

pub(super) unsafe extern "C" fn on_log(rk: *const rd::rd_kafka_t, _: c_int, _: *const c_char, line: *const c_char) {
    if rk.is_null() {
        // Not about any client.
        return;
    }
    // SAFETY: a live client with `Client::new`'s opaque, and a terminated string that lives during the call.
    unsafe { call(rd::rd_kafka_opaque(rk), Call::Log(text(line))) }
}

pub(super) unsafe extern "C" fn on_nonempty(_: *mut rd::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `Queue::notify`'s opaque, alive while the notification is on; so is the hook it points to.
    unsafe {
        let waker = &*opaque.cast::<Waker>();
        (*waker.hook)(Call::Nonempty(waker.token));
    }
}

/// Returns 0: librdkafka frees the text itself.
pub(super) unsafe extern "C" fn on_statistics(
    _: *mut rd::rd_kafka_t,
    json: *mut c_char,
    _: usize,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: a terminated string that lives during the call (rdkafka.c: rd_kafka_stats_emit_all); the opaque is `Client::new`'s.
    unsafe { call(opaque, Call::Statistics(text(json))) }
    0
}
