//! From a name and settings to a policy.

use super::{
    CompleteFirst, Event, Fair, Guarantee, Multi, MultiGather, MultiSequential, Name, Policy, Single, Step, View,
};
use crate::{ConsumerId, Duration, Fill, Time, TopicId};

/// What a scheduler can be told. All of it is legal already: `cap`, `workers` and every weight are 1 or more, and there is at
/// least one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most records of one poll, or of one hand-over.
    pub cap: u32,
    /// Timeout of a poll. Takes never wait.
    pub wait: Duration,
    /// Until when a poll collects.
    pub fill: Fill,
    /// Share of each topic under the fair schedulers, relative to the others'; one for each topic.
    pub weights: Vec<u32>,
    /// Batches that the application works on at a time.
    pub workers: u32,
}

impl Settings {
    /// A poll of this consumer with these settings.
    pub(super) fn poll(&self, consumer: ConsumerId) -> Step {
        Step::Poll { consumer, cap: self.cap, wait: self.wait, fill: self.fill }
    }

    /// How many batches a scheduler may have outstanding.
    ///
    /// With one consumer as many as there are workers: with one worker it is poll, process, poll. With a consumer a topic one
    /// each (the bounded merge queue, in all topics x cap records), and one in all if they are polled in turn.
    #[must_use]
    pub fn credit(&self, name: Name) -> u32 {
        match name {
            Name::Single | Name::Fair | Name::CompleteFirst => self.workers,
            Name::MultiGather | Name::Multi => self.weights.len() as u32,
            Name::MultiSequential => 1,
        }
    }
}

/// Any of the schedulers.
#[derive(Clone, Debug)]
pub enum AnyPolicy {
    /// [`Name::Single`].
    Single(Single),
    /// [`Name::MultiGather`].
    MultiGather(MultiGather),
    /// [`Name::MultiSequential`].
    MultiSequential(MultiSequential),
    /// [`Name::Multi`].
    Multi(Multi),
    /// [`Name::Fair`].
    Fair(Fair),
    /// [`Name::CompleteFirst`].
    CompleteFirst(CompleteFirst),
}

impl AnyPolicy {
    /// The scheduler of this name, with these settings.
    #[must_use]
    pub fn new(name: Name, settings: &Settings) -> Self {
        match name {
            Name::Single => Self::Single(Single::new(settings)),
            Name::MultiGather => Self::MultiGather(MultiGather::new(settings)),
            Name::MultiSequential => Self::MultiSequential(MultiSequential::new(settings)),
            Name::Multi => Self::Multi(Multi::new(settings)),
            Name::Fair => Self::Fair(Fair::new(settings)),
            Name::CompleteFirst => Self::CompleteFirst(CompleteFirst::new(settings)),
        }
    }

    /// What the scheduler of this name promises a topic; `None` if it promises nothing in records or hand-overs.
    #[must_use]
    pub fn guarantee(name: Name, settings: &Settings, topic: TopicId) -> Option<Guarantee> {
        match name {
            Name::Fair => Some(Fair::guarantee(settings, topic)),
            Name::CompleteFirst => Some(CompleteFirst::guarantee(settings, topic)),
            Name::Single | Name::MultiGather | Name::MultiSequential | Name::Multi => None,
        }
    }
}

/// Runs an expression on whichever policy it is.
macro_rules! each {
    ($any:expr, $policy:ident => $do:expr) => {
        match $any {
            AnyPolicy::Single($policy) => $do,
            AnyPolicy::MultiGather($policy) => $do,
            AnyPolicy::MultiSequential($policy) => $do,
            AnyPolicy::Multi($policy) => $do,
            AnyPolicy::Fair($policy) => $do,
            AnyPolicy::CompleteFirst($policy) => $do,
        }
    };
}

impl Policy for AnyPolicy {
    fn on(&mut self, now: Time, event: &Event<'_>) {
        each!(self, policy => policy.on(now, event));
    }

    fn next(&mut self, now: Time, view: &View<'_>) -> Step {
        each!(self, policy => policy.next(now, view))
    }

    fn holds(&self) -> bool {
        each!(self, policy => policy.holds())
    }
}
