//! The metrics against a model that computes them the slow way: every topic at every event, from everything that has happened.

mod told;

use std::collections::BTreeMap;

use fairdrain::metrics::{Cause, Layout, RunMetrics, Starved};
use fairdrain::scenario::{Arrival, Scenario};
use fairdrain::{Keys, LocalCause, PartitionId, TopicId};
use proptest::prelude::*;
use told::{Records, Told, layout, ns, scenario, topic};

/// One random step: what kind, of whom, how much, and the nanoseconds that pass before it.
type Op = (u8, u8, u8, u8, u8);

const LOCAL: [(LocalCause, Cause); 6] = [
    (LocalCause::FetchInFlight, Cause::FetchInFlight),
    (LocalCause::ParkedFetch, Cause::ParkedFetch),
    (LocalCause::BackOff, Cause::BackOff),
    (LocalCause::Outage, Cause::Outage),
    (LocalCause::Join, Cause::Join),
    (LocalCause::Idle, Cause::Idle),
];

/// One partition.
#[derive(Default)]
struct Log {
    end: u64,
    position: u64,
    delivered: u64,
    /// When each record was first processed.
    done: BTreeMap<u64, u64>,
}

#[derive(Default)]
struct Topic {
    consumer: usize,
    log: Vec<Log>,
    backlog: Vec<u64>,
    demand: u64,
    delivered: u64,
    local: usize,
    causes: BTreeMap<Cause, u64>,
    wait: u64,
    since: Option<u64>,
    gap: (u64, u64),
    starved: Option<Starved>,
}

impl Topic {
    fn has_lag(&self) -> bool {
        self.delivered < self.demand
    }
}

struct Model {
    run: Told,
    bound: u64,
    layout: Layout,
    topics: Vec<Topic>,
    now: u64,
    polling: Vec<bool>,
    busy: Option<usize>,
    in_hand: Vec<(u64, Vec<Records>)>,
    batches: u64,
    polls: u64,
    empty: u64,
    duplicates: u64,
    /// Time of each delivery, topic, records.
    deliveries: Vec<(u64, usize, u64)>,
    jain: Option<f64>,
    jain_sum: f64,
    jain_time: u64,
}

impl Model {
    fn new(scenario: &Scenario, layout: Layout) -> Self {
        let mut topics: Vec<Topic> = Vec::new();
        for (topic, consumer) in scenario.topics.iter().zip(&layout.consumers) {
            // Batch k to partition k mod partitions, record by record.
            let mut backlog = vec![0; topic.partitions as usize];
            for record in 0..topic.backlog {
                backlog[(record / u64::from(topic.batch_records) % u64::from(topic.partitions)) as usize] += 1;
            }
            topics.push(Topic {
                consumer: consumer.index(),
                log: backlog.iter().map(|&end| Log { end, ..Log::default() }).collect(),
                backlog,
                demand: topic.backlog,
                local: 5,
                since: (topic.backlog > 0).then_some(0),
                ..Topic::default()
            });
        }
        Self {
            run: Told::new(scenario, &layout),
            bound: scenario.scheduler.starvation_bound.unwrap().as_nanos(),
            polling: vec![false; 1 + layout.consumers.iter().map(|c| c.index()).max().unwrap()],
            layout,
            topics,
            now: 0,
            busy: None,
            in_hand: vec![],
            batches: 0,
            polls: 0,
            empty: 0,
            duplicates: 0,
            deliveries: vec![],
            jain: None,
            jain_sum: 0.0,
            jain_time: 0,
        }
    }

    fn pass(&mut self, nanos: u64) {
        let polling = self.polling.iter().filter(|polling| **polling).count();
        let no_credit = !self.in_hand.is_empty() && self.in_hand.len() + polling >= self.layout.credit as usize;
        for topic in self.topics.iter_mut().filter(|topic| topic.has_lag()) {
            let own = self.polling[topic.consumer];
            let cause = if let Some(busy) = self.busy {
                Cause::Processing(busy)
            } else if self.layout.rounds && polling > 0 && !own {
                Cause::Barrier
            } else if no_credit && !own {
                Cause::Backpressure
            } else {
                LOCAL[topic.local].1
            };
            *topic.causes.entry(cause).or_default() += nanos;
            topic.wait += nanos;
        }
        if let (Some(index), 2..) = (self.jain, self.topics.iter().filter(|topic| topic.has_lag()).count()) {
            self.jain_sum += index * nanos as f64;
            self.jain_time += nanos;
        }
        self.now += nanos;
    }

