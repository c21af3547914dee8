//! Nanoseconds a policy decision, with every topic ready: being asked, and being told the outcome.

use std::hint::black_box;
use std::time::Duration as WallDuration;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use fairdrain::policy::{AnyPolicy, ConsumerView, Event, Name, Policy, Settings, Step, View};
use fairdrain::{ConsumerId, Duration, Fill, Time, TopicId, TopicSet};

const CAP: u32 = 500;

/// A policy in the middle of a drain: all consumers are idle, all topics have records, every second one is in demand.
fn backlogged(name: Name, topics: u32, consumers: &[ConsumerView]) -> AnyPolicy {
    let settings = Settings {
        cap: CAP,
        wait: Duration::from_millis(1000),
        fill: Fill::First,
        weights: vec![1; topics as usize],
        workers: 1,
    };
    let mut policy = AnyPolicy::new(name, &settings);
    let demand: TopicSet = (0..topics).step_by(2).map(TopicId).collect();
    policy.on(Time::ZERO, &Event::Demand(&demand));
    for consumer in 0..consumers.len() as u32 {
        policy.on(Time::ZERO, &Event::Idle(ConsumerId(consumer)));
    }
    for topic in (0..topics).map(TopicId) {
        policy.on(Time::ZERO, &Event::Ready(topic));
    }
    policy
}

/// One decision and its outcome.
fn decide(policy: &mut AnyPolicy, view: &View<'_>) -> Step {
    let step = policy.next(Time::ZERO, view);
    let consumer = match &step {
        Step::Poll { consumer, .. } | Step::Take { consumer, .. } => *consumer,
        Step::Await => panic!("with every topic ready and every consumer idle there is something to do"),
    };
    policy.on(Time::ZERO, &Event::Delivered { consumer, runs: &[], dry: &[] });
    policy.on(Time::ZERO, &Event::Processed(consumer));
    step
}

fn decisions(c: &mut Criterion) {
    let mut group = c.benchmark_group("policy");
    group.warm_up_time(WallDuration::from_millis(300)).measurement_time(WallDuration::from_secs(1));
    for name in [Name::Single, Name::Multi, Name::Fair, Name::CompleteFirst] {
        for topics in [5, 50, 1000] {
            let idle = ConsumerView { idle: true, outstanding: 0 };
            let consumers = vec![idle; name.consumers(topics as usize).len()];
            let view = View { credit: 1, outstanding: 0, busy: 0, joining: 0, consumers: &consumers };
            let mut policy = backlogged(name, topics, &consumers);
            group.bench_function(BenchmarkId::new(name.to_string(), topics), |b| {
                b.iter(|| black_box(decide(&mut policy, &view)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
