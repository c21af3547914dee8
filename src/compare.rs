//! Comparisons: one scenario under several clients, schedulers, caps and seeds, and perhaps under other topic names.
//!
//! A [`Runner`] does the runs. They are independent of each other, and their results are collected in the order in which they were
//! listed: the outcome does not depend on the number of threads. What was run elsewhere (a real cluster drains one scheduler after
//! the other) becomes a comparison by [`summarize`].

use std::sync::atomic::{AtomicBool, Ordering};

use fairdrain_sim::client::java::{Protocol, Version};
use fairdrain_sim::client::kafka_python;
use fairdrain_sim::seed::{Domain, Stream};
use rayon::prelude::*;

use crate::metrics::{End, RunMetrics};
use crate::policy::Name;
use crate::report::{
    Compared, Ends, FirstPoll, Measures, NameSpread, Pick, Row, TopicLoad, Verification, WorstRun, digest,
};
use crate::run::{RunError, RunSpec};
use crate::scenario::{Client, Scenario, Start};

/// Seeds a random client runs with, unless told otherwise: odd, so that the median is a value that occurred.
pub const SEEDS_DEFAULT: u32 = 25;

/// What to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Schedulers, in order; empty: the scenario's.
    pub schedulers: Vec<Name>,
    /// Caps for every scheduler; empty: the scenario's, which may differ between `single` and the others.
    pub caps: Vec<u32>,
    /// First seed.
    pub seed: u64,
    /// How many seeds for a client with random behaviour (`None`: [`SEEDS_DEFAULT`]); others run once.
    pub seeds: Option<u32>,
    /// How many permutations of the topics' names to run besides; 0: none.
    pub permute_names: u32,
}

/// Somebody who can do a run, from beginning to end, as a pure function of scenario and spec: [`simulate`](crate::run::simulate), or a canned one in
/// tests. A run that reached a limit or failed half-way is a result, not an error.
pub type Runner<'a> = &'a (dyn Fn(&Scenario, &RunSpec) -> Result<RunMetrics, RunError> + Sync);

/// Whether a client's polls depend on the seed: if not, one run says all.
#[must_use]
pub fn is_random(client: Client, scenario: &Scenario) -> bool {
    match client {
        // Shuffles the partitions of every fetch request (aiokafka fetcher.py: _get_actions_per_node).
        Client::Aiokafka => true,
        // Its fetch order follows from the metadata, but in a group from which start offset arrived first; jitter moves both.
        Client::Librdkafka => scenario.consumer.start == Start::Group || !scenario.network.jitter.is_zero(),
        // Two threads, and sets with a salted order; the classic one only where its heartbeat thread fires answers.
        Client::Java(_, Protocol::Consumer) => true,
        Client::Java(Version::V3_0 | Version::V3_7, Protocol::Classic) => {
            scenario.consumer.start == Start::Group || !scenario.network.jitter.is_zero()
        }
        // 2.0 shuffles every reply; the others the assignment of a group, once.
        Client::KafkaPython(kafka_python::Version::V2_0) => true,
        Client::KafkaPython(_) => scenario.consumer.start == Start::Group || !scenario.network.jitter.is_zero(),
        Client::Java(..) | Client::Ideal => !scenario.network.jitter.is_zero(),
    }
}

