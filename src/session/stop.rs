//! The end of a session.

use super::{Action, Commit, ConsumerId, Phase, Policy, Session};
use crate::Duration;

/// How long a broker may take to leave groups and destroy consumers.
pub const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// How often a consumer tries its last commit: a rebalance may be in the way for a moment.
pub const STOP_ATTEMPTS: u32 = 4;

/// After which it is not tried again: where answers are that late, nobody is there.
pub const STOP_RETRIES_WITHIN: Duration = Duration::from_secs(3);

impl<P: Policy> Session<P> {
    pub(super) fn begin_stop(&mut self) {
        if self.phase == Phase::Running {
            self.phase = Phase::Finishing;
        }
    }

    /// Goes as far with stopping as is possible now.
    pub(super) fn advance_stop(&mut self) {
        let (polling, committing) = (self.count.polling, self.count.committing);
        let at_rest = polling == 0 && committing == 0 && self.count.revoking == 0 && self.batches.len() == 0;
        if self.phase == Phase::Finishing && at_rest {
            self.phase = Phase::Committing { since: self.now };
            if self.config.commit != Commit::None {
                for consumer in 0..self.config.consumers {
                    self.commit(ConsumerId(consumer));
                }
            }
        }
        let tries_again = |c: &super::consumer::Consumer| c.commit_due.is_some();
        if matches!(self.phase, Phase::Committing { .. })
            && self.count.committing == 0
            && self.count.revoking == 0
            && !self.consumers.iter().any(tries_again)
        {
            self.phase = Phase::Closing;
            self.actions.push_back(Action::Close { by: self.now + CLOSE_WITHIN });
        }
    }
}
