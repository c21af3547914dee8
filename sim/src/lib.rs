//! A deterministic world of Kafka brokers, clients and applications in virtual time.
//!
//! [`World`] is the whole of it: built from a [`WorldConfig`](config::WorldConfig), told to poll, take, process and commit, and asked
//! what happens [`next`](World::next). One thread, integer nanoseconds, every random decision a named
//! [choice](choice::Point) drawn from a stream of its own; the same configuration gives the same
//! [fingerprint](World::fingerprint) on every machine. Records are never materialised: logs are runs of batches, polls hand out runs
//! of offsets, memory does not grow with the number of records.
//!
//! A world knows neither schedulers nor metrics: whoever drives it decides whom to poll, and when.
//!
//! ```
//! use fairdrain_sim::client::{Settings, librdkafka};
//! use fairdrain_sim::config::{Application, Brokers, ConsumerConfig, Network, Start, TopicConfig, WorldConfig};
//! use fairdrain_sim::event::Ties;
//! use fairdrain_sim::log::Log;
//! use fairdrain_sim::{ConsumerId, Duration, Fill, Output, Sizes, World};
//!
//! // One partition a topic; values of 200 bytes, keys of 10, batches of 100 records.
//! let topic = |name: &str, backlog| TopicConfig {
//!     name: name.to_owned(),
//!     logs: vec![Log::new(backlog, 100, Sizes::Fixed(200), 10, 1000, 1)],
//!     leader: 0,
//!     per_record: Duration::ZERO,
//!     arrival: None,
//! };
//! let client = Settings::Librdkafka(librdkafka::Settings::default());
//! let mut world = World::new(&WorldConfig {
//!     seed: 1,
//!     ties: Ties::Fifo,
//!     topics: vec![topic("large", 4_000), topic("small", 10)],
//!     consumers: vec![ConsumerConfig { topics: 0..2, client, takes: false, start: Start::Assign }],
//!     network: Network { latency: Duration::from_micros(50), jitter: Duration::ZERO, bandwidth: None },
//!     brokers: Brokers { count: 1, service: Duration::from_micros(200), fetch_max_bytes: 57_671_680 },
//!     application: Application { workers: 1, per_batch: Duration::ZERO, blocking: false },
//!     faults: vec![],
//!     alarms: vec![],
//! });
//!
//! world.open();
//! let mut delivered = Vec::new();
//! while delivered.iter().sum::<u32>() < 4_010 {
//!     let (_, output) = world.next().expect("there is more to come");
//!     if let Output::Delivered { runs, .. } = &output {
//!         delivered.push(runs.iter().map(|run| run.records).sum());
//!     }
//!     if let Output::Assigned { .. } | Output::Delivered { .. } = output {
//!         world.poll(ConsumerId(0), 1_500, Duration::from_millis(100), Fill::Full);
//!     }
//! }
//! assert_eq!(delivered, [1_500, 1_500, 1_010]);
//! ```

mod application;
mod batch;
pub mod broker;
pub mod choice;
pub mod client;
pub mod config;
pub mod event;
mod fingerprint;
pub mod fleet;
pub mod group;
mod key;
pub mod log;
mod output;
mod record;
pub mod seed;
mod signal;
mod sizes;
mod state;
mod time;
mod timeout;
mod world;

pub use batch::batch_bytes;
pub use fingerprint::Fingerprint;
pub use key::Keys;
pub use output::{Fatal, Output};
pub use record::{BatchId, ConsumerId, Fill, LocalCause, PartitionId, Run, TopicId};
pub use signal::{Fact, Signal};
pub use sizes::{Sizes, sizes_seed};
pub use time::{Duration, Time};
pub use world::World;
