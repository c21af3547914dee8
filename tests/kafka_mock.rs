//! The real backend on librdkafka's mock cluster: nothing else needs to be installed.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use fairdrain::Duration;
use fairdrain::broker::kafka::{Error, Options, Request, Target, run};
use fairdrain::broker::{BrokerError, Input};
use fairdrain::policy::Name;
use fairdrain::scenario::{Arrival, Client, Commit, Fault, FaultKind, Sizes, Start};
use kafka_support::{Seen, assert_exact, documented, drain, drain_with, scenario, topic};

mod kafka_support;

/// Some of them measure time: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(|e| e.into_inner())
}

#[test]
fn every_scheduler_delivers_every_record_once_and_in_order() {
    let _alone = alone();
    let mut scenario = documented();
    scenario.consumer.poll_timeout = Duration::from_millis(20);
    let outcome = drain(&scenario, &Name::ALL, &Target::Mock).unwrap();
    assert_eq!(outcome.drains.len(), Name::ALL.len());
    assert_eq!(outcome.environment.backend, "mock");
    for drained in &outcome.drains {
        assert_exact(drained, &scenario);
        let cap = if drained.scheduler == Name::Single { 3000 } else { 500 };
        assert!(drained.observer.delivered_max <= cap, "{}: {:?}", drained.scheduler, drained.observer);
    }
}

#[test]
fn partitions_brokers_sizes_and_groups_make_no_difference() {
    let _alone = alone();
    let mut wide = topic("wide", 2_345);
    wide.partitions = 7;
    wide.value_bytes = Sizes::Uniform(0, 300);
    let mut packed = topic("packed", 1_111);
    (packed.partitions, packed.batch_records, packed.compression_millis, packed.leader) = (3, 50, 4000, 1);
    packed.value_bytes = Sizes::Table(vec![(10, 3), (1000, 1)]);
    let mut scenario = scenario(vec![wide, packed, topic("empty", 0)]);
    scenario.brokers.count = 3;
    scenario.consumer.start = Start::Group;
    scenario.consumer.commit = Commit::PerBatch;
    scenario.consumer.poll_timeout = Duration::from_millis(20);
    let outcome = drain(&scenario, &Name::ALL, &Target::Mock).unwrap();
    assert_eq!(outcome.environment.brokers, 3);
    outcome.drains.iter().for_each(|drained| assert_exact(drained, &scenario));
}

#[test]
fn processing_takes_the_stated_time_and_workers_share_it() {
    let _alone = alone();
    let mut scenario = scenario(vec![topic("A", 300), topic("B", 300)]);
    scenario.application.per_record = Duration::from_micros(500);
    for (workers, from_ms, to_ms) in [(1, 300, 600), (2, 150, 290)] {
        scenario.application.workers = workers;
        let outcome = drain(&scenario, &[Name::Fair], &Target::Mock).unwrap();
        assert_exact(&outcome.drains[0], &scenario);
        let drained = outcome.drains[0].observer.drained.unwrap().as_nanos() / 1_000_000;
        assert!((from_ms..to_ms).contains(&drained), "{workers} workers: {drained} ms");
    }
}

#[test]
fn records_that_arrive_meanwhile_are_drained_too() {
    let _alone = alone();
    let mut live = topic("live", 50);
    let until = Duration::from_millis(500);
    live.arrival = Some(Arrival { records_per_kilosecond: 100_000, batch_records: 5, until });
    let scenario = scenario(vec![topic("A", 1_000), live]);
    let outcome = drain(&scenario, &[Name::Single, Name::Fair], &Target::Mock).unwrap();
    for drained in &outcome.drains {
        assert_exact(drained, &scenario);
        assert_eq!(drained.observer.appended, 45);
        assert_eq!(drained.observer.delivered, [1_000, 95]);
    }
}

#[test]
fn small_topics_are_not_behind_a_large_one_under_fair() {
    let _alone = alone();
    let mut scenario = documented();
    scenario.application.per_record = Duration::from_micros(20);
    let outcome = drain(&scenario, &[Name::Fair], &Target::Mock).unwrap();
    assert_exact(&outcome.drains[0], &scenario);
    let first = &outcome.drains[0].observer.first_poll;
    assert!(first.iter().all(|poll| poll.unwrap() <= 8), "{first:?}");
}

#[test]
fn an_unreachable_broker_is_one_error_within_the_time_stated() {
    let _alone = alone();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let servers = format!("127.0.0.1:{port}");
    let options = Options { connect_timeout_ms: 1_500, ..Options::default() };
    let began = Instant::now();
    let error = drain_with(&documented(), &[Name::Fair], &Target::Cluster(servers.clone()), &options).unwrap_err();
    assert!(began.elapsed().as_millis() < 3_000, "{:?}", began.elapsed());
    assert!(matches!(error, Error::Broker(BrokerError::Unreachable { .. })), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&servers) && text.contains("Connection refused") && !text.contains('\n'), "{text}");
}

