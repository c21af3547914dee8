//! 10^9 records in 1 000 topics: how long one run takes, and how much memory.

#![expect(clippy::disallowed_types, reason = "a bench measures real time")]

mod support;

use std::time::Instant;

use fairdrain::metrics::End;
use fairdrain::policy::Name;
use fairdrain::scenario::Client;
use support::alloc::{Counting, counted};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CAP: u32 = 5_000;
const AIM_SECONDS: f64 = 10.0;
const AIM_BYTES: u64 = 200_000_000;

fn main() {
    if !support::is_bench() {
        return;
    }
    let (topics, records, repeats) = if support::is_test() { (100, 10_000, 1) } else { (1_000, 1_000_000, 5) };
    println!("{topics} topics of {records} records, cap {CAP}: median of {repeats}");
    println!(
        "{:<12}{:<8}{:>10}{:>12}{:>14}{:>10}{:>12}",
        "client", "", "seconds", "records/s", "peak bytes", "polls", "aims"
    );
    for (client_name, client, scheduler) in [
        ("aiokafka", Client::Aiokafka, Name::Single),
        ("librdkafka", Client::Librdkafka, Name::Single),
        ("librdkafka", Client::Librdkafka, Name::Fair),
    ] {
        let mut seconds = Vec::with_capacity(repeats);
        let (mut peak_bytes, mut polls) = (0, 0);
        for seed in 0..repeats as u64 {
            let begun = Instant::now();
            // With what a user pays once, too: from the scenario's text on.
            let (metrics, usage) = counted(|| {
                let scenario = support::equal_topics(topics, records);
                support::prepare(&scenario, client, scheduler, CAP).expect("these clients can do it").run(seed)
            });
            seconds.push(begun.elapsed().as_secs_f64());
            peak_bytes = usage.peak_bytes.max(peak_bytes);
            polls = metrics.polls;
            assert_eq!(metrics.end, End::Complete);
            let delivered: u64 = metrics.topics.iter().map(|topic| topic.delivered).sum();
            assert_eq!(delivered, u64::from(topics) * records);
        }
        seconds.sort_by(f64::total_cmp);
        let median = seconds[repeats / 2];
        let rate = (u64::from(topics) * records) as f64 / median;
        let met = if support::is_test() {
            "-"
        } else if median < AIM_SECONDS && peak_bytes < AIM_BYTES {
            "met"
        } else {
            "missed"
        };
        println!("{client_name:<12}{scheduler:<8}{median:>10.2}{rate:>12.2e}{peak_bytes:>14}{polls:>10}{met:>12}");
    }
}
