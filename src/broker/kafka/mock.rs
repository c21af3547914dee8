//! A mock cluster that outlives its clients, and what can be made to go wrong in it.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::error::KafkaError;
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer};
use rdkafka::types::RDKafkaApiKey;

use super::error::Error;
use super::ffi;

/// librdkafka's mock cluster, in this process. Clones are handles of the same cluster, which lives as long as one of them or a
/// broker that was connected to it ([`Target::Shared`](super::Target::Shared)).
///
/// It is right about what a client does, and wrong about how long it takes: a fetch returns one batch a partition whatever the limits
/// say, and a waiting fetch is not ended by new data.
#[derive(Clone)]
pub struct Mock(Arc<Inner>);

struct Inner {
    /// The client in whose process and handle the cluster lives.
    client: BaseProducer,
    servers: String,
}

/// A kind of request that a [`Mock`] can be told to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the protocol")]
pub enum Api {
    Produce,
    Fetch,
    ListOffsets,
    Metadata,
    OffsetCommit,
    OffsetFetch,
    FindCoordinator,
    JoinGroup,
    SyncGroup,
    Heartbeat,
    LeaveGroup,
}

/// With what it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not refused: the next request of this kind is served. For "the second one fails".
    None,
    /// The broker hangs up.
    Disconnect,
    /// An error code of Kafka's protocol, such as 3 (unknown topic or partition), 14 (coordinator loading), 25 (unknown member id),
    /// 29 (topic authorization failed), 30 (group authorization failed), 82 (fenced instance id).
    Code(i16),
}

impl Refusal {
    fn code(self) -> Code {
        match self {
            Self::None => Code::RD_KAFKA_RESP_ERR_NO_ERROR,
            Self::Disconnect => Code::RD_KAFKA_RESP_ERR__TRANSPORT,
            Self::Code(code) => Code::try_from(i32::from(code)).unwrap_or(Code::RD_KAFKA_RESP_ERR_UNKNOWN),
        }
    }
}

impl Mock {
    /// Starts a cluster with so many brokers. Its groups do not wait for more members before their first rebalance.
    ///
    /// # Errors
    /// librdkafka's reason.
    pub fn start(brokers: u32) -> Result<Self, Error> {
        let failed = |reason: String| Error::refused(format!("librdkafka's mock cluster did not start: {reason}"));
        let client: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", brokers.to_string())
            .create()
            .map_err(|e| failed(e.to_string()))?;
        let handle = ffi::Mock::of(client.client()).ok_or_else(|| failed("there is none".to_owned()))?;
        handle.remove_rebalance_delay();
        let servers = client.client().mock_cluster().map(|m| m.bootstrap_servers()).unwrap_or_default();
        Ok(Self(Arc::new(Inner { client, servers })))
    }

    /// Its brokers (`host:port`, separated by commas): any client can connect there, also one of another process.
    #[must_use]
    pub fn servers(&self) -> &str {
        &self.0.servers
    }

    /// What unsafe code needs of it.
    pub(super) fn handle(&self) -> ffi::Mock<'_> {
        ffi::Mock::of(self.0.client.client()).expect("`start` has found it")
    }

    fn cluster(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.0.client.client().mock_cluster().expect("`start` has found it")
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// librdkafka's reason, such as that it exists already.
    pub fn create_topic(&self, name: &str, partitions: u32) -> Result<(), Error> {
        let failed = |reason| Error::refused(format!("topic {name} can't be created: {reason}"));
        self.handle().create_topic(name, partitions).map_err(failed)
    }

    /// Has the next requests of a kind refused, one by one in this order; those after them are served. Requests that are refused
    /// with errors that a client retries at once use up more than one.
    pub fn refuse(&self, api: Api, refusals: &[Refusal]) {
        let codes: Vec<Code> = refusals.iter().map(|r| r.code()).collect();
        self.cluster().request_errors(key(api), &codes);
    }

    /// Has the next requests of a kind refused by one broker (1 or more) only; otherwise as [`refuse`](Self::refuse). They can't be
    /// taken back.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn refuse_at(&self, broker: u32, api: Api, refusals: &[Refusal]) -> Result<(), Error> {
        let refuse = |refusal: &Refusal| self.handle().refuse_at(broker as i32, key(api), refusal.code());
        let failed = |reason| Error::refused(format!("librdkafka's mock cluster: {reason}"));
        refusals.iter().try_for_each(refuse).map_err(failed)
    }

    /// Serves requests of a kind again.
    pub fn serve(&self, api: Api) {
        self.cluster().clear_request_errors(key(api));
    }

    /// Has metadata of this topic answered with an error; `Refusal::None` ends it.
    ///
    /// # Errors
    /// If there is no such topic.
    pub fn fail_topic(&self, name: &str, refusal: Refusal) -> Result<(), Error> {
        self.cluster().topic_error(name, refusal.code()).map_err(|e| failed(&e))
    }

    /// Takes a broker (1 or more) down: its connections end, and it takes no new ones. Its partitions keep it as their leader.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn broker_down(&self, broker: u32) -> Result<(), Error> {
        self.cluster().broker_down(broker as i32).map_err(|e| failed(&e))
    }

    /// Brings a broker up again.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn broker_up(&self, broker: u32) -> Result<(), Error> {
        self.cluster().broker_up(broker as i32).map_err(|e| failed(&e))
    }

    /// Delays a broker's answers.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn round_trip(&self, broker: u32, time: crate::Duration) -> Result<(), Error> {
        let time = Duration::from_nanos(time.as_nanos());
        self.cluster().broker_round_trip_time(broker as i32, time).map_err(|e| failed(&e))
    }

    /// Makes a broker the coordinator of a group.
    ///
    /// # Errors
    /// If there is no such broker.
    pub fn coordinate(&self, group: &str, broker: u32) -> Result<(), Error> {
        self.cluster().coordinator(MockCoordinator::Group(group.to_owned()), broker as i32).map_err(|e| failed(&e))
    }

    /// Puts a partition's leader on a broker.
    ///
    /// # Errors
    /// If there is no such partition or broker.
    pub fn lead(&self, topic: &str, partition: u32, broker: u32) -> Result<(), Error> {
        self.cluster().partition_leader(topic, partition as i32, Some(broker as i32)).map_err(|e| failed(&e))
    }
}

fn failed(error: &KafkaError) -> Error {
    Error::refused(format!("librdkafka's mock cluster: {error}"))
}

fn key(api: Api) -> RDKafkaApiKey {
    match api {
        Api::Produce => RDKafkaApiKey::Produce,
        Api::Fetch => RDKafkaApiKey::Fetch,
        Api::ListOffsets => RDKafkaApiKey::ListOffsets,
        Api::Metadata => RDKafkaApiKey::Metadata,
        Api::OffsetCommit => RDKafkaApiKey::OffsetCommit,
        Api::OffsetFetch => RDKafkaApiKey::OffsetFetch,
        Api::FindCoordinator => RDKafkaApiKey::FindCoordinator,
        Api::JoinGroup => RDKafkaApiKey::JoinGroup,
        Api::SyncGroup => RDKafkaApiKey::SyncGroup,
        Api::Heartbeat => RDKafkaApiKey::Heartbeat,
        Api::LeaveGroup => RDKafkaApiKey::LeaveGroup,
    }
}

impl PartialEq for Mock {
    /// Whether they are the same cluster.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Mock {}

impl std::fmt::Debug for Mock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mock").field(&self.0.servers).finish()
    }
}
