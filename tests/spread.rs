//! Clients that are not repeatable: what is drawn in the model has to spread as the real clients' runs do.
//!
//! Two things are tested. Of aiokafka on the documented backlog it is known in which poll topic E came first in 100 real runs: each of
//! these counts has to be one that a binomial distribution with the model's share gives with 99 % probability, every poll that occurred
//! has to occur in the model, and what never occurred in 100 runs may have no more than 5 % of the model's (of which 100 runs show
//! none with a probability of 0.6 %). And of all recorded runs of all such clients: the poll in which each topic came first, and that in
//! which it came last, have to be ones that the model draws, as has the number of polls and (unless it shuffles) what each poll brought of each topic.
//! The whole sequence has to be among those drawn, or at least how many records each poll brought in all, where there are not too many
//! sequences for that: of the Java client and of group starts. (A client that shuffles each of thirty requests has more of them than
//! anybody can draw. So has the Java client where each of ten answers may be split: the one recording named in the test.)
//!
//! `cargo test --test spread -- --nocapture` prints the tables of docs/fidelity.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fairdrain::fidelity::drawn;
use fairdrain::trace::{Handed, Mode, Trace};

/// Runs of the model.
const SEEDS: u64 = 1000;

fn traces(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(scenario)
}

fn open(path: &Path) -> Trace {
    Trace::open(path).unwrap_or_else(|e| panic!("{e}"))
}

/// Polls with records of the one consumer there is.
fn run(trace: &Trace, seed: u64) -> Vec<Vec<Handed>> {
    drawn(trace, seed).unwrap_or_else(|e| panic!("{e}")).swap_remove(0)
}

/// The poll that brings a topic's first record, from 1; 0: none.
fn first(polls: &[Vec<Handed>], topic: &str) -> usize {
    polls.iter().position(|poll| poll.iter().any(|h| h.0 == topic)).map_or(0, |at| at + 1)
}

/// Likewise its last.
fn last(polls: &[Vec<Handed>], topic: &str) -> usize {
    polls.iter().rposition(|poll| poll.iter().any(|h| h.0 == topic)).map_or(0, |at| at + 1)
}

/// How many records of each topic each poll brings.
fn compositions(polls: &[Vec<Handed>]) -> Vec<BTreeMap<&str, u32>> {
    polls
        .iter()
        .map(|poll| {
            let mut of = BTreeMap::new();
            for handed in poll {
                *of.entry(handed.0.as_str()).or_default() += handed.3;
            }
            of
        })
        .collect()
}

/// How many records each poll brings.
fn totals(polls: &[Vec<Handed>]) -> Vec<u32> {
    polls.iter().map(|poll| poll.iter().map(|h| h.3).sum()).collect()
}

/// Whether so many of 100 is what a share would give, in 99 of 100 cases.
fn is_likely(observed: u32, share: f64) -> bool {
    let (mut pmf, mut below, mut up_to) = ((1.0 - share).powi(100), 0.0, 0.0);
    for k in 0..=observed {
        if k > 0 {
            pmf *= f64::from(101 - k) / f64::from(k) * share / (1.0 - share);
        }
        if k < observed {
            below += pmf;
        }
        up_to += pmf;
    }
    up_to >= 0.005 && 1.0 - below >= 0.005
}

#[test]
fn the_interval_is_the_binomial_one() {
    // Quantiles of the distribution with n = 100, from tables.
    for (share, least, most) in [(0.3, 19, 42), (0.1, 3, 18), (0.5, 37, 63)] {
        let likely: Vec<u32> = (0..=100).filter(|k| is_likely(*k, share)).collect();
        assert_eq!((likely[0], likely[likely.len() - 1]), (least, most), "{share}");
    }
}

/// In which poll E comes first, in the model and in 100 real runs.
fn spreads_like(scenario: &str, observed: &[(usize, u32)]) {
    let trace = open(&traces(scenario).join("aiokafka-0.14.0-r1.jsonl"));
    let topic = &trace.header.scenario.topics[4].name;
    let mut model: BTreeMap<usize, u32> = BTreeMap::new();
    for seed in 0..SEEDS {
        *model.entry(first(&run(&trace, seed), topic)).or_default() += 1;
    }
    let share = |poll: usize| f64::from(model.get(&poll).copied().unwrap_or_default()) / SEEDS as f64;
    println!(
        "{scenario}: {topic} first, in 100 real runs and in {SEEDS} of the model\n| poll | real | model |\n|---|---:|---:|"
    );
    for (poll, count) in observed {
        println!("| {poll} | {count} % | {:.1} % |", share(*poll) * 100.0);
    }
    let never: f64 = model
        .keys()
        .filter(|poll| observed.iter().all(|(o, _)| o != *poll))
        .map(|poll| share(*poll))
        .fold(0.0, |a, b| a + b);
    println!("| others | 0 % | {:.1} % |", never * 100.0);
    for (poll, count) in observed {
        assert!(share(*poll) > 0.0, "{scenario}: the model never has it in poll {poll}");
        assert!(
            is_likely(*count, share(*poll)),
            "{scenario}: poll {poll}: {count} of 100 real runs, model {}",
            share(*poll)
        );
    }
    assert!(never <= 0.05, "{scenario}: {never} of the model's runs have it in polls that no real run has: {model:?}");
}

