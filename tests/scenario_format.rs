//! Legal scenario files: spellings, aliases, ranges, defaults, warnings, and that what is shown reads back.

use std::path::Path;

use fairdrain::Duration;
use fairdrain::scenario::{
    Arrival, Assignor, Client, Commit, Departure, GroupProtocol, Instance, Leave, Origin, Parsed, Scenario, Sizes,
    Start, bundled, bundled_of_clients,
};

const TOPIC: &str = "schema_version = 1\n[[topics]]\nname = \"A\"\nbacklog = 10\n";

fn parsed(text: &str) -> Parsed {
    Scenario::from_toml(text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn with(more: &str) -> Parsed {
    parsed(&format!("{TOPIC}{more}"))
}

/// The line forms; the long form of each says that it is a warning.
fn warnings(parsed: &Parsed) -> Vec<String> {
    assert!(parsed.warnings().iter().all(|w| w.to_string().starts_with("warning: ")));
    parsed.warnings().iter().map(|w| w.one_line()).collect()
}

#[test]
fn every_spelling_of_a_property_counts() {
    for line in [
        "[consumer]\nmax.poll.records = 7",
        "[consumer]\n\"max.poll.records\" = 7",
        "[consumer]\n'max.poll.records' = 7",
        "[consumer]\nmax_poll_records = 7",
        "[consumer]\nmax.\"poll.records\" = 7",
        "[consumer]\nmax.poll_records = 7",
        "[consumer]\nmax = { poll = { records = 7 } }",
        "[consumer.max.poll]\nrecords = 7",
        "[consumer]\nmax.poll.records = 0x7",
    ] {
        assert_eq!(with(line).scenario.consumer.max_poll_records, 7, "{line}");
    }
}

#[test]
fn spellings_mix_within_a_table() {
    let c = with(
        "[consumer]\nmax.poll.records = 7\nfetch_max_bytes = \"2 MiB\"\n\"fetch.min.bytes\" = 3\npoll.timeout.ms = \"1.5 s\"\n",
    );
    let c = c.scenario.consumer;
    assert_eq!((c.max_poll_records, c.fetch_max_bytes, c.fetch_min_bytes), (7, Some(2 << 20), 3));
    assert_eq!(c.poll_timeout, Duration::from_millis(1_500));
}

#[test]
fn each_clients_own_name_of_a_property_counts() {
    for name in ["fetch.max.wait.ms", "fetch.wait.max.ms", "fetch_max_wait_ms", "fetch_wait_max_ms"] {
        let c = with(&format!("[consumer]\n{name} = 250\n")).scenario.consumer;
        assert_eq!(c.fetch_max_wait, Some(Duration::from_millis(250)), "{name}");
    }
    for name in ["max.partition.fetch.bytes", "fetch.message.max.bytes", "max_partition_fetch_bytes"] {
        let c = with(&format!("[consumer]\n{name} = \"10 kB\"\n")).scenario.consumer;
        assert_eq!(c.max_partition_fetch_bytes, 10_000, "{name}");
    }
}

#[test]
fn a_client_may_name_its_version() {
    for (written, client) in [
        ("aiokafka", Client::Aiokafka),
        ("aiokafka@0.14", Client::Aiokafka),
        ("aiokafka@0.14.0", Client::Aiokafka),
        ("librdkafka@2.12", Client::Librdkafka),
        ("ideal", Client::Ideal),
    ] {
        assert_eq!(with(&format!("[consumer]\nclient = \"{written}\"\n")).scenario.consumer.client, client);
    }
}

#[test]
fn a_range_makes_topics_alike() {
    let s = parsed(
        "schema_version = 1\n[[topics]]\nname = \"orders[08-11]\"\nbacklog = 5\nweight = 3\n[[topics]]\nname = \"x\"\n",
    )
    .scenario;
    let names: Vec<&str> = s.topics.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["orders08", "orders09", "orders10", "orders11", "x"]);
    assert!(s.topics[..4].iter().all(|t| t.backlog == 5 && t.weight == 3));
}

#[test]
fn a_topic_in_full() {
    let text = r#"
        schema_version = 1
        topics = [{ name = "A", partitions = 3, backlog = 1_000, value_bytes = { table = [[200, 90], [10_000, 10]] }, key_bytes = "1 kB",
            batch_records = 7, compression_ratio = 2.125, keys = 4, weight = 2, required = false, leader = 1,
            processing_per_record = "1.5 ms", arrival = { rate = "30/min", until = "1 min" } }]
        brokers = { count = 2 }
    "#;
    let t = parsed(text).scenario.topics.remove(0);
    assert_eq!(
        (t.partitions, t.backlog, t.key_bytes, t.batch_records, t.compression_millis),
        (3, 1_000, 1_000, 7, 2_125)
    );
    assert_eq!((t.keys, t.weight, t.required, t.leader), (4, 2, false, 1));
    assert_eq!(t.value_bytes, Sizes::Table(vec![(200, 90), (10_000, 10)]));
    assert_eq!(t.processing_per_record, Some(Duration::from_micros(1_500)));
    assert_eq!(
        t.arrival,
        Some(Arrival { records_per_kilosecond: 500, batch_records: 1, until: Duration::from_secs(60) })
    );
}

#[test]
fn an_inert_property_is_accepted_and_says_what_happens_instead() {
    let text = "[consumer]\nsession.timeout.ms = 30000\nauto_offset_reset = \"latest\"\nqueued.min.messages = 5\nmax.poll.records = 5\n";
    let aiokafka = with(text);
    insta::assert_snapshot!(warnings(&aiokafka).join("\n"), @r"
    test.toml:6:1: `session.timeout.ms` with client aiokafka@0.14: no effect here: [group] has it, for [[instances]]
    test.toml:7:1: `auto.offset.reset` with client aiokafka@0.14: no effect here: [group] has it, for [[instances]]
    test.toml:8:1: `queued.min.messages` with client aiokafka@0.14: it is a property of librdkafka; ignored
    ");
    let librdkafka = aiokafka.with_client(Client::Librdkafka).expect("legal with librdkafka too");
    insta::assert_snapshot!(warnings(&librdkafka).join("\n"), @r"
    test.toml:6:1: `session.timeout.ms` with client librdkafka@2.12: no effect here: [group] has it, for [[instances]]
    test.toml:7:1: `auto.offset.reset` with client librdkafka@2.12: no effect here: [group] has it, for [[instances]]
    test.toml:9:1: `max.poll.records` with client librdkafka@2.12: librdkafka has no such property; used as the batch bound of the consume call
    ");
    assert_eq!(librdkafka.origin("consumer", 0, "client"), Some(Origin::Given));
}

#[test]
fn what_may_not_be_meant_is_a_warning() {
    let text = "schema_version = 1\n[[topics]]\nname = \"a.b\"\nbacklog = 1\n[[topics]]\nname = \"a_b\"\narrival = { rate = \"1/s\", until = \"2 h\" }\n\
                [consumer]\npoll.timeout.ms = 0\n[[faults]]\nkind = \"crash\"\nfrom = \"2 h\"\nuntil = \"3 h\"\n";
    insta::assert_snapshot!(warnings(&parsed(text)).join("\n"), @r#"
    test.toml:6:8: topics `a.b` and `a_b` have one name in Kafka's metrics
    test.toml:7:35: records of `a_b` arrive until after the limit of 1 h: no run completes
    test.toml:8:1: a crash without commits: the restarted process begins again at the start; commit = "per-batch" keeps what was done
    test.toml:9:19: aiokafka does not fetch while polls with a timeout of 0 find nothing; write 1 or more
    test.toml:12:8: the fault begins after the limit of 1 h: it never happens
    "#);
}

#[test]
fn instances_are_a_group_unless_the_file_says_otherwise() {
    let alone = with("").scenario;
    assert_eq!((alone.consumer.start, alone.instances.len()), (Start::Assign, 0));
    let three =
        with("[[instances]]\ncount = 2\n[[instances]]\njoins = \"5 s\"\nleaves = \"9 s\"\nhow = \"crash\"\n").scenario;
    assert_eq!(three.consumer.start, Start::Group);
    let leave = Leave { at: Duration::from_secs(9), how: Departure::Crash, returns: None };
    assert_eq!(three.instances[1], Instance { joins: Duration::ZERO, leaves: None });
    assert_eq!(three.instances[2], Instance { joins: Duration::from_secs(5), leaves: Some(leave) });
    let explicit = with("[consumer]\nstart = \"assign\"\n[[instances]]\ncount = 2\n").scenario;
    assert_eq!(explicit.consumer.start, Start::Assign);
}

#[test]
fn protocol_and_assignor_are_the_clients_own_unless_the_file_says_otherwise() {
    for (client, protocol, assignor) in [
        ("aiokafka", GroupProtocol::Classic, Assignor::RoundRobin),
        ("kafka-python", GroupProtocol::Classic, Assignor::Range),
        ("librdkafka", GroupProtocol::Classic, Assignor::Range),
        ("java", GroupProtocol::Classic, Assignor::Range),
        ("java-async", GroupProtocol::Consumer, Assignor::Uniform),
    ] {
        let group = with(&format!("[consumer]\nclient = \"{client}\"\n")).scenario.group;
        assert_eq!((group.protocol, group.assignor), (protocol, assignor), "{client}");
    }
    let group = with("[consumer]\nclient = \"librdkafka\"\n[group]\ngroup.protocol = \"consumer\"\n").scenario.group;
    assert_eq!((group.assignor, group.heartbeat_interval), (Assignor::Uniform, Duration::from_secs(5)));
}

#[test]
fn commits_at_an_interval_have_one() {
    let commit = |lines: &str| with(&format!("[consumer]\ncommit = \"interval\"\n{lines}")).scenario.consumer.commit;
    assert_eq!(commit(""), Commit::Interval(Duration::from_secs(5)));
    assert_eq!(commit("auto.commit.interval.ms = 100\n"), Commit::Interval(Duration::from_millis(100)));
    assert_eq!(commit("commit_interval = \"1 s\"\n"), Commit::Interval(Duration::from_secs(1)));
}

#[test]
fn what_changes_nothing_about_instances_is_a_warning() {
    let alone = with("[group]\nstatic = true\n");
    insta::assert_snapshot!(warnings(&alone).join("\n"), @"test.toml:6:10: `static` changes nothing without [[instances]]; add [[instances]] with a count, or take it out");
    let explicit = "[consumer]\nstart = \"assign\"\nauto.commit.interval.ms = 100\n[group]\nassignor = \"range\"\n[[instances]]\ncount = 2\n";
    insta::assert_snapshot!(warnings(&with(explicit)).join("\n"), @r#"
    test.toml:7:27: `auto.commit.interval.ms` changes nothing without commit = "interval"; write commit = "interval", or take it out
    test.toml:9:12: `assignor` changes nothing with start = "assign": nobody joins a group; start = "group" in [consumer]
    "#);
    let leaving = with("[[instances]]\n[[instances]]\nleaves = \"5 s\"\n");
    insta::assert_snapshot!(warnings(&leaving).join("\n"), @r#"test.toml:5:1: instances that come and go without commits: their work is done again by the next owner; commit = "per-batch" or "interval" in [consumer] keeps what was done"#);
}

#[test]
fn each_value_knows_where_it_comes_from() {
    let p = with("[consumer]\nmax_poll_records = 7\n");
    assert_eq!(p.origin("consumer", 0, "max.poll.records"), Some(Origin::File(6)));
    assert_eq!(p.origin("topics", 0, "backlog"), Some(Origin::File(4)));
    assert_eq!(p.origin("topics", 0, "weight"), Some(Origin::Default));
    assert!(matches!(p.origin("", 0, "name"), Some(Origin::Derived(_))));
    assert!(matches!(p.origin("consumer", 0, "fetch.max.bytes"), Some(Origin::Derived(_))));
    assert_eq!(p.origin("topics", 1, "backlog"), None);
    assert_eq!(p.origin("consumer", 0, "nothing"), None);
}

#[test]
fn what_is_shown_as_resolved_reads_back_to_the_same() {
    let full = r#"
schema_version = 1
seed = 18446744073709551615
name = "full"
description = "a \"quote\" and ü"
[[topics]]
name = "a[1-3]"
backlog = 5
value_bytes = { uniform = [1, "2 kB"] }
compression_ratio = 1.5
arrival = { rate = "0.5/s", until = "90 s" }
processing_per_record = "1 ns"
[[topics]]
name = "b"
value_bytes = { table = [[1, 2], [3, 4]] }
partitioner = "consistent_random"
[consumer]
client = "librdkafka"
fill = "first"
start = "group"
commit = "interval"
commit_interval = "2 s"
fetch.max.bytes = 1000000
fetch.wait.max.ms = 5
queued.min.messages = 2000
queued.max.messages.kbytes = 1024
fetch.queue.backoff.ms = "10 ms"
group.id = "x"
[group]
id = "orders"
ids = "per-topic"
protocol = "consumer"
assignor = "range"
static = true
initial.rebalance.delay = 0
offsets.retention = "1 h"
auto.offset.reset = "none"
copartitioned = false
[[instances]]
count = 2
leaves = "5 s"
[[instances]]
joins = "1 s"
leaves = "2 s"
how = "crash"
returns = "3 s"
[scheduler]
names = ["multi-sequential"]
max.poll.records = 5
starvation_bound = "5.5 s"
[application]
workers = 3
blocking = true
[network]
bandwidth = "12.5 MB/s"
[brokers]
count = 2
[[faults]]
kind = "broker-down"
broker = 1
from = "1 s"
until = "2 s"
[[faults]]
kind = "topic-fails"
topic = "a2"
from = "1 s"
until = "2 s"
[[faults]]
kind = "latency-spike"
add = "50 ms"
from = "1 s"
until = "2 s"
"#;
    let full = parsed(full);
    insta::assert_snapshot!("resolved", full.resolved());
    for p in bundled().iter().map(|b| b.parsed()).chain([full]) {
        let resolved = p.resolved();
        let again = Scenario::from_toml(&resolved, "resolved.toml").unwrap_or_else(|e| panic!("{e}\n{resolved}"));
        assert_eq!(again.scenario, p.scenario);
    }
}

#[test]
fn every_bundled_scenario_reads_without_a_warning() {
    assert_eq!(bundled().len(), 19);
    for b in bundled() {
        let p = Scenario::load(Path::new(b.name)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(p.scenario.name, b.name);
        assert!(!p.scenario.description.is_empty(), "{}", b.name);
        assert!(b.text.starts_with("# "), "{} begins with what it shows", b.name);
        assert_eq!(warnings(&p), Vec::<String>::new(), "{}", b.name);
        for client in Client::all() {
            let p = p.with_client(client).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(p.scenario.consumer.client, client);
        }
    }
}

/// The names of the scenario files in a folder below `sim/scenarios`, as they are bundled.
fn files_in(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/scenarios").join(folder);
    let mut files: Vec<String> = std::fs::read_dir(path)
        .expect("a folder of scenarios")
        .map(|e| e.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| format!("{folder}{}", path.file_stem().expect("a name").to_string_lossy()))
        .collect();
    files.sort();
    files
}

#[test]
fn every_scenario_file_is_bundled() {
    for (folder, group) in [("", bundled()), ("clients/", bundled_of_clients())] {
        let mut names: Vec<&str> = group.iter().map(|b| b.name).collect();
        names.sort_unstable();
        assert_eq!(files_in(folder), names);
    }
}

#[test]
fn the_scenarios_of_clients_say_what_they_show_and_no_warning_is_a_surprise() {
    let mut warned = Vec::new();
    for b in bundled_of_clients() {
        let p = Scenario::load(Path::new(b.name)).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(b.name, format!("clients/{}", p.scenario.name));
        assert!(b.text.starts_with("# ") && !p.scenario.description.is_empty(), "{}", b.name);
        warned.extend(warnings(&p));
    }
    // One cliff is so deep that the file itself warns of it; librdkafka has no cap of its own.
    warned.retain(|w| !w.contains("used as the batch bound of the consume call"));
    let [deep] = &warned[..] else { panic!("{warned:?}") };
    assert!(deep.contains("aiokafka-tight-loop.toml") && deep.contains("polls with a timeout of 0"), "{deep}");
}

#[test]
fn the_documented_backlog_is_the_documented_one() {
    let s = Scenario::load(Path::new("documented-backlog")).expect("bundled").scenario;
    let backlog: Vec<(&str, u64)> = s.topics.iter().map(|t| (t.name.as_str(), t.backlog)).collect();
    assert_eq!(backlog, [("A", 10_000), ("B", 5_000), ("C", 100), ("D", 50), ("E", 10)]);
    assert_eq!((s.consumer.max_poll_records, s.scheduler.max_poll_records), (3_000, Some(500)));
}
