//! `fairdrain record` on librdkafka's mock cluster, and on a real one: `scripts/kafka run cargo test --test kafka_record -- --ignored`.
#![cfg(all(feature = "kafka", feature = "cli"))]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use fairdrain::broker::kafka::{Mock, NewTopic, Record, Target, delete, put};
use fairdrain::fidelity::Replay;
use fairdrain::trace::{Backlog, BatchRun, Mode, Trace};

/// Exit code, standard output, standard error.
fn record(servers: &str, topics: &[&str], more: &[&str]) -> (i32, String, String) {
    let program = Command::new(assert_cmd::cargo::cargo_bin!("fairdrain"))
        .args(["record", "--bootstrap-server", servers])
        .args(topics.iter().flat_map(|topic| ["--topic", topic]))
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (program.status.code().expect("it ended by itself"), text(program.stdout), text(program.stderr))
}

fn trace(text: &str) -> Trace {
    Trace::read(text.as_bytes(), Path::new("recorded.jsonl")).unwrap()
}

/// Two topics, of 250 and 30 records in batches of 100.
fn mock() -> Mock {
    let mock = Mock::start(1).unwrap();
    let topics = [NewTopic::filled("big", 1, 250), NewTopic::filled("small", 2, 15)];
    put(&Target::Shared(mock.clone()), &[], &topics).unwrap();
    mock
}

/// Records by topic and partition, each of which goes on where the one before ended.
fn drained(trace: &Trace) -> BTreeMap<(String, u32), i64> {
    let mut next = BTreeMap::new();
    for handed in trace.polls.iter().flat_map(|poll| &poll.r) {
        let next = next.entry((handed.0.clone(), handed.1)).or_insert(handed.2);
        assert_eq!(handed.2, *next, "{handed:?}");
        *next += i64::from(handed.3);
    }
    next
}

#[test]
fn batches_are_read_as_they_lie_in_the_log() {
    let mock = mock();
    let (code, text, stderr) = record(mock.servers(), &["big", "small"], &["--layout-only"]);
    assert_eq!(code, 0, "{stderr}");
    let backlog: Backlog = serde_json::from_str(&text).unwrap();
    let big = &backlog.topics[0];
    let size = |records: u64| fairdrain_sim::batch_bytes(records as u32, 100, 3);
    let [BatchRun(1, 100, first), BatchRun(1, 100, full), BatchRun(1, 50, rest)] = big.batches[0][..] else {
        panic!("{big:?}")
    };
    // The first batch has keys of one and two bytes: 110 bytes less.
    let sizes = [first + 110, full, rest].map(u64::from);
    for (is, due) in sizes.into_iter().zip([size(100), size(100), size(50)]) {
        // Timestamps are a byte longer or shorter.
        assert!(is.abs_diff(due) <= 100, "{is} is not {due}: {big:?}");
    }
    assert_eq!((big.records, big.value_bytes), (250, 100));
    assert_eq!(backlog.topics[1].partition_records, [15, 15]);
}

#[test]
fn a_drain_is_recorded_whole_in_every_mode() {
    let mock = mock();
    for mode in ["single", "fair", "multi-gather", "multi-sequential", "multi-independent"] {
        let more = ["--mode", mode, "--max-poll-records", "60", "--poll-timeout", "50", "--name", "two"];
        let (code, text, stderr) = record(mock.servers(), &["big", "small"], &more);
        assert_eq!(code, 0, "{mode}: {stderr}");
        let trace = trace(&text);
        let ends: Vec<i64> = drained(&trace).into_values().collect();
        assert_eq!((ends, trace.end.total, trace.end.partial), (vec![250, 15, 15], 280, None), "{mode}");
        assert!(trace.polls.iter().all(|poll| poll.r.iter().map(|run| run.3).sum::<u32>() <= 60), "{mode}");
        assert_eq!(trace.polls.iter().all(|poll| poll.p.is_some()), trace.header.mode == Mode::Fair, "{mode}");
        assert_eq!(trace.header.scenario.name, "two");
    }
}

#[test]
fn a_recording_may_begin_later_and_end_earlier() {
    let mock = mock();
    let more = ["--from", "120", "--max-poll-records", "60", "--poll-timeout", "50"];
    let (_, text, _) = record(mock.servers(), &["big", "small"], &more);
    let late = trace(&text);
    assert_eq!((late.polls.iter().find_map(|poll| poll.r.first()).unwrap().2, late.end.total), (120, 130));
    assert_eq!(late.header.scenario.topics[0].first_offsets, Some(vec![120]));
    let (code, text, stderr) = record(mock.servers(), &["big"], &["--limit", "100", "--max-poll-records", "60"]);
    let limited = trace(&text);
    assert_eq!((code, limited.end.total), (0, 120), "{stderr}");
    assert_eq!(limited.end.partial.as_deref(), Some("limited to 100 records"));
}

