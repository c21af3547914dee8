//! The reference in docs/scenarios.md is made from the table of keys that the parser reads, and docs/metrics.md names every key of a
//! report. To write the reference anew: `FAIRDRAIN_WRITE_DOCS=1 cargo test --test docs`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use fairdrain::scenario::{Scenario, bundled, json_schema};
use serde_json::{Map, Value};

const BEGIN: &str = "<!-- reference: written by tests/docs.rs -->\n";
const END: &str = "<!-- end of reference -->\n";

fn page(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(page(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A key with its aliases, as the schema has it.
struct Key<'a> {
    names: Vec<&'a str>,
    schema: &'a Value,
}

impl Key<'_> {
    /// What it is for, and its default; none of a required key.
    fn said(&self) -> (&str, Option<&str>) {
        let text = self.schema["description"].as_str().expect("every key is described");
        match text.split_once(" Default: ") {
            Some((doc, default)) => (doc, Some(default.strip_suffix('.').unwrap_or(default))),
            None => (text, None),
        }
    }

    /// Known, and nothing depends on it.
    fn is_inert(&self) -> bool {
        self.said().1 == Some("not given")
    }
}

/// The keys of a table under their documented names. The schema has a dotted name as `a.b`, as `a_b` and as nested tables.
fn keys(properties: &Map<String, Value>) -> Vec<Key<'_>> {
    let mut keys: Vec<Key<'_>> = Vec::new();
    let underscored: Vec<String> = properties.keys().filter(|k| k.contains('.')).map(|k| k.replace('.', "_")).collect();
    for (name, schema) in properties {
        if schema.get("description").is_none() || underscored.contains(name) {
            continue;
        }
        match keys.iter_mut().find(|key| key.schema == schema && !key.is_inert()) {
            Some(key) => key.names.push(name),
            None => keys.push(Key { names: vec![name], schema }),
        }
    }
    keys
}

/// What a value looks like, in words.
fn kind(schema: &Value) -> String {
    let range = |s: &Value| match (s["minimum"].as_u64(), s["maximum"].as_u64()) {
        (Some(low), Some(high)) if high > 1 << 53 => format!("{low} or more"),
        (Some(low), Some(high)) => format!("{low} to {high}"),
        _ => "any".to_owned(),
    };
    if let Some(known) = schema.get("const") {
        return known.to_string();
    }
    if let Some(of) = schema["enum"].as_array() {
        return of.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(of) = schema["anyOf"].as_array() {
        if of.len() == 3 {
            return "bytes, `{ uniform = [from, to] }` or `{ table = [[bytes, weight], ...] }`".to_owned();
        }
        let unit =
            if of[1]["pattern"].as_str().is_some_and(|p| p.contains("min|s|ms")) { "milliseconds" } else { "bytes" };
        let text = if unit == "bytes" { "\"1 MiB\"" } else { "\"1 s\"" };
        return format!("{unit}, {}, or `{text}`", range(&of[0]));
    }
    match (schema["type"].as_str(), schema["pattern"].as_str()) {
        (Some("integer"), _) => range(schema),
        (Some("number"), _) => "1.0 to 1000.0, three decimals".to_owned(),
        (Some("boolean"), _) => "`true` or `false`".to_owned(),
        (Some("array"), _) => "names of [schedulers](cli.md#compare)".to_owned(),
        (Some("string"), None) => "text".to_owned(),
        (Some("string"), Some(pattern)) if pattern.contains("aiokafka") => {
            "`\"aiokafka\"`, `\"kafka-python\"`, `\"librdkafka\"`, `\"java\"`, `\"java-async\"` or `\"ideal\"`, with or without a version: `\"java@4.1\"`".to_owned()
        }
        (Some("string"), Some(pattern)) if pattern.contains("[GMK]iB") => "`\"100 MB/s\"`".to_owned(),
        (Some("string"), Some(pattern)) if pattern.contains("us") => "a duration: `\"1.5 s\"`".to_owned(),
        (Some("string"), Some(_)) => "a rate: `\"5/s\"`, `\"300/min\"`".to_owned(),
        _ => panic!("no words for {schema}"),
    }
}

fn reference() -> String {
    let schema = json_schema();
    let all = schema["properties"].as_object().expect("a schema has properties");
    let is_table = |s: &Value| s["type"] == "object" || s["items"]["type"] == "object";
    let top: Map<String, Value> =
        all.iter().filter(|(_, s)| !is_table(s)).map(|(k, s)| (k.clone(), s.clone())).collect();
    let mut out = String::new();
    write_table(&mut out, "At the top of the file", &top);
    for (name, table) in all.iter().filter(|(_, s)| is_table(s)) {
        let (heading, inner) = match table.get("items") {
            Some(items) => (format!("`[[{name}]]`"), items),
            None => (format!("`[{name}]`"), table),
        };
        let heading = format!("{heading}\n\n{}", table["description"].as_str().expect("every table is described"));
        write_table(&mut out, &heading, inner["properties"].as_object().expect("a table has keys"));
    }
    out
}

fn write_table(out: &mut String, heading: &str, properties: &Map<String, Value>) {
    let keys = keys(properties);
    let _ = write!(out, "### {heading}\n\n| key | value | default | |\n|---|---|---|---|\n");
    for key in keys.iter().filter(|key| !key.is_inert()) {
        let (doc, default) = key.said();
        let names: Vec<String> = key.names.iter().map(|name| format!("`{name}`")).collect();
        let default = match default {
            None => "required".to_owned(),
            Some(text)
                if text.starts_with(['"', '[']) || text.parse::<f64>().is_ok() || text.parse::<bool>().is_ok() =>
            {
                format!("`{text}`")
            }
            Some(words) => words.to_owned(),
        };
        let _ =
            writeln!(out, "| {} | {} | {default} | {doc} |", names.join(", "), kind(key.schema).replace('|', "\\|"));
    }
    out.push('\n');
    let mut why: Vec<(&str, Vec<&str>)> = Vec::new();
    for key in keys.iter().filter(|key| key.is_inert()) {
        let doc = key.said().0;
        match why.iter_mut().find(|(said, _)| *said == doc) {
            Some((_, names)) => names.extend(&key.names),
            None => why.push((doc, key.names.clone())),
        }
    }
    if !why.is_empty() {
        let _ = writeln!(out, "Known, with a warning that they change nothing (without a default; not given):\n");
        for (doc, names) in why {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(out, "- {}. {doc}", names.join(", "));
        }
        out.push('\n');
    }
}

#[test]
fn the_reference_of_scenarios_is_the_table_of_keys() {
    let text = read("scenarios.md");
    let (before, rest) = text.split_once(BEGIN).expect("the reference has a beginning");
    let (reference_there, after) = rest.split_once(END).expect("the reference has an end");
    let reference = format!("\n{}", reference());
    if std::env::var_os("FAIRDRAIN_WRITE_DOCS").is_some() {
        fs::write(page("scenarios.md"), format!("{before}{BEGIN}{reference}{END}{after}")).expect("it can be written");
        return;
    }
    assert!(
        reference_there == reference,
        "docs/scenarios.md does not say what the parser reads; write it anew: FAIRDRAIN_WRITE_DOCS=1 cargo test --test docs"
    );
}

#[test]
fn every_key_is_in_the_page_with_its_default() {
    let text = read("scenarios.md");
    let schema = json_schema();
    for (table, inner) in schema["properties"].as_object().expect("a schema has properties") {
        let inner = inner.get("items").unwrap_or(inner);
        let Some(properties) = inner["properties"].as_object() else { continue };
        for key in keys(properties) {
            for name in &key.names {
                let shown = format!("`{name}`");
                let line = text.lines().find(|line| line.contains(&shown));
                let line = line.unwrap_or_else(|| panic!("[{table}] {name} is not in the page"));
                if let Some(default) = key.said().1.filter(|_| key.names[0] == *name && !key.is_inert()) {
                    let in_some = text.lines().any(|line| line.contains(&shown) && line.contains(default));
                    assert!(in_some, "[{table}] {name} without its default {default}: {line}");
                }
            }
        }
    }
}

#[test]
fn every_bundled_scenario_is_in_the_page() {
    let text = read("scenarios.md");
    for scenario in bundled() {
        let line = format!("| `{}` | {} |", scenario.name, scenario.parsed().scenario.description);
        assert!(text.contains(&line), "docs/scenarios.md lacks the line\n{line}");
    }
}

#[test]
fn the_scenarios_in_the_page_are_legal() {
    let text = read("scenarios.md");
    let examples: Vec<&str> =
        text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest)).collect();
    assert!(!examples.is_empty());
    for example in examples.iter().filter(|example| example.contains("schema_version")) {
        let parsed = Scenario::from_toml(example, "docs/scenarios.md").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(parsed.warnings().len(), 0, "{example}");
    }
}

