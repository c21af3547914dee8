//! Costs fitted to recordings: found where they can be, refused where they can't.

use std::fs;
use std::path::{Path, PathBuf};

use fairdrain::Duration;
use fairdrain::calibrate::{self, Recording};
use fairdrain::fidelity::retimed;
use fairdrain::profile::{Parameter, Profile, Told, Values};
use fairdrain::scenario::Client;
use fairdrain::trace::Trace;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(name)
}

fn trace(name: &str) -> Trace {
    Trace::open(&path(name)).unwrap_or_else(|e| panic!("{e}"))
}

/// Runs of librdkafka that were not recorded but made by its model, at these costs.
fn made(scenarios: &[&str], values: &Values) -> Vec<Recording> {
    let one = |scenario: &&str| {
        let trace = retimed(&trace(&format!("{scenario}/librdkafka-2.12.1-r1.jsonl")), values).unwrap();
        Recording::new(trace, (*scenario).to_owned(), scenario.as_bytes()).unwrap()
    };
    scenarios.iter().map(one).collect()
}

fn fit(recordings: &[Recording]) -> fairdrain::profile::ClientProfile {
    let all: Vec<&Recording> = recordings.iter().collect();
    calibrate::fit(Client::Librdkafka, &all).unwrap().expect("there is something to fit")
}

fn told(profile: &fairdrain::profile::ClientProfile, parameter: Parameter) -> &Told {
    &profile.told.iter().find(|(p, _)| *p == parameter).expect("the model has this cost").1
}

/// Costs of a machine that there is not: a slow start, a slow network thread, dear records.
fn elsewhere() -> Values {
    let mut values = Values::of(Client::Librdkafka).unwrap();
    values.set(Parameter::StartAssign, Duration::from_millis(20));
    values.set(Parameter::Record, Duration::from_nanos(1_500));
    values.set(Parameter::AnswerKilobyte, Duration::from_nanos(3_300));
    values
}

const DIFFERENT: [&str; 6] =
    ["documented-3000", "documented-3000-1k", "documented-500", "documented-500-1k", "large-10k", "two-topics-tail"];

#[test]
fn costs_that_are_known_are_found_again() {
    let known = elsewhere();
    let profile = fit(&made(&DIFFERENT, &known));
    for parameter in [Parameter::StartAssign, Parameter::Record, Parameter::AnswerKilobyte] {
        let (found, known) = (profile.values.get(parameter).as_nanos(), known.get(parameter).as_nanos());
        assert!(matches!(told(&profile, parameter), Told::Fitted { .. }), "{parameter:?}: {:?}", profile.told);
        assert!(found.abs_diff(known) * 10 <= known, "{parameter:?}: {found} ns for {known}");
    }
    assert!(profile.residual.median_percent < 2.0, "{:?}", profile.residual);
}

#[test]
fn one_size_of_records_does_not_tell_records_from_bytes() {
    let mut known = elsewhere();
    // Large enough to be seen.
    known.set(Parameter::Kilobyte, Duration::from_nanos(2_000));
    let profile = fit(&made(&["documented-500"], &known));
    let record = told(&profile, Parameter::Record);
    let kilobyte = told(&profile, Parameter::Kilobyte);
    assert!(!matches!((record, kilobyte), (Told::Fitted { .. }, Told::Fitted { .. })), "{:?}", profile.told);
    let reasons: Vec<&str> = profile
        .told
        .iter()
        .filter_map(|(_, told)| match told {
            Told::Default { reason } => Some(reason.as_str()),
            Told::Fitted { .. } => None,
        })
        .collect();
    assert!(reasons.iter().any(|r| r.contains("with larger and with smaller values")), "{reasons:?}");
    assert!(reasons.iter().any(|r| r.contains("can't tell it from")), "{reasons:?}");
    for (parameter, told) in &profile.told {
        if matches!(told, Told::Default { .. }) {
            let default = Values::of(Client::Librdkafka).unwrap();
            assert_eq!(profile.values.get(*parameter), default.get(*parameter), "{parameter:?} keeps its default");
        }
    }
}

