//! A moment that is set again and again, and seldom reached.

use crate::time::Time;

/// A deadline of which only the latest setting counts. Setting it costs no event as long as an earlier one is still pending: that
/// one moves on when it fires. So an event queue holds one event for it, however often it is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeout {
    due: Option<Time>,
    /// The earliest event that is pending for it.
    pending: Option<Time>,
}

/// What an event that fires means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fired {
    /// The moment has come.
    Due,
    /// It has been put off: there has to be another event, at this time.
    Later(Time),
    /// Nothing: it has been cleared, or another event will come.
    Stale,
}

impl Timeout {
    /// Sets the moment, in place of any earlier setting. Returns when an event has to be scheduled, if one has.
    pub(crate) fn set(&mut self, at: Time) -> Option<Time> {
        self.due = Some(at);
        if self.pending.is_some_and(|pending| pending <= at) {
            return None;
        }
        self.pending = Some(at);
        Some(at)
    }

    pub(crate) fn clear(&mut self) {
        self.due = None;
    }

    /// An event scheduled for it fires.
    pub(crate) fn fire(&mut self, now: Time) -> Fired {
        if self.pending.is_some_and(|pending| pending <= now) {
            self.pending = None;
        }
        match self.due {
            Some(due) if due <= now => {
                self.due = None;
                Fired::Due
            }
            Some(due) if self.pending.is_none() => {
                self.pending = Some(due);
                Fired::Later(due)
            }
            _ => Fired::Stale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Time {
        Time::from_nanos(n)
    }

    #[test]
    fn only_the_latest_setting_counts_and_one_event_serves_them_all() {
        let mut timeout = Timeout::default();
        assert_eq!(timeout.set(at(10)), Some(at(10)));
        assert_eq!(timeout.set(at(20)), None);
        assert_eq!(timeout.set(at(30)), None);
        assert_eq!(timeout.fire(at(10)), Fired::Later(at(30)));
        timeout.clear();
        assert_eq!(timeout.fire(at(30)), Fired::Stale);
        assert_eq!(timeout.set(at(40)), Some(at(40)));
        assert_eq!(timeout.fire(at(40)), Fired::Due);
    }

    #[test]
    fn an_earlier_moment_needs_an_event_of_its_own() {
        let mut timeout = Timeout::default();
        assert_eq!(timeout.set(at(30)), Some(at(30)));
        assert_eq!(timeout.set(at(10)), Some(at(10)));
        assert_eq!(timeout.fire(at(10)), Fired::Due);
        assert_eq!(timeout.set(at(40)), Some(at(40)));
        assert_eq!(timeout.fire(at(30)), Fired::Stale);
        assert_eq!(timeout.fire(at(40)), Fired::Due);
    }
}
