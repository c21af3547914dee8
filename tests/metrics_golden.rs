//! Every metric against values computed by hand. Times are nanoseconds; records have 10 bytes.

mod told;

use fairdrain::metrics::{Cause, End, Layout, LowerBound, RunMetrics, Starved, fair_guarantee, starvation_bound};
use fairdrain::scenario::Client;
use fairdrain::scenario::{Arrival, Limits};
use fairdrain::{Duration, Keys, LocalCause, PartitionId, TopicId};
use told::{Told, layout, ns, scenario, topic};

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// One consumer, two topics, two polls; 10 ns of work a record.
///
/// ```text
///   0 poll, fetch sent      50 fetched A 4, B 2; delivered A 0-2     50-80 A processed
///  80 poll                  90 delivered A 3, B 0-1     90-100 A, 100-120 B processed
/// ```
fn two_polls(simulated: bool) -> RunMetrics {
    let mut scenario = scenario(vec![topic("a", 4, 2), topic("b", 2, 2)]);
    scenario.application.per_record = ns(10);
    let mut run = Told::new(&scenario, &Layout { simulated, ..layout(&[0, 0], false, 1) });
    run.poll(0, 0);
    if simulated {
        run.fetch_sent(0);
        run.cause(0, A, LocalCause::FetchInFlight).cause(0, B, LocalCause::FetchInFlight);
        run.fetched(50, A, 4, 100, false).fetched(50, B, 2, 80, false);
        run.cause(50, A, LocalCause::Idle).cause(50, B, LocalCause::Idle);
    }
    run.delivered(50, 0, 0, &[(A, 0, 0, 3)]);
    run.busy(50, Some(A)).processed(50, 80, (A, 0, 0, 3)).busy(80, None).batch_done(80, 0);
    run.poll(80, 0).delivered(90, 0, 1, &[(A, 0, 3, 1), (B, 0, 0, 2)]);
    run.busy(90, Some(A)).processed(90, 100, (A, 0, 3, 1));
    run.busy(100, Some(B)).processed(100, 120, (B, 0, 0, 2)).busy(120, None);
    assert!(!run.is_done());
    run.batch_done(120, 1);
    assert!(run.is_done());
    run.finish(120)
}

#[test]
fn a_run_of_two_polls() {
    let m = two_polls(true);
    assert_eq!((&m.end, m.ended_after), (&End::Complete, ns(120)));
    let [a, b] = &m.topics[..] else { panic!("two topics") };
    assert_eq!((a.first_record, a.first_poll, a.completion), (Some(ns(50)), Some(1), Some(ns(100))));
    assert_eq!((b.first_record, b.first_poll, b.completion), (Some(ns(90)), Some(2), Some(ns(120))));
    assert_eq!(m.drain, Some(ns(120)));
    // A waits 0-50 and 50-90 for its first and its last record, B 0-90.
    assert_eq!((a.gap_max, a.gap_max_from), (ns(50), ns(0)));
    assert_eq!((b.gap_max, b.gap_max_from), (ns(90), ns(0)));
    assert_eq!(m.gap_max, Some((ns(90), B)));
    // Both wait 0-90: 0-50 for the fetch, 50-80 while A is processed, 80-90 for nothing in particular.
    let causes = vec![(Cause::FetchInFlight, ns(50)), (Cause::Processing(A), ns(30)), (Cause::Idle, ns(10))];
    for topic in [a, b] {
        assert_eq!((topic.wait, topic.blame.as_ref()), (ns(90), Some(&causes)));
    }
    // Service 3 and 0; the fair share is 1.5 each; x = 2 and 0; (2 + 0)^2 / (2 (4 + 0)), from 50 to 90.
    assert_eq!(m.jain, Some(0.5));
    assert_eq!((m.polls, m.polls_empty, m.duplicates), (2, 0, 0));
    assert_eq!((m.fetches, m.bytes_fetched, m.bytes_fetched_again), (Some(1), Some(180), Some(0)));
    assert_eq!((m.buffered_records_peak, m.buffered_bytes_peak), (Some(6), Some(60)));
    assert_eq!(m.in_hand_bytes_peak, 30);
    assert_eq!((a.delivered, b.delivered, a.arrived), (4, 2, 0));
    assert_eq!(m.fingerprint, Some(7));
    assert!(m.starved.is_empty());
}