#[test]
fn what_never_happened_is_not_fitted() {
    let profile = fit(&made(&DIFFERENT, &elsewhere()));
    for parameter in [Parameter::StartGroup, Parameter::Commit] {
        let Told::Default { reason } = told(&profile, parameter) else { panic!("{:?}", profile.told) };
        assert!(reason.contains("no effect") && reason.contains(parameter.wanted()), "{reason}");
    }
}

#[test]
fn a_scenario_that_was_not_fitted_to_is_predicted() {
    let recordings = made(&DIFFERENT, &elsewhere());
    let all: Vec<&Recording> = recordings.iter().collect();
    let score = calibrate::hold_out(Client::Librdkafka, &all, "documented-500").unwrap().expect("five others");
    assert_eq!(score.misses.len(), 2, "drain and TTCI of one run");
    assert!(score.model.p95_percent < 10.0, "{score:?}");
    assert_eq!(score.repeats.n, 0, "there are no repeats");
    let before = calibrate::score(&[&recordings[2]], &Values::of(Client::Librdkafka).unwrap()).unwrap();
    assert!(before.model.p95_percent > 30.0, "the default costs are others: {before:?}");
}

#[test]
fn the_same_recordings_give_the_same_profile_and_it_reads_back() {
    let recordings = made(&DIFFERENT[..3], &elsewhere());
    let once = calibrate::fit_all(&recordings).unwrap().to_toml();
    assert_eq!(once, calibrate::fit_all(&recordings).unwrap().to_toml());
    let read = Profile::from_toml(&once, "once.toml").unwrap_or_else(|e| panic!("{e}\n{once}"));
    assert_eq!(read.to_toml(), once);
    assert_eq!(read.client(Client::Librdkafka).unwrap().traces.len(), 3);
}

#[test]
fn a_wrong_profile_is_refused_with_its_place_and_what_it_should_be() {
    let good = "schema_version = 1\n[[clients]]\nclient = \"librdkafka\"\nrecorded_versions = []\n\
                residual = { n = 0, median_percent = 0.0, p95_percent = 0.0 }\n[clients.costs]\nrecord = { ns = 5 }\n";
    let values = Profile::from_toml(good, "x").unwrap().client(Client::Librdkafka).unwrap().values;
    assert_eq!(values.get(Parameter::Record), Duration::from_nanos(5));
    for (from, to, says) in [
        ("schema_version = 1", "schema_version = 2", "schema_version = 2: this program reads 1"),
        ("schema_version = 1\n", "", "schema_version"),
        ("recorded_versions", "recorded_version", "unknown field `recorded_version`"),
        ("\"librdkafka\"", "\"librdkafke\"", "did you mean `librdkafka`"),
        ("\"librdkafka\"", "\"java@9.9\"", "there is java@4.3"),
        ("\"librdkafka\"", "\"ideal\"", "ideal has no costs"),
        ("record =", "recrd =", "unknown cost `recrd`"),
        ("record =", "send =", "has no cost `send`"),
        ("ns = 5", "ns = -5", "line 7"),
        ("ns = 5", "ns = 5000000000000000", "longer than an hour"),
        ("ns = 5", "ns = 5, us = 3", "unknown field `us`"),
        ("ns = 5", "ns = 5, uncertainty_ns = 1, default_because = \"x\"", "both"),
        ("[clients.costs]", "[clients.costs", "line 6"),
    ] {
        assert!(good.contains(from));
        let error = Profile::from_toml(&good.replacen(from, to, 1), "mine.toml").unwrap_err().to_string();
        assert!(error.starts_with("mine.toml: ") && error.contains(says), "`{to}`: {error}");
    }
    assert!(Profile::from_toml("", "x").is_err());
    let twice = good.to_owned() + good.split_once('\n').unwrap().1;
    assert!(Profile::from_toml(&twice, "x").unwrap_err().to_string().contains("twice"));
}

#[cfg(feature = "cli")]
mod on_the_command_line {
    use std::process::{Command, Stdio};

    use super::*;