#[test]
fn secrets_are_not_in_the_header_and_what_is_set_is() {
    let mock = mock();
    let more =
        ["-X", "sasl.password=hunter2", "-X", "fetch.wait.max.ms=7", "--batch-layout", "none", "--poll-timeout", "50"];
    let (code, text, stderr) = record(mock.servers(), &["small"], &more);
    assert_eq!(code, 0, "{stderr}");
    assert!(!text.contains("hunter2") && !stderr.contains("hunter2"));
    let header = trace(&text).header;
    assert_eq!((&header.config["fetch.wait.max.ms"], &header.effective["fetch.wait.max.ms"]), (&7.into(), &7.into()));
    assert!(header.scenario.topics[0].batches.iter().all(Vec::is_empty));
}

#[test]
fn what_cannot_be_recorded_is_refused_with_what_to_do() {
    let mock = mock();
    let sasl = ["-X", "security.protocol=sasl_plaintext", "-X", "sasl.mechanism=PLAIN", "-X", "sasl.username=me"];
    for (topics, more, code, said) in [
        (vec!["none"], vec![], 2, "there is no topic none"),
        (vec!["big", "big"], vec![], 2, "topic big is given twice"),
        (vec!["big"], vec!["-X", "group.id=mine"], 2, "group.id"),
        (vec!["big"], vec!["--layout-only", "--batch-layout", "none"], 2, "--layout-only reads batches"),
        (vec!["big"], vec!["-o", "/nowhere/x.jsonl"], 2, "can't write /nowhere/x.jsonl"),
        (vec!["big"], vec!["--from", "yesterday"], 2, "`beginning` or an offset"),
    ] {
        let (was, text, stderr) = record(mock.servers(), &topics, &more);
        assert_eq!((was, text.as_str()), (code, ""), "{more:?}: {stderr}");
        assert!(stderr.contains(said), "{more:?}: {stderr}");
    }
    // Nobody answers there: not even a connection without encryption is tried before the cluster has answered.
    let (code, ..) = record("127.0.0.1:1", &["big"], &sasl);
    assert!(code == 7 || code == 2, "{code}");
}

#[test]
#[ignore = "needs a broker: scripts/kafka run"]
fn on_a_real_broker_the_model_does_what_was_recorded() {
    let servers =
        std::env::var("FAIRDRAIN_KAFKA").expect("FAIRDRAIN_KAFKA=host:port of a broker; scripts/kafka run sets it");
    let target = Target::Cluster(servers.clone());
    let backlog = [("A", 10_000), ("B", 5_000), ("C", 100), ("D", 50), ("E", 10)];
    let names: Vec<String> = backlog.iter().map(|(name, _)| format!("record200.{name}")).collect();
    let records = |n: usize| {
        let record = |k: usize| Record { partition: 0, key: format!("{k:010}").into_bytes(), value: vec![b'x'; 200] };
        (0..n).map(record).collect()
    };
    let topic = |(name, &(_, n)): (&String, &(&str, usize))| NewTopic {
        name: name.clone(),
        partitions: 1,
        batch_records: 100,
        records: records(n),
    };
    put(&target, &[], &names.iter().zip(&backlog).map(topic).collect::<Vec<_>>()).unwrap();
    let topics: Vec<&str> = names.iter().map(String::as_str).collect();
    let recorded: Vec<_> = [("single", "500"), ("single", "3000"), ("fair", "500"), ("multi-sequential", "500")]
        .map(|(mode, cap)| {
            let more = ["--mode", mode, "--max-poll-records", cap, "--poll-timeout", "200"];
            (mode, cap, record(&servers, &topics, &more))
        })
        .into();
    delete(&target, &[], &topics, &[]).unwrap();
    for (mode, cap, (code, text, stderr)) in recorded {
        assert_eq!(code, 0, "{stderr}");
        let trace = trace(&text);
        let replay = Replay::of(&trace).unwrap();
        assert_eq!(trace.end.total, 15_160);
        assert_eq!(replay.polls_exact, replay.polls, "{mode}, cap {cap}: {:?}", replay.first_difference);
    }
}