#[test]
fn inputs_are_complete_with_the_last_required_record() {
    // A's keys are done at 60 and 70, B's at 110 and 120.
    let ttci = two_polls(true).ttci;
    assert_eq!((ttci.first, ttci.p50), (Some(ns(110)), Some(ns(110))));
    assert_eq!((ttci.p95, ttci.max), (Some(ns(120)), Some(ns(120))));
    assert_eq!((ttci.keys, ttci.never), (2, 0));
}

#[test]
fn what_a_real_backend_does_not_tell_is_unknown() {
    let m = two_polls(false);
    assert!(m.topics.iter().all(|topic| topic.blame.is_none() && topic.wait == ns(90)));
    assert_eq!((m.fetches, m.bytes_fetched, m.bytes_fetched_again), (None, None, None));
    assert_eq!((m.buffered_records_peak, m.buffered_bytes_peak), (None, None));
    assert_eq!(m.in_hand_bytes_peak, 30);
}

#[test]
fn a_barrier_is_other_consumers_polls_and_backpressure_a_session_without_credit() {
    let mut run = Told::new(&scenario(vec![topic("a", 2, 1), topic("b", 2, 1)]), &layout(&[0, 1], true, 1));
    run.poll(0, 0).poll(0, 1).cause(0, A, LocalCause::FetchInFlight).cause(0, B, LocalCause::FetchInFlight);
    run.delivered(20, 0, 0, &[(A, 0, 0, 1)]);
    run.delivered(50, 1, 1, &[(B, 0, 0, 1)]);
    run.busy(60, Some(A)).busy(70, Some(B)).busy(90, None).batch_done(90, 0).batch_done(90, 1);
    run.poll(90, 0).poll(90, 1);
    run.delivered(100, 0, 2, &[(A, 0, 1, 1)]);
    run.delivered(120, 1, 3, &[(B, 0, 1, 1)]);
    let m = run.finish(120);
    // A: own poll 0-20, barrier 20-50, no credit 50-60, processing 60-70 and 70-90, own poll 90-100.
    let a = vec![
        (Cause::Barrier, ns(30)),
        (Cause::FetchInFlight, ns(30)),
        (Cause::Processing(B), ns(20)),
        (Cause::Processing(A), ns(10)),
        (Cause::Backpressure, ns(10)),
    ];
    // B: own poll 0-50, then as A, own poll 90-120.
    let b = vec![
        (Cause::FetchInFlight, ns(80)),
        (Cause::Processing(B), ns(20)),
        (Cause::Processing(A), ns(10)),
        (Cause::Backpressure, ns(10)),
    ];
    assert_eq!((m.topics[A].wait, m.topics[A].blame.clone()), (ns(100), Some(a)));
    assert_eq!((m.topics[B].wait, m.topics[B].blame.clone()), (ns(120), Some(b)));
}

#[test]
fn polled_in_turn_each_waits_for_the_other() {
    let mut run = Told::new(&scenario(vec![topic("a", 1, 1), topic("b", 1, 1)]), &layout(&[0, 1], true, 1));
    run.cause(0, A, LocalCause::Join).cause(0, B, LocalCause::ParkedFetch);
    run.poll(0, 0).delivered(10, 0, 0, &[]).poll(10, 1).delivered(40, 1, 0, &[]);
    let m = run.finish(45);
    assert_eq!(m.topics[A].blame, Some(vec![(Cause::Barrier, ns(30)), (Cause::Join, ns(15))]));
    assert_eq!(m.topics[B].blame, Some(vec![(Cause::ParkedFetch, ns(35)), (Cause::Barrier, ns(10))]));
    assert_eq!((m.polls, m.polls_empty), (2, 2));
    assert_eq!(m.end, End::Interrupted { left: vec![1, 1] });
}

