//! The real backend on a real broker: `scripts/kafka run cargo test --test kafka_real -- --ignored`.
#![cfg(feature = "kafka")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration as StdDuration, Instant};

use fairdrain::broker::kafka::{Error, Options, Target};
use fairdrain::broker::{BrokerError, Input};
use fairdrain::policy::Name;
use fairdrain::scenario::{Arrival, Commit, Sizes, Start};
use fairdrain::{Duration, Time};
use kafka_support::{Seen, assert_exact, documented, drain, drain_with, scenario, topic};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

mod kafka_support;

/// One test at a time: they measure, and one of them needs the broker's groups for itself.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(|e| e.into_inner())
}

fn servers() -> String {
    std::env::var("FAIRDRAIN_KAFKA").expect("FAIRDRAIN_KAFKA=host:port of a broker; scripts/kafka run sets it")
}

fn target() -> Target {
    Target::Cluster(servers())
}

fn client(servers: &str) -> BaseConsumer {
    ClientConfig::new().set("bootstrap.servers", servers).set("group.id", "test").create().unwrap()
}

/// Our topics in the cluster.
fn topics() -> Vec<String> {
    let metadata = client(&servers()).fetch_metadata(None, StdDuration::from_secs(5)).unwrap();
    let names = metadata.topics().iter().map(|t| t.name().to_owned());
    names.filter(|name| name.starts_with("fairdrain-")).collect()
}

/// Our groups in the cluster.
fn groups() -> Vec<String> {
    let list = client(&servers()).fetch_group_list(None, StdDuration::from_secs(5)).unwrap();
    list.groups().iter().map(|g| g.name().to_owned()).filter(|name| name.starts_with("fairdrain-")).collect()
}

/// Deleting is done by the broker after it has answered.
fn assert_nothing_left() {
    let began = Instant::now();
    loop {
        let left = (topics(), groups());
        if left == (vec![], vec![]) {
            return;
        }
        assert!(began.elapsed() < StdDuration::from_secs(5), "left behind: {left:?}");
        std::thread::sleep(StdDuration::from_millis(50));
    }
}