#[test]
fn the_reason_is_in_the_message_whatever_it_is_and_however_long_it_takes() {
    let _alone = alone();
    let ask = |servers: &str, connect_timeout_ms| {
        let options = Options { connect_timeout_ms, ..Options::default() };
        let target = Target::Cluster(servers.to_owned());
        let said = drain_with(&documented(), &[Name::Fair], &target, &options).unwrap_err().to_string();
        assert!(said.contains(servers) && !said.contains('\n') && !said.ends_with("transport failure"), "{said}");
        said
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Long enough for librdkafka to have said everything many times.
    assert!(ask(&format!("127.0.0.1:{port}"), 10_000).contains("Connection refused"));
    assert!(ask("no-such-host.invalid:9092", 1_500).contains("resolve"));
    let rude = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = rude.local_addr().unwrap().port();
    std::thread::spawn(move || rude.incoming().for_each(drop));
    assert!(ask(&format!("127.0.0.1:{port}"), 1_500).contains("isconnected"));
}

#[test]
fn what_this_backend_can_not_do_is_refused_with_the_reason() {
    let refused = |change: fn(&mut fairdrain::scenario::Scenario)| {
        let mut scenario = documented();
        change(&mut scenario);
        let error = drain(&scenario, &[Name::Fair], &Target::Mock).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
        error.to_string()
    };
    assert!(refused(|s| s.topics[0].backlog = 30_000).contains("5 MiB"));
    assert!(refused(|s| s.consumer.client = Client::Aiokafka).contains("is the real librdkafka"));
    let fault = |s: &mut fairdrain::scenario::Scenario| {
        let (from, until) = (Duration::ZERO, Duration::from_secs(1));
        s.faults.push(Fault { from, until, kind: FaultKind::Crash });
    };
    assert!(refused(fault).contains("faults"));
}

#[test]
fn a_property_reaches_the_client_and_a_wrong_one_is_refused_with_its_reason() {
    let _alone = alone();
    let with = |key: &str, value: &str| {
        let properties = vec![(key.to_owned(), value.to_owned())];
        let scenario = scenario(vec![topic("A", 100)]);
        drain_with(&scenario, &[Name::Fair], &Target::Mock, &Options { properties, ..Options::default() })
    };
    with("fetch.wait.max.ms", "20").unwrap();
    let error = with("fetch.wait.mx.ms", "20").unwrap_err();
    assert!(matches!(error, Error::Property { .. }), "{error:?}");
    // Legal by itself; librdkafka refuses it together with the rest when the consumer starts.
    let error = with("session.timeout.ms", "400000").unwrap_err().to_string();
    assert!(error.contains("max.poll.interval.ms"), "{error}");
}

#[test]
fn an_interrupt_ends_the_run_soon_and_in_order() {
    let _alone = alone();
    let mut scenario = documented();
    scenario.application.per_record = Duration::from_millis(10);
    static INTERRUPT: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let options = Options::default();
    INTERRUPT.set(options.interrupt.clone()).unwrap();
    let target = Target::Mock;
    let schedulers = &[Name::Single, Name::Fair];
    let request = Request { scenario: &scenario, schedulers, cap: None, seed: 1, target: &target, options: &options };
    let outcome = run(&request, |_| {
        Seen::new(&scenario).script(|input| {
            if matches!(input, Input::Delivered { .. }) {
                INTERRUPT.get().unwrap().store(true, Ordering::Relaxed);
            }
        })
    })
    .unwrap();
    let ended = outcome.drains[0].ended.as_nanos() / 1_000_000;
    assert!(ended < 2_000, "{ended} ms");
    assert_eq!(outcome.drains.len(), 1, "the second scheduler is not begun");
    let drained = &outcome.drains[0];
    assert!(drained.interrupted && drained.verification.undelivered > 0, "{drained:?}");
    assert_eq!((drained.verification.duplicates, drained.verification.gaps), (0, 0));
}

#[test]
fn the_time_limit_ends_a_run_in_which_nothing_happens() {
    let _alone = alone();
    let mut live = topic("late", 0);
    live.arrival = Some(Arrival { records_per_kilosecond: 10, batch_records: 1, until: Duration::from_secs(1000) });
    let mut scenario = scenario(vec![live, topic("A", 10)]);
    scenario.limits.time = Duration::from_millis(800);
    let outcome = drain(&scenario, &[Name::Fair], &Target::Mock).unwrap();
    let ended = outcome.drains[0].ended.as_nanos() / 1_000_000;
    assert!((800..2_000).contains(&ended), "{ended} ms");
}
