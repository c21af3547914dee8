//! Comparisons, with a canned runner.

#![cfg(feature = "cli")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use fairdrain::Duration;
use fairdrain::broker::BrokerError;
use fairdrain::compare::{Plan, SEEDS_DEFAULT, compare};
use fairdrain::metrics::{End, LowerBound, RunMetrics, TopicMetrics, Ttci};
use fairdrain::policy::Name;
use fairdrain::report::Compared;
use fairdrain::run::{RunError, RunSpec};
use fairdrain::scenario::{Client, Scenario};

/// A run that takes as many milliseconds as the length of the first topic's name, plus the cap, plus (aiokafka) the seed modulo 10.
fn canned(scenario: &Scenario, spec: &RunSpec) -> Result<RunMetrics, RunError> {
    let luck = if spec.client == Client::Aiokafka { spec.seed % 10 } else { 0 };
    let took = Duration::from_millis(scenario.topics[0].name.len() as u64 + u64::from(spec.cap) + luck);
    let ttci = Ttci { first: Some(took), p50: Some(took), p95: Some(took), max: Some(took), keys: 10, never: 0 };
    let topic = |t: &fairdrain::scenario::Topic| TopicMetrics {
        first_record: Some(took),
        first_poll: Some(1),
        first_poll_records: 1,
        completion: Some(took),
        gap_max: took,
        gap_max_from: Duration::ZERO,
        delivered: t.backlog,
        arrived: 0,
        wait: took,
        blame: None,
    };
    Ok(RunMetrics {
        end: End::Complete,
        ended_after: took,
        topics: scenario.topics.iter().map(topic).collect(),
        drain: Some(took),
        ttci,
        gap_max: Some((took, 0)),
        jain: None,
        polls: 1,
        polls_empty: 0,
        fetches: None,
        bytes_fetched: None,
        bytes_fetched_again: None,
        buffered_records_peak: None,
        buffered_bytes_peak: None,
        in_hand_bytes_peak: 0,
        bound: LowerBound::default(),
        starved: Vec::new(),
        starvation_bound: Duration::ZERO,
        duplicates: 0,
        fingerprint: Some(spec.seed),
    })
}

fn clients(names: &[Client]) -> Vec<Scenario> {
    let parsed = Scenario::load(Path::new("documented-backlog")).unwrap();
    names.iter().map(|&client| parsed.with_client(client).unwrap().scenario).collect()
}

fn plan() -> Plan {
    Plan { schedulers: vec![Name::Single, Name::Fair], caps: Vec::new(), seed: 0, seeds: None, permute_names: 0 }
}

fn compared(clients: &[Scenario], plan: &Plan) -> Compared {
    let (compared, complete) = compare(clients, plan, &canned, &AtomicBool::new(false)).unwrap();
    assert!(complete);
    compared
}

#[test]
fn random_clients_run_with_many_seeds_and_others_once() {
    let result = compared(&clients(&[Client::Aiokafka, Client::Librdkafka, Client::Ideal]), &plan());
    let seeds: Vec<u32> = result.rows.iter().map(|r| r.seeds).collect();
    assert_eq!(seeds, [SEEDS_DEFAULT, SEEDS_DEFAULT, 1, 1, 1, 1]);
    assert!(result.rows[2].worst.is_none() && result.rows[0].worst.is_some());
}

#[test]
fn median_and_worst_are_those_of_the_seeds() {
    let result = compared(&clients(&[Client::Aiokafka]), &Plan { seeds: Some(10), caps: vec![100], ..plan() });
    let row = &result.rows[0];
    let ms = |m: &fairdrain::report::Measures| m.drain_us.unwrap().0.as_nanos() / 1_000_000;
    // 101 for the name and the cap, and 0 to 9 for the seed.
    assert_eq!((ms(&row.median), ms(row.worst()), row.worst_run.seed), (105, 110, 9));
}

#[test]
fn the_scenarios_caps_hold_unless_others_are_asked_for() {
    let caps =
        |plan: &Plan| compared(&clients(&[Client::Ideal]), plan).rows.iter().map(|r| r.cap_records).collect::<Vec<_>>();
    assert_eq!(caps(&plan()), [3000, 500]);
    assert_eq!(caps(&Plan { caps: vec![7, 8], ..plan() }), [7, 8, 7, 8]);
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let (clients, plan) = (clients(&[Client::Aiokafka, Client::Librdkafka]), Plan { permute_names: 3, ..plan() });
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| compared(&clients, &plan))
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn permuted_names_move_between_the_places_and_the_places_keep_their_labels() {
    let mut clients = clients(&[Client::Ideal]);
    clients[0].topics[0].name = "long-name".into();
    let result = compared(&clients, &Plan { permute_names: 5, caps: vec![100], ..plan() });
    let spread = result.rows[0].names.as_ref().unwrap();
    let ms = |m: &fairdrain::report::Measures| m.drain_us.unwrap().0.as_nanos() / 1_000_000;
    assert_eq!((spread.permutations, ms(&spread.best), ms(&spread.worst)), (5, 101, 109));
    assert_eq!(spread.worst.topics[0].topic, "long-name");
}

#[test]
fn a_stop_leaves_out_what_has_not_begun_and_says_so() {
    let stop = AtomicBool::new(false);
    let runs = AtomicU32::new(0);
    let stopping = |scenario: &Scenario, spec: &RunSpec| {
        runs.fetch_add(1, Ordering::SeqCst);
        stop.store(true, Ordering::SeqCst);
        canned(scenario, spec)
    };
    // On one thread, so that it is certain which run is the last one.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (result, complete) =
        pool.install(|| compare(&clients(&[Client::Aiokafka]), &plan(), &stopping, &stop)).unwrap();
    assert!(!complete);
    assert_eq!((result.rows.len(), result.rows[0].seeds, runs.into_inner()), (1, 1, 1));
}

#[test]
fn the_first_error_in_the_order_of_the_plan_is_the_one_reported() {
    let failing = |_: &Scenario, spec: &RunSpec| -> Result<RunMetrics, RunError> {
        Err(BrokerError::Refused(format!("{} {}", spec.scheduler, spec.seed)).into())
    };
    for _ in 0..20 {
        let error = compare(&clients(&[Client::Aiokafka]), &plan(), &failing, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.to_string(), "single 0");
    }
}
