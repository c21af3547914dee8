//! The simulated world as a broker: a thin translation, nothing is decided here.

use fairdrain_sim::{Output, World};

use super::{Action, Broker, BrokerError, Failure, Input, Signal};
use crate::Time;

mod config;
mod member;

pub use config::world_config;
pub use member::SimMember;

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

    /// The world, to be set up before the first action.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Broker for SimBroker {
    fn submit(&mut self, action: Action) -> Result<(), BrokerError> {
        submit(&mut self.world, action);
        Ok(())
    }

    fn next(&mut self) -> Result<(Time, Input), BrokerError> {
        let (now, output) = self.world.next().ok_or(BrokerError::Stuck)?;
        Ok((now, input(output)))
    }

    fn has_input(&self) -> bool {
        self.world.has_output()
    }

    fn signals(&mut self) -> &mut Vec<Signal> {
        self.world.signals()
    }
}

/// Calls in the world what a session asks for.
pub fn submit(world: &mut World, action: Action) {
    match action {
        Action::Open => world.open(),
        Action::Poll { consumer, cap, wait, fill } => world.poll(consumer, cap, wait, fill),
        Action::Take { consumer, plan } => world.take(consumer, plan),
        Action::Process(batch) => world.process(batch),
        Action::Discard { batch, partitions } => world.discard(batch, &partitions),
        Action::Commit { consumer, offsets } => world.commit(consumer, &offsets),
        Action::RevokeDone { consumer } => world.revoke_done(consumer),
        Action::Wake(at) => world.wake(at),
        Action::Close { .. } => world.close(),
    }
}

/// What a world tells, as a session is told it.
#[must_use]
pub fn input(output: Output) -> Input {
    match output {
        Output::Assigned { consumer, partitions } => Input::Assigned { consumer, partitions },
        Output::Revoking { consumer, partitions, lost, by } => Input::Revoking { consumer, partitions, lost, by },
        Output::Ready(topic) => Input::Ready(topic),
        Output::Delivered { consumer, batch, runs, dry } => Input::Delivered { consumer, batch, runs, dry },
        Output::Processed(batch) => Input::Processed(batch),
        Output::Committed(consumer) => Input::Committed { consumer },
        Output::CommitFailed { consumer, reason } => {
            Input::Failed { consumer, topic: None, failure: Failure::Commit(reason.to_string()) }
        }
        Output::Fatal { consumer, reason } => {
            Input::Failed { consumer, topic: None, failure: Failure::Fatal(reason.to_string()) }
        }
        Output::FetchFailed { consumer, topic } => {
            let failure = Failure::Fetch("fetches fail for a while, as the scenario says".to_owned());
            Input::Failed { consumer, topic: Some(topic), failure }
        }
        Output::Wake => Input::Wake,
        Output::Crashed => Input::Crashed,
        Output::Closed => Input::Closed,
    }
}
