//! What a session owes its broker, rule by rule.

use fairdrain::policy::{AnyPolicy, Guarantee, Name};
use fairdrain::scenario::Commit;
use fairdrain::session::CLOSE_WITHIN;
use fairdrain::{PartitionId, Run, Time, TopicId};

use super::{Adversary, Consumer, World};

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Each record is given to the application once, in order per partition.
    Conservation,
    /// Never idle while there is something to do, and credit.
    WorkConservation,
    /// Everything is drained; every ready topic is served within its guarantee.
    Liveness,
    /// Backlogged topics get their shares.
    Fairness,
    /// No poll or plan exceeds the cap, and none the credit.
    Cap,
    /// Commits are within the processed prefix, and nothing processed is forgotten.
    Commits,
    /// Nothing revoked is processed, and rebalances do not wait too long or too little.
    Revoked,
    /// Nobody is asked who can't be, and nothing after a stop.
    Protocol,
}

/// One broken rule.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

impl Violation {
    pub(crate) fn new(rule: Rule, detail: String) -> Self {
        Self { rule, detail }
    }
}

fn require(holds: bool, rule: Rule, detail: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::new(rule, detail())) }
}

/// What has to be remembered from one moment to the next.
#[derive(Debug)]
pub(crate) struct Checks {
    pub(crate) steps: u64,
    /// Topics that the session knows to be ready.
    ready: Vec<bool>,
    /// Those reported since they were last in a plan.
    fresh: Vec<bool>,
    guarantees: Vec<Option<Guarantee>>,
    /// Successive plans without the topic.
    missed: Vec<u64>,
    /// Records of others since it was last served; `None` if it has not been since it became ready.
    others: Vec<Option<u64>>,
    /// Weights in lowest terms, scaled to the cap: the fair shares.
    shares: Vec<i64>,
    /// For each pair that stays ready: the difference of their services, each divided by its share (here: multiplied by the other
    /// one's), and its smallest and largest value so far.
    differences: Vec<Vec<(i64, i64, i64)>>,
}

impl Checks {
    pub(crate) fn new(world: &World) -> Self {
        let n = world.topics.len();
        let settings = world.settings();
        let guarantee = |topic| AnyPolicy::guarantee(world.name, &settings, TopicId(topic as u32));
        let weights: Vec<i64> = world.topics.iter().map(|topic| topic.weight.into()).collect();
        let divisor = (1..=4).rev().find(|d| weights.iter().all(|w| w % d == 0)).expect("1 divides");
        let (sum, cap) = (weights.iter().sum::<i64>() / divisor, i64::from(world.cap));
        let share = |w: &i64| if sum > cap { (w / divisor * cap / sum).max(1) } else { w / divisor };
        Self {
            steps: 0,
            ready: vec![false; n],
            fresh: vec![false; n],
            guarantees: (0..n).map(guarantee).collect(),
            missed: vec![0; n],
            others: vec![None; n],
            shares: weights.iter().map(share).collect(),
            differences: vec![vec![(0, 0, 0); n]; n],
        }
    }

    pub(crate) fn on_ready(&mut self, topic: TopicId) {
        self.fresh[topic.index()] = true;
        if !self.ready[topic.index()] {
            self.begin(topic.index(), true);
        }
    }

    pub(crate) fn on_emptied(&mut self, topic: TopicId) {
        self.fresh[topic.index()] = false;
        self.begin(topic.index(), false);
    }

    /// The topic is no longer what it was: nothing from before counts.
    fn begin(&mut self, topic: usize, ready: bool) {
        self.ready[topic] = ready;
        (self.missed[topic], self.others[topic]) = (0, None);
        for other in 0..self.ready.len() {
            self.differences[topic][other] = (0, 0, 0);
            self.differences[other][topic] = (0, 0, 0);
        }
    }

