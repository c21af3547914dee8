//! The simulated world as a broker: a thin translation, nothing is decided here.

use fairdrain_sim::{Output, World};

use super::{Action, Broker, BrokerError, Failure, Input, Signal};
use crate::Time;

mod config;

pub use config::world_config;

/// A [`World`] behind the seam.
#[derive(Clone, Debug)]
pub struct SimBroker {
    world: World,
}

impl SimBroker {
    /// A broker that is this world.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world }
    }

    /// The world.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

impl Broker for SimBroker {
    fn submit(&mut self, action: Action) -> Result<(), BrokerError> {
        match action {
            Action::Open => self.world.open(),
            Action::Poll { consumer, cap, wait, fill } => self.world.poll(consumer, cap, wait, fill),
            Action::Take { consumer, plan } => self.world.take(consumer, plan),
            Action::Process(batch) => self.world.process(batch),
            Action::Discard { batch, partitions } => self.world.discard(batch, &partitions),
            Action::Commit { consumer, offsets } => self.world.commit(consumer, &offsets),
            // The only group member there is never has to wait for a rebalance.
            Action::RevokeDone { .. } => {}
            Action::Wake(at) => self.world.wake(at),
            Action::Close { .. } => self.world.close(),
        }
        Ok(())
    }

    fn next(&mut self) -> Result<(Time, Input), BrokerError> {
        let (now, output) = self.world.next().ok_or(BrokerError::Stuck)?;
        let input = match output {
            Output::Assigned { consumer, partitions } => Input::Assigned { consumer, partitions },
            Output::Ready(topic) => Input::Ready(topic),
            Output::Delivered { consumer, batch, runs, dry } => Input::Delivered { consumer, batch, runs, dry },
            Output::Processed(batch) => Input::Processed(batch),
            Output::Committed(consumer) => Input::Committed { consumer },
            Output::FetchFailed { consumer, topic } => {
                let failure = Failure::Fetch("fetches fail for a while, as the scenario says".to_owned());
                Input::Failed { consumer, topic: Some(topic), failure }
            }
            Output::Wake => Input::Wake,
            Output::Crashed => Input::Crashed,
            Output::Closed => Input::Closed,
        };
        Ok((now, input))
    }

    fn has_input(&self) -> bool {
        self.world.has_output()
    }

    fn signals(&mut self) -> &mut Vec<Signal> {
        self.world.signals()
    }
}
