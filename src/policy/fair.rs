//! One consumer that takes from its topics' local queues by deficit round robin.

use super::drr::{Plan, Ring, quanta};
use super::{Event, Policy, Settings, Step, View};
use crate::{ConsumerId, Time, TopicId, TopicSet};

/// Deficit round robin over the topics that have something to take. One hand-over is one take with a plan of `cap` records.
///
/// A flow is a topic. Its quantum, in records, is its weight in lowest terms (scaled down if those of all topics would not fit into
/// [`Settings::cap`], 1 at least). A hand-over goes round until the cap is planned in full: it is work-conserving. A flow cut off
/// by the cap keeps its deficit and its place. How much a flow has is not known: what it can't use because it runs dry is lost, and
/// it comes back at the end of the round.
///
/// For two topics i and j that stay ready, with quanta q: the records planned for them over any sequence of hand-overs, s, differ
/// by no more than a visit: `|s_i / q_i - s_j / q_j| <= 1`. [`Fair::guarantee`] has the bounds for a single topic.
#[derive(Clone, Debug)]
pub struct Fair {
    cap: u32,
    pub(super) quanta: Box<[u32]>,
    pub(super) ring: Ring,
    pub(super) plan: Plan,
    /// Topics reported ready since they were last planned. If such a topic is said to be dry by the take in progress, the two
    /// messages have crossed: it may have records that came after the take, and nobody will report it again.
    fresh: TopicSet,
}

/// What a scheduler promises a topic with something to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guarantee {
    /// It has a part in one of so many successive hand-overs planned after it became ready or was last served.
    pub hand_overs: u64,
    /// While it stays ready, at most so many records of other topics are handed over between two services of it.
    pub records_between: u64,
}

impl Fair {
    /// With the cap and the weights of these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let topics = settings.weights.len();
        Self {
            cap: settings.cap,
            quanta: quanta(settings.cap, &settings.weights),
            ring: Ring::new(topics),
            plan: Plan::new(topics),
            fresh: TopicSet::default(),
        }
    }

    /// What a topic can rely on. With Q the sum of all quanta and q its own:
    /// - others are visited once each before its turn comes, so its visit begins in hand-over `ceil((Q - q + 1) / cap)` at the
    ///   latest: in the very next one if all quanta fit into the cap, as they do with equal weights and `topics <= cap`;
    /// - between two services lie at most what follows it in one hand-over (`cap - 1` records), and then either what precedes it
    ///   in the next one (`cap - 1`) or a visit of each of the others (`Q - q`).
    #[must_use]
    pub fn guarantee(settings: &Settings, topic: TopicId) -> Guarantee {
        let (cap, others) = Self::cap_and_others(settings, topic);
        Guarantee { hand_overs: (others + 1).div_ceil(cap), records_between: cap - 1 + others.max(cap - 1) }
    }

    /// The cap, and the sum of the quanta of all other topics.
    pub(super) fn cap_and_others(settings: &Settings, topic: TopicId) -> (u64, u64) {
        let quanta = quanta(settings.cap, &settings.weights);
        let sum: u64 = quanta.iter().map(|q| u64::from(*q)).sum();
        (settings.cap.into(), sum - u64::from(quanta[topic.index()]))
    }

    /// Ends a plan: from here on news of the topics in it is news.
    pub(super) fn take(&mut self) -> Step {
        let plan = self.plan.finish();
        for (topic, _) in &plan {
            self.fresh.remove(*topic);
        }
        Step::Take { consumer: ConsumerId(0), plan }
    }
}

impl Policy for Fair {
    fn on(&mut self, _: Time, event: &Event<'_>) {
        match event {
            Event::Ready(topic) => {
                self.fresh.insert(*topic);
                self.ring.enter(*topic, &self.quanta);
            }
            Event::Delivered { dry, .. } => {
                for topic in *dry {
                    self.ring.leave(*topic, &self.quanta);
                    if self.fresh.contains(*topic) {
                        self.ring.enter(*topic, &self.quanta);
                    }
                }
            }
            Event::Emptied(topics) => {
                for topic in *topics {
                    self.fresh.remove(*topic);
                    self.ring.leave(*topic, &self.quanta);
                }
            }
            Event::Idle(_) | Event::Failed(_) | Event::Processed(_) | Event::Demand(_) => {}
        }
    }

    fn next(&mut self, _: Time, view: &View<'_>) -> Step {
        if self.ring.is_empty() || !view.consumers[0].idle {
            return Step::Await;
        }
        self.ring.grant(self.cap, &self.quanta, &mut self.plan);
        self.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Duration, Fill};

    fn guarantee(cap: u32, weights: &[u32], topic: u32) -> Guarantee {
        let settings = Settings { cap, wait: Duration::ZERO, fill: Fill::First, weights: weights.to_vec(), workers: 1 };
        Fair::guarantee(&settings, TopicId(topic))
    }

    #[test]
    fn a_topic_is_served_in_the_next_hand_over_where_all_quanta_fit() {
        assert_eq!(guarantee(500, &[1; 5], 0), Guarantee { hand_overs: 1, records_between: 998 });
    }

    #[test]
    fn a_topic_waits_for_the_others_where_they_do_not() {
        assert_eq!(guarantee(100, &[1; 1000], 7), Guarantee { hand_overs: 10, records_between: 1098 });
        assert_eq!(guarantee(10, &[1000, 1, 1, 1], 3).hand_overs, 2);
    }
}
