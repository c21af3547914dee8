//! Stand-in until the simulated world is merged.
use crate::Duration;
use crate::compare::{RunError, RunSpec};
use crate::metrics::*;
use crate::policy::Name;
use crate::scenario::{Client, Scenario};

/// Canned numbers.
pub fn simulate(s: &Scenario, spec: &RunSpec) -> Result<RunMetrics, RunError> {
    let jitter = if spec.client == Client::Aiokafka { spec.seed % 5 } else { 0 };
    let slow = match spec.scheduler {
        Name::Single => 9_400,
        Name::MultiGather => 2_070,
        Name::MultiSequential => 6_640,
        Name::Multi => 54,
        Name::Fair => 41,
        Name::CompleteFirst => 32,
    };
    let total: u64 = s.topics.iter().map(|t| t.backlog).sum();
    let ms = |n: u64| Duration::from_millis(n);
    let ttci = |k: u64| Some(ms(slow * k / 100 + jitter));
    let n = s.topics.len();
    let topics = s
        .topics
        .iter()
        .enumerate()
        .map(|(i, t)| TopicMetrics {
            first_record: Some(ms(slow * (i as u64) / n as u64 + jitter * (i as u64))),
            first_poll: Some(1 + (i as u64 + jitter) % 4),
            first_poll_records: if i as u64 == jitter % 3 { u64::from(spec.cap) } else { 0 },
            completion: Some(ms(15_160 - i as u64 * 100)),
            gap_max: ms(slow),
            gap_max_from: ms(0),
            delivered: t.backlog,
            arrived: 0,
            wait: ms(slow),
            blame: Some(vec![
                (Cause::Processing(0), ms(slow / 2)),
                (Cause::Processing(1.min(n - 1)), ms(slow - slow / 2)),
            ]),
        })
        .collect();
    Ok(RunMetrics {
        end: End::Complete,
        ended_after: ms(15_200),
        topics,
        drain: Some(ms(15_160)),
        ttci: Ttci { first: ttci(90), p50: ttci(95), p95: ttci(99), max: ttci(100), keys: 10, never: 0 },
        gap_max: Some((ms(slow), n - 1)),
        jain: Some(0.4),
        polls: total / u64::from(spec.cap) + 1,
        polls_empty: jitter,
        fetches: Some(20),
        bytes_fetched: Some(3_000_000),
        bytes_fetched_again: Some(0),
        buffered_records_peak: Some(4700),
        buffered_bytes_peak: Some(940_000),
        in_hand_bytes_peak: 600_000,
        bound: LowerBound {
            ttci: Ttci {
                first: Some(ms(5)),
                p50: Some(ms(10)),
                p95: Some(ms(30)),
                max: Some(ms(31)),
                keys: 10,
                never: 0,
            },
            drain: ms(15_160),
        },
        starved: if slow > 5000 {
            vec![Starved { topic: n - 1, waited: ms(slow), served_instead: 0, served_records: 4700 }]
        } else {
            vec![]
        },
        starvation_bound: ms(120),
        duplicates: 0,
        fingerprint: Some(spec.seed * 7),
    })
}
