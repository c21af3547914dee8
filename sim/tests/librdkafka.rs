//! librdkafka: the worked examples, and the traps.

mod drain;

use drain::{DOCUMENTED, Drain, librdkafka as defaults, ms};
use fairdrain_sim::client::{Settings, librdkafka};
use fairdrain_sim::config::FaultKind;
use fairdrain_sim::{ConsumerId, Duration, Output, Time, TopicId};

/// The recorded topics: their names decide the join order, D A B E C.
const RECORDED: [(&str, u64); 5] =
    [("doc200.A", 10_000), ("doc200.B", 5_000), ("doc200.C", 100), ("doc200.D", 50), ("doc200.E", 10)];

fn settings(change: impl FnOnce(&mut librdkafka::Settings)) -> Settings {
    let mut settings = librdkafka::Settings::default();
    change(&mut settings);
    Settings::Librdkafka(settings)
}

fn lines(drain: &Drain) -> Vec<String> {
    drain.run().lines(&DOCUMENTED)
}

#[test]
fn polls_are_the_queue_cut_every_n_records() {
    let drain = Drain::new(defaults(), &RECORDED, 200, 3000);
    assert_eq!(lines(&drain), ["D50 A2950", "A1750 B1250", "B3000", "B450 E10 C100 A2440", "A2260 B300 A440", "A160"]);
}

#[test]
fn a_last_partial_batch_costs_the_whole_timeout() {
    let polls = Drain::new(defaults(), &RECORDED, 200, 3000).run().polls;
    assert!(polls[5].0.since(polls[4].0) >= ms(1000));
    assert!(polls[4].0 < Time::from_nanos(100_000_000));
}

/// Issue #1854: a lowered queue limit lowers `fetch.max.bytes` too, and each stall begins the rotation anew: the last topics get
/// nothing before the first ones are drained. Six of six recorded runs.
#[test]
fn a_small_queue_starves_the_later_topics_until_the_earlier_ones_are_drained() {
    let client = settings(|s| s.queued_max_messages_kbytes = 1000);
    let drain = Drain::new(client, &RECORDED, 200, 500).work(Duration::from_micros(50));
    let mut expected = vec!["D50 A450".to_owned()];
    expected.extend(vec!["A500".to_owned(); 19]);
    expected.push("A50 B450".to_owned());
    expected.extend(vec!["B500".to_owned(); 9]);
    expected.push("B50 E10 C100".to_owned());
    assert_eq!(lines(&drain), expected);
}

/// Six of six recorded runs: first data in reverse order, after each stall in the order of the names.
#[test]
fn a_stall_begins_the_rotation_anew() {
    let client = settings(|s| s.queued_min_messages = 2000);
    let mut drain = Drain::new(client, &RECORDED, 200, 500).group().work(Duration::from_micros(50));
    drain.choices = vec![fairdrain_sim::choice::Choice {
        point: fairdrain_sim::choice::Point::LibrdkafkaStartSegments,
        entity: 0,
        value: vec![1; 5],
    }];
    let mut expected = vec!["E10 D50 C100 B340".to_owned()];
    expected.extend(vec!["B500".to_owned(); 8]);
    expected.push("B360 A140".to_owned());
    expected.extend(vec!["A500".to_owned(); 18]);
    expected.extend(["A260 B240", "B60 A440", "A160"].map(str::to_owned));
    assert_eq!(lines(&drain), expected);
}

/// 10 000 records of A taken and worked on for 10 us each beside an untouched B, `fetch.message.max.bytes=65536`: how long that takes,
/// and what has been fetched of B.
fn take_only_a(client: Settings) -> (Duration, u64) {
    let mut drain =
        Drain::new(client, &[("A", 10_000), ("B", 5_000), ("C", 100)], 200, 500).work(Duration::from_micros(10));
    drain.config.consumers[0].takes = true;
    let mut world = drain.world();
    let c = ConsumerId(0);
    world.open();
    let (mut taken, mut free, mut ready, mut begun) = (0, true, false, None);
    while taken < 10_000 {
        let (now, output) = world.next().expect("A is fetched in the end");
        match output {
            Output::Ready(TopicId(0)) => ready = true,
            Output::Delivered { batch, runs, dry, .. } => {
                taken += runs.iter().map(|r| u64::from(r.records)).sum::<u64>();
                ready = dry.is_empty();
                free = runs.is_empty();
                if !free {
                    world.process(batch);
                }
            }
            Output::Processed(_) => free = true,
            _ => {}
        }
        if ready && free {
            begun.get_or_insert(now);
            (ready, free) = (false, false);
            world.take(c, vec![(TopicId(0), 500)]);
        }
    }
    let end = world.now();
    let mut buffered = 0;
    for signal in world.signals().drain(..) {
        if let fairdrain_sim::Fact::Fetched { topic: TopicId(1), records, .. } = signal.fact {
            buffered += records;
        }
    }
    (end.since(begun.unwrap()), buffered)
}

#[test]
fn the_thresholds_of_split_queues_are_each_partitions_own() {
    let client = settings(|s| (s.queued_min_messages, s.fetch_message_max_bytes) = (1000, 65_536));
    let (_, b) = take_only_a(client);
    assert_eq!(b, 1000, "the untouched queue of B stops at its limit");
}

#[test]
fn a_small_threshold_with_the_default_wait_opens_holes() {
    let took = |wait: u64, backoff: u64, min: u32| {
        take_only_a(settings(|s| {
            s.fetch_wait_max = ms(wait);
            s.fetch_queue_backoff = ms(backoff);
            s.queued_min_messages = min;
            s.fetch_message_max_bytes = 65_536;
        }))
        .0
    };
    assert!(took(500, 1000, 1000) > ms(1000), "holes of a second each");
    assert!(took(500, 5, 500) > ms(500), "holes of half a second each");
    assert!(took(5, 5, 1000) < ms(300), "none");
}

#[test]
fn an_outage_is_overcome_at_the_next_attempt_to_reconnect() {
    let drain = Drain::new(defaults(), &RECORDED, 200, 500).fault(1, 5_000, FaultKind::BrokerDown(0));
    let drained = drain.run();
    assert_eq!(drained.delivered, 15_160);
    let first = drained.polls.iter().find(|(_, runs)| !runs.is_empty()).unwrap().0;
    assert!(first > Time::from_nanos(5_000_000_000), "{first}");
}

#[test]
fn a_failing_topic_backs_off_alone() {
    let drain = Drain::new(defaults(), &RECORDED, 200, 500).fault(0, 5_000, FaultKind::TopicFails(2));
    let drained = drain.run();
    assert_eq!((drained.failures.as_slice(), drained.delivered), ([TopicId(2)].as_slice(), 15_160));
    let early = |(at, _): &&(Time, _)| *at < Time::from_nanos(1_200_000_000);
    let others: u32 = drained.polls.iter().filter(early).flat_map(|(_, runs)| runs).map(|r| r.1).sum();
    assert_eq!(others, 15_060, "everything but C by the end of the first partial batch");
}