    pub(crate) fn on_delivered(&mut self, runs: &[Run], dry: &[TopicId]) -> Result<(), Violation> {
        for run in runs {
            let served = run.partition.topic.index();
            for topic in (0..self.ready.len()).filter(|topic| self.ready[*topic]) {
                let others = self.others[topic].map(|others| others + u64::from(run.records));
                self.others[topic] = if topic == served { Some(0) } else { others };
            }
        }
        for topic in dry {
            self.begin(topic.index(), self.fresh[topic.index()]);
        }
        for (topic, guarantee) in self.guarantees.iter().enumerate() {
            let between = self.others[topic].unwrap_or(0);
            let bound = guarantee.map_or(u64::MAX, |g| g.records_between);
            require(between <= bound, Rule::Fairness, || {
                format!("{between} records of others since topic {topic} was served, not {bound}")
            })?;
        }
        Ok(())
    }

    fn on_plan(&mut self, name: Name, plan: &[(TopicId, u32)]) -> Result<(), Violation> {
        let n = self.ready.len();
        let mut planned = vec![0; n];
        for (topic, records) in plan {
            planned[topic.index()] += i64::from(*records);
            self.fresh[topic.index()] = false;
        }
        for (topic, &records) in planned.iter().enumerate() {
            let missed = if self.ready[topic] && records == 0 { self.missed[topic] + 1 } else { 0 };
            self.missed[topic] = missed;
            let bound = self.guarantees[topic].expect("of one that takes").hand_overs;
            require(missed < bound, Rule::Liveness, || format!("topic {topic} is not in {missed} plans"))?;
        }
        // Demand gives some topics more than their share: there, only the bounds above hold.
        for (a, b) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))).filter(|_| name == Name::Fair) {
            if self.ready[a] && self.ready[b] {
                let (now, low, high) = &mut self.differences[a][b];
                *now += planned[a] * self.shares[b] - planned[b] * self.shares[a];
                (*low, *high) = ((*low).min(*now), (*high).max(*now));
                let (spread, bound) = (*high - *low, self.shares[a] * self.shares[b]);
                require(spread <= bound, Rule::Fairness, || format!("{a} and {b} drift by {spread}, not {bound}"))?;
            }
        }
        Ok(())
    }
}