#[test]
fn aiokafka_shows_the_smallest_topic_as_late_as_100_real_runs_with_cap_3000() {
    spreads_like("documented-3000", &[(1, 30), (2, 31), (4, 39)]);
}

#[test]
fn aiokafka_shows_the_smallest_topic_as_late_as_100_real_runs_with_cap_500() {
    spreads_like("documented-500", &[(1, 39), (10, 28), (19, 10), (20, 23)]);
}

/// Recorded runs of one client, version, protocol and scenario whose repeats may differ.
fn unrepeatable() -> BTreeMap<(String, String), Vec<Trace>> {
    let mut groups: BTreeMap<(String, String), Vec<Trace>> = BTreeMap::new();
    for scenario in traces("").read_dir().unwrap().flatten().filter(|e| e.path().is_dir()) {
        for file in scenario.path().read_dir().unwrap().flatten() {
            let trace = open(&file.path());
            let client = &trace.header.client;
            let in_group = scenario.file_name() == "documented-group";
            let may_differ = match (client.name.as_str(), client.version.as_str(), client.protocol.as_str()) {
                ("aiokafka", ..) | ("kafka-python", "2.0.2", _) | ("java", "4.3.1", "consumer") => true,
                // A salted set decides between partitions in one hash bucket.
                ("java", _, "consumer") => in_group || trace.header.scenario.name == "parts-3",
                ("kafka-python" | "librdkafka", ..) => in_group,
                _ => false,
            };
            if may_differ && trace.header.mode == Mode::Single {
                let name = format!("{} {} {}", client.name, client.version, client.protocol);
                groups.entry((trace.header.scenario.name.clone(), name)).or_default().push(trace);
            }
        }
    }
    groups
}

/// What is compared: for Java a poll is a set.
fn sequence(trace: &Trace) -> Vec<Vec<Handed>> {
    let as_set = |poll: &fairdrain::trace::Poll| {
        let mut handed = poll.r.clone();
        if trace.header.client.name == "java" {
            handed.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
        }
        handed
    };
    trace.polls.iter().filter(|poll| !poll.r.is_empty()).map(as_set).collect()
}

#[test]
fn recorded_runs_of_clients_that_are_not_repeatable_are_among_those_that_the_model_draws() {
    let mut missing = Vec::new();
    println!(
        "| scenario | client | runs | whole sequence drawn | share of seeds, least likely run | totals drawn | first and last polls drawn |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|");
    for ((scenario, client), runs) in unrepeatable() {
        let model: Vec<Vec<Vec<Handed>>> = (0..SEEDS).map(|seed| run(&runs[0], seed)).collect();
        let seen: BTreeSet<_> = model.iter().flat_map(|polls| compositions(polls)).collect();
        let topics = &runs[0].header.scenario.topics;
        let (mut whole, mut least, mut sums, mut ends) = (0, SEEDS, 0, 0);
        for trace in &runs {
            let recorded = sequence(trace);
            let same = model.iter().filter(|polls| **polls == recorded).count() as u64;
            whole += usize::from(same > 0);
            least = least.min(same);
            let drawn = topics.iter().all(|topic| {
                let (from, to) = (first(&recorded, &topic.name), last(&recorded, &topic.name));
                model.iter().any(|polls| first(polls, &topic.name) == from)
                    && model.iter().any(|polls| last(polls, &topic.name) == to)
            });
            ends += usize::from(drawn);
            let of_totals = model.iter().any(|polls| totals(polls) == totals(&recorded));
            sums += usize::from(of_totals);
            let known = compositions(&recorded).iter().all(|poll| seen.contains(poll));
            let lengths = model.iter().map(Vec::len);
            let long = lengths.clone().min() <= Some(recorded.len()) && Some(recorded.len()) <= lengths.max();
            let many = (scenario.as_str(), trace.header.repeat) == ("large-10k", 2);
            let shuffles = client.starts_with("aiokafka") || client.starts_with("kafka-python 2.0");
            if !drawn || !long || !(known || shuffles) || !(shuffles || many || same > 0 || of_totals) {
                missing.push(format!("{scenario}, {client}, r{}", trace.header.repeat));
            }
        }
        println!(
            "| {scenario} | {client} | {} | {whole} | {:.1} % | {sums} | {ends} |",
            runs.len(),
            least as f64 * 100.0 / SEEDS as f64
        );
    }
    assert!(missing.is_empty(), "the model never draws:\n{}", missing.join("\n"));
}