    fn fairdrain(folder: &Path, args: &[&str]) -> (i32, String, String) {
        let program = Command::new(assert_cmd::cargo::cargo_bin!("fairdrain"))
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let stderr = text(program.stderr);
        assert!(!stderr.contains("panicked"), "{stderr}");
        (program.status.code().expect("it ended by itself"), text(program.stdout), stderr)
    }

    fn two_recordings() -> [String; 2] {
        ["documented-500/librdkafka-2.12.1-r1.jsonl", "documented-500-1k/librdkafka-2.12.1-r1.jsonl"]
            .map(|name| path(name).display().to_string())
    }

    #[test]
    fn a_profile_is_written_and_changes_what_is_simulated() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = two_recordings();
        let (code, summary, stderr) = fairdrain(folder.path(), &["calibrate", &a, &b, "-o", "mine.toml"]);
        assert_eq!(code, 0, "{stderr}");
        assert!(summary.starts_with("librdkafka@2.12: 2 runs of 2 scenarios\n"), "{summary}");
        let profile = Profile::load(&folder.path().join("mine.toml")).unwrap();
        assert_eq!(
            profile.client(Client::Librdkafka).unwrap().traces[0].name,
            "documented-500/librdkafka-2.12.1-r1.jsonl"
        );

        let compare =
            ["compare", "documented-500", "--client", "librdkafka", "--scheduler", "single", "--format", "json"];
        let (_, before, _) = fairdrain(folder.path(), &compare);
        let (code, after, _) = fairdrain(folder.path(), &[&compare[..], &["--profile", "mine.toml"]].concat());
        assert_eq!(code, 0);
        assert_ne!(before, after);
        assert!(after.contains("--profile mine.toml"), "the command that gives it again names the profile");

        let same = ["calibrate", &a, &b, "-o", "mine.toml", "--check"];
        assert_eq!(fairdrain(folder.path(), &same).0, 0);
        fs::write(folder.path().join("mine.toml"), "schema_version = 1\n").unwrap();
        assert_eq!(fairdrain(folder.path(), &same).0, 3);
    }

    #[test]
    fn without_a_file_the_profile_is_the_output() {
        let folder = tempfile::tempdir().unwrap();
        let (code, toml, stderr) = fairdrain(folder.path(), &["calibrate", &two_recordings()[0]]);
        assert_eq!(code, 0);
        assert!(Profile::from_toml(&toml, "stdout").is_ok(), "{toml}");
        assert!(stderr.contains("1 run of 1 scenario"), "{stderr}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = two_recordings();
        fs::write(folder.path().join("broken.jsonl"), "{\"format\":\"fairdrain-trace/1\"").unwrap();
        fs::create_dir(folder.path().join("empty")).unwrap();
        for (args, code, says) in [
            (&["calibrate", "none.jsonl"][..], 2, "can't read none.jsonl"),
            (&["calibrate", "broken.jsonl"], 2, "broken.jsonl:1"),
            (&["calibrate", "empty"], 4, "nothing to fit to"),
            (&["calibrate", &a, "--client", "java"], 4, "nothing to fit to"),
            (&["calibrate", &a, "--check"], 2, "say which"),
            (&["calibrate", &a, "-o", "no/such/folder.toml"], 2, "no/such/folder.toml"),
            (&["compare", "documented-500", "--profile", "none.toml"], 2, "can't read none.toml"),
        ] {
            let (ended, _, stderr) = fairdrain(folder.path(), args);
            assert!(ended == code && stderr.contains(says), "{args:?} ended with {ended}: {stderr}");
        }
        assert_eq!(fairdrain(folder.path(), &["calibrate", &a, &b, "-o", "mine.toml"]).0, 0);
        for (args, says) in [
            (
                &["compare", "documented-500", "--client", "aiokafka", "--profile", "mine.toml"][..],
                "nothing of that is run",
            ),
            (
                &[
                    "run",
                    "documented-500",
                    "--client",
                    "librdkafka",
                    "--profile",
                    "mine.toml",
                    "--profile",
                    "mine.toml",
                ],
                "two",
            ),
        ] {
            let (ended, _, stderr) = fairdrain(folder.path(), args);
            assert!(ended == 2 && stderr.contains(says), "{args:?} ended with {ended}: {stderr}");
        }
    }
}
