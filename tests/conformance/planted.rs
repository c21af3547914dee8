//! Brokers with a defect, which the bodies have to find.

use fairdrain::broker::{Action, Broker, BrokerError, Input, Signal};
use fairdrain::policy::Name;
use fairdrain::{Run, Time};

use crate::arm::{Arm, Protocol, Stage};
use crate::bodies::{delivery, groups, take};

/// What is wrong with a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// The first run of every third delivery is lost, if it has others.
    DropsARun,
    /// The first run of every third delivery comes twice.
    RepeatsARun,
    /// A poll asks for one record more than it was told to.
    IgnoresTheCap,
    /// A poll that is to wait for the whole cap returns with the first record.
    ReturnsTooSoon,
    /// A take of a topic takes from the first one of all.
    TakesFromAnother,
    /// `dry` is never said.
    NeverDry,
    /// `Ready` is said once a topic and never again.
    ReadyOnce,
    /// What is to be given back is given back at once, whatever the session still has of it.
    AnswersRevocations,
    /// What was handed out last comes once more after it has been revoked.
    HandsOutRevoked,
    /// Commits are said to have happened, and have not.
    ForgetsCommits,
}

/// A broker with a defect.
pub(crate) struct Planted {
    inner: Box<dyn Broker>,
    defect: Defect,
    deliveries: u32,
    said: Vec<fairdrain::TopicId>,
    last: Vec<Run>,
    revoked: bool,
}

impl Planted {
    pub(crate) fn new(inner: Box<dyn Broker>, defect: Defect) -> Self {
        Self { inner, defect, deliveries: 0, said: Vec::new(), last: Vec::new(), revoked: false }
    }

    /// None: it is kept from whoever listens.
    fn distort(&mut self, mut input: Input) -> Option<Input> {
        match &mut input {
            Input::Revoking { consumer, .. } => {
                self.revoked = true;
                if self.defect == Defect::AnswersRevocations {
                    self.inner.submit(Action::RevokeDone { consumer: *consumer }).unwrap();
                }
            }
            Input::Delivered { runs, .. } if self.defect == Defect::HandsOutRevoked && !runs.is_empty() => {
                if core::mem::take(&mut self.revoked) {
                    runs.append(&mut self.last);
                }
                self.last.clone_from(runs);
            }
            Input::Delivered { runs, dry, .. } if !runs.is_empty() => {
                self.deliveries += 1;
                if self.deliveries.is_multiple_of(3) {
                    match self.defect {
                        Defect::DropsARun if runs.len() > 1 => drop(runs.remove(0)),
                        Defect::RepeatsARun => runs.push(runs[0]),
                        _ => {}
                    }
                }
                if self.defect == Defect::NeverDry {
                    dry.clear();
                }
            }
            Input::Ready(topic) if self.defect == Defect::ReadyOnce => {
                if self.said.contains(topic) {
                    return None;
                }
                self.said.push(*topic);
            }
            _ => {}
        }
        Some(input)
    }
}

impl Broker for Planted {
    fn submit(&mut self, mut action: Action) -> Result<(), BrokerError> {
        match (&mut action, self.defect) {
            (Action::Poll { cap, .. }, Defect::IgnoresTheCap) => *cap += 1,
            (Action::Poll { fill, .. }, Defect::ReturnsTooSoon) => *fill = fairdrain::Fill::First,
            (Action::Commit { offsets, .. }, Defect::ForgetsCommits) => offsets.clear(),
            (Action::Take { plan, .. }, Defect::TakesFromAnother) => plan[0].0 = fairdrain::TopicId(0),
            _ => {}
        }
        self.inner.submit(action)
    }

    fn next(&mut self) -> Result<(Time, Input), BrokerError> {
        let (now, input) = self.inner.next()?;
        // Whatever arrives stands for the wake asked for, also if nobody is to hear of it.
        Ok((now, self.distort(input).unwrap_or(Input::Wake)))
    }

    fn has_input(&self) -> bool {
        self.inner.has_input()
    }

    fn signals(&mut self) -> &mut Vec<Signal> {
        self.inner.signals()
    }
}

/// Has a body fail on a broker with a defect, for a reason that names it.
fn finds(defect: Defect, body: fn(&Stage), because: &str) {
    let stage = Stage::on(Arm::Sim).with(defect);
    let panic = std::panic::catch_unwind(|| body(&stage)).expect_err("the body passes with this defect");
    let text = panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "no text".to_owned());
    assert!(text.contains(because), "{defect:?} was found for another reason: {text}");
}

#[test]
fn a_broker_that_drops_a_run_is_found() {
    finds(Defect::DropsARun, delivery::every_record_comes_once_and_in_order, "records are missing");
}

#[test]
fn a_broker_that_repeats_a_run_is_found() {
    finds(Defect::RepeatsARun, delivery::every_record_comes_once_and_in_order, "a gap, or a repetition");
}

#[test]
fn a_broker_that_ignores_the_cap_is_found() {
    finds(Defect::IgnoresTheCap, delivery::no_hand_over_exceeds_the_cap, "a poll with cap");
}

#[test]
fn a_broker_whose_full_poll_returns_too_soon_is_found() {
    finds(Defect::ReturnsTooSoon, delivery::a_full_poll_waits_for_the_cap_or_its_timeout, "less than the cap");
}

#[test]
fn a_broker_that_takes_from_another_topic_is_found() {
    finds(Defect::TakesFromAnother, take::a_take_hands_out_the_topics_named_and_no_more_than_asked, "not in the plan");
}

#[test]
fn a_broker_that_never_says_dry_is_found() {
    finds(Defect::NeverDry, take::a_take_hands_out_the_topics_named_and_no_more_than_asked, "left == right");
}

#[test]
fn a_broker_that_says_ready_only_once_is_found() {
    finds(Defect::ReadyOnce, take::a_topic_taken_dry_is_ready_again_with_new_data, "new data: not within");
}

#[test]
fn a_broker_that_does_not_wait_for_the_answer_to_a_revocation_is_found() {
    finds(Defect::AnswersRevocations, groups::a_revocation_waits_until_it_is_answered, "though nothing was asked for");
}

#[test]
fn a_broker_that_hands_out_what_was_revoked_is_found() {
    let one = |stage: &Stage| groups::come_and_go(stage, Protocol::Cooperative, Name::Single);
    finds(Defect::HandsOutRevoked, one, "handed out after they were revoked");
}

#[test]
fn a_broker_that_forgets_commits_is_found() {
    finds(
        Defect::ForgetsCommits,
        groups::a_member_goes_on_where_the_one_before_has_committed,
        "a gap, or a repetition",
    );
}