#[cfg(feature = "cli")]
mod of_reports {
    use fairdrain::report::{
        Compared, Environment, FirstPoll, Measures, NameSpread, Report, Results, Row, SCHEMA_VERSION, Starving,
        TopicLoad, TopicMeasures, Verification, WorstRun,
    };

    use super::*;

    /// A report in which nothing is missing.
    fn whole() -> Value {
        let measures = Measures { topics: vec![TopicMeasures::default()], ..Measures::default() };
        let starving = Starving {
            topic: String::new(),
            waited_us: Default::default(),
            for_first_record: true,
            served_instead: String::new(),
            served_records: 0,
        };
        let row = Row {
            client: String::new(),
            scheduler: String::new(),
            cap_records: 0,
            random: false,
            seeds: 1,
            seeds_agree: true,
            ends: Default::default(),
            median: measures.clone(),
            worst: Some(measures.clone()),
            first_poll: Some(FirstPoll { records: vec![], seeds: 1, distinct: 1 }),
            worst_run: WorstRun {
                seed: 1,
                starved: vec![starving],
                starvation_bound_us: Default::default(),
                limit: None,
                failure: None,
                left_records: Default::default(),
                blame_us: None,
            },
            names: Some(NameSpread {
                permutations: 1,
                best: measures.clone(),
                median: measures.clone(),
                worst: measures,
            }),
            fingerprint: None,
            verification: Some(Verification::default()),
        };
        let compared = Compared {
            scenario: String::new(),
            description: String::new(),
            scenario_digest: String::new(),
            seed: 1,
            topics: vec![TopicLoad { topic: String::new(), backlog_records: 0 }],
            rows: vec![row],
        };
        serde_json::to_value(Report {
            schema_version: SCHEMA_VERSION,
            command: String::new(),
            complete: true,
            deterministic: Some(Results::new(vec![compared])),
            measured: None,
            environment: Environment::default(),
        })
        .expect("a report is JSON")
    }

    fn names(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (name, inner) in map {
                    into.push(name.clone());
                    names(inner, into);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| names(item, into)),
            _ => {}
        }
    }

    #[test]
    fn every_key_of_a_report_is_in_the_page() {
        let text = read("metrics.md");
        let mut all = Vec::new();
        names(&whole(), &mut all);
        let missing: Vec<_> = all.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
        assert!(all.len() > 80 && missing.is_empty(), "{} keys; docs/metrics.md lacks {missing:?}", all.len());
    }
}
