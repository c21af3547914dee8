//! From when on a wait is called starvation.

use crate::Duration;
use crate::policy::Name;
use crate::scenario::{Client, Scenario};
use crate::tuning::SplitQueues;

/// A bound that nobody has set is at least this: shorter waits are ordinary for consumers (a poll timeout, a rebalance), and where
/// processing costs nothing, three times the guarantee would be a matter of microseconds.
const BOUND_AT_LEAST: Duration = Duration::from_secs(1);

/// A fetch response's limit where the scenario sets none: `fetch.max.bytes` of Kafka's clients.
const FETCH_MAX_BYTES: u64 = 50 << 20;

/// Waits longer than this, while others are served, are starvation: the scenario's bound, or else three times
/// [`fair_guarantee`] (with the cap that the schedulers other than `single` use), but at least a second.
#[must_use]
pub fn starvation_bound(scenario: &Scenario) -> Duration {
    scenario
        .scheduler
        .starvation_bound
        .unwrap_or_else(|| fair_guarantee(scenario, scenario.cap(Name::Fair)).times(3).max(BOUND_AT_LEAST))
}

/// The longest that a topic with lag waits under `fair`, with `cap` records a hand-over, as long as nothing fails: the sum of
/// - the hand-overs of one full round of its deficit round robin: one if every topic gets a record of each (`cap` at least the number
///   of topics), else ⌈topics / cap⌉; each is `cap` records of the topic that costs most, plus the cost of a batch. Workers do not
///   divide it: the records may all be of one partition, which one worker does;
/// - two round trips (2 × (latency + jitter) + service time each): a fetch that has just left without the topic, and its own;
/// - one long poll of an idle topic that holds the connection meanwhile: the scenario's `fetch.max.wait.ms`, or what the client has
///   under `fair` (aiokafka its default of 500 ms, librdkafka 10 ms with its queues split, Java 10 ms too, the ideal client none);
/// - where bandwidth is limited, one full response: `fetch.max.bytes`, or as many `max.partition.fetch.bytes` as there are
///   partitions, whichever is less.
#[must_use]
pub fn fair_guarantee(scenario: &Scenario, cap: u32) -> Duration {
    let Scenario { topics, application, network, brokers, consumer, .. } = scenario;
    let costs = topics.iter().map(|topic| topic.processing_per_record.unwrap_or(application.per_record));
    let hand_over = costs.max().unwrap_or_default().times(u64::from(cap)) + application.per_batch;
    let hand_overs = (topics.len() as u64).div_ceil(u64::from(cap.max(1)));
    let round_trip = (network.latency + network.jitter).times(2) + brokers.service;
    let partitions: u64 = topics.iter().map(|topic| u64::from(topic.partitions)).sum();
    let response = consumer.fetch_max_bytes.map_or(FETCH_MAX_BYTES, u64::from);
    let response = response.min(partitions.saturating_mul(u64::from(consumer.max_partition_fetch_bytes)));
    let transfer = network.bandwidth.map_or(Duration::ZERO, |bytes_per_second| {
        let nanos = u128::from(response) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    });
    let long_poll = consumer.fetch_max_wait.unwrap_or_else(|| match consumer.client {
        Client::Aiokafka | Client::KafkaPython(_) => Duration::from_millis(500),
        Client::Librdkafka | Client::Java(..) => SplitQueues::for_cap(cap).fetch_wait_max,
        Client::Ideal => Duration::ZERO,
    });
    hand_over.times(hand_overs) + round_trip.times(2) + long_poll + transfer
}
