//! Whole worlds a second, on one thread: from a prepared scenario and a seed to the metrics, per client model and scheduler.

mod support;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fairdrain::metrics::End;
use fairdrain::policy::Name;

fn worlds(c: &mut Criterion) {
    let (small, documented) = (support::small(), support::documented());
    for (world, scenario, cap) in
        [("small", &small, 10), ("documented", &documented, 10), ("documented", &documented, 500)]
    {
        let backlog: u64 = scenario.topics.iter().map(|topic| topic.backlog).sum();
        let mut group = c.benchmark_group(format!("{world}-{cap}"));
        group.throughput(Throughput::Elements(1)).sample_size(20);
        group.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
        for (client_name, client) in support::CLIENTS {
            for scheduler in Name::ALL {
                let Some(simulation) = support::prepare(scenario, client, scheduler, cap) else { continue };
                let metrics = simulation.run(0);
                assert_eq!(metrics.end, End::Complete);
                assert_eq!(metrics.topics.iter().map(|topic| topic.delivered).sum::<u64>(), backlog);
                let mut seed = 0;
                group.bench_function(format!("{client_name}/{scheduler}"), |b| {
                    b.iter(|| {
                        seed += 1;
                        black_box(simulation.run(seed))
                    });
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, worlds);
criterion_main!(benches);
