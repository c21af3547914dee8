//! Reports of several instances in every format, from canned numbers.

#![cfg(feature = "cli")]

use fairdrain::Duration;
use fairdrain::fleet::{FleetMetrics, FleetTopic, InstanceMetrics, Unowned};
use fairdrain::metrics::{End, Ttci};
use fairdrain::report::{
    Ends, Environment, FleetCompared, FleetLoad, FleetMeasures, FleetRow, Format, InstancePlan, Layout, Pick, Refused,
    Report, Results, SCHEMA_VERSION, render,
};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A run that went well, `late` ms later than it could have.
fn metrics(late: u64) -> FleetMetrics {
    let unowned = Unowned { total: ms(300 + late), longest: ms(200) };
    let topic = |left| FleetTopic { completion: (left == 0).then(|| ms(9_000 + late)), duplicates: 7, left, unowned };
    let instance = |processed| InstanceMetrics { processed, polls: 40, partitions: 4, starts: 1 };
    FleetMetrics {
        end: End::Complete,
        ended_after: ms(9_000 + late),
        drain: Some(ms(9_000 + late)),
        ttci: Ttci {
            first: Some(ms(100)),
            p50: Some(ms(400)),
            p95: Some(ms(900)),
            max: Some(ms(1_000)),
            keys: 24,
            never: 0,
        },
        split: 0,
        apart: 0,
        topics: vec![topic(0), topic(0)],
        instances: vec![instance(3_000), instance(2_014)],
        polls: 80,
        polls_empty: 3,
        delivered: 5_014,
        duplicates: 14,
        rebalances: vec![("g".to_owned(), 3)],
        first_assigned: Some(ms(62)),
        stopped: Unowned { total: ms(120 + late), longest: ms(80) },
        commits_refused: 1,
        committed: Some(true),
        fingerprint: 5,
    }
}

/// One in which some inputs were never complete, and not everything was committed.
fn torn() -> FleetMetrics {
    let ttci = Ttci { first: Some(ms(100)), p50: None, p95: None, max: None, keys: 24, never: 13 };
    FleetMetrics { ttci, split: 13, apart: 20, stopped: Unowned::default(), committed: Some(false), ..metrics(0) }
}

fn row(assignment: &str, copartitioned: bool, runs: &[FleetMetrics]) -> FleetRow {
    let names = ["A", "B"].map(str::to_owned);
    let measures: Vec<FleetMeasures> = runs.iter().map(|run| FleetMeasures::of(run, &names)).collect();
    FleetRow {
        client: "librdkafka@2.12".to_owned(),
        scheduler: "fair".to_owned(),
        cap_records: 100,
        assignment: assignment.to_owned(),
        copartitioned,
        seeds: runs.len() as u32,
        ends: Ends { complete: runs.len() as u32, ..Ends::default() },
        median: FleetMeasures::reduce(&measures, Pick::Median),
        worst: (runs.len() > 1).then(|| FleetMeasures::reduce(&measures, Pick::Worst)),
        failure: None,
        fingerprint: "00".to_owned(),
    }
}

fn report() -> Report {
    let stays = InstancePlan { joins_us: ms(0).into(), leaves_us: None, how: None, returns_us: None };
    let crashes = InstancePlan {
        leaves_us: Some(ms(12_000).into()),
        how: Some("crash".to_owned()),
        returns_us: Some(ms(17_000).into()),
        ..stays.clone()
    };
    let load = |topic: &str| FleetLoad { topic: topic.to_owned(), partitions: 4, backlog_records: 2_500 };
    let compared = FleetCompared {
        scenario: "two".to_owned(),
        description: "Two instances".to_owned(),
        scenario_digest: "0123".to_owned(),
        seed: 1,
        topics: vec![load("A"), load("B")],
        instances: vec![stays, crashes],
        rows: vec![
            row("range", true, &[metrics(0), metrics(50), metrics(900)]),
            row("roundrobin", false, &[torn()]),
            row("explicit", true, &[FleetMetrics { stopped: Unowned::default(), ..metrics(0) }]),
        ],
        refused: vec![Refused {
            schedulers: vec!["multi".to_owned()],
            assignments: vec!["range".to_owned(), "roundrobin".to_owned()],
            reason: "an input may never be complete: as it is; write it otherwise".to_owned(),
        }],
    };
    Report {
        schema_version: SCHEMA_VERSION,
        command: "fairdrain compare two.toml".to_owned(),
        complete: true,
        deterministic: Some(Results::with_fleets(vec![], vec![compared])),
        measured: None,
        environment: Environment { backend: "sim".to_owned(), ..Environment::default() },
    }
}

fn rendered(format: Format, width: usize) -> String {
    render(&report(), format, &Layout { width, next: vec![] })
}

#[test]
fn a_table_has_the_assignments_side_by_side_and_says_what_they_tear_apart() {
    insta::assert_snapshot!("table", rendered(Format::Table, 100));
}

#[test]
fn markdown_says_the_same() {
    insta::assert_snapshot!("markdown", rendered(Format::Markdown, 100));
}

#[test]
fn csv_has_a_line_for_each_statistic_topic_and_instance() {
    insta::assert_snapshot!("csv", rendered(Format::Csv, 100));
}

#[test]
fn json_reads_back_and_jsonl_has_a_line_a_row() {
    let again: Report = serde_json::from_str(&rendered(Format::Json, 100)).expect("a report");
    assert_eq!(again, report());
    let lines = rendered(Format::Jsonl, 100);
    assert_eq!(lines.lines().count(), 3);
    assert!(
        lines
            .lines()
            .all(|line| line.starts_with("{\"scenario\":\"two\",\"scenario_digest\":\"0123\",\"seed\":1,\"client\":"))
    );
}

#[test]
fn the_worst_of_several_seeds_is_the_one_that_went_worst() {
    let fleets = report().fleets().to_vec();
    let range = &fleets[0].rows[0];
    assert_eq!(range.median.drain_us, Some(ms(9_050).into()));
    assert_eq!(range.worst().drain_us, Some(ms(9_900).into()));
    assert_eq!(range.worst().stopped_us, ms(1_020).into());
    // Not committed is worse than committed.
    let names = ["A", "B"].map(str::to_owned);
    let both = [metrics(0), torn()].map(|run| FleetMeasures::of(&run, &names));
    assert_eq!(FleetMeasures::reduce(&both, Pick::Worst).committed, Some(false));
    assert_eq!(FleetMeasures::reduce(&both, Pick::Worst).ttci_p95_us, None);
}