#[test]
fn polls_in_progress_use_up_credit_too() {
    // Credit for two: a batch in hand and B's poll leave none for A.
    let mut run = Told::new(&scenario(vec![topic("a", 2, 1), topic("b", 1, 1)]), &layout(&[0, 1], false, 2));
    run.poll(0, 0).poll(0, 1).delivered(10, 0, 0, &[(A, 0, 0, 1)]).poll_failed(30, 1);
    let m = run.finish(45);
    assert_eq!(m.topics[A].blame, Some(vec![(Cause::Idle, ns(25)), (Cause::Backpressure, ns(20))]));
    assert_eq!(m.topics[B].blame, Some(vec![(Cause::Idle, ns(45))]));
    assert_eq!((m.polls, m.polls_empty), (2, 1));
}

#[test]
fn who_waits_longer_than_the_bound_while_others_are_served_is_starved() {
    let mut scenario = scenario(vec![topic("a", 9, 1), topic("b", 9, 1), topic("c", 9, 1)]);
    scenario.scheduler.starvation_bound = Some(ns(100));
    let mut run = Told::new(&scenario, &layout(&[0, 0, 0], false, 1));
    run.poll(0, 0).delivered(60, 0, 0, &[(A, 0, 0, 2)]);
    run.poll(60, 0).delivered(100, 0, 1, &[(A, 0, 2, 3), (C, 0, 0, 1)]);
    // C has waited 100, which is not longer than the bound. What comes together with B is not "meanwhile".
    run.poll(100, 0).delivered(150, 0, 2, &[(A, 0, 5, 1), (B, 0, 0, 1)]);
    // From 150 on nobody is served: a wait, but no starvation. C has seen A and B served at 150.
    let m = run.finish(400);
    assert_eq!(
        m.starved,
        [
            Starved { topic: C, waited: ns(300), served_instead: A, served_records: 1 },
            Starved { topic: B, waited: ns(150), served_instead: A, served_records: 5 },
        ]
    );
    assert_eq!((m.topics[B].gap_max, m.topics[B].gap_max_from), (ns(250), ns(150)));
    assert_eq!(m.gap_max, Some((ns(300), C)));
}

#[test]
fn a_wait_as_long_as_the_bound_is_no_starvation() {
    let mut scenario = scenario(vec![topic("a", 9, 1), topic("b", 1, 1)]);
    scenario.scheduler.starvation_bound = Some(ns(100));
    let mut run = Told::new(&scenario, &layout(&[0, 0], false, 1));
    run.poll(0, 0).delivered(60, 0, 0, &[(A, 0, 0, 2)]);
    run.poll(60, 0).delivered(100, 0, 1, &[(B, 0, 0, 1)]);
    assert!(run.finish(100).starved.is_empty());
}

#[test]
fn with_many_topics_notes_are_shared_and_a_gap_from_zero_is_still_exact() {
    let mut scenario = scenario((0..100).map(|i| topic(&format!("t{i}"), 9, 1)).collect());
    scenario.scheduler.starvation_bound = Some(ns(100));
    let mut run = Told::new(&scenario, &layout(&[0; 100], false, 1));
    run.poll(0, 0).delivered(60, 0, 0, &[(3, 0, 0, 2)]);
    run.poll(60, 0).delivered(120, 0, 1, &[(3, 0, 2, 4), (70, 0, 0, 5)]);
    let starved = run.finish(130).starved;
    assert_eq!(starved.len(), 99, "all but 3");
    assert_eq!(starved[0], Starved { topic: 0, waited: ns(130), served_instead: 3, served_records: 6 });
    assert_eq!(starved[98], Starved { topic: 70, waited: ns(120), served_instead: 3, served_records: 2 });
}

