//! The trace format: recorded runs can be read without losing anything, and what is written can be read again.

mod told;

use std::fs;
use std::path::{Path, PathBuf};

use fairdrain::broker::{Action, Failure, Input};
use fairdrain::drive::Observer as _;
use fairdrain::policy::Name;
use fairdrain::scenario::{Client, Commit, Scenario, Sizes};
use fairdrain::trace::{BatchRun, Handed, Header, Mode, Trace, TraceError, TraceWriter};
use fairdrain::{BatchId, ConsumerId, Duration, Fill, Time};
use told::{Records, run, scenario, topic};

/// The recorded traces of this repository, and those of the directory `FAIRDRAIN_TRACES` if it is set.
fn recorded() -> Vec<PathBuf> {
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces")];
    directories.extend(std::env::var_os("FAIRDRAIN_TRACES").map(PathBuf::from));
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() >= 4, "recorded traces are missing: {files:?}");
    files
}

#[test]
fn every_key_of_every_recorded_line_is_modelled() {
    for file in recorded() {
        let trace = Trace::open(&file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut again = vec![serde_json::to_value(&trace.header).unwrap()];
        again.extend(trace.polls.iter().map(|poll| serde_json::to_value(poll).unwrap()));
        again.push(serde_json::to_value(&trace.end).unwrap());
        assert_eq!(again, lines, "{}", file.display());
    }
}

#[test]
fn recorded_polls_add_up() {
    for file in recorded() {
        let trace = Trace::open(&file).unwrap();
        let records: u64 = trace.polls.iter().flat_map(|poll| &poll.r).map(|handed| u64::from(handed.3)).sum();
        assert_eq!(records, trace.end.total, "{}", file.display());
        assert!(trace.polls.is_sorted_by_key(|poll| poll.t), "{}", file.display());
        let backlog: u64 = trace.header.scenario.topics.iter().map(|topic| topic.records).sum();
        assert_eq!(backlog, trace.end.total, "{}", file.display());
    }
}

/// The scenario of `parts-3`.
fn parts_3() -> Scenario {
    let mut topics: Vec<_> = [("A", 10_000), ("B", 5000), ("C", 100), ("D", 50), ("E", 10)]
        .map(|(name, backlog)| topic(&format!("parts.{name}"), backlog, 10))
        .into();
    for topic in &mut topics {
        (topic.partitions, topic.value_bytes) = (3, Sizes::Fixed(200));
    }
    let mut scenario = scenario(topics);
    "parts-3".clone_into(&mut scenario.name);
    scenario.consumer.client = Client::Librdkafka;
    scenario.consumer.poll_timeout = Duration::from_secs(1);
    scenario
}

#[test]
fn a_computed_header_has_the_measured_layout() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/parts-3/librdkafka-2.12.1-r1.jsonl");
    let measured = Trace::open(&file).unwrap().header;
    let computed = Header::of(&parts_3(), Name::Single, "simulated", 1);
    assert_eq!(computed.scenario, measured.scenario);
    assert_eq!((computed.mode, computed.subscribe), (measured.mode, measured.subscribe));
    assert_eq!((computed.poll_timeout_ms, computed.commit), (measured.poll_timeout_ms, measured.commit));
    assert_eq!(computed.config, measured.config);
}

#[test]
fn compressed_batches_are_shorter_by_the_ratio() {
    let mut scenario = parts_3();
    scenario.topics[1].compression_millis = 4000;
    let header = Header::of(&scenario, Name::Fair, "simulated", 1);
    assert_eq!(header.scenario.topics[1].batches[2], [BatchRun(16, 100, 22_033 / 4)]);
    assert_eq!(header.mode, Mode::Fair);
}

/// A writer and the calls that a run would make. Times are microseconds.
struct Writing(TraceWriter<Vec<u8>>);

impl Writing {
    fn new(scenario: &Scenario, scheduler: Name) -> Self {
        Self(TraceWriter::new(Vec::new(), &Header::of(scenario, scheduler, "simulated", 1)).unwrap())
    }

    fn action(&mut self, t: u64, action: Action) -> &mut Self {
        self.0.on_action(at(t), &action);
        self
    }

    fn input(&mut self, t: u64, input: Input) -> &mut Self {
        self.0.on_input(at(t), &input);
        self
    }

    fn poll(&mut self, t: u64, consumer: u32) -> &mut Self {
        let wait = Duration::from_millis(100);
        self.action(t, Action::Poll { consumer: ConsumerId(consumer), cap: 500, wait, fill: Fill::First })
    }

    fn delivered(&mut self, t: u64, consumer: u32, records: &[Records]) -> &mut Self {
        let runs = records.iter().map(|&records| run(records)).collect();
        self.input(t, Input::Delivered { consumer: ConsumerId(consumer), batch: BatchId(0), runs, dry: vec![] })
    }

    fn finish(self) -> Trace {
        let text = self.0.finish().unwrap();
        Trace::read(&text[..], Path::new("written")).unwrap()
    }
}

fn at(micros: u64) -> Time {
    Time::from_nanos(micros * 1000)
}

/// Consumer, start, duration, commit, round and number of runs.
type Line = (u32, u64, u64, Option<u64>, Option<u64>, usize);

fn lines(trace: &Trace) -> Vec<Line> {
    trace.polls.iter().map(|p| (p.c, p.t, p.d, p.commit_us, p.round, p.r.len())).collect()
}

