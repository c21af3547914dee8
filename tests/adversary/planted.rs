//! Defects put in on purpose, to see whether the checks see them.

use std::collections::VecDeque;

use fairdrain::broker::{Action, Input};
use fairdrain::policy::{AnyPolicy, Event, Policy, Step, View};
use fairdrain::session::Session;
use fairdrain::{BatchId, Time};

use super::checks::Violation;
use super::{Machine, World};

/// A defect of a session or a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Every third batch is thrown away and called processed.
    Drop,
    /// Every third batch is processed twice.
    Duplicate,
    /// Every third batch is processed after its successor.
    Reorder,
    /// The last topic gets nothing while others do.
    StarveLast,
    /// Every third time, nothing is done.
    IdleWhenReady,
    /// Twice as much is asked for as is allowed.
    IgnoreCap,
    /// One more than was processed is committed.
    CommitAhead,
    /// Revocations are answered, but not heeded.
    IgnoreRevocation,
}

/// Runs a world with a bug in it.
pub(crate) fn run(world: &World, bug: Bug) -> Result<(), Violation> {
    let session = world.session_with(|policy| PlantedPolicy { policy, bug, count: 0 });
    let planted = PlantedSession { session, bug, now: Time::ZERO, count: 0, late: None, queue: VecDeque::new() };
    world.run_with(planted).map(|_| ())
}

struct PlantedPolicy {
    policy: AnyPolicy,
    bug: Bug,
    count: u32,
}

impl Policy for PlantedPolicy {
    fn on(&mut self, now: Time, event: &Event<'_>) {
        self.policy.on(now, event);
    }

    fn next(&mut self, now: Time, view: &View<'_>) -> Step {
        self.count += 1;
        if self.bug == Bug::IdleWhenReady && self.count.is_multiple_of(3) {
            return Step::Await;
        }
        let mut step = self.policy.next(now, view);
        match (&mut step, self.bug) {
            (Step::Poll { cap, .. }, Bug::IgnoreCap) => *cap *= 2,
            (Step::Take { plan, .. }, Bug::IgnoreCap) => plan.iter_mut().for_each(|entry| entry.1 *= 2),
            (Step::Take { plan, .. }, Bug::StarveLast) if plan.len() > 1 => {
                let last = (0..plan.len()).max_by_key(|at| plan[*at].0).expect("more than one");
                let (_, records) = plan.remove(last);
                plan[0].1 += records;
            }
            _ => {}
        }
        step
    }

    fn holds(&self) -> bool {
        self.policy.holds()
    }
}

struct PlantedSession {
    session: Session<PlantedPolicy>,
    bug: Bug,
    now: Time,
    count: u32,
    late: Option<BatchId>,
    queue: VecDeque<Action>,
}

impl Machine for PlantedSession {
    fn handle(&mut self, now: Time, mut input: Input) {
        self.now = now;
        if let (Input::Revoking { partitions, .. }, Bug::IgnoreRevocation) = (&mut input, self.bug) {
            partitions.clear();
        }
        self.session.handle(now, input);
    }

    fn poll_action(&mut self) -> Option<Action> {
        if let Some(action) = self.queue.pop_front() {
            return Some(action);
        }
        let mut action = self.session.poll_action()?;
        if let Action::Commit { offsets, .. } = &mut action
            && self.bug == Bug::CommitAhead
        {
            offsets.iter_mut().for_each(|(_, offset)| *offset += 1);
        }
        let Action::Process(batch) = action else { return Some(action) };
        self.count += 1;
        let third = self.count.is_multiple_of(3);
        match self.bug {
            Bug::Drop if third => {
                self.session.handle(self.now, Input::Processed(batch));
                return self.poll_action();
            }
            Bug::Duplicate if third => self.queue.push_back(Action::Process(batch)),
            Bug::Reorder if third => {
                self.late = Some(batch);
                return self.poll_action();
            }
            _ => self.queue.extend(self.late.take().map(Action::Process)),
        }
        Some(action)
    }
}
