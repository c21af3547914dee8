//! Configurations.

use std::ffi::{CString, c_char};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::text;

/// A client's configuration.
#[derive(Debug)]
pub(in super::super) struct Conf(pub(super) NonNull<rd::rd_kafka_conf_t>);

// SAFETY: a configuration is a block of plain memory that refers to no thread, and there is one owner at a time.
unsafe impl Send for Conf {}

impl Conf {
    pub(in super::super) fn new() -> Self {
        // SAFETY: no preconditions.
        Self(NonNull::new(unsafe { rd::rd_kafka_conf_new() }).expect("rd_kafka_conf_new aborts when out of memory"))
    }

    /// Sets a property; librdkafka's own reason if it takes no such property or value.
    pub(in super::super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let nul = |_| "contains a NUL character".to_owned();
        let (key, value) = (CString::new(key).map_err(nul)?, CString::new(value).map_err(nul)?);
        let mut error = [0 as c_char; 512];
        // SAFETY: the configuration is ours, the strings live during the call, and the buffer has the size stated; librdkafka
        // terminates what it writes.
        unsafe {
            let result =
                rd::rd_kafka_conf_set(self.0.as_ptr(), key.as_ptr(), value.as_ptr(), error.as_mut_ptr(), error.len());
            if result == rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK { Ok(()) } else { Err(text(error.as_ptr())) }
        }
    }
}

impl Conf {
    /// The value of a property that is a number of milliseconds.
    pub(in super::super) fn millis(&self, key: &str) -> Option<Duration> {
        let key = CString::new(key).ok()?;
        let mut value = [0 as c_char; 32];
        let mut size = value.len();
        // SAFETY: the configuration is ours, the string lives during the call, and the buffer has the size stated; librdkafka
        // terminates what it writes.
        let value = unsafe {
            let result = rd::rd_kafka_conf_get(self.0.as_ptr(), key.as_ptr(), value.as_mut_ptr(), &raw mut size);
            (result == rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK).then(|| text(value.as_ptr()))
        };
        value?.parse().ok().map(Duration::from_millis)
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once: `Client::new` forgets the configurations that librdkafka took over.
        unsafe { rd::rd_kafka_conf_destroy(self.0.as_ptr()) }
    }
}