#[test]
fn a_written_run_reads_back() {
    let scenario = parts_3();
    let mut run = Writing::new(&scenario, Name::Single);
    run.input(90, Input::Assigned { consumer: ConsumerId(0), partitions: vec![] });
    run.poll(100, 0).delivered(150, 0, &[(4, 0, 0, 10), (0, 2, 5, 7)]);
    run.action(160, Action::Take { consumer: ConsumerId(0), plan: vec![] }).delivered(165, 0, &[(4, 1, 0, 1)]);
    run.poll(170, 0).delivered(270, 0, &[]);
    let trace = run.finish();
    assert_eq!(trace.header, Header::of(&scenario, Name::Single, "simulated", 1));
    assert_eq!(lines(&trace), [(0, 0, 50, None, None, 2), (0, 60, 5, None, None, 1), (0, 70, 100, None, None, 0)]);
    let handed = |topic: &str, partition, first, records| Handed(topic.to_owned(), partition, first, records);
    assert_eq!(trace.polls[0].r, [handed("parts.E", 0, 0, 10), handed("parts.A", 2, 5, 7)]);
    assert_eq!((trace.end.total, trace.end.wall_us, trace.end.assigned_us), (18, 170, Some(-10)));
    assert_eq!(trace.end.ttc.iter().map(|(t, at)| (&**t, *at)).collect::<Vec<_>>(), [("parts.E", 65), ("parts.A", 50)]);
}

#[test]
fn lines_are_in_order_of_start_whoever_returns_first() {
    let mut run = Writing::new(&parts_3(), Name::Multi);
    run.poll(0, 0).poll(1, 1).delivered(5, 1, &[(1, 0, 0, 1)]).poll(6, 1).delivered(9, 1, &[]);
    let failure = Failure::Poll("gone".to_owned());
    run.input(20, Input::Failed { consumer: ConsumerId(0), topic: None, failure }).poll(21, 1);
    let trace = run.finish();
    // The last poll never returned.
    assert_eq!(lines(&trace), [(0, 0, 20, None, Some(0), 0), (1, 1, 4, None, Some(0), 1), (1, 6, 3, None, Some(1), 0)]);
}

#[test]
fn a_commit_belongs_to_the_poll_before_it() {
    let mut scenario = parts_3();
    scenario.consumer.commit = Commit::PerBatch;
    let mut run = Writing::new(&scenario, Name::Single);
    let consumer = ConsumerId(0);
    run.poll(0, 0).delivered(5, 0, &[(0, 0, 0, 1)]).action(7, Action::Commit { consumer, offsets: vec![] });
    run.input(10, Input::Committed { consumer });
    // A commit given up, a poll that needs none, and a crash before the commit.
    run.poll(11, 0).delivered(12, 0, &[(0, 0, 1, 1)]).action(13, Action::Commit { consumer, offsets: vec![] });
    run.poll(20, 0).delivered(21, 0, &[]);
    run.poll(22, 0).delivered(23, 0, &[(0, 0, 2, 1)]).input(30, Input::Crashed);
    run.poll(40, 0).delivered(41, 0, &[(0, 0, 2, 1)]);
    assert_eq!(
        lines(&run.finish()),
        [
            (0, 0, 5, Some(3), None, 1),
            (0, 11, 1, None, None, 1),
            (0, 20, 1, None, None, 0),
            (0, 22, 1, None, None, 1),
            (0, 40, 1, None, None, 1),
        ]
    );
}

#[test]
fn an_output_that_fails_is_reported_at_the_end() {
    /// Takes one header, then is full.
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let header = Header::of(&parts_3(), Name::Single, "simulated", 1);
    let room = serde_json::to_vec(&header).unwrap().len() + 1;
    let mut writer = TraceWriter::new(Full(room), &header).unwrap();
    let consumer = ConsumerId(0);
    writer.on_action(at(0), &Action::Poll { consumer, cap: 1, wait: Duration::ZERO, fill: Fill::First });
    writer.on_input(at(1), &Input::Delivered { consumer, batch: BatchId(0), runs: vec![], dry: vec![] });
    assert_eq!(writer.finish().err().map(|e| e.kind()), Some(std::io::ErrorKind::StorageFull));
}

#[test]
fn errors_name_file_and_line() {
    let header = serde_json::to_string(&Header::of(&parts_3(), Name::Single, "simulated", 1)).unwrap();
    let read = |text: &str| Trace::read(text.as_bytes(), Path::new("x.jsonl")).unwrap_err().to_string();
    let poll = r#"{"i":0,"c":0,"t":0,"d":1,"r":[]}"#;
    let end = r#"{"end":true,"total":0,"wall_us":1,"ttc":{}}"#;
    for (text, expected) in [
        (String::new(), "x.jsonl:1: the file is empty; a fairdrain-trace/1 header is due"),
        ("{}".to_owned(), "x.jsonl:1: not a trace: its first line has no \"format\":\"fairdrain-trace/1\""),
        (r#"{"format":"fairdrain-trace/2"}"#.to_owned(), "x.jsonl:1: the format is \"fairdrain-trace/2\"; only"),
        (format!("{header}\n{poll}\n"), "x.jsonl:2: the trace stops short"),
        (format!("{header}\n{poll}\n{poll}\n{end}\n"), "x.jsonl:3: poll number 0 where 1 is due"),
        (format!("{header}\n{end}\n{poll}\n"), "x.jsonl:3: nothing may follow"),
        (format!("{header}\n{{\"i\":0,\"c\":0}}\n"), "x.jsonl:2: missing field `t` at column"),
        (format!("{header}\n{poll}x\n"), "x.jsonl:2: trailing characters at column 33"),
    ] {
        let error = read(&text);
        assert!(error.starts_with(expected), "{error}");
    }
    let missing = Trace::open(Path::new("no/such.jsonl")).unwrap_err();
    assert!(matches!(missing, TraceError::Io { .. }) && missing.to_string().starts_with("no/such.jsonl: "));
}
