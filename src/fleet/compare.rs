//! Comparisons of several instances: schedulers, and ways to share partitions.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::metrics::FleetMetrics;
use super::run::simulate_fleet;
use super::way::Way;
use crate::compare::{Plan, SEEDS_DEFAULT, is_random};
use crate::copartition;
use crate::metrics::End;
use crate::policy::Name;
use crate::report::{Ends, FleetCompared, FleetLoad, FleetMeasures, FleetRow, InstancePlan, Pick, Refused, digest};
use crate::run::{RunError, RunSpec};
use crate::scenario::{Client, Scenario};

/// Which ways to share partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ways {
    /// The scenario's.
    Own,
    /// All that the client has. What may split a key is left out, and the report says so, unless the scenario says
    /// `copartitioned = false`.
    All,
    /// These.
    Listed(Vec<Way>),
}

/// One row before it runs.
struct RowSpec {
    scenario: Scenario,
    way: Way,
    scheduler: Name,
    cap: u32,
    seeds: Vec<u64>,
}

/// Runs a plan on one scenario with instances, given once for each client to compare. When `stop` becomes true, runs that have not
/// ended are left out; the second value says whether all were done.
///
/// # Errors
/// The first [`RunError`] in the order of the plan; [`RunError::Unsupported`] if a client has not got a way that is listed.
///
/// # Panics
/// Without any client.
pub fn compare_fleet(
    clients: &[Scenario],
    plan: &Plan,
    ways: &Ways,
    stop: &AtomicBool,
) -> Result<(FleetCompared, bool), RunError> {
    let scenario = clients.first().expect("there is a client to compare");
    let (rows, refused) = rows(clients, plan, ways)?;
    let jobs: Vec<(usize, u64)> =
        rows.iter().enumerate().flat_map(|(i, row)| row.seeds.iter().map(move |seed| (i, *seed))).collect();
    let run = |&(row, seed): &(usize, u64)| {
        let RowSpec { scenario, scheduler, cap, .. } = &rows[row];
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let spec = RunSpec { client: scenario.consumer.client, scheduler: *scheduler, cap: *cap, seed };
        // How far a run that was cut short has come depends on when that was: nothing to compare with.
        simulate_fleet(scenario, &spec, stop).map(|m| Some(m).filter(|m| !matches!(m.end, End::Interrupted { .. })))
    };
    // Results first, errors later: collecting into a `Result` in parallel would report whichever error came first in time.
    let results: Vec<Result<Option<FleetMetrics>, RunError>> = jobs.par_iter().map(run).collect();
    let mut runs: Vec<Vec<FleetMetrics>> = rows.iter().map(|_| Vec::new()).collect();
    for ((row, _), result) in jobs.iter().zip(results) {
        runs[*row].extend(result?);
    }
    let complete = runs.iter().map(Vec::len).sum::<usize>() == jobs.len();
    let names: Vec<String> = scenario.topics.iter().map(|t| t.name.clone()).collect();
    let rows = rows.iter().zip(&runs).filter(|(_, runs)| !runs.is_empty());
    let compared = FleetCompared {
        scenario: scenario.name.clone(),
        description: scenario.description.clone(),
        scenario_digest: digest(format!("{clients:?}").as_bytes()),
        seed: plan.seed,
        topics: scenario
            .topics
            .iter()
            .map(|t| FleetLoad { topic: t.name.clone(), partitions: t.partitions, backlog_records: t.backlog })
            .collect(),
        instances: scenario
            .instances
            .iter()
            .map(|i| InstancePlan {
                joins_us: i.joins.into(),
                leaves_us: i.leaves.map(|l| l.at.into()),
                how: i.leaves.map(|l| l.how.as_str().to_owned()),
                returns_us: i.leaves.and_then(|l| l.returns).map(Into::into),
            })
            .collect(),
        rows: rows.map(|(row, runs)| reduce(row, runs, &names)).collect(),
        refused,
    };
    Ok((compared, complete))
}

