//! A consumer a topic, polled in turn by one thread, as many synchronous services do.

use super::{Event, Policy, Settings, Step, View};
use crate::{ConsumerId, Time};

/// Polls one consumer, lets its batch be processed (and committed), and goes on to the next one; those that can't be asked are
/// passed over. Begins when every consumer has its assignment, as a service does that starts them all before its loop.
#[derive(Clone, Debug)]
pub struct MultiSequential {
    settings: Settings,
    turn: usize,
}

impl MultiSequential {
    /// One consumer for each weight in the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), turn: 0 }
    }
}

impl Policy for MultiSequential {
    fn on(&mut self, _: Time, _: &Event<'_>) {}

    fn next(&mut self, _: Time, view: &View<'_>) -> Step {
        if view.busy > 0 || view.outstanding > 0 || view.joining > 0 {
            return Step::Await;
        }
        for _ in 0..view.consumers.len() {
            let at = self.turn;
            self.turn = (at + 1) % view.consumers.len();
            if view.consumers[at].idle {
                return self.settings.poll(ConsumerId(at as u32));
            }
        }
        Step::Await
    }
}
