//! The observer around the caller's: it verifies, and it sees to it that every run ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::LoadedTopic;
use super::verify::Verifier;
use crate::broker::{Action, Failure, Input, Signal};
use crate::drive::Observer;
use crate::{Duration, Time, TopicSet};

/// How long a topic may fail before the run is given up: it can't be complete without it.
pub(super) const TOPIC_FAILS_MAX: Duration = Duration::from_secs(5);

pub(super) struct Watch<O> {
    pub(super) inner: O,
    pub(super) verifier: Verifier,
    limit: Time,
    interrupt: Arc<AtomicBool>,
    /// By topic: since when it fails, and why.
    failing: Vec<Option<(Time, String)>>,
    fatal: Option<String>,
}

impl<O> Watch<O> {
    pub(super) fn new(inner: O, topics: &[LoadedTopic], limit: Time, interrupt: Arc<AtomicBool>) -> Self {
        let failing = vec![None; topics.len()];
        Self { inner, verifier: Verifier::new(topics), limit, interrupt, failing, fatal: None }
    }

    /// Why the run could not be completed; `None` if nothing stood in its way.
    pub(super) fn failure(&self) -> Option<String> {
        let topics = || self.failing.iter().flatten().map(|(_, reason)| reason).next();
        self.fatal.as_ref().or_else(topics).cloned()
    }

    fn is_hopeless(&self, now: Time) -> bool {
        self.fatal.is_some() || self.failing.iter().flatten().any(|&(since, _)| now.since(since) >= TOPIC_FAILS_MAX)
    }
}

impl<O: Observer> Observer for Watch<O> {
    fn on_action(&mut self, now: Time, action: &Action) {
        self.inner.on_action(now, action);
    }

    fn on_signal(&mut self, signal: &Signal) {
        self.inner.on_signal(signal);
    }

    fn on_input(&mut self, now: Time, input: &Input) {
        match input {
            Input::Delivered { runs, .. } => {
                for run in runs {
                    self.verifier.handle_run(run);
                    self.failing[run.partition.topic.index()] = None;
                }
            }
            Input::Failed { topic: Some(topic), failure: Failure::Fetch(reason), .. } => {
                self.failing[topic.index()].get_or_insert_with(|| (now, reason.clone()));
            }
            Input::Failed { failure: Failure::Fatal(reason), .. } => self.fatal = Some(reason.clone()),
            _ => {}
        }
        self.inner.on_input(now, input);
    }

    fn demand(&mut self) -> Option<TopicSet> {
        self.inner.demand()
    }

    fn is_done(&self, now: Time) -> bool {
        let stopped = now >= self.limit || self.interrupt.load(Ordering::Relaxed) || self.is_hopeless(now);
        stopped || self.inner.is_done(now)
    }
}
