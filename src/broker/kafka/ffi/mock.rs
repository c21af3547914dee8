//! The mock cluster.

use std::ffi::{CString, c_int};
use std::marker::PhantomData;
use std::ptr::NonNull;

use rdkafka::bindings as rd;
use rdkafka::types::RDKafkaApiKey;

use super::check;

/// The mock cluster in a client that was created with `test.mock.num.brokers`.
#[derive(Clone, Copy)]
pub(in super::super) struct Mock<'a> {
    cluster: NonNull<rd::rd_kafka_mock_cluster_t>,
    client: PhantomData<&'a ()>,
}

// SAFETY: every function of rdkafka_mock.h used here sends an operation to the cluster's own thread, through a locked queue.
unsafe impl Send for Mock<'_> {}

impl<'a> Mock<'a> {
    pub(in super::super) fn of<C: rdkafka::ClientContext>(client: &'a rdkafka::client::Client<C>) -> Option<Self> {
        // SAFETY: a live client; null if it has no mock cluster, which lives as long as the client otherwise.
        let cluster = unsafe { rd::rd_kafka_handle_mock_cluster(client.native_ptr()) };
        NonNull::new(cluster).map(|cluster| Self { cluster, client: PhantomData })
    }

    /// Takes away the three seconds that groups wait for more members.
    pub(in super::super) fn remove_rebalance_delay(self) {
        // SAFETY: a live mock cluster.
        unsafe { rd::rd_kafka_mock_group_initial_rebalance_delay_ms(self.cluster.as_ptr(), 0) }
    }

    /// Refuses one request of a kind at one broker, after those that it has been told to refuse before.
    pub(in super::super) fn refuse_at(
        self,
        broker: i32,
        api: RDKafkaApiKey,
        code: rd::rd_kafka_resp_err_t,
    ) -> Result<(), String> {
        // SAFETY: a live mock cluster; `cnt` is 1, so that one pair of error and round trip time follows, both C ints
        // (rdkafka_mock.c: rd_kafka_mock_broker_push_request_error_rtts).
        check(unsafe {
            rd::rd_kafka_mock_broker_push_request_error_rtts(
                self.cluster.as_ptr(),
                broker,
                i16::from(api),
                1,
                code as c_int,
                0 as c_int,
            )
        })
    }

    pub(in super::super) fn create_topic(self, name: &str, partitions: u32) -> Result<(), String> {
        let name = CString::new(name).map_err(|e| e.to_string())?;
        // SAFETY: a live mock cluster, and a string that lives during the call, which waits for the answer.
        check(unsafe { rd::rd_kafka_mock_topic_create(self.cluster.as_ptr(), name.as_ptr(), partitions as c_int, 1) })
    }
}