    fn step(&mut self, (kind, a, b, n, nanos): Op) {
        self.pass(u64::from(nanos));
        let consumer = usize::from(a) % self.polling.len();
        let topic = usize::from(b) % self.topics.len();
        match kind % 16 {
            0..=3 => {
                if !self.polling[consumer] {
                    self.polling[consumer] = true;
                    self.run.poll(self.now, consumer as u32);
                }
            }
            4..=8 => {
                if self.polling[consumer] {
                    self.deliver(consumer, b, n);
                }
            }
            9 | 10 => {
                if !self.in_hand.is_empty() {
                    // A partition is on one worker at a time: not before an earlier batch with one of its partitions.
                    let batch = usize::from(a) % self.in_hand.len();
                    let runs = &self.in_hand[batch].1;
                    let is_before = |other: &Records| runs.iter().any(|run| (run.0, run.1) == (other.0, other.1));
                    let free = !self.in_hand[..batch].iter().flat_map(|(_, runs)| runs).any(is_before);
                    self.process(if free { batch } else { 0 }, u64::from(n));
                }
            }
            11 | 12 => {
                self.busy = (n % 2 == 0).then_some(topic);
                self.run.busy(self.now, self.busy);
            }
            13 => {
                self.topics[topic].local = usize::from(n) % LOCAL.len();
                self.run.cause(self.now, topic, LOCAL[self.topics[topic].local].0);
            }
            14 => {
                let records = u64::from(n % 5);
                let partitions = self.topics[topic].log.len();
                let state = &mut self.topics[topic];
                let had_lag = state.has_lag();
                state.log[usize::from(a) % partitions].end += records;
                state.demand += records;
                if !had_lag && state.has_lag() {
                    state.since = Some(self.now);
                }
                self.run.appended(self.now, topic, records);
            }
            _ if n == 0 => {
                self.polling.fill(false);
                self.in_hand.clear();
                self.busy = None;
                // All that was not processed comes again.
                for log in self.topics.iter_mut().flat_map(|topic| &mut topic.log) {
                    log.position = log.done.len() as u64;
                }
                self.run.crashed(self.now);
            }
            _ => {
                if self.polling[consumer] {
                    (self.polls, self.empty, self.polling[consumer]) = (self.polls + 1, self.empty + 1, false);
                    self.run.poll_failed(self.now, consumer as u32);
                }
            }
        }
    }

    /// Up to `most` records of each partition of each topic of which `pick` has a bit, some of them again.
    fn deliver(&mut self, consumer: usize, pick: u8, most: u8) {
        let mut runs = vec![];
        for (i, topic) in self.topics.iter_mut().enumerate() {
            if topic.consumer != consumer || pick & (1 << (i % 8)) == 0 {
                continue;
            }
            for (p, log) in topic.log.iter_mut().enumerate() {
                let again = u64::from(pick.is_multiple_of(7)) * 2;
                let first = log.position.saturating_sub(again);
                let next = (first + u64::from(most)).min(log.end);
                if next > first {
                    self.duplicates += next.min(log.delivered).max(first) - first;
                    topic.delivered += next.saturating_sub(log.delivered);
                    log.position = next;
                    log.delivered = next.max(log.delivered);
                    runs.push((i, p as u32, first as i64, (next - first) as u32));
                }
            }
        }
        self.polling[consumer] = false;
        self.polls += 1;
        self.run.delivered(self.now, consumer as u32, self.batches, &runs);
        if runs.is_empty() {
            self.empty += 1;
            return;
        }
        let mut served: Vec<usize> = runs.iter().map(|run| run.0).collect();
        served.dedup();
        for &topic in &served {
            self.end_gap(topic);
            self.topics[topic].since = self.topics[topic].has_lag().then_some(self.now);
        }
        self.deliveries.extend(runs.iter().map(|run| (self.now, run.0, u64::from(run.3))));
        self.in_hand.push((self.batches, runs));
        self.batches += 1;
        self.evaluate_jain();
    }

