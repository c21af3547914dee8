//! kafka-python: the worked examples, and the traps.

mod drain;

use drain::{DOCUMENTED, Drain, Drained, kafka_python, ms};
use fairdrain_sim::client::kafka_python::Version::{self, V2_0, V2_2, V3_0};
use fairdrain_sim::config::FaultKind;
use fairdrain_sim::{Duration, Time};

/// One topic with records beside four without: 1000 records of 1000 bytes are a chunk.
const ONE: [(&str, u64); 5] = [("A", 10_000), ("B", 0), ("C", 0), ("D", 0), ("E", 0)];

fn documented(version: Version, value_bytes: u32, cap: u32) -> Drain {
    Drain::new(kafka_python(version), &DOCUMENTED, value_bytes, cap)
}

/// Polls that waited for a parked fetch.
fn stalls(drained: &Drained) -> usize {
    drained.polls.windows(2).filter(|pair| pair[1].0.since(pair[0].0) >= ms(400)).count()
}

/// Recorded: documented-3000, in every run of 2.2.15 and 3.0.12.
#[test]
fn polls_drain_the_chunks_in_the_order_of_the_answer() {
    let expected = ["A3000", "A1700 B1300", "B3000", "B400 C100 D50 E10", "A3000", "A1700 B300", "A600"];
    for version in [V3_0, V2_2] {
        assert_eq!(documented(version, 200, 3000).run().lines(&DOCUMENTED), expected, "{version:?}");
    }
}

/// A cap of half a chunk uses a chunk up exactly: it stays in line, so the request that leaves with its last records does not ask for
/// more of it, but for four topics that have nothing. One record more, and it does not.
#[test]
fn half_a_chunk_is_a_cliff() {
    for (cap, parked) in [(500, 8), (501, 0), (999, 0), (1000, 0), (1001, 0)] {
        let drained = Drain::new(kafka_python(V2_2), &ONE, 1000, cap).run();
        assert_eq!(stalls(&drained), parked, "a cap of {cap}");
    }
}

/// 2.0 decodes a chunk at once and so knows when it is used up: for it the cliff is below half a chunk.
#[test]
fn an_eager_decoder_leaves_no_ghost() {
    for (cap, stalling) in [(500, false), (499, true)] {
        let drained = Drain::new(kafka_python(V2_0), &ONE, 1000, cap).run();
        assert_eq!(stalls(&drained) > 0, stalling, "a cap of {cap}");
    }
}

/// Work that sleeps lets the I/O thread of 3.0 read, so a remainder and the next chunk come in one poll; 2.2 reads in polls that find
/// nothing, and work that computes starves the thread.
#[test]
fn only_an_io_thread_that_gets_the_interpreter_joins_a_remainder_with_the_next_chunk() {
    let worked = |version, blocking: bool| {
        let drain = Drain::new(kafka_python(version), &[("A", 10_000), ("B", 10_000)], 1000, 700);
        let drain = drain.work(Duration::from_micros(100));
        if blocking { drain.blocking() } else { drain }.run().lines(&DOCUMENTED)
    };
    assert_eq!(worked(V2_2, false)[..3], ["A700", "A300 B400", "B600"]);
    assert_eq!(worked(V3_0, true), worked(V2_2, false));
    assert_eq!(worked(V3_0, false)[..3], ["A700", "A300 B400", "B600 A100"]);
}

#[test]
fn a_commit_lets_the_answer_in() {
    let mut drain = Drain::new(kafka_python(V2_2), &[("A", 10_000), ("B", 10_000)], 200, 3000);
    let alone = drain.run().lines(&DOCUMENTED);
    drain.commits = true;
    assert_ne!(drain.run().lines(&DOCUMENTED), alone);
}

#[test]
fn polls_with_a_timeout_of_zero_get_on() {
    for version in [V3_0, V2_2, V2_0] {
        let mut drain = documented(version, 200, 500);
        drain.wait = Duration::ZERO;
        let drained = drain.run();
        assert_eq!(drained.delivered, drain.total(), "{version:?}");
    }
}

#[test]
fn the_start_in_a_group_is_a_shuffle_of_the_seed() {
    let first = |version, seed| documented(version, 200, 500).group().seed(seed).run().polls[0].1[0].0;
    for version in [V3_0, V2_2] {
        let mut seen: Vec<u32> = (0..40).map(|seed| first(version, seed)).collect();
        assert_eq!(seen, (0..40).map(|seed| first(version, seed)).collect::<Vec<_>>());
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [0, 1, 2, 3, 4], "{version:?}");
    }
}

#[test]
fn an_outage_costs_time_and_nothing_else() {
    for version in [V3_0, V2_2, V2_0] {
        let drain = documented(version, 200, 500).fault(5, 400, FaultKind::BrokerDown(0));
        let drained = drain.run();
        assert_eq!(drained.delivered, drain.total(), "{version:?}");
        assert!(drained.polls.last().unwrap().0 > Time::from_nanos(400_000_000));
    }
}

#[test]
fn a_failing_topic_does_not_stop_the_others() {
    for version in [V3_0, V2_2, V2_0] {
        let drain = documented(version, 200, 500).fault(0, 3_000, FaultKind::TopicFails(0));
        let drained = drain.run();
        assert_eq!(drained.delivered, drain.total(), "{version:?}");
        let first_a = drained.polls.iter().find(|(_, runs)| runs.iter().any(|r| r.0 == 0)).unwrap();
        let last_b = drained.polls.iter().rfind(|(_, runs)| runs.iter().any(|r| r.0 == 1)).unwrap();
        assert!(last_b.0 < first_a.0, "{version:?}");
    }
}