/// Runs a plan on one scenario, given once for each client to compare (what a file means may depend on the client: defaults, and what
/// is legal). When `stop` becomes true, runs that have not ended are left out; the second value says whether all were done.
///
/// # Errors
/// The first [`RunError`] in the order of the plan.
///
/// # Panics
/// Without any client, or if these are different scenarios.
pub fn compare(
    clients: &[Scenario],
    plan: &Plan,
    runner: Runner<'_>,
    stop: &AtomicBool,
) -> Result<(Compared, bool), RunError> {
    let scenario = clients.first().expect("there is a client to compare");
    assert!(clients.iter().all(|c| c.topics.len() == scenario.topics.len()), "the same topics for every client");
    let names: Vec<String> = scenario.topics.iter().map(|t| t.name.clone()).collect();
    let rows = rows(clients, plan);
    let runs = run_all(clients, &rows, runner, stop)?;

    let mut permuted: Vec<Vec<SeededRuns>> = Vec::new();
    for permutation in 0..plan.permute_names {
        let dealt = dealt(&names, plan.seed, permutation);
        let mut renamed = clients.to_vec();
        for client in &mut renamed {
            for (topic, name) in client.topics.iter_mut().zip(&dealt) {
                topic.name.clone_from(name);
            }
        }
        permuted.push(run_all(&renamed, &rows, runner, stop)?);
    }

    let planned = rows.iter().map(|r| r.seeds.len()).sum::<usize>() * (1 + permuted.len());
    let done = runs.iter().chain(permuted.iter().flatten()).map(Vec::len).sum::<usize>();
    let mut renamed: Vec<Vec<SeededRuns>> = rows.iter().map(|_| Vec::new()).collect();
    for permutation in permuted {
        for (row, runs) in renamed.iter_mut().zip(permutation).filter(|(_, runs)| !runs.is_empty()) {
            row.push(runs);
        }
    }
    let rows = rows.iter().zip(runs).zip(renamed).map(|((spec, runs), renamed)| RowRuns {
        client: spec.client,
        scheduler: spec.scheduler,
        cap: spec.cap,
        random: spec.random,
        runs,
        renamed,
        verification: None,
    });
    Ok((summarize(clients, plan.seed, rows), done == planned))
}

/// A row's runs, done somewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct RowRuns {
    /// The client.
    pub client: Client,
    /// The scheduler.
    pub scheduler: Name,
    /// Most records of one poll.
    pub cap: u32,
    /// Whether the client's behaviour depends on the seed.
    pub random: bool,
    /// The runs.
    pub runs: SeededRuns,
    /// The same with permuted topic names, once a permutation.
    pub renamed: Vec<SeededRuns>,
    /// What became of the records, where that was checked one by one.
    pub verification: Option<Verification>,
}

/// Runs, each with its seed.
pub type SeededRuns = Vec<(u64, RunMetrics)>;

/// Reduces runs to a comparison. Rows without a run are left out.
///
/// # Panics
/// Without any client.
#[must_use]
pub fn summarize(clients: &[Scenario], seed: u64, rows: impl IntoIterator<Item = RowRuns>) -> Compared {
    let scenario = clients.first().expect("there is a client to compare");
    let names: Vec<String> = scenario.topics.iter().map(|t| t.name.clone()).collect();
    Compared {
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        scenario_digest: digest(described(clients).as_bytes()),
        seed,
        topics: scenario
            .topics
            .iter()
            .map(|t| TopicLoad { topic: t.name.clone(), backlog_records: t.backlog })
            .collect(),
        rows: rows.into_iter().filter(|r| !r.runs.is_empty()).map(|r| reduce_row(r, &names)).collect(),
    }
}

/// One permutation of the names. As many permutations as there are names put every name into every place once (one random order
/// and its rotations), then comes another random order: with independent draws, 20 permutations of five names leave out one place
/// of a given name once in a hundred times. Asking for more permutations leaves the first ones as they were.
fn dealt(names: &[String], seed: u64, permutation: u32) -> Vec<String> {
    let (order, rotation) = (permutation as usize / names.len(), permutation as usize % names.len());
    let mut dealt = names.to_vec();
    Stream::new(seed, Domain::Repeat, order as u64).shuffle(&mut dealt);
    dealt.rotate_left(rotation);
    dealt
}

/// One row before it runs.
#[derive(Clone, Debug)]
struct RowSpec {
    /// Place in the list of clients.
    place: usize,
    client: Client,
    scheduler: Name,
    cap: u32,
    random: bool,
    seeds: Vec<u64>,
}

