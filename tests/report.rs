//! The exporters, over a report made by hand.

#![cfg(feature = "cli")]

use fairdrain::Duration;
use fairdrain::report::{
    Compared, Ends, Environment, FirstPoll, Format, Layout, Measures, Micros, NameSpread, Report, Results, Row,
    SCHEMA_VERSION, Starving, TopicLoad, TopicMeasures, WorstRun, render,
};

fn ms(n: u64) -> Micros {
    Micros(Duration::from_millis(n))
}

/// Two topics, the second of which waits.
fn measures(first_of_small_ms: u64) -> Measures {
    let small = ms(first_of_small_ms);
    Measures {
        ended_after_us: ms(1_500),
        ttci_first_us: Some(small),
        ttci_p50_us: Some(small),
        ttci_p95_us: Some(small),
        ttci_max_us: Some(small),
        ttci_p95_bound_us: Some(ms(10)),
        ttci_p95_bound_ratio: small.ratio_to(ms(10)),
        drain_us: Some(ms(1_500)),
        drain_bound_us: ms(1_500),
        drain_bound_ratio: Some(1.0),
        gap_max_us: Some(small),
        gap_max_topic: Some("small".into()),
        jain: Some(0.625),
        polls: 4,
        polls_empty: 1,
        fetches: Some(3),
        bytes_fetched: Some(320_000),
        bytes_fetched_again: Some(0),
        buffered_records_peak: Some(1_400),
        buffered_bytes_peak: Some(280_000),
        in_hand_bytes_peak: 100_000,
        topics: vec![
            TopicMeasures {
                topic: "=big".into(),
                first_record_us: Some(ms(1)),
                first_poll: Some(1),
                completion_us: Some(ms(1_500)),
                gap_max_us: ms(5),
                wait_us: ms(900),
                delivered_records: 1_400,
            },
            TopicMeasures {
                topic: "small".into(),
                first_record_us: Some(small),
                first_poll: Some(3),
                completion_us: None,
                gap_max_us: small,
                wait_us: small,
                delivered_records: 10,
            },
        ],
        ..Measures::default()
    }
}

fn row(client: &str, scheduler: &str, median: Measures, worst: Option<Measures>, starved: bool) -> Row {
    let random = client.starts_with("aiokafka");
    Row {
        client: client.into(),
        scheduler: scheduler.into(),
        cap_records: 500,
        random,
        seeds: if random { 25 } else { 1 },
        seeds_agree: worst.is_none(),
        ends: Ends { complete: if random { 25 } else { 1 }, ..Ends::default() },
        median,
        worst,
        first_poll: Some(FirstPoll {
            records: vec![500, 0],
            seeds: if random { 20 } else { 1 },
            distinct: if random { 2 } else { 1 },
        }),
        worst_run: WorstRun {
            seed: 9,
            starved: starved
                .then(|| Starving {
                    topic: "small".into(),
                    waited_us: ms(940),
                    for_first_record: true,
                    served_instead: "=big".into(),
                    served_records: 940,
                })
                .into_iter()
                .collect(),
            starvation_bound_us: ms(30),
            limit: None,
            failure: None,
            left_records: Default::default(),
            blame_us: Some([("small".into(), [("processing =big".into(), ms(940))].into())].into()),
        },
        names: None,
        fingerprint: Some("00000000000000aa".into()),
        verification: None,
    }
}

fn report() -> Report {
    let mut spread = row("librdkafka@2.12", "single", measures(940), None, true);
    spread.names = Some(NameSpread { permutations: 5, best: measures(1), median: measures(500), worst: measures(940) });
    let rows = vec![
        row("aiokafka@0.14", "single", measures(470), Some(measures(940)), true),
        row("aiokafka@0.14", "fair", measures(11), Some(measures(12)), false),
        spread,
        row("librdkafka@2.12", "fair", measures(11), None, false),
    ];
    let compared = Compared {
        scenario: "two|topics".into(),
        description: "A small topic behind a big one".into(),
        scenario_digest: "0123456789abcdef".into(),
        seed: 7,
        topics: vec![
            TopicLoad { topic: "=big".into(), backlog_records: 1_400 },
            TopicLoad { topic: "small".into(), backlog_records: 10 },
        ],
        rows,
    };
    Report {
        schema_version: SCHEMA_VERSION,
        command: "fairdrain compare two.toml --seed 7".into(),
        complete: true,
        deterministic: Some(Results::new(vec![compared])),
        measured: None,
        environment: Environment {
            fairdrain_version: "0.0.0".into(),
            backend: "sim".into(),
            os: "none".into(),
            cpus: 2,
            librdkafka_version: None,
            bootstrap_servers: None,
        },
    }
}

fn shown(report: &Report, format: Format, width: usize) -> String {
    render(report, format, &Layout { width, next: vec!["fairdrain scenario list".into()] })
}

