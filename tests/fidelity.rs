//! `fairdrain fidelity` as its users meet it.

#![cfg(feature = "cli")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Exit code, standard output, standard error.
fn fidelity(args: &[&str]) -> (i32, String, String) {
    let program = Command::new(assert_cmd::cargo::cargo_bin!("fairdrain"))
        .arg("fidelity")
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let stderr = text(program.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    (program.status.code().expect("it ended by itself"), text(program.stdout), stderr)
}

const RECORDED: &str = "tests/traces/documented-3000/kafka-python-3.0.12-r1.jsonl";

/// A copy of a recording with something replaced.
fn altered(folder: &Path, name: &str, from: &str, to: &str) -> PathBuf {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED)).unwrap();
    assert!(text.contains(from), "no {from}");
    let path = folder.join(name);
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    path
}

#[test]
fn every_recording_kept_here_is_exact() {
    let (code, text, _) = fidelity(&["tests/traces", "--format", "json"]);
    let result: Value = serde_json::from_str(&text).unwrap();
    let rows = result["rows"].as_array().unwrap();
    assert_eq!((code, &result["passed"]), (0, &true.into()));
    for client in ["aiokafka", "librdkafka", "java", "kafka-python"] {
        assert!(rows.iter().any(|row| row["client"] == client), "{client}");
    }
    for row in rows {
        assert!(row["polls"].as_u64() > Some(0) && row["polls"] == row["polls_exact"], "{row}");
        assert!(row["version"].is_string() && row["scenario"].is_string() && row["mode"].is_string(), "{row}");
    }
}

#[test]
fn a_poll_that_differs_is_shown_from_both_sides_and_fails_the_gate() {
    let folder = tempfile::tempdir().unwrap();
    let path = altered(folder.path(), "other.jsonl", r#"["doc200.A",0,0,3000]"#, r#"["doc200.A",0,0,2999]"#);
    let file = path.to_str().unwrap();
    let (code, text, _) = fidelity(&[file]);
    assert_eq!(code, 3, "{text}");
    for part in ["poll 1 of consumer 0 differs", "recorded: doc200.A/0 0+2999", "model: doc200.A/0 0+3000", "6 exact"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert_eq!(fidelity(&[file, "--at-least", "85"]).0, 0);
    assert_eq!(fidelity(&[file, "--at-least", "86"]).0, 3);
}

#[test]
fn clients_without_a_model_are_listed_and_alone_they_are_nothing_to_compare() {
    let folder = tempfile::tempdir().unwrap();
    let path = altered(folder.path(), "old.jsonl", r#""version":"3.0.12""#, r#""version":"1.4.7""#);
    let file = path.to_str().unwrap();
    let (code, text, stderr) = fidelity(&[file]);
    assert_eq!(code, 4);
    assert!(text.contains("skipped: 1 trace: there is no model of kafka-python 1.4.7"), "{text}");
    assert!(stderr.contains("nothing to compare"), "{stderr}");
    let (code, text, _) = fidelity(&[file, RECORDED, "--format", "json"]);
    let result: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &result["skipped"][0]["traces"], &result["polls"]), (0, &1.into(), &7.into()));
    assert_eq!(fidelity(&[folder.path().join("none").to_str().unwrap()]).0, 2);
    fs::create_dir(folder.path().join("empty")).unwrap();
    assert_eq!(fidelity(&[folder.path().join("empty").to_str().unwrap()]).0, 4);
}

#[test]
fn a_bad_file_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for (name, from, to, line) in [
        ("format", "fairdrain-trace/1", "fairdrain-trace/9", 1),
        ("poll", r#"{"i":1,"#, r#"{"i":"#, 3),
        ("number", r#"{"i":1,"#, r#"{"i":7,"#, 3),
        ("consumer", r#"{"i":1,"c":0"#, r#"{"i":1,"c":9"#, 3),
        ("layout", "[[[100,100,22033]]]", "[[[100,0,22033]]]", 1),
        ("sum", "[[[100,100,22033]]]", "[[[99,100,22033]]]", 1),
        ("cap", r#""max_poll_records":3000,"retry"#, r#""max_poll_records":0,"retry"#, 1),
        ("setting", r#""fetch_min_bytes":1,"#, "", 1),
    ] {
        let path = altered(folder.path(), &format!("{name}.jsonl"), from, to);
        let (code, text, stderr) = fidelity(&[path.to_str().unwrap()]);
        assert_eq!((code, text.as_str()), (2, ""), "{name}: {stderr}");
        assert!(stderr.contains(&format!("{name}.jsonl:{line}: ")), "{name}: {stderr}");
    }
}

#[test]
fn a_recording_under_a_scheduler_that_the_client_cannot_do_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = altered(folder.path(), "fair.jsonl", r#""mode":"single""#, r#""mode":"fair""#);
    let (code, text, _) = fidelity(&[path.to_str().unwrap()]);
    assert_eq!(code, 4);
    assert!(text.contains("no model of kafka-python 3.0.12 under `fair`"), "{text}");
}

#[test]
fn every_format_says_the_same() {
    let (_, csv, _) = fidelity(&[RECORDED, "--format", "csv"]);
    assert_eq!(csv.lines().nth(1), Some("kafka-python,3.0.12,classic,documented-3000,single,1,7,7,0,,,"));
    let (_, markdown, _) = fidelity(&[RECORDED, "--format", "markdown"]);
    assert!(
        markdown.contains("| kafka-python | 3.0.12 | classic | documented-3000 | single | 1 | 7 | 7 |"),
        "{markdown}"
    );
    let (_, lines, _) = fidelity(&[RECORDED, "--format", "jsonl"]);
    assert_eq!(serde_json::from_str::<Value>(lines.trim()).unwrap()["polls_exact"], 7);
}
