//! The documented remedy: a consumer a topic, polled in rounds with a barrier.

use super::{Event, Policy, Settings, Step, View};
use crate::{ConsumerId, Time};

/// Polls all consumers at once, as `asyncio.gather(..., return_exceptions=True)` does; holds what arrives until all have returned or
/// failed; begins the next round when the whole merged round has been processed and committed. The first round begins when every
/// consumer has its assignment, because the documented service awaits the start of each. A consumer in back-off misses a round.
#[derive(Clone, Debug)]
pub struct MultiGather {
    settings: Settings,
    /// The next consumer to poll in the round being formed; the number of consumers if none is.
    cursor: usize,
    /// Polls of the round that have not returned.
    waiting: u32,
}

impl MultiGather {
    /// One consumer for each weight in the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), cursor: settings.weights.len(), waiting: 0 }
    }
}

impl Policy for MultiGather {
    fn on(&mut self, _: Time, event: &Event<'_>) {
        if let Event::Delivered { .. } | Event::Failed(_) = event {
            self.waiting -= 1;
        }
    }

    fn next(&mut self, _: Time, view: &View<'_>) -> Step {
        if self.cursor == view.consumers.len() {
            if view.busy > 0 || view.outstanding > 0 || view.joining > 0 {
                return Step::Await;
            }
            self.cursor = 0;
        }
        while self.cursor < view.consumers.len() {
            let at = self.cursor;
            self.cursor += 1;
            if view.consumers[at].idle {
                self.waiting += 1;
                return self.settings.poll(ConsumerId(at as u32));
            }
        }
        Step::Await
    }

    fn holds(&self) -> bool {
        self.waiting > 0
    }
}
