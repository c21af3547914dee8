//! One consumer with all topics and one cap: the baseline.

use super::{Event, Policy, Settings, Step, View};
use crate::{ConsumerId, Time};

/// Polls whenever it may.
#[derive(Clone, Debug)]
pub struct Single {
    poll: Step,
}

impl Single {
    /// With the cap, wait and fill of these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { poll: settings.poll(ConsumerId(0)) }
    }
}

impl Policy for Single {
    fn on(&mut self, _: Time, _: &Event<'_>) {}

    fn next(&mut self, _: Time, view: &View<'_>) -> Step {
        if view.consumers[0].idle { self.poll.clone() } else { Step::Await }
    }
}
