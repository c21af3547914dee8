//! The cluster, real or mock: reaching it, making topics and removing them.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::bindings::rd_kafka_resp_err_t as Code;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;

use super::conf;
use super::error::Error;
use super::ffi::{self, Call, Client, Conf};
use super::mock::Mock;
use super::secrets::{Secrets, Shown};
use crate::broker::BrokerError;

/// How long to look whether anybody is there when something has gone wrong.
const GONE_AFTER: Duration = Duration::from_secs(2);
/// How long an administrative request may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the clean-up may take, which nobody wants to wait for when the cluster is gone.
const DELETE_TIMEOUT: Duration = Duration::from_secs(4);

/// Where to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A Kafka cluster, by its bootstrap servers (`host:port`, separated by commas).
    Cluster(String),
    /// librdkafka's mock cluster, in this process. Right for what a client does, wrong for how long it takes: a fetch returns one
    /// batch a partition whatever the limits say, and a waiting fetch is not ended by new data.
    Mock,
    /// The same, shared with others: it lives on when this client of it is gone.
    Shared(Mock),
}

impl Target {
    /// The backend's name: `kafka` or `mock`.
    #[must_use]
    pub const fn backend(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "kafka",
            Self::Mock | Self::Shared(_) => "mock",
        }
    }
}

/// How to run.
#[derive(Clone)]
pub struct Options {
    /// librdkafka's properties for every client, such as those for security; they override the scenario's.
    pub properties: Vec<(String, String)>,
    /// Whether the topics stay.
    pub keep: bool,
    /// Set to true from outside to end the run soon, in an orderly way.
    pub interrupt: Arc<AtomicBool>,
    /// How long to wait for a first answer of the cluster, in milliseconds.
    pub connect_timeout_ms: u64,
}

impl std::fmt::Debug for Options {
    /// Without secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { properties, keep, interrupt, connect_timeout_ms } = self;
        f.debug_struct("Options")
            .field("properties", &Shown(properties))
            .field("keep", keep)
            .field("interrupt", interrupt)
            .field("connect_timeout_ms", connect_timeout_ms)
            .finish()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { properties: Vec::new(), keep: false, interrupt: Arc::default(), connect_timeout_ms: 10_000 }
    }
}

/// What a real run ran on. Never compared between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `kafka` or `mock`.
    pub backend: &'static str,
    /// Version of librdkafka.
    pub librdkafka: String,
    /// The bootstrap servers.
    pub servers: String,
    /// How many brokers the cluster has.
    pub brokers: usize,
}

/// A cluster that has answered.
pub(super) struct Cluster {
    pub(super) backend: &'static str,
    pub(super) servers: String,
    pub(super) properties: Vec<(String, String)>,
    pub(super) interrupt: Arc<AtomicBool>,
    brokers: usize,
    pub(super) mock: Option<Mock>,
}

impl Cluster {
    /// Reaches a cluster, or starts a mock one with so many brokers.
    pub(super) fn connect(target: &Target, options: &Options, mock_brokers: u32) -> Result<Self, Error> {
        conf::check(&options.properties)?;
        let mut cluster = Self {
            backend: target.backend(),
            servers: String::new(),
            properties: options.properties.clone(),
            interrupt: options.interrupt.clone(),
            brokers: 0,
            mock: None,
        };
        match target {
            Target::Cluster(servers) => cluster.servers.clone_from(servers),
            Target::Mock => cluster.mock = Some(Mock::start(mock_brokers)?),
            Target::Shared(mock) => cluster.mock = Some(mock.clone()),
        }
        if let Some(mock) = &cluster.mock {
            mock.servers().clone_into(&mut cluster.servers);
        }
        cluster.brokers = cluster.probe(Duration::from_millis(options.connect_timeout_ms))?;
        Ok(cluster)
    }

    pub(super) fn environment(&self) -> Environment {
        Environment {
            backend: self.backend,
            librdkafka: ffi::version(),
            servers: self.servers.clone(),
            brokers: self.brokers,
        }
    }

