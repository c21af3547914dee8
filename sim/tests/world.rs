//! What holds for every world.

mod drain;

use drain::{DOCUMENTED, Drain, aiokafka, ideal, librdkafka, ms};
use fairdrain_sim::config::FaultKind;
use fairdrain_sim::event::Ties;
use fairdrain_sim::{Duration, Fact, Time};
use proptest::prelude::*;

#[test]
fn the_same_seed_gives_the_same_world_and_another_seed_another_order() {
    let run = |seed| Drain::new(aiokafka(), &DOCUMENTED, 200, 500).seed(seed).run();
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).fingerprint, run(2).fingerprint);
}

#[test]
fn a_clone_goes_on_exactly_as_the_original() {
    for client in [aiokafka(), librdkafka(), ideal()] {
        let drain = Drain::new(client, &DOCUMENTED, 200, 500).work(Duration::from_micros(100));
        let mut world = drain.world();
        world.open();
        let half = drain::Drained::default().go_on(&drain, &mut world, 7000);
        let mut snapshot = world.clone();
        let original = half.clone().go_on(&drain, &mut world, 15_160);
        let copy = half.go_on(&drain, &mut snapshot, 15_160);
        assert_eq!(original, copy);
    }
}

#[test]
fn recorded_choices_give_the_same_world_under_any_seed() {
    let mut drain = Drain::new(aiokafka(), &DOCUMENTED, 200, 500).work(Duration::from_micros(100)).seed(7);
    let mut world = drain.world();
    world.choices().start_recording();
    world.open();
    let original = drain::Drained::default().go_on(&drain, &mut world, 15_160);
    drain.choices = world.choices().recorded().to_vec();
    assert_eq!(drain.seed(8).run(), original);
}

#[test]
fn taking_a_fault_out_moves_no_draw() {
    let plain = Drain::new(aiokafka(), &DOCUMENTED, 200, 500);
    let late = plain.clone().fault(60_000, 61_000, FaultKind::BrokerDown(0));
    assert_eq!(plain.run().polls, late.run().polls);
}

#[test]
fn a_crash_goes_on_from_what_was_committed_and_repeats_the_rest() {
    for client in [aiokafka(), librdkafka(), ideal()] {
        let mut drain = Drain::new(client, &DOCUMENTED, 200, 500).work(Duration::from_micros(100)).fault(
            700,
            900,
            FaultKind::Crash,
        );
        drain.commits = true;
        let mut world = drain.world();
        world.open();
        let drained = drain::Drained::default().go_on(&drain, &mut world, 15_160);
        assert_eq!(drained.crashes, 1);
        let drained = drained.go_on(&drain, &mut world, 15_660);
        let ends: Vec<i64> = DOCUMENTED.iter().map(|(_, n)| *n as i64).collect();
        assert_eq!(drained.positions, ends);
        let repeated = drained.delivered - 15_160;
        assert!(repeated <= 500, "at most the batch in hand comes again: {repeated}");
    }
}

#[test]
fn records_that_arrive_are_delivered_soon_after() {
    for client in [aiokafka(), librdkafka(), ideal()] {
        let mut drain =
            Drain::new(client, &[("A", 100), ("B", 0)], 200, 50).arrival(1, ms(300), Duration::from_secs(3));
        drain.wait = ms(20);
        let mut world = drain.world();
        world.open();
        let drained = drain::Drained::default().go_on(&drain, &mut world, 110);
        let mut lag = Duration::ZERO;
        let arrivals = world.signals().iter().filter(|s| matches!(s.fact, Fact::Appended { .. })).map(|s| s.at);
        let seen = drained.polls.iter().filter(|(_, runs)| runs.iter().any(|r| r.0 == 1)).map(|(at, _)| *at);
        for (arrived, seen) in arrivals.zip(seen) {
            lag = lag.max(seen.since(arrived));
        }
        assert!(lag > Duration::ZERO && lag < ms(60), "{lag}");
    }
}

#[test]
fn one_brokers_outage_does_not_touch_what_another_leads() {
    for client in [aiokafka(), librdkafka(), ideal()] {
        let mut drain =
            Drain::new(client, &[("A", 5000), ("B", 5000)], 200, 500).fault(0, 3_000, FaultKind::BrokerDown(0));
        drain.config.brokers.count = 2;
        drain.config.topics[1].leader = 1;
        drain.wait = ms(50);
        let drained = drain.run();
        let last = |t| drained.polls.iter().rev().find(|(_, runs)| runs.iter().any(|r| r.0 == t)).unwrap().0;
        assert!(last(1) < Time::from_nanos(200_000_000), "B is led by the other broker: {}", last(1));
        assert!(last(0) >= Time::from_nanos(3_000_000_000), "{} {:?}", last(0), drain.config.consumers[0].client);
    }
}

#[test]
fn a_latency_spike_slows_the_fetches_within_it_only() {
    for client in [aiokafka(), librdkafka()] {
        let drain = Drain::new(client, &[("A", 20_000)], 200, 500);
        let (plain, spiked) = (drain.run(), drain.clone().fault(0, 100, FaultKind::LatencySpike(ms(40))).run());
        let first = |drained: &drain::Drained| drained.polls[0].0;
        let delay = first(&spiked).since(first(&plain));
        assert!(delay >= ms(80) && delay < ms(81), "40 ms each way: {delay}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the order of simultaneous events, the sizes and the faults: each record comes once and in order (asserted where it
    /// is delivered), and every run ends.
    #[test]
    fn every_record_comes_once_and_in_order(
        seed in any::<u64>(),
        which in 0usize..3,
        backlogs in proptest::collection::vec(0u64..3000, 1..6),
        value_bytes in 1u32..3000,
        cap in 1u32..700,
        work_us in 0u64..100,
        outage in proptest::option::of((0u64..200, 1u64..400)),
        failing in proptest::option::of((0u64..200, 1u64..400)),
        jitter_us in 0u64..2000,
        blocking in any::<bool>(),
    ) {
        let names = ["t0", "t1", "t2", "t3", "t4"];
        let backlogs: Vec<(&str, u64)> = names.into_iter().zip(backlogs).collect();
        let client = [aiokafka(), librdkafka(), ideal()][which].clone();
        let mut drain = Drain::new(client, &backlogs, value_bytes, cap).seed(seed).work(Duration::from_micros(work_us));
        drain.config.ties = Ties::Random;
        drain.config.application.blocking = blocking;
        drain.config.network.jitter = Duration::from_micros(jitter_us);
        drain.wait = ms(100);
        if let Some((from, length)) = outage {
            drain = drain.fault(from, from + length, FaultKind::BrokerDown(0));
        }
        if let Some((from, length)) = failing {
            drain = drain.fault(from, from + length, FaultKind::TopicFails(0));
        }
        let drained = drain.run();
        prop_assert_eq!(drained.delivered, drain.total());
        prop_assert!(drained.polls.iter().all(|(_, runs)| runs.iter().map(|r| r.1).sum::<u32>() <= cap));
        prop_assert_eq!(drain.run().fingerprint, drained.fingerprint);
    }
}
