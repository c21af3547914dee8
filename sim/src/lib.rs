//! A deterministic world of Kafka brokers, clients and applications in virtual time.
//!
//! [`World`] is the whole of it: built from a [`WorldConfig`](config::WorldConfig), told to poll, take, process and commit, and asked
//! what happens [`next`](World::next). One thread, integer nanoseconds, every random decision a named
//! [choice](choice::Point) drawn from a stream of its own; the same configuration gives the same
//! [fingerprint](World::fingerprint) on every machine. Records are never materialised: logs are runs of batches, polls hand out runs
//! of offsets, memory does not grow with the number of records.

mod application;
mod batch;
pub mod broker;
pub mod choice;
pub mod client;
pub mod config;
pub mod event;
mod fingerprint;
mod key;
pub mod log;
mod record;
pub mod seed;
mod signal;
mod state;
mod time;
mod world;

pub use batch::batch_bytes;
pub use fingerprint::Fingerprint;
pub use key::Keys;
pub use record::{BatchId, ConsumerId, Fill, LocalCause, PartitionId, Run, TopicId};
pub use signal::{Fact, Signal};
pub use time::{Duration, Time};
pub use world::{Output, World};
