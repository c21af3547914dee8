//! What every scheduler shares.

use crate::Time;
use crate::broker::{Action, Input};
use crate::policy::Policy;

/// A session.
#[derive(Debug)]
pub struct Session<P> {
    policy: P,
}

impl<P: Policy> Session<P> {
    /// The time of the last input (at first: the time the session was made with).
    #[must_use]
    pub fn now(&self) -> Time {
        unimplemented!()
    }

    /// Takes an input in.
    pub fn handle(&mut self, now: Time, input: Input) {
        let _ = (now, input);
        unimplemented!()
    }

    /// The next thing the session wants done; `None` until the next input.
    pub fn poll_action(&mut self) -> Option<Action> {
        unimplemented!()
    }
}