#[test]
fn a_limit_ends_the_run_and_the_open_gap_counts() {
    let mut scenario = scenario(vec![topic("a", 3, 1), topic("b", 2, 1)]);
    scenario.limits.polls = 2;
    let mut run = Told::new(&scenario, &layout(&[0, 0], false, 1));
    run.poll(0, 0).delivered(10, 0, 0, &[(A, 0, 0, 2)]).processed(10, 30, (A, 0, 0, 2)).batch_done(30, 0);
    run.poll(30, 0).delivered(70, 0, 1, &[]);
    assert!(run.is_done());
    // After its end nothing counts.
    run.poll(70, 0).delivered(90, 0, 2, &[(A, 0, 2, 1), (B, 0, 0, 2)]);
    let m = run.finish(100);
    assert_eq!(m.end, End::LimitReached { limit: "polls", left: vec![1, 2] });
    assert_eq!((m.ended_after, m.polls, m.drain), (ns(70), 2, None));
    assert_eq!((m.topics[A].gap_max, m.topics[A].gap_max_from, m.topics[A].wait), (ns(60), ns(10), ns(70)));
    assert_eq!((m.topics[B].gap_max, m.topics[B].first_record, m.topics[B].completion), (ns(70), None, None));
    assert_eq!((m.ttci.first, m.ttci.never), (None, 1));

    scenario.limits = Limits { time: ns(65), polls: 9 };
    let mut run = Told::new(&scenario, &layout(&[0, 0], false, 1));
    run.poll(0, 0).delivered(64, 0, 0, &[]);
    assert!(!run.is_done());
    run.poll(64, 0).delivered(66, 0, 0, &[]);
    assert_eq!(run.finish(66).end, End::LimitReached { limit: "time", left: vec![3, 2] });
}

#[test]
fn a_crash_brings_duplicates_which_change_neither_lag_nor_completion() {
    let mut run = Told::new(&scenario(vec![topic("a", 4, 1)]), &layout(&[0], false, 1));
    run.poll(0, 0).fetched(5, A, 4, 40, false).delivered(10, 0, 0, &[(A, 0, 0, 3)]);
    run.processed(10, 20, (A, 0, 0, 1)).crashed(25);
    // Everything comes again: three duplicates and the last record.
    run.poll(30, 0).fetched(35, A, 4, 40, true).delivered(40, 0, 1, &[(A, 0, 0, 4)]);
    run.processed(40, 80, (A, 0, 0, 4)).batch_done(80, 1);
    let m = run.finish(80);
    assert_eq!((m.end, m.duplicates, m.topics[A].delivered), (End::Complete, 3, 4));
    assert_eq!((m.topics[A].completion, m.topics[A].wait), (Some(ns(80)), ns(40)));
    assert_eq!((m.bytes_fetched_again, m.buffered_records_peak), (Some(40), Some(4)));
    assert_eq!(m.in_hand_bytes_peak, 40, "30 bytes went with the crash");
    assert_eq!(m.ttci.first, Some(ns(20)), "processed before the crash");
}

#[test]
fn arrivals_make_lag_and_hold_the_end_back() {
    let mut live = topic("b", 0, 1);
    live.arrival = Some(Arrival { records_per_kilosecond: 1, batch_records: 1, until: ns(100) });
    let mut run = Told::new(&scenario(vec![topic("a", 1, 1), live]), &layout(&[0, 0], false, 1));
    run.poll(0, 0).delivered(10, 0, 0, &[(A, 0, 0, 1)]).processed(10, 20, (A, 0, 0, 1)).batch_done(20, 0);
    assert!(!run.is_done(), "more may arrive");
    run.appended(30, B, 2).poll(30, 0).delivered(45, 0, 1, &[(B, 0, 0, 2)]);
    run.processed(45, 55, (B, 0, 0, 2)).batch_done(55, 1);
    run.appended(90, B, 1).poll(95, 0).delivered(110, 0, 2, &[(B, 0, 2, 1)]);
    assert!(!run.is_done(), "not processed yet");
    run.processed(110, 111, (B, 0, 2, 1)).batch_done(111, 2);
    let m = run.finish(111);
    assert_eq!((&m.end, m.ended_after), (&End::Complete, ns(111)));
    // No backlog: complete from the start. Lag 30-45 and 90-110.
    assert_eq!((m.topics[B].completion, m.drain), (Some(ns(0)), Some(ns(20))));
    assert_eq!((m.topics[B].arrived, m.topics[B].delivered, m.topics[B].wait), (3, 3, ns(35)));
    assert_eq!((m.topics[B].gap_max, m.topics[B].gap_max_from), (ns(20), ns(90)));
    assert_eq!(m.topics[B].first_record, Some(ns(45)));
    // A and B never had lag at the same time.
    assert_eq!(m.jain, None);
}