    /// A configuration for a client of rust-rdkafka.
    pub(super) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.servers).set("client.id", "fairdrain");
        config
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed)
    }

    /// What was refused, or rather that nobody is there any more to refuse anything.
    pub(super) fn unless_gone(&self, error: Error) -> Error {
        match self.probe(GONE_AFTER) {
            Err(gone @ Error::Broker(BrokerError::Unreachable { .. })) => gone,
            _ => error,
        }
    }

    /// Waits for the first answer, and says how many brokers there are.
    fn probe(&self, timeout: Duration) -> Result<usize, Error> {
        let mut conf = Conf::new();
        let own = [("bootstrap.servers", &self.servers), ("group.id", &"fairdrain-probe".to_owned())];
        let users = self.properties.iter().map(|(key, value)| (key.as_str(), value));
        for (key, value) in own.into_iter().chain(users) {
            conf.set(key, value).map_err(Error::refused)?;
        }
        let heard = Arc::new(Mutex::new((Cause::default(), None)));
        let hook = heard.clone();
        let secrets = Secrets::of(&self.properties);
        let client = Client::new(
            conf,
            Box::new(move |call| {
                let mut heard = hook.lock().unwrap_or_else(PoisonError::into_inner);
                let redact = |text| secrets.redact(text);
                match call {
                    Call::Error { code: Code::RD_KAFKA_RESP_ERR__AUTHENTICATION, reason } => {
                        heard.1 = Some(redact(reason))
                    }
                    Call::Error { reason, .. } | Call::Log(reason) => heard.0.hear(redact(reason)),
                    Call::Nonempty(_) | Call::Rebalance { .. } | Call::Statistics(_) => {}
                }
            }),
        )
        .map_err(Error::refused)?;
        let queue = client.consumer_queue();
        let began = Instant::now();
        loop {
            let reason = match client.probe(Duration::from_millis(250)) {
                Ok(brokers) => return Ok(brokers),
                Err(reason) => reason,
            };
            if let Some(queue) = &queue {
                queue.take(64, &mut Vec::new());
            }
            let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(reason) = &heard.1 {
                return Err(Error::refused(format!("{} does not let us in: {reason}", self.servers)));
            }
            if self.is_interrupted() {
                return Err(Error::Interrupted);
            }
            if began.elapsed() >= timeout {
                let waited = crate::Duration::from_nanos(began.elapsed().as_nanos() as u64);
                let (servers, reason) = (self.servers.clone(), heard.0.0.clone().unwrap_or(reason));
                return Err(BrokerError::Unreachable { servers, waited, reason }.into());
            }
        }
    }

    /// First offset and one after the last, by topic and partition.
    pub(super) fn bounds(&self, topics: &[String]) -> Result<Vec<Vec<(i64, i64)>>, Error> {
        // A consumer: a producer's or an administrator's request for the metadata of a topic may create it.
        let client: BaseConsumer = self
            .config()
            .set("allow.auto.create.topics", "false")
            .create()
            .map_err(|e| Error::refused(e.to_string()))?;
        let of_topic = |topic: &String| {
            let unread = |e: rdkafka::error::KafkaError| Error::refused(format!("topic {topic} can't be read: {e}"));
            let metadata = client.fetch_metadata(Some(topic), ADMIN_TIMEOUT).map_err(unread)?;
            let found = metadata.topics().iter().find(|t| t.name() == topic && t.error().is_none());
            let partitions = found.map_or(0, |t| t.partitions().len());
            if partitions == 0 {
                return Err(Error::refused(format!("there is no topic {topic} on {}", self.servers)));
            }
            let bounds = |partition| client.fetch_watermarks(topic, partition, ADMIN_TIMEOUT).map_err(unread);
            (0..partitions as i32).map(bounds).collect()
        };
        topics.iter().map(of_topic).collect()
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>, Error> {
        self.config().create().map_err(|e| Error::refused(e.to_string()))
    }

    /// Creates those topics that do not exist. One that does has to have as many partitions.
    pub(super) fn ensure(&self, topics: &[(&str, u32, Option<u32>)]) -> Result<(), Error> {
        let admin = self.admin()?;
        let mut missing = Vec::new();
        for &(name, partitions, bytes) in topics {
            // Never of one topic by name: the mock cluster would create it.
            let metadata = admin.inner().fetch_metadata(None, ADMIN_TIMEOUT);
            let metadata = metadata.map_err(|e| Error::refused(format!("topics can't be listed: {e}")))?;
            match metadata.topics().iter().find(|t| t.name() == name) {
                None => missing.push((name, partitions, bytes)),
                Some(topic) if topic.partitions().len() == partitions as usize => {}
                Some(topic) => {
                    let has = topic.partitions().len();
                    return Err(Error::refused(format!("topic {name} has {has} partitions, not {partitions}")));
                }
            }
        }
        if missing.is_empty() { Ok(()) } else { self.create(&missing) }
    }

    /// Creates topics, with `max.message.bytes` if their batches need it, and waits until each partition has a leader.
    pub(super) fn create(&self, topics: &[(&str, u32, Option<u32>)]) -> Result<(), Error> {
        if let Some(mock) = &self.mock {
            // The mock cluster's thread looks for work ten times a second: all topics at once, or it takes 0.1 s for each.
            return thread::scope(|scope| {
                let create = |&(name, partitions, _)| scope.spawn(move || mock.create_topic(name, partitions));
                let threads: Vec<_> = topics.iter().map(create).collect();
                threads.into_iter().try_for_each(|thread| thread.join().expect("nothing in it panics"))
            });
        }
        let admin = self.admin()?;
        let bytes: Vec<Option<String>> = topics.iter().map(|(_, _, bytes)| bytes.map(|n| n.to_string())).collect();
        let new: Vec<NewTopic<'_>> = topics
            .iter()
            .zip(&bytes)
            .map(|(&(name, partitions, _), bytes)| {
                // The cluster's own default (KIP-464): one replica may be too few for its min.insync.replicas.
                let replication = TopicReplication::Fixed(-1);
                let new = NewTopic::new(name, partitions as i32, replication);
                match bytes {
                    Some(bytes) => new.set("max.message.bytes", bytes),
                    None => new,
                }
            })
            .collect();
        let options = AdminOptions::new().request_timeout(Some(ADMIN_TIMEOUT)).operation_timeout(Some(ADMIN_TIMEOUT));
        let results = block_on(admin.create_topics(&new, &options));
        for result in results.map_err(|e| Error::refused(format!("topics can't be created: {e}")))? {
            result.map_err(|(name, code)| Error::refused(format!("topic {name} can't be created: {code}")))?;
        }
        let names: Vec<&str> = topics.iter().map(|(name, ..)| *name).collect();
        self.await_leaders(&admin, &names)
    }

    fn await_leaders(&self, admin: &AdminClient<DefaultClientContext>, names: &[&str]) -> Result<(), Error> {
        let began = Instant::now();
        for name in names {
            loop {
                let metadata = admin.inner().fetch_metadata(Some(name), Duration::from_secs(1));
                let led = metadata.is_ok_and(|m| {
                    m.topics().iter().any(|t| {
                        t.error().is_none()
                            && !t.partitions().is_empty()
                            && t.partitions().iter().all(|p| p.leader() >= 0)
                    })
                });
                if led {
                    break;
                }
                if self.is_interrupted() {
                    return Err(Error::Interrupted);
                }
                if began.elapsed() > ADMIN_TIMEOUT {
                    return Err(Error::refused(format!(
                        "topic {name} has no leader after {} s",
                        ADMIN_TIMEOUT.as_secs()
                    )));
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }

    /// Deletes topics; those that are gone already count as deleted. What can't be deleted is named in the error.
    pub(super) fn delete_topics(&self, names: &[&str]) -> Result<(), Error> {
        if self.mock.is_some() || names.is_empty() {
            return Ok(());
        }
        let options = AdminOptions::new().request_timeout(Some(DELETE_TIMEOUT)).operation_timeout(Some(DELETE_TIMEOUT));
        let left = |why: String| Error::refused(format!("topics left behind: {}: {why}", names.join(", ")));
        let admin = self.admin()?;
        for result in block_on(admin.delete_topics(names, &options)).map_err(|e| left(e.to_string()))? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((name, code)) => return Err(Error::refused(format!("topic left behind: {name}: {code}"))),
            }
        }
        Ok(())
    }

    /// Deletes groups, likewise.
    pub(super) fn delete_groups(&self, names: &[&str]) -> Result<(), Error> {
        if self.mock.is_some() || names.is_empty() {
            return Ok(());
        }
        let options = AdminOptions::new().request_timeout(Some(DELETE_TIMEOUT));
        let left = |why: String| Error::refused(format!("groups left behind: {}: {why}", names.join(", ")));
        let admin = self.admin()?;
        for result in block_on(admin.delete_groups(names, &options)).map_err(|e| left(e.to_string()))? {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)) => {}
                Err((name, code)) => return Err(Error::refused(format!("group left behind: {name}: {code}"))),
            }
        }
        Ok(())
    }
}

/// Why nothing answers, of all that librdkafka says about it: the latest line about a connection, such as "Connect to
/// ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)".
#[derive(Debug, Default)]
struct Cause(Option<String>);

impl Cause {
    fn hear(&mut self, line: String) {
        let says = |word: &str| line.contains(word);
        // "1/1 brokers are down" and "Broker transport failure" only say that there is a cause.
        if says("failed") || says("Failed") || says("isconnected") || says("refused") {
            // Log lines begin with the thread's name, which nobody knows.
            let line = match line.split_once("]: ") {
                Some((thread, rest)) if thread.starts_with("[thrd:") => rest.to_owned(),
                _ => line,
            };
            self.0 = Some(line);
        }
    }
}

/// Waits for a future that is woken from another thread, as those of rust-rdkafka's administration client are.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