    fn end_gap(&mut self, topic: usize) {
        let Some(since) = self.topics[topic].since else { return };
        let gap = self.now - since;
        if gap > self.topics[topic].gap.0 {
            self.topics[topic].gap = (gap, since);
        }
        let worst = self.topics[topic].starved.as_ref().map_or(0, |s| s.waited.as_nanos());
        if gap <= self.bound || gap <= worst {
            return;
        }
        // What came with the last delivery before the gap, at the same moment, came before it; events of one moment are rare.
        let mut others = vec![0; self.topics.len()];
        for &(_, other, records) in self.deliveries.iter().filter(|(at, ..)| *at > since && *at < self.now) {
            others[other] += records;
        }
        others[topic] = 0;
        let most = *others.iter().max().unwrap();
        let served_instead = others.iter().position(|n| *n == most).unwrap();
        if most > 0 {
            self.topics[topic].starved = Some(Starved { topic, waited: ns(gap), served_instead, served_records: most });
        }
    }

    fn process(&mut self, batch: usize, nanos: u64) {
        let (id, runs) = self.in_hand.remove(batch);
        // The batch is in hand until it is done.
        self.in_hand.insert(batch, (id, vec![]));
        for run in runs {
            let started = self.now;
            self.pass(nanos);
            self.run.processed(started, self.now, run);
            let (topic, partition, first, records) = run;
            for i in 0..u64::from(records) {
                let at = started + (i + 1) * nanos / u64::from(records);
                self.topics[topic].log[partition as usize].done.entry(first as u64 + i).or_insert(at);
            }
        }
        self.in_hand.remove(batch);
        self.run.batch_done(self.now, id);
    }

    fn evaluate_jain(&mut self) {
        let topics: Vec<_> = self.topics.iter().filter(|topic| topic.demand > 0).collect();
        let mut rest: f64 = topics.iter().map(|topic| topic.delivered as f64).sum();
        if rest == 0.0 {
            return;
        }
        let mut sorted: Vec<_> = topics.iter().map(|topic| topic.demand as f64).collect();
        sorted.sort_by(f64::total_cmp);
        let mut level = f64::MAX;
        for (i, demand) in sorted.iter().enumerate() {
            let equal = rest / (sorted.len() - i) as f64;
            if *demand > equal {
                level = equal;
                break;
            }
            rest -= demand;
        }
        let x: Vec<_> = topics.iter().map(|t| t.delivered as f64 / level.min(t.demand as f64)).collect();
        let (sum, squares) = (x.iter().sum::<f64>(), x.iter().map(|x| x * x).sum::<f64>());
        self.jain = Some(sum * sum / (x.len() as f64 * squares));
    }

