//! The code of docs/apply.md is that of the recorders and tests which run it against real clients.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What is between `--- fair ---` and `--- end ---`, without the indentation that all of it has.
fn marked(path: &str) -> String {
    let text = read(path);
    let lines = text.lines().skip_while(|line| !line.ends_with("--- fair ---")).skip(1);
    let lines: Vec<&str> = lines.take_while(|line| !line.ends_with("--- end ---")).collect();
    assert!(lines.len() > 20, "{path} has no marked code");
    let blank = |line: &&&str| !line.trim().is_empty();
    let indent = lines.iter().filter(blank).map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let lines: Vec<&str> = lines.iter().map(|line| line.get(indent..).unwrap_or("")).collect();
    lines.join("\n").trim().to_owned()
}

#[test]
fn the_code_in_the_page_is_the_code_that_is_tested() {
    let page = read("docs/apply.md");
    let mut shown: Vec<&str> = page.split("\n```").skip(1).step_by(2).collect();
    for path in [
        "tests/recorders/aiokafka_recorder.py",
        "tests/recorders/kafka_python_recorder.py",
        "tests/recorders/confluent_kafka_recorder.py",
        "tests/recorders/Recorder.java",
        "tests/fair_rdkafka.rs",
    ] {
        let code = marked(path);
        let place = shown.iter().position(|block| block.split_once('\n').is_some_and(|(_, b)| b.trim() == code));
        let place = place.unwrap_or_else(|| panic!("docs/apply.md does not show what {path} runs:\n{code}"));
        shown.remove(place);
    }
    let untested: Vec<_> =
        shown.iter().filter(|block| block.contains("class Fair") || block.contains("Fair {")).collect();
    assert!(untested.is_empty(), "nothing runs this code of docs/apply.md:\n{untested:?}");
}
