//! What was a matter of timing in a recorded run under `fair`: before which hand-over a topic was seen to have records again.
//!
//! A recording says what was asked of each topic in each hand-over, so which topics were in the ring. In the model a topic enters it
//! when its records arrive; between the broker and the application that is a race, lost or won by microseconds. So here it enters
//! when it did in the recording: [`Paced`] keeps the news back until then, and has the application wait for news that is late.
//! And an answer on its way may be there just before a topic in the ring has run dry, or just after it: before which hand-overs it
//! was is found by trying ([`waits`]). That is so in Java, where a hand-over takes 0.2 to 30 ms while the JVM still compiles, and now
//! and then with librdkafka. Shares, what each topic has for them, and when it runs dry still have to come out by themselves.

use std::collections::VecDeque;

use super::{Action, BrokerError, Duration, Input, Mode, Replay, ReplayError, Signal, SimBroker, Time, Trace};
use crate::TopicId;
use crate::broker::Broker;

/// The application waits no longer for records that the recording had by then. After that the model goes its own way.
const LATE_MAX: Duration = Duration::from_millis(5_000);

/// A hand-over that waits for an answer on its way waits as long as that takes at most: two megabytes.
const WAIT: Duration = Duration::from_millis(30);
/// How many hand-overs before a difference may have waited.
const RECONSIDERED: usize = 8;
/// How many waits are looked for; each costs up to `RECONSIDERED` replays.
const WAITS_MAX: usize = 64;

/// The hand-overs before which the application waited for an answer, as far as that explains more of the recording.
pub(super) fn waits(mut exact: impl FnMut(&[usize]) -> Result<Replay, ReplayError>) -> Result<Vec<usize>, ReplayError> {
    let mut waits = Vec::new();
    let mut best = exact(&waits)?;
    while let Some(difference) = &best.first_difference
        && waits.len() < WAITS_MAX
    {
        let mut better = None;
        for place in (0..=difference.number).rev().take(RECONSIDERED) {
            let tried = [waits.as_slice(), &[place]].concat();
            let replay = exact(&tried)?;
            let first = |replay: &Replay| replay.first_difference.as_ref().map_or(usize::MAX, |d| d.number);
            if first(&replay) > better.as_ref().map_or(difference.number, |(replay, _)| first(replay)) {
                better = Some((replay, tried));
            }
        }
        let Some(found) = better else { break };
        (best, waits) = found;
    }
    Ok(waits)
}

/// A recorded hand-over.
pub(super) struct HandOver {
    /// Its topics, in the order of their turns.
    topics: Vec<TopicId>,
    /// It does not begin earlier after the one before.
    after: Duration,
}

/// The hand-overs of a trace, those of these numbers after a wait. `None` if it is no recording of that kind.
pub(super) fn recorded(trace: &Trace, waits: &[usize]) -> Result<Option<VecDeque<HandOver>>, ReplayError> {
    if trace.header.mode != Mode::Fair || trace.polls.iter().all(|poll| poll.p.is_none()) {
        return Ok(None);
    }
    let topics = &trace.header.scenario.topics;
    let place = |name: &String| {
        let place = topics.iter().position(|topic| topic.name == *name);
        place.map(|place| TopicId(place as u32)).ok_or_else(|| ReplayError::Topic(name.clone()))
    };
    let asked = trace.polls.iter().filter_map(|poll| poll.p.as_ref()).filter(|plan| !plan.is_empty());
    let hand_over = |(number, plan): (usize, &Vec<crate::trace::Asked>)| {
        let topics = plan.iter().map(|asked| place(&asked.0)).collect::<Result<_, ReplayError>>()?;
        Ok(HandOver { topics, after: if waits.contains(&number) { WAIT } else { Duration::ZERO } })
    };
    asked.enumerate().map(hand_over).collect::<Result<_, _>>().map(Some)
}

/// The model, told of topics with records when the recorded application was.
pub(super) struct Paced {
    inner: SimBroker,
    /// Recorded hand-overs to come.
    plans: VecDeque<HandOver>,
    /// When the last one began.
    last: Option<Time>,
    /// Topics that the session believes to have records.
    ring: Vec<TopicId>,
    /// Those that have some, and nobody has been told.
    news: Vec<TopicId>,
    /// A hand-over is being taken or worked on.
    busy: bool,
    /// The end of that work, and since when it is held back.
    done: Option<(Time, Input)>,
    told: VecDeque<(Time, Input)>,
    /// Since when news is awaited.
    since: Option<Time>,
    now: Time,
}

impl Paced {
    pub(super) fn new(inner: SimBroker, plans: VecDeque<HandOver>) -> Self {
        Self {
            inner,
            plans,
            last: None,
            ring: Vec::new(),
            news: Vec::new(),
            busy: false,
            done: None,
            told: VecDeque::new(),
            since: None,
            now: Time::ZERO,
        }
    }

    pub(super) fn into_inner(self) -> SimBroker {
        self.inner
    }

    /// Lets the next hand-over begin if all that the recorded one had is there.
    fn release(&mut self, now: Time) -> Result<(), BrokerError> {
        if self.busy && self.done.is_none() {
            return Ok(());
        }
        if let (Some(last), Some(next)) = (self.last, self.plans.front())
            && now < last + next.after
        {
            return self.inner.submit(Action::Wake(last + next.after));
        }
        let late = self.since.is_some_and(|since| now.since(since) >= LATE_MAX);
        let entering: Vec<TopicId> = match self.plans.front() {
            Some(plan) if !late => plan.topics.iter().filter(|topic| !self.ring.contains(topic)).copied().collect(),
            _ => {
                self.plans.clear();
                self.news.clone()
            }
        };
        if self.plans.is_empty() && entering.is_empty() && self.done.is_none() {
            // Nothing is paced any more: whatever happens next comes by itself.
            return Ok(());
        }
        if !entering.iter().all(|topic| self.news.contains(topic)) || (entering.is_empty() && self.done.is_none()) {
            let since = *self.since.get_or_insert(now);
            // Nothing else may ever happen again.
            return self.inner.submit(Action::Wake(since + LATE_MAX));
        }
        self.since = None;
        self.news.retain(|topic| !entering.contains(topic));
        self.ring.extend(&entering);
        self.told.extend(entering.into_iter().map(|topic| (now, Input::Ready(topic))));
        if let Some((_, done)) = self.done.take() {
            self.busy = false;
            self.told.push_back((now, done));
        }
        Ok(())
    }
}

impl Broker for Paced {
    fn submit(&mut self, action: Action) -> Result<(), BrokerError> {
        if let Action::Take { .. } = action {
            self.busy = true;
            self.last = Some(self.now);
            self.plans.pop_front();
        }
        self.inner.submit(action)
    }

    fn next(&mut self) -> Result<(Time, Input), BrokerError> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(told);
            }
            let (now, input) = self.inner.next()?;
            match input {
                Input::Ready(topic) if !self.news.contains(&topic) => self.news.push(topic),
                Input::Ready(_) => {}
                Input::Processed(_) => self.done = Some((now, input)),
                input => {
                    if let Input::Delivered { dry, runs, .. } = &input {
                        self.ring.retain(|topic| !dry.contains(topic));
                        // What is empty is not worked on.
                        self.busy = !runs.is_empty();
                    }
                    self.told.push_back((now, input));
                }
            }
            self.now = now;
            self.release(now)?;
        }
    }

    fn has_input(&self) -> bool {
        !self.told.is_empty()
    }

    fn signals(&mut self) -> &mut Vec<Signal> {
        self.inner.signals()
    }
}