#[test]
fn jains_index_is_against_the_demand_limited_share_and_weighted_by_time() {
    let mut run = Told::new(
        &scenario(vec![topic("a", 100, 1), topic("b", 100, 1), topic("c", 2, 1), topic("none", 0, 1)]),
        &layout(&[0; 4], false, 1),
    );
    run.poll(0, 0).delivered(10, 0, 0, &[(A, 0, 0, 6)]);
    run.poll(10, 0).delivered(40, 0, 1, &[(B, 0, 0, 4), (C, 0, 0, 2)]);
    run.poll(40, 0).delivered(50, 0, 2, &[(A, 0, 6, 10)]);
    let m = run.finish(110);
    // 0-10: nothing delivered yet, no index.
    // 10-40: service 6, 0, 0; shares 2 each (C just filled): x = 3, 0, 0: 9 / (3 x 9) = 1/3.
    // 40-50: service 6, 4, 2 of 12; C gets its 2, the others 5: x = 1.2, 0.8, 1: 9 / (3 x 3.08).
    // 50-110: service 16, 4, 2 of 22; C 2, the others 10: x = 1.6, 0.4, 1: 9 / (3 x 3.72).
    let expected = (30.0 / 3.0 + 10.0 * 9.0 / 9.24 + 60.0 * 9.0 / 11.16) / 100.0;
    assert!((m.jain.unwrap() - expected).abs() < 1e-9, "{:?} is not {expected}", m.jain);
}

#[test]
fn completion_is_the_last_backlog_record_of_any_partition() {
    // Batches of two: partition 0 has offsets 0-1 and 2-3, partition 1 has 0-1.
    let mut a = topic("a", 6, 1);
    (a.partitions, a.batch_records) = (2, 2);
    a.arrival = Some(Arrival { records_per_kilosecond: 1, batch_records: 1, until: ns(1) });
    let mut scenario = scenario(vec![a]);
    scenario.application.workers = 2;
    let mut run = Told::new(&scenario, &layout(&[0], false, 2));
    run.appended(1, A, 4).poll(1, 0).delivered(10, 0, 0, &[(A, 1, 0, 2)]);
    run.poll(10, 0).delivered(20, 0, 1, &[(A, 0, 0, 8)]);
    // Worker 1: partition 0 from 20 to 100, a record every 10: its backlog is done at 60, the rest is arrivals.
    // Worker 2: partition 1 from 10 to 62.
    run.processed(10, 62, (A, 1, 0, 2)).batch_done(62, 0).processed(20, 100, (A, 0, 0, 8)).batch_done(100, 1);
    let m = run.finish(100);
    assert_eq!((m.topics[A].completion, m.ended_after), (Some(ns(62)), ns(100)));
    // The first record of the only key: partition 1's at 36, partition 0's, told later, at 30.
    assert_eq!(m.ttci.first, Some(ns(30)));
}

#[test]
fn a_key_that_a_required_topic_lacks_is_never_complete_and_an_optional_topic_is_not_waited_for() {
    let mut optional = topic("b", 5, 3);
    optional.required = false;
    let mut run = Told::new(&scenario(vec![topic("a", 2, 2), optional]), &layout(&[0, 0], false, 1));
    assert_eq!(run.demand().map(|topics| topics.iter().collect()), Some(vec![TopicId(0)]));
    run.poll(0, 0).delivered(1, 0, 0, &[(A, 0, 0, 1)]).processed(1, 5, (A, 0, 0, 1)).batch_done(5, 0);
    assert_eq!(run.demand(), None);
    let ttci = run.finish(10).ttci;
    assert_eq!((ttci.first, ttci.p50, ttci.p95, ttci.max), (Some(ns(5)), Some(ns(5)), None, None));
    assert_eq!((ttci.keys, ttci.never), (2, 1));
}

