//! Events a second: the event queue at a steady state of 100 pending.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fairdrain_sim::Time;
use fairdrain_sim::event::{EventQueue, Ties};
use fairdrain_sim::seed::mix;

const PENDING: u64 = 100;

/// As large as what a world schedules.
type Event = [u32; 5];

/// Takes the next event out and schedules another one, at one of a thousand distances.
fn step(queue: &mut EventQueue<Event>, drawn: &mut u64) -> Event {
    let (now, event) = queue.pop().expect("as many go in as come out");
    *drawn = mix(*drawn);
    queue.schedule(Time::from_nanos(now.as_nanos() + *drawn % 1000), (*drawn >> 32) as u8 % 6, event);
    event
}

fn events(c: &mut Criterion) {
    let mut group = c.benchmark_group("events");
    group.throughput(Throughput::Elements(1));
    for (name, ties) in [("fifo", Ties::Fifo), ("random-ties", Ties::Random)] {
        let (mut queue, mut drawn) = (EventQueue::new(ties, 1), 1);
        for i in 0..PENDING {
            queue.schedule(Time::from_nanos(mix(i) % 1000), 0, [i as u32; 5]);
        }
        group.bench_function(name, |b| b.iter(|| black_box(step(&mut queue, &mut drawn))));
        assert_eq!(queue.len() as u64, PENDING);
    }
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);