fn rows(clients: &[Scenario], plan: &Plan, ways: &Ways) -> Result<(Vec<RowSpec>, Vec<Refused>), RunError> {
    let (mut rows, mut refused) = (Vec::new(), Vec::new());
    for scenario in clients {
        let client = scenario.consumer.client;
        let schedulers = if plan.schedulers.is_empty() { &scenario.scheduler.names } else { &plan.schedulers };
        for &scheduler in schedulers {
            for way in ways_of(scenario, client, ways)? {
                let scenario = way.applied(scenario);
                let split = copartition::check(&scenario, scheduler).err().filter(|_| scenario.group.copartitioned);
                if let Some(refusal) = split {
                    if *ways != Ways::All {
                        return Err(RunError::Split(refusal));
                    }
                    note(&mut refused, scheduler, way, &refusal.to_string());
                    continue;
                }
                // Which member comes first is drawn by the coordinator.
                let random = way != Way::Explicit || is_random(client, &scenario);
                let seeds = if random { plan.seeds.unwrap_or(SEEDS_DEFAULT) } else { 1 };
                let seeds: Vec<u64> = (0..u64::from(seeds)).map(|i| plan.seed.wrapping_add(i)).collect();
                let caps = if plan.caps.is_empty() { vec![scenario.cap(scheduler)] } else { plan.caps.clone() };
                rows.extend(caps.into_iter().map(|cap| RowSpec {
                    scenario: scenario.clone(),
                    way,
                    scheduler,
                    cap,
                    seeds: seeds.clone(),
                }));
            }
        }
    }
    Ok((rows, refused))
}

fn ways_of(scenario: &Scenario, client: Client, ways: &Ways) -> Result<Vec<Way>, RunError> {
    match ways {
        Ways::Own => Ok(vec![Way::of(scenario)]),
        Ways::All => Ok(Way::ALL.into_iter().filter(|w| w.is_of(client)).collect()),
        Ways::Listed(listed) => match listed.iter().find(|w| !w.is_of(client)) {
            Some(way) => {
                let has: Vec<&str> = Way::ALL.into_iter().filter(|w| w.is_of(client)).map(Way::as_str).collect();
                let has = has.join(", ");
                Err(RunError::Unsupported(format!("{client} has no assignment `{way}`; it has {has}")))
            }
            None => Ok(listed.clone()),
        },
    }
}

/// What is refused for the same reason is said once.
fn note(refused: &mut Vec<Refused>, scheduler: Name, way: Way, reason: &str) {
    if !refused.iter().any(|r| r.reason == reason) {
        refused.push(Refused { schedulers: Vec::new(), assignments: Vec::new(), reason: reason.to_owned() });
    }
    let Some(it) = refused.iter_mut().find(|r| r.reason == reason) else { return };
    for (list, name) in [(&mut it.schedulers, scheduler.as_str()), (&mut it.assignments, way.as_str())] {
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
}

fn reduce(row: &RowSpec, runs: &[FleetMetrics], names: &[String]) -> FleetRow {
    let measures: Vec<FleetMeasures> = runs.iter().map(|run| FleetMeasures::of(run, names)).collect();
    let agree = measures.iter().all(|m| *m == measures[0]);
    let mut ends = Ends::default();
    for run in runs {
        *match run.end {
            End::Complete => &mut ends.complete,
            End::LimitReached { .. } => &mut ends.limit_reached,
            End::Interrupted { .. } => &mut ends.interrupted,
            End::Failed(_) => &mut ends.failed,
        } += 1;
    }
    let failure = runs.iter().find_map(|run| match &run.end {
        End::Failed(why) => Some(why.clone()),
        _ => None,
    });
    FleetRow {
        client: row.scenario.consumer.client.to_string(),
        scheduler: row.scheduler.to_string(),
        cap_records: row.cap,
        assignment: row.way.to_string(),
        copartitioned: copartition::check(&row.scenario, row.scheduler).is_ok(),
        seeds: runs.len() as u32,
        ends,
        median: FleetMeasures::reduce(&measures, Pick::Median),
        worst: (!agree).then(|| FleetMeasures::reduce(&measures, Pick::Worst)),
        failure,
        fingerprint: digest(&runs.iter().flat_map(|run| run.fingerprint.to_le_bytes()).collect::<Vec<u8>>()),
    }
}