fn millis(time: Time) -> u64 {
    time.as_nanos() / 1_000_000
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_real -- --ignored"]
fn the_documented_backlog_arrives_exactly_under_every_scheduler() {
    let _alone = alone();
    let scenario = documented();
    let outcome = drain(&scenario, &Name::ALL, &target()).unwrap();
    println!("load {}", outcome.load);
    assert!(outcome.load < Duration::from_secs(5), "{}", outcome.load);
    for drained in &outcome.drains {
        let seen = &drained.observer;
        println!(
            "{:16} {:>5} ms, {} polls, {} empty, first polls {:?}",
            drained.scheduler,
            millis(seen.drained.unwrap_or(Time::MAX)),
            seen.polls,
            seen.polls_empty,
            seen.first_poll
        );
        assert_exact(drained, &scenario);
        let cap = if drained.scheduler == Name::Single { 3000 } else { 500 };
        assert!(seen.delivered_max <= cap, "{seen:?}");
    }
    // What the document's users see: the barrier costs a poll timeout a round.
    let time = |name| millis(outcome.drains.iter().find(|d| d.scheduler == name).unwrap().observer.drained.unwrap());
    assert!(time(Name::Fair) * 3 < time(Name::MultiGather), "fair is not faster than rounds with a barrier");
    assert_eq!(outcome.left_behind, None);
    assert_nothing_left();
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_real -- --ignored"]
fn groups_and_commits_make_no_difference_and_leave_nothing() {
    let _alone = alone();
    for (start, commit) in
        [(Start::Group, Commit::PerBatch), (Start::Group, Commit::None), (Start::Assign, Commit::OnStop)]
    {
        let mut spread = topic("spread", 3_000);
        spread.partitions = 12;
        let mut scenario = scenario(vec![spread, topic("A", 2_000), topic("B", 7)]);
        (scenario.consumer.start, scenario.consumer.commit) = (start, commit);
        let outcome = drain(&scenario, &Name::ALL, &target()).unwrap();
        outcome.drains.iter().for_each(|drained| assert_exact(drained, &scenario));
        assert_eq!(outcome.left_behind, None, "{start:?} {commit:?}");
        assert_nothing_left();
    }
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_real -- --ignored"]
fn records_that_arrive_meanwhile_are_drained_too() {
    let _alone = alone();
    let mut live = topic("live", 50);
    let until = Duration::from_millis(500);
    live.arrival = Some(Arrival { records_per_kilosecond: 100_000, batch_records: 5, until });
    let scenario = scenario(vec![topic("A", 1_000), live]);
    let outcome = drain(&scenario, &[Name::Multi, Name::Fair], &target()).unwrap();
    outcome.drains.iter().for_each(|drained| assert_exact(drained, &scenario));
    assert_nothing_left();
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_real -- --ignored"]
fn a_batch_larger_than_usual_is_loaded_and_drained() {
    let _alone = alone();
    let mut large = topic("large", 300);
    large.value_bytes = Sizes::Fixed(30_000);
    let scenario = scenario(vec![large, topic("small", 10)]);
    let outcome = drain(&scenario, &[Name::Single, Name::Fair], &target()).unwrap();
    outcome.drains.iter().for_each(|drained| assert_exact(drained, &scenario));
}

/// Reads the log with Kafka's own tool.
#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_real -- --ignored"]
fn the_log_has_exactly_the_stated_batches() {
    let _alone = alone();
    let mut packed = topic("packed", 1_000);
    packed.compression_millis = 4_000;
    let mut spread = topic("spread", 1_234);
    spread.partitions = 3;
    let scenario = scenario(vec![topic("plain", 1_050), spread, packed]);
    let options = Options { keep: true, ..Options::default() };
    let outcome = drain_with(&scenario, &[Name::Fair], &target(), &options).unwrap();
    assert_exact(&outcome.drains[0], &scenario);
    // 61 B of header; records of 219 B, or 221 B once the time delta takes two bytes: 61 + 64 x 219 + 36 x 221.
    assert_eq!(batches(&outcome.topics[0], 0), [vec![(100, 22_033); 10], vec![(50, 61 + 50 * 219)]].concat());
    let full = |n| vec![100; n];
    let counts = |p| batches(&outcome.topics[1], p).iter().map(|b| b.0).collect::<Vec<_>>();
    // 13 batches in turn, the last of 34 records: in partitions 0 1 2 0 1 2 0 1 2 0 1 2 0.
    assert_eq!((counts(0), counts(1), counts(2)), ([full(4), vec![34]].concat(), full(4), full(4)));
    for (records, bytes) in batches(&outcome.topics[2], 0) {
        assert_eq!(records, 100);
        assert!((22_033 / 5..22_033 / 2).contains(&bytes), "{bytes} B for a compression of 4");
    }
    delete(&outcome.topics);
    assert_nothing_left();
}

/// Records and bytes of the batches in a partition.
fn batches(topic: &str, partition: u32) -> Vec<(u32, u32)> {
    let root = env!("CARGO_MANIFEST_DIR");
    let port = servers().rsplit(':').next().unwrap().to_owned();
    // Which of the folders of scripts/kafka belongs to this broker.
    let address =
        |dir: &std::path::Path| std::fs::read_to_string(dir.join("address")).is_ok_and(|a| a.trim().ends_with(&port));
    let folders = std::fs::read_dir(format!("{root}/.kafka")).expect("the broker was started by scripts/kafka");
    let folder =
        folders.map(|f| f.unwrap().path()).find(|f| address(f)).expect("the broker was started by scripts/kafka");
    let log = folder.join(format!("data/{topic}-{partition}/00000000000000000000.log"));
    let output = Command::new("java")
        .args(["-cp", &format!("{root}/.kafka/libs-4.1.1/*"), "kafka.tools.DumpLogSegments", "--files"])
        .arg(&log)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let field = |line: &str, name: &str| -> u32 {
        let after = line.split(&format!("{name}: ")).nth(1).unwrap_or_else(|| panic!("{name} in {line}"));
        after.split_whitespace().next().unwrap().parse().unwrap()
    };
    let lines = text.lines().filter(|line| line.starts_with("baseOffset"));
    let found: Vec<_> = lines.map(|line| (field(line, "count"), field(line, "size"))).collect();
    assert!(!found.is_empty(), "{}: {text}{}", log.display(), String::from_utf8_lossy(&output.stderr));
    found
}

fn delete(topics: &[String]) {
    use rdkafka::admin::{AdminClient, AdminOptions};
    let admin: AdminClient<rdkafka::client::DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", servers()).create().unwrap();
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    // Its own thread answers; nobody has to wait here.
    drop(admin.delete_topics(&names, &AdminOptions::new()));
    std::thread::sleep(StdDuration::from_millis(300));
}

#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_real -- --ignored"]
fn a_topic_that_vanishes_in_the_middle_ends_the_run_with_its_name() {
    let _alone = alone();
    static DELETED: AtomicBool = AtomicBool::new(false);
    let mut scenario = scenario(vec![topic("gone", 200_000), topic("stays", 100)]);
    // Small enough that not all of it is in the client when it vanishes.
    scenario.consumer.queued_min_messages = Some(1_000);
    scenario.consumer.max_partition_fetch_bytes = 100_000;
    scenario.application.per_record = Duration::from_micros(100);
    let (target, options) = (target(), Options::default());
    let request = fairdrain::broker::kafka::Request {
        scenario: &scenario,
        schedulers: &[Name::Fair],
        cap: None,
        seed: 1,
        target: &target,
        options: &options,
    };
    let began = Instant::now();
    let outcome = fairdrain::broker::kafka::run(&request, |_| {
        Seen::new(&scenario).script(|input| {
            if matches!(input, Input::Delivered { .. }) && !DELETED.swap(true, Ordering::Relaxed) {
                let name = topics().into_iter().find(|t| t.ends_with("-gone")).unwrap();
                delete(&[name]);
            }
        })
    })
    .unwrap();
    let drained = &outcome.drains[0];
    println!("ended after {:?}: {:?}", began.elapsed(), drained.failure);
    assert!(drained.failure.as_ref().is_some_and(|f| f.contains("-gone")), "{drained:?}");
    assert!(drained.verification.undelivered > 0);
    assert!(millis(drained.ended) < 15_000, "{drained:?}");
    assert_nothing_left();
}

/// Needs a broker of its own to kill.
#[test]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_real -- --ignored"]
fn a_broker_that_dies_in_the_middle_ends_the_run_with_its_address() {
    let _alone = alone();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/kafka");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut scenario = documented();
    scenario.application.per_record = Duration::from_millis(2);
    if std::env::var("FAIRDRAIN_KAFKA_DOOMED").is_err() {
        // Runs this very test again, with a broker that it may kill.
        let status = Command::new(script)
            .args(["run", "--port", &port.to_string(), "--"])
            .arg(std::env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "--nocapture",
                "a_broker_that_dies_in_the_middle_ends_the_run_with_its_address",
            ])
            .env("FAIRDRAIN_KAFKA_DOOMED", "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    static KILLED: AtomicBool = AtomicBool::new(false);
    let kill_at_the_first_records = |input: &Input| {
        if matches!(input, Input::Delivered { .. }) && !KILLED.swap(true, Ordering::Relaxed) {
            let pid = std::fs::read_to_string(std::env::var("FAIRDRAIN_KAFKA_PID").unwrap()).unwrap();
            assert!(Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap().success());
        }
    };
    let (target, options) = (target(), Options::default());
    let schedulers = &[Name::Fair];
    let request = fairdrain::broker::kafka::Request {
        scenario: &scenario,
        schedulers,
        cap: None,
        seed: 1,
        target: &target,
        options: &options,
    };
    let began = Instant::now();
    let ended = fairdrain::broker::kafka::run(&request, |_| Seen::new(&scenario).script(kill_at_the_first_records));
    let error = ended.unwrap_err();
    println!("ended after {:?}: {error}", began.elapsed());
    assert!(matches!(error, Error::Broker(BrokerError::Unreachable { .. })), "{error:?}");
    assert!(error.to_string().contains("127.0.0.1:") && !error.to_string().contains('\n'), "{error}");
    assert!(began.elapsed() < StdDuration::from_secs(35), "{:?}", began.elapsed());
}

/// Ctrl-C at any moment, of loading, draining and deleting: the run ends in order and takes its topics with it.
#[test]
#[cfg(feature = "cli")]
#[ignore = "needs a broker: scripts/kafka run cargo test --test kafka_real -- --ignored"]
fn ctrl_c_at_any_moment_leaves_nothing_behind() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.toml");
    let text = "schema_version = 1\nname = \"small\"\n[[topics]]\nname = \"A\"\nbacklog = 2000\n[consumer]\nclient = \"librdkafka\"\n\
                start = \"group\"\ncommit = \"per-batch\"\n[application]\nprocessing_per_record = \"1 ms\"\n";
    std::fs::write(&path, text).unwrap();
    let mut codes = Vec::new();
    // The whole run takes about 4 s; the last ones are in the deletion or after the end.
    for after_ms in [50, 300, 600, 1_000, 1_500, 2_000, 2_500, 2_800, 3_000, 3_200, 3_500, 4_000] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_fairdrain"))
            .args(["run", path.to_str().unwrap(), "--scheduler", "fair", "--backend", "kafka"])
            .args(["--bootstrap-server", &servers(), "--format", "json", "--quiet"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(StdDuration::from_millis(after_ms));
        drop(Command::new("kill").args(["-INT", &child.id().to_string()]).status());
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < StdDuration::from_secs(15), "it does not end after {after_ms} ms");
            std::thread::sleep(StdDuration::from_millis(20));
        }
        let out = child.wait_with_output().unwrap();
        // No code: the signal came before anybody listened for it.
        let code = out.status.code();
        assert!(matches!(code, Some(0 | 130) | None), "{code:?} after {after_ms} ms");
        assert!(code.is_some() || after_ms <= 300, "killed after {after_ms} ms");
        if code == Some(130) && !out.stdout.is_empty() {
            let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
            assert_eq!(report["complete"], false, "after {after_ms} ms");
        }
        codes.push(code);
        assert_nothing_left();
    }
    println!("{codes:?}");
    assert!(codes.contains(&Some(130)), "{codes:?}");
}
