//! A consumer a topic, each polled on its own: what the documented remedy is without its barrier.

use std::collections::VecDeque;

use super::{Event, Policy, Settings, Step, View};
use crate::{ConsumerId, Time};

/// Polls every consumer that is idle and has no batch outstanding, so that what waits in the application is bounded by one cap a
/// topic. Those that wait for their turn (there may be less credit than consumers) are served first come, first served.
#[derive(Clone, Debug)]
pub struct Multi {
    settings: Settings,
    /// Consumers that may have become eligible, each at most once. Whether one really is, is seen when its turn comes; if it is
    /// not, it comes back by the event that makes it so.
    turn: VecDeque<ConsumerId>,
    queued: Vec<bool>,
}

impl Multi {
    /// One consumer for each weight in the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let consumers = settings.weights.len();
        Self { settings: settings.clone(), turn: VecDeque::with_capacity(consumers), queued: vec![false; consumers] }
    }
}

impl Policy for Multi {
    fn on(&mut self, _: Time, event: &Event<'_>) {
        if let Event::Idle(consumer) | Event::Processed(consumer) = *event
            && !core::mem::replace(&mut self.queued[consumer.index()], true)
        {
            self.turn.push_back(consumer);
        }
    }

    fn next(&mut self, _: Time, view: &View<'_>) -> Step {
        while let Some(consumer) = self.turn.pop_front() {
            self.queued[consumer.index()] = false;
            let now = view.consumers[consumer.index()];
            if now.idle && now.outstanding == 0 {
                return self.settings.poll(consumer);
            }
        }
        Step::Await
    }
}
