//! Like `fair`, but topics that still block incomplete inputs go first.

use super::drr::Ring;
use super::{Event, Fair, Guarantee, Policy, Settings, Step, View};
use crate::{Time, TopicId, TopicSet};

/// Of this many records one is handed out by `fair` among all ready topics, whatever the demand; the others go to the topics in
/// demand. It bounds what a topic out of demand may have to wait for, and is small enough to leave most of a hand-over to demand.
const FAIR_ONE_IN: u32 = 4;

/// Three quarters of each hand-over go to the ready topics in demand, by deficit round robin among them, first; a quarter goes to
/// all ready topics as under [`Fair`]. If no topic in demand is ready, everything does.
///
/// The quarter is for all topics and not only for those out of demand, because demand may change with every record: a topic that
/// had to change queues each time could lose its place again and again. So [`CompleteFirst::guarantee`] holds whatever the demand.
#[derive(Clone, Debug)]
pub struct CompleteFirst {
    cap: u32,
    fair: Fair,
    /// The ready topics in demand.
    urgent: Ring,
    demand: TopicSet,
    /// What the fair part is owed from earlier hand-overs, in quarters of a record: less than a record.
    owed: u32,
}

impl CompleteFirst {
    /// With the cap and the weights of these settings; no topic is in demand at first.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            cap: settings.cap,
            fair: Fair::new(settings),
            urgent: Ring::new(settings.weights.len()),
            demand: TopicSet::default(),
            owed: 0,
        }
    }

    /// What a topic can rely on, in demand or not: with Q the sum of all quanta and q its own, a part in one of
    /// `ceil(4 * (Q - q + 1) / cap)` hand-overs.
    #[must_use]
    pub fn guarantee(settings: &Settings, topic: TopicId) -> Guarantee {
        let (cap, others) = Fair::cap_and_others(settings, topic);
        let hand_overs = (u64::from(FAIR_ONE_IN) * (others + 1)).div_ceil(cap);
        Guarantee { hand_overs, records_between: (hand_overs + 1) * cap - 2 }
    }

    /// Brings the place of a topic among the urgent ones up to date.
    fn place(&mut self, topic: TopicId) {
        if self.demand.contains(topic) && self.fair.ring.contains(topic) {
            self.urgent.enter(topic, &self.fair.quanta);
        } else {
            self.urgent.leave(topic, &self.fair.quanta);
        }
    }
}

impl Policy for CompleteFirst {
    fn on(&mut self, now: Time, event: &Event<'_>) {
        self.fair.on(now, event);
        match event {
            Event::Ready(topic) => self.place(*topic),
            Event::Delivered { dry: topics, .. } | Event::Emptied(topics) => {
                for topic in *topics {
                    // It ran dry; if it has come back since, it has done so at the end of the round.
                    self.urgent.leave(*topic, &self.fair.quanta);
                    self.place(*topic);
                }
            }
            Event::Demand(demand) => {
                let before = core::mem::replace(&mut self.demand, (*demand).clone());
                before.iter().for_each(|topic| self.place(topic));
                demand.iter().for_each(|topic| self.place(topic));
            }
            Event::Idle(_) | Event::Failed(_) | Event::Processed(_) => {}
        }
    }

    fn next(&mut self, now: Time, view: &View<'_>) -> Step {
        if self.urgent.is_empty() || !view.consumers[0].idle {
            return self.fair.next(now, view);
        }
        let owed = u64::from(self.owed) + u64::from(self.cap);
        // Fits: no more than the cap, as what is owed from before is less than a record.
        let fair_part = (owed / u64::from(FAIR_ONE_IN)) as u32;
        self.owed = (owed % u64::from(FAIR_ONE_IN)) as u32;
        self.urgent.grant(self.cap - fair_part, &self.fair.quanta, &mut self.fair.plan);
        self.fair.ring.grant(fair_part, &self.fair.quanta, &mut self.fair.plan);
        self.fair.take()
    }
}
