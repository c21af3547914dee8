//! What a scenario tells its schedulers.

use super::{Client, Scenario};
use crate::Fill;
use crate::policy::{Name, Settings};

impl Scenario {
    /// The cap of a scheduler, unless a run asks for another: `single` has the consumer's.
    #[must_use]
    pub fn cap(&self, scheduler: Name) -> u32 {
        let consumer = self.consumer.max_poll_records;
        if scheduler == Name::Single { consumer } else { self.scheduler.max_poll_records.unwrap_or(consumer) }
    }

    /// What a policy is told, with this client and this cap.
    #[must_use]
    pub fn settings(&self, client: Client, cap: u32) -> Settings {
        let own_call = match client {
            Client::Librdkafka => Fill::Full,
            Client::Aiokafka | Client::Java(..) | Client::KafkaPython(_) | Client::Ideal => Fill::First,
        };
        Settings {
            cap,
            wait: self.consumer.poll_timeout,
            fill: self.consumer.fill.unwrap_or(own_call),
            weights: self.topics.iter().map(|t| t.weight).collect(),
            workers: self.application.workers,
        }
    }
}
