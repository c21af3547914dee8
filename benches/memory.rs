//! Peak memory and allocations of a run. It asserts what the design promises: memory does not grow with the number of records, and
//! a poll costs a handful of allocations, however large the backlog is.

mod support;

use fairdrain::Duration;
use fairdrain::policy::Name;
use fairdrain::scenario::{Scenario, Sizes};
use support::alloc::{Counting, Usage, counted};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most allocations a poll, in a run long enough for those of its beginning not to matter: what a hand-over of all five topics
/// costs (runs, plan, dry topics), with the work of the client's fetches spread over the polls.
const ALLOCATIONS_A_POLL: f64 = 6.0;

fn main() {
    if !support::is_bench() {
        return;
    }
    report();
    assert_flat();
}

fn report() {
    println!(
        "{:<16}{:<12}{:<18}{:>12}{:>10}{:>18}",
        "world", "client", "scheduler", "peak bytes", "polls", "allocations/poll"
    );
    let many = if support::is_test() { (100, 10_000) } else { (1_000, 100_000) };
    let worlds: [(_, Scenario, u32, &[Name]); 4] = [
        ("small-10", support::small(), 10, &Name::ALL),
        ("documented-10", support::documented(), 10, &Name::ALL),
        ("documented-500", support::documented(), 500, &Name::ALL),
        ("many-5000", support::equal_topics(many.0, many.1), 5_000, &[Name::Single, Name::Fair]),
    ];
    for (world, scenario, cap, schedulers) in &worlds {
        for (client_name, client) in support::CLIENTS {
            for &scheduler in *schedulers {
                let Some(simulation) = support::prepare(scenario, client, scheduler, *cap) else { continue };
                let (metrics, usage) = counted(|| simulation.run(1));
                let Usage { peak_bytes, allocations } = usage;
                let a_poll = allocations as f64 / metrics.polls as f64;
                println!(
                    "{world:<16}{client_name:<12}{:<18}{peak_bytes:>12}{:>10}{a_poll:>18.1}",
                    scheduler.to_string(),
                    metrics.polls
                );
                if *world == "documented-10" {
                    assert!(a_poll < ALLOCATIONS_A_POLL, "{client_name} {scheduler}: {a_poll:.1} allocations a poll");
                }
            }
        }
    }
}

/// 10^4 against 10^7 records in the same five topics. The records are so large that the client's buffers are full in both: until they
/// are, memory grows with what the client itself may buffer, up to what its settings allow.
fn assert_flat() {
    let last = if support::is_test() { 200_000 } else { 2_000_000 };
    println!(
        "\n{:<12}{:<18}{:>24}{:>24}",
        "client",
        "scheduler",
        "bytes, 10 000 records",
        format!("{} records", last * 5)
    );
    for (client_name, client) in support::CLIENTS {
        for scheduler in Name::ALL {
            let peak = |records| {
                let mut scenario = support::five_topics([records; 5]);
                for topic in &mut scenario.topics {
                    (topic.value_bytes, topic.batch_records) = (Sizes::Fixed(50_000), 1);
                }
                scenario.consumer.poll_timeout = Duration::from_millis(10);
                let simulation = support::prepare(&scenario, client, scheduler, 500)?;
                Some(counted(|| simulation.run(1)).1.peak_bytes)
            };
            let (Some(few), Some(many)) = (peak(2_000), peak(last)) else { continue };
            println!("{client_name:<12}{:<18}{few:>24}{many:>24}", scheduler.to_string());
            assert!(
                many * 100 <= few * 101,
                "{client_name} {scheduler}: memory grows with the records, {few} to {many}"
            );
        }
    }
}