    fn check(mut self, scenario: &Scenario) -> Result<(), TestCaseError> {
        self.pass(1);
        for topic in 0..self.topics.len() {
            self.end_gap(topic);
        }
        let m = self.run.finish(self.now);
        prop_assert_eq!((m.polls, m.polls_empty, m.duplicates), (self.polls, self.empty, self.duplicates));
        for (topic, measured) in self.topics.iter().zip(&m.topics) {
            let blame = measured.blame.as_ref().unwrap();
            let sum: u64 = blame.iter().map(|(_, time)| time.as_nanos()).sum();
            prop_assert_eq!(sum, measured.wait.as_nanos(), "blame sums to the wait");
            prop_assert!(blame.is_sorted_by_key(|(_, time)| core::cmp::Reverse(*time)));
            let blame: BTreeMap<_, _> = blame.iter().map(|(cause, time)| (*cause, time.as_nanos())).collect();
            let causes: BTreeMap<_, _> = topic.causes.iter().filter(|(_, n)| **n > 0).map(|(c, n)| (*c, *n)).collect();
            prop_assert_eq!(blame, causes);
            prop_assert_eq!(measured.wait, ns(topic.wait));
            prop_assert_eq!(measured.delivered, topic.delivered);
            prop_assert_eq!((measured.gap_max, measured.gap_max_from), (ns(topic.gap.0), ns(topic.gap.1)));
            // Every backlog record's first processing; `None` if one has none.
            let done =
                topic.backlog.iter().zip(&topic.log).flat_map(|(n, log)| (0..*n).map(|o| log.done.get(&o).copied()));
            let completion = done.collect::<Option<Vec<_>>>().map(|times| times.into_iter().max().unwrap_or(0));
            prop_assert_eq!(measured.completion, completion.map(ns));
        }
        let mut starved: Vec<_> = self.topics.iter().filter_map(|topic| topic.starved.clone()).collect();
        starved.sort_by_key(|s| (core::cmp::Reverse(s.waited), s.topic));
        prop_assert_eq!(&m.starved, &starved);
        match (m.jain, self.jain_time) {
            (None, 0) => {}
            (Some(jain), 1..) => prop_assert!((jain - self.jain_sum / self.jain_time as f64).abs() < 1e-6),
            other => prop_assert!(false, "{other:?}"),
        }
        check_ttci(scenario, &self.topics, &m)
    }
}

fn check_ttci(scenario: &Scenario, topics: &[Topic], m: &RunMetrics) -> Result<(), TestCaseError> {
    let keys = scenario.topics.iter().filter(|topic| topic.required).map(|topic| topic.keys).max().unwrap_or(0);
    let mut complete = vec![Some(0); keys as usize];
    for (i, (topic, state)) in scenario.topics.iter().zip(topics).enumerate().filter(|(_, (topic, _))| topic.required) {
        let mut first = vec![None; keys as usize];
        let mut order = Keys::new(scenario.seed, topic.keys);
        for (p, log) in state.log.iter().enumerate() {
            let partition = PartitionId { topic: TopicId(i as u32), partition: p as u32 };
            for (&offset, &at) in &log.done {
                let first: &mut Option<u64> = &mut first[order.key(partition, offset as i64) as usize];
                *first = Some(first.map_or(at, |t| t.min(at)));
            }
        }
        for (complete, first) in complete.iter_mut().zip(first) {
            *complete = complete.zip(first).map(|(a, b): (u64, u64)| a.max(b));
        }
    }
    let mut times: Vec<_> = complete.into_iter().flatten().collect();
    times.sort_unstable();
    prop_assert_eq!((m.ttci.keys, m.ttci.never), (keys, keys - times.len() as u32));
    prop_assert_eq!(m.ttci.first, times.first().copied().map(ns));
    let half = (keys as usize).div_ceil(2);
    prop_assert_eq!(m.ttci.p50, half.checked_sub(1).and_then(|i| times.get(i)).copied().map(ns));
    Ok(())
}

prop_compose! {
    fn any_topic()(backlog in 0..30u64, partitions in 1..4u32, batch in 1..6u32, keys in 1..5u32, required in any::<bool>())
        -> fairdrain::scenario::Topic
    {
        let mut topic = topic("any", backlog, keys);
        (topic.partitions, topic.batch_records, topic.required) = (partitions, batch, required);
        // A run that never ends by itself: the model looks at all of it.
        topic.arrival = Some(Arrival { records_per_kilosecond: 1, batch_records: 1, until: ns(u64::MAX) });
        topic
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn metrics_are_what_the_slow_way_computes(
        topics in prop::collection::vec(any_topic(), 1..6),
        consumers in prop::collection::vec(0..3u32, 6),
        (rounds, credit, bound) in (any::<bool>(), 1..4u32, 1..200u64),
        ops in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>().prop_map(|n| n % 12), 1..40u8), 0..200),
    ) {
        let mut scenario = scenario(topics);
        scenario.scheduler.starvation_bound = Some(ns(bound));
        let layout = layout(&consumers[..scenario.topics.len()], rounds, credit);
        let mut model = Model::new(&scenario, layout);
        for op in ops {
            model.step(op);
        }
        model.check(&scenario)?;
    }
}
