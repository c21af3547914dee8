//! aiokafka: the worked examples, and the traps.

mod drain;

use drain::{DOCUMENTED, Drain, aiokafka, ms};
use fairdrain_sim::config::FaultKind;
use fairdrain_sim::log::{Batches, Log};
use fairdrain_sim::{ConsumerId, Duration, Fill, Output, Time};

/// Chunks as a producer with 16 KiB batches fills them: `batches` whole ones of `records` in a mebibyte.
fn java_batches(drain: &mut Drain, records: u32, bytes: u64, value_bytes: u32) {
    for (topic, (_, total)) in drain.config.topics.iter_mut().zip(DOCUMENTED) {
        let (full, rest) = (total / u64::from(records), (total % u64::from(records)) as u32);
        let layout = [
            Batches { count: full, records, bytes },
            Batches { count: u64::from(rest > 0), records: rest.max(1), bytes: bytes / 2 },
        ];
        topic.logs = vec![Log::recorded(&layout, value_bytes)];
    }
}

#[test]
fn a_response_smaller_than_the_cap_is_handed_out_whole_whatever_the_shuffle() {
    for seed in 0..10 {
        let mut drain = Drain::new(aiokafka(), &DOCUMENTED, 1000, 3000).seed(seed);
        java_batches(&mut drain, 16, 16_205, 1000);
        let counts = drain.run().counts(5);
        assert_eq!(counts[0], [1024, 1024, 100, 50, 10]);
        assert_eq!(counts[1..4], [[1024, 1024, 0, 0, 0], [1024, 1024, 0, 0, 0], [1024, 1024, 0, 0, 0]]);
        assert_eq!(counts[4], [1024, 904, 0, 0, 0]);
        assert_eq!(counts[9], [784, 0, 0, 0, 0]);
        assert_eq!(counts.len(), 10);
    }
}

#[test]
fn the_shuffle_decides_who_waits_behind_whose_chunk() {
    let lines = |order: &[u64]| {
        let mut drain = Drain::new(aiokafka(), &DOCUMENTED, 100, 3000).first_order(order);
        java_batches(&mut drain, 148, 16_277, 100);
        drain.run().lines(&DOCUMENTED)
    };
    assert_eq!(lines(&[0, 4, 3, 1, 2]), ["A3000", "A3000", "A3000", "A472 E10 D50 B2468", "B2532 C100", "A528"]);
    assert_eq!(lines(&[4, 3, 1, 0, 2]), ["E10 D50 B2940", "B2060 A940", "A3000", "A3000", "A2532 C100", "A528"]);
    assert_eq!(lines(&[0, 1, 2, 3, 4]), ["A3000", "A3000", "A3000", "A472 B2528", "B2472 C100 D50 E10", "A528"]);
}

#[test]
fn of_batches_over_the_limit_only_the_first_in_the_request_gets_on() {
    let mut drain = Drain::new(aiokafka(), &DOCUMENTED, 1000, 3000).first_order(&[4, 0, 3, 2, 1]);
    for (topic, (_, total)) in drain.config.topics.iter_mut().zip(DOCUMENTED) {
        let big = total >= 2000;
        let batches = if big {
            Batches { count: total / 2000, records: 2000, bytes: 2_020_061 }
        } else {
            Batches { count: 1, records: total as u32, bytes: total * 1010 + 61 }
        };
        topic.logs = vec![Log::recorded(&[batches], 1000)];
    }
    let lines = drain.run().counts(5);
    assert_eq!(lines[0], [0, 0, 100, 50, 10], "E came first, so neither A nor B may exceed the limit");
    assert!(lines[1..].iter().all(|poll| poll.iter().sum::<u32>() == 2000), "then one of them a fetch: {lines:?}");
}

#[test]
fn a_cap_hit_exactly_on_a_chunks_end_leaves_a_ghost_that_blocks_the_refetch_until_the_next_call() {
    let names = [("A", 2000)];
    // 1000-byte records: ten batches of 100, a thousand records, in a mebibyte.
    let drain = Drain::new(aiokafka(), &names, 1000, 500).work(Duration::from_micros(1));
    let drained = drain.run();
    assert_eq!(drained.lines(&names), ["A500", "A500", "A500", "A500"]);
    let gap = |i: usize| drained.polls[i].0.since(drained.polls[i - 1].0);
    assert!(gap(2) > gap(1), "the third poll has to wait for a fetch that the ghost held up: {:?}", drained.polls);
}

#[test]
fn a_tight_loop_with_timeout_zero_never_fetches() {
    let drain = Drain::new(aiokafka(), &DOCUMENTED, 200, 500);
    let mut world = drain.world();
    let c = ConsumerId(0);
    world.open();
    let mut empty = 0;
    while empty < 1000 {
        match world.next() {
            Some((_, Output::Assigned { .. })) => world.poll(c, 500, Duration::ZERO, Fill::First),
            Some((_, Output::Delivered { runs, .. })) if runs.is_empty() => {
                empty += 1;
                world.poll(c, 500, Duration::ZERO, Fill::First);
            }
            other => panic!("nothing can come but empty polls: {other:?}"),
        }
    }
    assert!(world.now() > Time::from_nanos(10_000_000), "calls take time, and the loop is never released");
}

#[test]
fn awaited_work_lets_the_fetch_loop_park_a_fetch_and_blocking_work_does_not() {
    let longest = |drain: Drain| {
        let polls = drain.run().polls;
        polls.windows(2).map(|p| p[1].0.since(p[0].0)).max().unwrap()
    };
    let drain = Drain::new(aiokafka(), &[("A", 20_000), ("E", 10)], 200, 100).work(Duration::from_micros(200));
    let yielding = longest(drain.clone());
    assert!(yielding > ms(100), "a fetch for E alone is parked when A runs dry: {yielding}");
    let blocking = longest(drain.blocking());
    assert!(blocking < ms(30), "the fetch loop only gets on when both are drained: {blocking}");
}

#[test]
fn an_outage_is_waited_out_with_retries_and_nothing_is_lost() {
    let drain = Drain::new(aiokafka(), &DOCUMENTED, 200, 500).work(Duration::from_micros(100)).fault(
        1,
        3_000,
        FaultKind::BrokerDown(0),
    );
    let drained = drain.run();
    assert_eq!(drained.delivered, 15_160);
    let first = drained.polls.iter().find(|(_, runs)| !runs.is_empty()).unwrap().0;
    assert!(first > Time::from_nanos(3_000_000_000) && first < Time::from_nanos(3_200_000_000), "{first}");
}

#[test]
fn a_failing_topic_is_reported_once_and_does_not_hold_up_the_others() {
    let drain = Drain::new(aiokafka(), &DOCUMENTED, 200, 500).fault(0, 5_000, FaultKind::TopicFails(2));
    let drained = drain.run();
    assert_eq!(drained.failures.len(), 1);
    assert_eq!(drained.delivered, 15_160);
    let others: u32 = drained
        .polls
        .iter()
        .filter(|(at, _)| *at < Time::from_nanos(200_000_000))
        .flat_map(|(_, r)| r)
        .map(|r| r.1)
        .sum();
    assert_eq!(others, 15_060, "everything but C within 0.2 s");
}
