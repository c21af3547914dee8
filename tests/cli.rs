//! The program as its users meet it: output, errors, exit codes.

#![cfg(feature = "cli")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn fairdrain(args: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("fairdrain")).args(args).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn stdout(args: &[&str]) -> String {
    let out = fairdrain(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Exit code and standard error of a command that must fail without data and without a panic.
#[track_caller]
fn failure(args: &[&str]) -> (i32, String) {
    let out = fairdrain(args);
    let stderr = String::from_utf8(out.stderr).unwrap();
    assert!(out.stdout.is_empty(), "{args:?} printed data");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (out.status.code().expect("it ended by itself"), stderr)
}

#[test]
fn the_demo_shows_both_clients_and_what_to_do_next() {
    let text = stdout(&["demo"]);
    for part in [
        "documented claim",
        "aiokafka 0.14: median / worst of 25 seeds",
        "librdkafka 2.12",
        "TTCI p95",
        "fingerprint",
        "again: fairdrain demo --seed",
        "next:\n",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn a_wrong_property_is_refused_without_repeating_what_may_be_a_secret() {
    for wrong in ["=hunter2", "sasl.password:hunter2", "hunter2"] {
        let (code, said) =
            failure(&["run", "documented-backlog", "-c", "librdkafka", "--backend", "mock", "-X", wrong]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("KEY=VALUE") && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn names_of_files_are_text_to_a_terminal() {
    let (code, said) = failure(&["compare", "a\u{1b}[31m\u{9b}2J.toml"]);
    assert_eq!(code, 2);
    assert!(said.contains("a\u{fffd}[31m") && !said.contains(['\u{1b}', '\u{9b}']), "{said}");
}

/// 10^13 records: days of work.
const ENDLESS: &str = "schema_version = 1\n[[topics]]\nname = \"A\"\nbacklog = 10_000_000_000_000\nvalue_bytes = 0\nkey_bytes = 0\nbatch_records = 1\n[limits]\npolls = 1_000_000_000_000\n";

#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "the signal has to come in the middle of the run")]
fn a_signal_ends_a_run_in_the_middle_with_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, report) = (folder.path().join("endless.toml"), folder.path().join("report.json"));
    fs::write(&scenario, ENDLESS).unwrap();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("fairdrain"))
        .args(["compare", "-c", "ideal", "-s", "single,fair", "-o"])
        .args([&report, &scenario])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1000));
    assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(fs::read_to_string(report).unwrap().contains("\"complete\": false"));
}

#[test]
fn the_rerun_command_gives_the_same_output_again() {
    let text = stdout(&["compare", "documented-backlog", "--scheduler", "single,fair", "--width", "100"]);
    let again = text.lines().find_map(|l| l.strip_prefix("again: fairdrain ")).unwrap();
    let args = shlex::split(again).unwrap();
    let second = stdout(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(text.lines().count(), second.lines().count());
    assert_eq!(text, second);
}

#[test]
fn every_format_is_on_standard_output_alone() {
    for (format, beginning) in [("json", "{\n"), ("jsonl", "{\""), ("csv", "scenario,client,"), ("markdown", "## ")] {
        let text = stdout(&["compare", "documented-backlog", "--format", format, "--seeds", "2"]);
        assert!(text.starts_with(beginning), "{format}: {text}");
    }
    let out = fairdrain(&["compare", "documented-backlog", "--format", "json", "--seeds", "2"]);
    serde_json::from_slice::<serde_json::Value>(&out.stdout).unwrap();
}

#[test]
fn a_run_as_jsonl_is_a_trace_of_its_polls() {
    let text = stdout(&["run", "documented-backlog", "--client", "librdkafka", "--cap", "500", "--format", "jsonl"]);
    let lines: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["client"]["name"], "librdkafka");
    let records =
        |line: &serde_json::Value| line["r"].as_array().unwrap().iter().map(|r| r[3].as_u64().unwrap()).sum::<u64>();
    let polls = &lines[1..lines.len() - 1];
    assert_eq!(polls.iter().map(records).sum::<u64>(), 15_160);
    assert!(polls.iter().all(|p| records(p) <= 500));
    assert_eq!(lines.last().unwrap()["end"], true);
}

#[test]
fn an_output_file_has_the_format_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.json");
    let text = stdout(&["run", "documented-backlog", "-o", path.to_str().unwrap()]);
    assert_eq!(text, "");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((&report["schema_version"], &report["complete"]), (&1.into(), &true.into()));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn bad_output_files_are_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap().to_owned();
    let cases = [
        (dir.clone(), "is a directory"),
        (format!("{dir}/no/such/result.json"), "there is no directory"),
        (format!("{dir}/result.xyz"), "can't tell the format"),
    ];
    for (path, message) in cases {
        let (code, stderr) = failure(&["demo", "-o", &path]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(message), "{stderr}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let (code, stderr) = failure(&["demo", "--format", "json", "-o", "/dev/full"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("No space left on device"), "{stderr}");
}

#[test]
fn usage_errors_have_code_2_and_say_what_there_is() {
    let cases: [(&[&str], &str); 15] = [
        (&["compare", "wide", "--backend", "mock", "--permute-names", "2"], "for the simulation"),
        (&["demo", "--scheduler", "fare"], "single, multi-gather, multi-sequential, multi, fair, complete-first"),
        (&["demo", "--client", "kafkajs"], "aiokafka"),
        (&["demo", "--cap", "0"], "0 is not in 1.."),
        (&["demo", "--cap", "-5"], "-5"),
        (&["demo", "--cap", "99999999999"], "99999999999"),
        (&["demo", "--seed", "x"], "invalid digit"),
        (&["demo", "--seeds", "0"], "0 is not in 1.."),
        (&["compare"], "<SCENARIO>"),
        (&["compare", "no-such-scenario"], "no-such-scenario"),
        (&["compare", "sim"], "directory"),
        (&["run", "documented-backlog", "--scheduler", "single,fair"], "`run` takes one value of --scheduler"),
        (&["demo", "--backend", "kafka"], "--bootstrap-server"),
        (&["demo", "-X", "sasl.password"], "KEY=VALUE"),
        (&["demo", "--keep"], "no effect on the simulation"),
    ];
    for (args, message) in cases {
        let (code, stderr) = failure(args);
        assert_eq!(code, 2, "{args:?}: {stderr}");
        assert!(stderr.contains(message), "{args:?}: {stderr}");
    }
}

#[test]
fn a_file_that_is_no_scenario_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.toml");
    fs::write(&path, "schema_version = 1\n[[topics]]\nname = \"A\"\nbacklgo = 1\n").unwrap();
    let (code, stderr) = failure(&["compare", path.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(stderr.contains("backlgo") && stderr.contains("backlog") && stderr.contains('4'), "{stderr}");
    fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    let (code, stderr) = failure(&["compare", path.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(stderr.contains("UTF-8"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    // More than a pipe holds, so that the write really meets the closed end.
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("fairdrain"))
        .args(["compare", "wide", "many-partitions", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(!stderr.contains("panicked") && !stderr.contains("Broken pipe"), "{stderr}");
    assert!(matches!(out.status.code(), Some(0 | 6)), "{:?}", out.status);
}

#[test]
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the signal has to come in the middle of the run")]
fn an_interrupt_gives_what_there_is_marked_as_incomplete() {
    use std::io::Read;
    let mut child = Command::new(assert_cmd::cargo::cargo_bin!("fairdrain"))
        .args(["compare", "documented-backlog", "--client", "aiokafka", "--seeds", "100000", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let mut json = String::new();
    child.stdout.take().unwrap().read_to_string(&mut json).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["complete"], false);
    assert!(report["deterministic"]["scenarios"][0]["rows"][0]["seeds"].as_u64().unwrap() > 0);
}

#[test]
fn secrets_are_in_no_output() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("client.properties");
    fs::write(&config, "sasl.password=hunter2\nhunter3\n").unwrap();
    let config = config.to_str().unwrap();
    for args in [
        &["demo", "-X", "sasl.password=hunter2"][..],
        &["demo", "-Xsasl.jaas.config=hunter2"],
        &["demo", "--backend", "mock", "--command-config", config],
    ] {
        let out = fairdrain(args);
        let all = [out.stdout, out.stderr].concat();
        assert!(!String::from_utf8_lossy(&all).contains("hunter"), "{args:?}");
    }
}

#[test]
fn running_twice_finds_no_difference() {
    stdout(&["run", "documented-backlog", "--check-determinism"]);
    stdout(&[
        "compare",
        "documented-backlog",
        "--client",
        "aiokafka,librdkafka",
        "--seeds",
        "3",
        "--check-determinism",
    ]);
}

#[test]
fn scenario_files_can_be_begun_checked_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let file = path.to_str().unwrap();
    stdout(&["scenario", "init", file]);
    assert!(stdout(&["scenario", "validate", file]).contains("fine"));
    fs::write(&path, "mine\n").unwrap();
    let (code, stderr) = failure(&["scenario", "init", file]);
    assert_eq!((code, fs::read_to_string(&path).unwrap().as_str()), (2, "mine\n"), "{stderr}");
    assert_eq!(failure(&["scenario", "validate", file]).0, 2);
    assert!(stdout(&["scenario", "list"]).contains("documented-backlog"));
    assert!(stdout(&["scenario", "show", "documented-backlog"]).contains("[[topics]]"));
    assert!(stdout(&["scenario", "show", "--resolved", "documented-backlog"]).contains("# "));
    serde_json::from_str::<serde_json::Value>(&stdout(&["scenario", "schema"])).unwrap();
}

#[test]
fn completions_and_doctor_answer() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert!(stdout(&["completions", shell]).contains("fairdrain"));
    }
    assert!(stdout(&["doctor"]).contains("librdkafka@"));
}

#[test]
fn a_scenario_may_be_a_path_or_a_name() {
    assert!(Path::new("sim/scenarios/documented-backlog.toml").exists());
    let by = |scenario| {
        let text = stdout(&["compare", scenario, "--format", "json", "--scheduler", "fair", "--seeds", "2"]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["deterministic"].clone()
    };
    assert_eq!(by("sim/scenarios/documented-backlog.toml"), by("documented-backlog"));
}

#[test]
fn what_may_split_inputs_is_refused_before_anything_runs() {
    let (code, said) = failure(&["run", "instances-crash", "-s", "multi"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("an input may never be complete") && said.contains("start = \"assign\""), "{said}");
    let (code, said) = failure(&["compare", "instances-crash", "--assignment", "range,roundrobin"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("write assignor = \"range\" in [group]"), "{said}");
    let (code, said) = failure(&["compare", "instances-crash", "-c", "aiokafka", "--assignment", "consumer:range"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("it has range, roundrobin, explicit"), "{said}");
}

#[test]
fn flags_that_mean_nothing_with_instances_or_without_are_refused() {
    for (args, word) in [
        (&["compare", "documented-backlog", "--assignment", "range"][..], "no [[instances]]"),
        (&["compare", "instances-crash", "--permute-names", "2"], "--permute-names"),
        (&["run", "instances-crash", "--format", "jsonl"], "--format json"),
        (&["run", "instances-crash", "--assignment", "rang"], "there are range"),
        (&["compare", "instances-crash", "documented-500", "--format", "csv"], "one kind at a time"),
    ] {
        let (code, said) = failure(args);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(word), "{args:?}: {said}");
    }
}

#[test]
fn a_run_of_several_instances_is_one_table_and_the_same_twice() {
    let args = ["run", "instances-split", "-s", "fair", "-c", "librdkafka", "--check-determinism"];
    let text = stdout(&args);
    for part in
        ["instances: 1, 2, 3 from 0 s", "librdkafka 2.12 under fair: one seed", "inputs split", "instance 3: records"]
    {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}
