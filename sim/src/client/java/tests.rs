use super::*;
use crate::broker::{Ask, Request, SessionUse};
use crate::client;
use crate::config::{Application, Brokers, ConsumerConfig, Network, TopicConfig, WorldConfig};
use crate::event::Ties;
use crate::log::Log;
use crate::output::Output;
use crate::record::Fill;
use crate::signal::Fact;
use crate::sizes::Sizes;
use crate::world::World;

fn ask(slot: u32, offset: i64) -> Ask {
    Ask { slot, offset, max_bytes: 1 }
}

/// Trace A2: what is buffered leaves the session and comes back at its end.
#[test]
fn a_session_lists_what_is_new_then_what_has_moved_and_forgets_the_rest() {
    let (mut session, mut request) = (fetch::Session::default(), Request::default());
    session.build(&[ask(3, 0), ask(4, 0), ask(5, 0), ask(1, 0), ask(2, 0)], &mut request);
    assert_eq!((request.session, request.asks.len()), (SessionUse::Full, 5));

    session.build(&[ask(3, 100), ask(4, 0), ask(5, 10)], &mut request);
    assert_eq!(request.asks, [ask(3, 100), ask(5, 10)]);
    assert_eq!((request.session, request.forget.as_slice()), (SessionUse::Incremental, [1, 2].as_slice()));

    session.build(&[ask(3, 100), ask(4, 7), ask(5, 10), ask(1, 1024), ask(2, 1024)], &mut request);
    assert_eq!(request.asks, [ask(1, 1024), ask(2, 1024), ask(4, 7)]);
    assert!(request.forget.is_empty());
}

/// What polls of a consumer on these topics hand out, until all is drained: per poll the records by topic, its duration in
/// milliseconds, and whether a request left before it had records in hand (at its start).
fn drain(version: Version, backlogs: &[u64], cap: u32) -> Vec<(Vec<u32>, u64, bool)> {
    let topic = |(i, &backlog): (usize, &u64)| TopicConfig {
        name: format!("T{}", i + 1),
        // Ten batches of a hundred records of 1000 bytes are what fits 1 MiB.
        logs: vec![Log::new(backlog, 100, Sizes::Fixed(1000), 10, 1000, 1)],
        leader: 0,
        per_record: Duration::ZERO,
        arrival: None,
    };
    let client = client::Settings::Java(Settings::new(version, Protocol::Classic));
    let mut world = World::new(&WorldConfig {
        seed: 1,
        ties: Ties::Fifo,
        topics: backlogs.iter().enumerate().map(topic).collect(),
        consumers: vec![ConsumerConfig {
            topics: 0..backlogs.len() as u32,
            client,
            takes: false,
            start: Start::Assign,
        }],
        network: Network { latency: Duration::from_micros(50), jitter: Duration::ZERO, bandwidth: None },
        brokers: Brokers { count: 1, service: Duration::from_micros(200), fetch_max_bytes: 57_671_680 },
        application: Application { workers: 1, per_batch: Duration::ZERO, blocking: false },
        faults: vec![],
        alarms: vec![],
    });
    world.open();
    let (mut polls, mut begun) = (Vec::new(), Time::ZERO);
    let mut left: u64 = backlogs.iter().sum();
    while left > 0 {
        let (now, output) = world.next().expect("there is more to come");
        if let Output::Delivered { runs, .. } = &output {
            let mut records = vec![0; backlogs.len()];
            for run in runs {
                records[run.partition.topic.index()] += run.records;
                left -= u64::from(run.records);
            }
            let at_start = |s: crate::Signal| s.fact == Fact::FetchSent && s.at == begun;
            let sent = world.signals().drain(..).any(at_start);
            polls.push((records, now.since(begun).as_nanos() / 1_000_000, sent));
        }
        if let Output::Assigned { .. } | Output::Delivered { .. } = output {
            begun = now;
            world.poll(ConsumerId(0), cap, Duration::from_millis(1000), Fill::First);
        }
    }
    polls
}

/// Trace A6: a cap that uses an entry up exactly makes the fetch leave with the poll after the next.
#[test]
fn an_entry_used_up_exactly_still_counts_as_buffered() {
    let at_start =
        |cap| -> Vec<bool> { drain(Version::V4_2, &[4000], cap).iter().skip(1).map(|poll| poll.2).collect() };
    assert_eq!(at_start(500), [false, true, false, true, false, true, false]);
    assert!(
        at_start(501).iter().all(|sent| !sent),
        "each request leaves as the poll returns that has used the entry up"
    );
}

/// The worked example of hash orders and prefetch: five topics, half a chunk a poll.
#[test]
fn small_topics_come_first_or_last_by_the_hash_of_their_names() {
    let first = |version| {
        drain(version, &[10_000, 5_000, 100, 50, 10], 500).into_iter().map(|p| p.0).take(5).collect::<Vec<_>>()
    };
    let hashed = [[340, 0, 100, 50, 10], [500, 0, 0, 0, 0], [160, 340, 0, 0, 0], [0, 500, 0, 0, 0], [0, 160, 0, 0, 0]];
    assert_eq!(first(Version::V3_7), hashed);
    assert_eq!(first(Version::V4_0), hashed);
}

/// Up to 3.9 the small topics, drained, are asked for alone while large ones are buffered: 500 ms for nothing, every cycle.
#[test]
fn a_fetch_of_idle_topics_parks_until_3_9_and_not_since() {
    let waits =
        |version| drain(version, &[10_000, 5_000, 100, 50, 10], 500).iter().skip(1).filter(|poll| poll.1 > 250).count();
    assert_eq!(waits(Version::V3_7), 9);
    assert_eq!(waits(Version::V4_0), 0);
    assert_eq!(waits(Version::V4_2), 0);
}