#[test]
fn the_lower_bound_is_the_work_before_the_last_required_record() {
    let mut scenario = scenario(vec![topic("a", 100, 2), topic("b", 2, 2), topic("c", 1, 2)]);
    scenario.application.per_record = ns(10);
    scenario.topics[B].processing_per_record = Some(ns(40));
    scenario.topics[C].required = false;
    let first_key = |topic| {
        let partition = PartitionId { topic: TopicId(topic), partition: 0 };
        Keys::new(scenario.seed, 2).key(partition, 0)
    };
    // A needs 10 for its first key, 20 for the other; B 40 and 80.
    let expected = if first_key(0) == first_key(1) { [50, 100] } else { [60, 90] };
    let bound = LowerBound::of(&scenario);
    assert_eq!((bound.ttci.first, bound.ttci.max), (Some(ns(expected[0])), Some(ns(expected[1]))));
    // 100 x 10 + 2 x 40 + 1 x 10.
    assert_eq!(bound.drain, ns(1090));
    // Two workers halve the sum, but B's part is one partition's.
    scenario.application.workers = 2;
    let bound = LowerBound::of(&scenario);
    assert_eq!((bound.ttci.first, bound.ttci.max, bound.drain), (Some(ns(40)), Some(ns(80)), ns(545)));
    // A required topic without the second key.
    scenario.topics[C].required = true;
    assert_eq!(LowerBound::of(&scenario).ttci.never, 1);
    // No cost, no bound.
    scenario.application.per_record = ns(0);
    scenario.topics[B].processing_per_record = None;
    let bound = LowerBound::of(&scenario);
    assert_eq!((bound.ttci.first, bound.drain), (Some(ns(0)), ns(0)));
}

#[test]
fn the_starvation_bound_is_three_rounds_of_fair_but_a_second_at_least() {
    let mut scenario = scenario(vec![topic("a", 100, 1), topic("b", 2, 1), topic("c", 1, 1)]);
    scenario.network.latency = Duration::from_millis(2);
    scenario.network.jitter = Duration::from_millis(1);
    scenario.brokers.service = Duration::from_millis(4);
    scenario.consumer.max_poll_records = 500;
    // Two round trips of 2 x 3 + 4 ms, and what an idle topic's long poll may take.
    let by_client = [Client::Ideal, Client::Librdkafka, Client::Aiokafka].map(|client| {
        scenario.consumer.client = client;
        fair_guarantee(&scenario, 500)
    });
    assert_eq!(by_client, [20, 30, 520].map(Duration::from_millis));
    scenario.consumer.fetch_max_wait = Some(Duration::from_millis(100));
    assert_eq!(fair_guarantee(&scenario, 500), Duration::from_millis(120));
    assert_eq!(starvation_bound(&scenario), Duration::from_secs(1));
    // 500 records of 1 ms and one batch of 5 ms.
    scenario.application.per_record = Duration::from_millis(1);
    scenario.application.per_batch = Duration::from_millis(5);
    assert_eq!(fair_guarantee(&scenario, 500), Duration::from_millis(625));
    assert_eq!(starvation_bound(&scenario), Duration::from_millis(1875));
    // Three topics with two records a hand-over: two hand-overs of 7 ms.
    assert_eq!(fair_guarantee(&scenario, 2), Duration::from_millis(134));
    // 3 partitions x 1 MiB at 3 MiB a second.
    scenario.network.bandwidth = Some(3 << 20);
    assert_eq!(fair_guarantee(&scenario, 2), Duration::from_millis(1134));
    scenario.scheduler.starvation_bound = Some(ns(3));
    assert_eq!(starvation_bound(&scenario), ns(3));
}
