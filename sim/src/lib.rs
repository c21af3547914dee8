//! A deterministic world of Kafka brokers, clients and applications in virtual time.

pub use batch::batch_bytes;
pub use key::Keys;
pub use record::{BatchId, ConsumerId, Fill, LocalCause, PartitionId, Run, TopicId};
pub use time::{Duration, Time};

mod batch;
mod key;
mod record;
pub mod seed;
mod time;
