//! The client models against recorded polls of the real clients: with the recorded choices as input, every poll of every recorded
//! run comes out exactly.
//!
//! `tests/traces` holds the recordings of the clients that have a model; `FAIRDRAIN_TRACES` may name a directory with more.

use std::path::{Path, PathBuf};

use fairdrain::fidelity::{Replay, ReplayError};
use fairdrain::trace::{Mode, Trace};

/// Recorded runs with one consumer, and polls of all runs, in `tests/traces`.
const SINGLE: usize = 491;
const POLLS: usize = 17_645;

#[test]
fn every_recorded_poll_comes_out_exactly() {
    let mut counts = Counts::default();
    let mut differing = Vec::new();
    for path in recordings() {
        let trace = Trace::open(&path).unwrap_or_else(|e| panic!("{e}"));
        let replay = match Replay::of(&trace) {
            Ok(replay) => replay,
            Err(ReplayError::Client(_)) => continue,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        counts.runs += 1;
        counts.single += usize::from(trace.header.mode == Mode::Single);
        counts.polls += replay.polls;
        counts.exact += replay.polls_exact;
        counts.extraordinary += replay.extraordinary;
        let (waits, alike) = replay.waits;
        if waits_are_exact(&trace) && waits != alike {
            differing.push(format!("{}: {waits} long polls, {alike} of them in both", path.display()));
        }
        counts.waits += alike;
        if is_classic_java(&trace) && replay.extraordinary > 0 {
            differing.push(format!("{}: nothing in it is a matter of timing", path.display()));
        }
        if replay.polls != replay.polls_exact || replay.refused.is_some() {
            differing.push(format!("{}: {replay:?}", path.display()));
        }
    }
    println!("{counts:?}");
    assert!(differing.is_empty(), "{} of {} runs differ:\n{}", differing.len(), counts.runs, differing.join("\n"));
    assert!(counts.single >= SINGLE && counts.polls >= POLLS, "recordings are missing: {counts:?}");
}

#[derive(Debug, Default)]
struct Counts {
    runs: usize,
    single: usize,
    polls: usize,
    exact: usize,
    /// Choices that came out otherwise than they ordinarily do (Java).
    extraordinary: usize,
    /// Polls of 250 ms or more, the first ones aside, that took as long in the model.
    waits: usize,
}

/// `group.protocol=classic`: one thread does everything.
fn is_classic_java(trace: &Trace) -> bool {
    trace.header.client.name == "java" && trace.header.client.protocol == "classic"
}

/// One thread does everything, so that it is no matter of timing which polls wait. In kafka-python 3 a reply may overtake a request:
/// so in two of its recorded runs one poll waits that does not in the model.
fn waits_are_exact(trace: &Trace) -> bool {
    let client = &trace.header.client;
    is_classic_java(trace) || (client.name == "kafka-python" && client.version.starts_with("2."))
}

fn recordings() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    let more = std::env::var_os("FAIRDRAIN_TRACES").map(PathBuf::from);
    let mut files = Vec::new();
    for directory in [own].into_iter().chain(more) {
        for scenario in directory.read_dir().unwrap_or_else(|e| panic!("{}: {e}", directory.display())).flatten() {
            if scenario.path().is_dir() {
                files.extend(scenario.path().read_dir().unwrap().flatten().map(|file| file.path()));
            }
        }
    }
    files.retain(|file| file.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    files
}
