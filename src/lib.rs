//! fairdrain predicts, explains and fixes how a Kafka consumer drains several backlogged topics.

pub use fairdrain_sim::{BatchId, ConsumerId, Duration, Fill, Keys, LocalCause, PartitionId, Run, Time, TopicId};
pub use topic_set::TopicSet;

pub mod assemble;
pub mod broker;
#[cfg(feature = "cli")]
pub mod compare;
pub mod drive;
pub mod fidelity;
pub mod metrics;
pub mod policy;
#[cfg(feature = "cli")]
pub mod report;
pub mod run;
pub mod scenario;
pub mod session;
mod topic_set;

pub mod trace;
pub mod tuning;
