//! Lists of partitions.

use std::ffi::CString;
use std::ptr::NonNull;
use std::slice;

use rdkafka::bindings as rd;

use super::text;

/// A list of partitions with an offset each.
pub(in super::super) struct Partitions(pub(super) NonNull<rd::rd_kafka_topic_partition_list_t>);

// SAFETY: a list made here is plain memory with one owner. One copied in `on_rebalance` also refers to librdkafka's partition
// objects, whose reference counts are atomic.
unsafe impl Send for Partitions {}

impl std::fmt::Debug for Partitions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Partitions {
    pub(in super::super) fn new() -> Self {
        // SAFETY: no preconditions.
        let list = unsafe { rd::rd_kafka_topic_partition_list_new(8) };
        Self(NonNull::new(list).expect("librdkafka aborts when out of memory"))
    }

    /// Adds a partition and its offset.
    ///
    /// # Panics
    /// If the name contains a NUL character, which no topic's name does.
    pub(in super::super) fn add(&mut self, topic: &str, partition: i32, offset: i64) {
        let topic = CString::new(topic).expect("a topic's name has no NUL in it");
        // SAFETY: a live list; the name is copied. The element returned is in the list until the next change.
        unsafe {
            let element = rd::rd_kafka_topic_partition_list_add(self.0.as_ptr(), topic.as_ptr(), partition);
            (*element).offset = offset;
        }
    }

    /// Names and numbers.
    pub(in super::super) fn iter(&self) -> impl Iterator<Item = (String, u32)> {
        // SAFETY: a live list, unchanged while it is borrowed.
        let elements = unsafe { elements(self.0.as_ptr()) };
        // SAFETY: every element has a name.
        elements.iter().map(|e| (unsafe { text(e.topic) }, e.partition as u32))
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rd::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) }
    }
}

/// The elements of a list.
///
/// # Safety
/// A live list that is not changed during the lifetime of the result.
pub(super) unsafe fn elements<'a>(
    list: *const rd::rd_kafka_topic_partition_list_t,
) -> &'a [rd::rd_kafka_topic_partition_t] {
    // SAFETY: `cnt` elements from `elems` on, which is null only when there are none.
    unsafe {
        match (*list).elems {
            elems if elems.is_null() => &[],
            elems => slice::from_raw_parts(elems, (*list).cnt as usize),
        }
    }
}