impl Adversary<'_> {
    fn may_be_asked(&self, consumer: &Consumer) -> bool {
        let waits = consumer.committing.is_some() && self.commits_are_awaited();
        let busy = consumer.polling.is_some() || waits || consumer.revoking.is_some();
        consumer.has_assignment && !busy && !consumer.out && consumer.idle_from <= self.now
    }

    /// Whether a consumer is left alone during its commits.
    fn commits_are_awaited(&self) -> bool {
        !matches!(self.world.commit, Commit::Interval(_))
    }

    fn credit(&self) -> u32 {
        self.world.settings().credit(self.world.name)
    }

    fn check_asked(&self, consumer: usize) -> Result<(), Violation> {
        require(!self.stopped, Rule::Protocol, || "polled after stop".into())?;
        require(self.may_be_asked(&self.consumers[consumer]), Rule::Protocol, || {
            format!("{consumer} polled, but {:?}", self.consumers[consumer])
        })?;
        require(self.in_hand() < self.credit(), Rule::Cap, || "polled without credit".into())
    }

    pub(crate) fn check_poll(&self, consumer: usize, cap: u32) -> Result<(), Violation> {
        self.check_asked(consumer)?;
        require(cap <= self.world.cap, Rule::Cap, || format!("polled for {cap}"))
    }

    pub(crate) fn check_take(&mut self, consumer: usize, plan: &[(TopicId, u32)]) -> Result<(), Violation> {
        self.check_asked(consumer)?;
        let sum: u32 = plan.iter().map(|entry| entry.1).sum();
        require(sum <= self.world.cap, Rule::Cap, || format!("takes {sum}: {plan:?}"))?;
        require(sum == self.world.cap, Rule::WorkConservation, || format!("takes only {sum}: {plan:?}"))?;
        require(plan.iter().all(|entry| entry.1 > 0), Rule::Protocol, || format!("takes nothing: {plan:?}"))?;
        self.checks.on_plan(self.world.name, plan)
    }

    /// Nothing more can be done now, says the session.
    pub(crate) fn check_rest(&self) -> Result<(), Violation> {
        for consumer in &self.consumers {
            let overdue = consumer.revoking.is_some_and(|(by, lost)| lost || by <= self.now);
            require(!overdue, Rule::Revoked, || "a rebalance waits in vain".into())?;
        }
        if self.stopped || self.in_hand() >= self.credit() {
            return Ok(());
        }
        let awaited = self.commits_are_awaited();
        let busy = self.consumers.iter().any(|c| c.polling.is_some() || (awaited && c.committing.is_some()));
        let quiet = !busy && self.in_hand() == 0;
        let mut idle = self.consumers.iter().filter(|c| self.may_be_asked(c));
        let could_do_something = match self.world.name {
            Name::Single => idle.next().is_some(),
            Name::Multi => idle.any(|c| c.outstanding == 0),
            Name::MultiSequential | Name::MultiGather => {
                quiet && idle.next().is_some() && self.consumers.iter().all(|c| c.joined || c.out)
            }
            Name::Fair | Name::CompleteFirst => idle.next().is_some() && self.checks.ready.contains(&true),
        };
        require(!could_do_something, Rule::WorkConservation, || format!("idle at {}", self.now))
    }

    /// The offsets with their partitions' places and assignments.
    pub(crate) fn check_commit(
        &self,
        consumer: usize,
        offsets: &[(PartitionId, i64)],
    ) -> Result<Vec<(usize, u32, i64)>, Violation> {
        let free = self.consumers[consumer].committing.is_none() && !self.consumers[consumer].out;
        require(free, Rule::Protocol, || "two commits at a time".into())?;
        require(self.world.commit != Commit::None && !offsets.is_empty(), Rule::Commits, || "idle commit".into())?;
        let mut found = Vec::new();
        for &(id, offset) in offsets {
            let place = self.place(id);
            let partition = &self.partitions[place];
            require(partition.assigned && partition.consumer == consumer, Rule::Commits, || {
                format!("{id:?} not ours")
            })?;
            require(offset <= partition.done, Rule::Commits, || {
                format!("{id:?} at {offset}, processed to {}", partition.done)
            })?;
            require(found.iter().all(|&(other, _, _)| other != place), Rule::Commits, || format!("{id:?} twice"))?;
            found.push((place, partition.generation, offset));
        }
        Ok(found)
    }

    /// Nothing processed and assigned is left uncommitted by a consumer whose last commit went well.
    fn check_committed(&self, consumer: usize, revoking: bool) -> Result<(), Violation> {
        let state = &self.consumers[consumer];
        let excused = self.world.commit == Commit::None || state.commit_failed || state.out;
        let concerned = self.partitions.iter().filter(|p| p.consumer == consumer && p.assigned);
        for partition in concerned.filter(|p| !revoking || p.revoking) {
            require(excused || partition.committed == partition.done, Rule::Commits, || {
                format!("{:?} left at {}, processed to {}", partition.id, partition.committed, partition.done)
            })?;
        }
        Ok(())
    }

    pub(crate) fn check_revoke_done(&self, consumer: usize) -> Result<(), Violation> {
        let Some((by, lost)) = self.consumers[consumer].revoking else {
            return Err(Violation::new(Rule::Revoked, format!("no rebalance waits for {consumer}")));
        };
        if lost || by <= self.now {
            return Ok(());
        }
        let mut revoking = self.partitions.iter().filter(|p| p.consumer == consumer && p.revoking);
        let settled = revoking.all(|p| p.pending.is_empty());
        require(settled, Rule::Revoked, || "records in hand, and time left".into())?;
        self.check_committed(consumer, true)
    }

    pub(crate) fn check_close(&self, by: Time) -> Result<(), Violation> {
        require(self.stopped, Rule::Protocol, || "closed without being asked".into())?;
        require(self.in_hand() == 0, Rule::Conservation, || "closed with batches in hand".into())?;
        require(by == self.now + CLOSE_WITHIN, Rule::Protocol, || format!("closes by {by}"))?;
        (0..self.consumers.len()).try_for_each(|consumer| self.check_committed(consumer, false))
    }
}