#[test]
fn table_at_120() {
    insta::assert_snapshot!(shown(&report(), Format::Table, 120));
}

#[test]
fn table_at_60() {
    insta::assert_snapshot!(shown(&report(), Format::Table, 60));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(shown(&report(), Format::Markdown, 80));
}

#[test]
fn csv() {
    insta::assert_snapshot!(shown(&report(), Format::Csv, 80));
}

#[test]
fn json() {
    insta::assert_snapshot!(shown(&report(), Format::Json, 80));
}

#[test]
fn jsonl() {
    insta::assert_snapshot!(shown(&report(), Format::Jsonl, 80));
}

#[test]
fn no_line_of_a_table_is_wider_than_asked_for() {
    for width in [60, 80, 100, 120] {
        for line in shown(&report(), Format::Table, width).lines() {
            // A command is one thing: broken, it could not be copied.
            let command = line.starts_with("again:") || line.starts_with("  fairdrain ");
            assert!(command || line.chars().count() <= width, "{width}: {line}");
        }
    }
}

#[test]
fn a_json_report_reads_back_to_the_same_report() {
    let report = report();
    let back: Report = serde_json::from_str(&shown(&report, Format::Json, 80)).unwrap();
    assert_eq!(back, report);
}

#[test]
fn a_line_of_jsonl_is_a_document_of_its_own() {
    let text = shown(&report(), Format::Jsonl, 80);
    assert_eq!(text.lines().count(), 4);
    for line in text.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&row["scenario"], &row["seed"]), (&"two|topics".into(), &7.into()));
    }
}

#[test]
fn csv_has_no_formulas_and_every_line_has_all_columns() {
    let text = shown(&report(), Format::Csv, 80);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    for record in reader.records() {
        for cell in &record.unwrap() {
            assert!(!cell.starts_with(['=', '+', '@']), "{cell}");
        }
    }
}

#[test]
fn an_incomplete_report_says_so_in_every_format_that_has_room_for_it() {
    let report = Report { complete: false, ..report() };
    assert!(shown(&report, Format::Table, 80).contains("INCOMPLETE"));
    assert!(shown(&report, Format::Markdown, 80).contains("**Incomplete**"));
    assert!(shown(&report, Format::Json, 80).contains("\"complete\": false"));
}

#[test]
fn single_is_recommended_where_nothing_is_better() {
    let mut report = report();
    let rows = &mut report.deterministic.as_mut().unwrap().scenarios[0].rows;
    *rows = vec![
        row("librdkafka@2.12", "single", measures(11), None, false),
        row("librdkafka@2.12", "fair", measures(11), None, false),
    ];
    let text = shown(&report, Format::Table, 120);
    assert!(text.contains("single is as good as anything here: keep what you have."), "{text}");
}

#[test]
fn a_best_scheduler_is_not_compared_with_itself() {
    let mut report = report();
    let rows = &mut report.deterministic.as_mut().unwrap().scenarios[0].rows;
    let slow = Measures { drain_us: Some(ms(9_000)), ..measures(11) };
    *rows = vec![
        row("librdkafka@2.12", "single", slow, None, false),
        row("librdkafka@2.12", "fair", measures(12), None, false),
    ];
    let text = shown(&report, Format::Table, 400);
    let verdict = "single completes inputs soonest (TTCI p95 11.0 ms). \
                   But its drain takes 9.00 s, 6.00 times as long as under fair (1.50 s).";
    assert!(text.contains(verdict), "{text}");
}

#[test]
fn remarks_warn_of_what_the_measurement_can_not_tell() {
    let mut report = report();
    let compared = &mut report.deterministic.as_mut().unwrap().scenarios[0];
    let one = &mut compared.rows[0];
    one.seeds = 1;
    one.ends = Ends { limit_reached: 1, ..Ends::default() };
    one.worst_run.limit = Some("polls".into());
    one.worst.as_mut().unwrap().left_records = 12;
    for topic in &mut compared.topics {
        topic.backlog_records = 20;
    }
    for row in &mut compared.rows {
        row.median.drain_bound_us = ms(0);
    }
    let text = shown(&report, Format::Table, 400);
    for remark in [
        "aiokafka 0.14 under single: the limit of polls ended 1 of 1 run before everything was processed (at worst 12 records left).",
        "aiokafka 0.14 depends on the seed, and this is one seed",
        "The whole backlog (40 records) fits into one poll of 500",
        "Processing costs nothing in this scenario",
    ] {
        assert!(text.contains(remark), "{remark}\n{text}");
    }
}

#[test]
fn a_real_backend_has_no_deterministic_block() {
    let mut report = report();
    report.measured = report.deterministic.take();
    let text = shown(&report, Format::Table, 120);
    assert!(text.contains("measured on") && !text.contains("fingerprint"), "{text}");
    assert!(shown(&report, Format::Json, 80).contains("\"deterministic\": null"));
}
