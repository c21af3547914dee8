//! The client models against recorded polls of the real clients: with the recorded choices as input, every poll of every recorded
//! run comes out exactly.
//!
//! `tests/traces` holds the recordings of the clients that have a model; `FAIRDRAIN_TRACES` may name a directory with more.

use std::path::{Path, PathBuf};

use fairdrain::fidelity::{Replay, ReplayError};
use fairdrain::trace::{Mode, Trace};

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
        if replay.polls != replay.polls_exact || replay.refused.is_some() {
            differing.push(format!("{}: {replay:?}", path.display()));
        }
    }
    println!("{counts:?}");
    assert!(differing.is_empty(), "{} of {} runs differ:\n{}", differing.len(), counts.runs, differing.join("\n"));
    assert!(counts.single >= 145 && counts.polls >= 4195, "recordings are missing: {counts:?}");
}

#[derive(Debug, Default)]
struct Counts {
    runs: usize,
    single: usize,
    polls: usize,
    exact: usize,
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