fn rows(clients: &[Scenario], plan: &Plan) -> Vec<RowSpec> {
    let mut rows = Vec::new();
    for (place, scenario) in clients.iter().enumerate() {
        let client = scenario.consumer.client;
        let random = is_random(client, scenario);
        let seeds = if random { plan.seeds.unwrap_or(SEEDS_DEFAULT) } else { 1 };
        let schedulers = if plan.schedulers.is_empty() { &scenario.scheduler.names } else { &plan.schedulers };
        for &scheduler in schedulers {
            let caps = if plan.caps.is_empty() { vec![scenario.cap(scheduler)] } else { plan.caps.clone() };
            for cap in caps {
                let seeds = (0..u64::from(seeds)).map(|i| plan.seed.wrapping_add(i)).collect();
                rows.push(RowSpec { place, client, scheduler, cap, random, seeds });
            }
        }
    }
    rows
}

fn run_all(
    clients: &[Scenario],
    rows: &[RowSpec],
    runner: Runner<'_>,
    stop: &AtomicBool,
) -> Result<Vec<SeededRuns>, RunError> {
    let jobs: Vec<(usize, RunSpec)> = rows
        .iter()
        .enumerate()
        .flat_map(|(i, r)| {
            let spec = move |&seed| (i, RunSpec { client: r.client, scheduler: r.scheduler, cap: r.cap, seed });
            r.seeds.iter().map(spec)
        })
        .collect();
    let run = |(row, spec): &(usize, RunSpec)| {
        let scenario = &clients[rows[*row].place];
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // How far a run that was cut short has come depends on when that was: nothing to compare with.
        runner(scenario, spec).map(|metrics| Some(metrics).filter(|m| !matches!(m.end, End::Interrupted { .. })))
    };
    // Results first, errors later: collecting into a `Result` in parallel would report whichever error came first in time.
    let results: Vec<Result<Option<RunMetrics>, RunError>> = jobs.par_iter().map(run).collect();
    let mut runs = vec![Vec::new(); rows.len()];
    for ((row, spec), result) in jobs.iter().zip(results) {
        if let Some(metrics) = result? {
            runs[*row].push((spec.seed, metrics));
        }
    }
    Ok(runs)
}

fn reduce_row(row: RowRuns, names: &[String]) -> Row {
    let each = |runs: &SeededRuns| runs.iter().map(|(_, run)| Measures::of(run, names)).collect::<Vec<_>>();
    let measures = each(&row.runs);
    let seeds_agree = measures.iter().all(|m| *m == measures[0]);
    // A topic keeps its place, and its label here, whatever name it ran under: the backlog is what one wants to recognise.
    let by_names: Vec<Measures> = row.renamed.iter().map(|runs| Measures::reduce(&each(runs), Pick::Median)).collect();
    let runs = || row.runs.iter().map(|(_, run)| run);
    Row {
        client: row.client.to_string(),
        scheduler: row.scheduler.to_string(),
        cap_records: row.cap,
        random: row.random,
        seeds: row.runs.len() as u32,
        seeds_agree,
        ends: Ends::count(runs()),
        median: Measures::reduce(&measures, Pick::Median),
        worst: (!seeds_agree).then(|| Measures::reduce(&measures, Pick::Worst)),
        first_poll: FirstPoll::most_frequent(runs().map(|r| r.topics.iter().map(|t| t.first_poll_records).collect())),
        worst_run: WorstRun::among(&row.runs, names),
        names: (!by_names.is_empty()).then(|| NameSpread {
            permutations: by_names.len() as u32,
            best: Measures::reduce(&by_names, Pick::Best),
            median: Measures::reduce(&by_names, Pick::Median),
            worst: Measures::reduce(&by_names, Pick::Worst),
        }),
        fingerprint: runs()
            .map(|run| run.fingerprint)
            .collect::<Option<Vec<u64>>>()
            .map(|all| digest(&all.iter().flat_map(|f| f.to_le_bytes()).collect::<Vec<u8>>())),
        verification: row.verification,
    }
}
/// Scenarios as text, for their digest. Without a profile it is what it was before there were profiles, so that results kept in files
/// are still found to be of the same scenario.
fn described(clients: &[Scenario]) -> String {
    format!("{clients:?}").replace(", costs: None", "")
}
