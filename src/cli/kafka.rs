//! The backends `kafka` and `mock`: each scheduler drains the same loaded topics, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fairdrain::broker::kafka::{self, Drained, Options, Outcome, Request, Target};
use fairdrain::compare::{RowRuns, summarize};
use fairdrain::metrics::{End, Fold};
use fairdrain::report::{Environment, Verification};
use fairdrain::run::{RunSpec, layout};
use fairdrain::scenario::{Client, Scenario};
use fairdrain::session::Config;

use super::compare::Runs;
use super::exit::usage;
use super::output::note;
use super::select::Selected;

/// Drains every scenario with every scheduler and cap, as often as there are seeds (once, unless asked otherwise). Says in
/// `environment` what it ran on.
pub(crate) fn drain(
    selected: &[Selected],
    servers: Option<&str>,
    properties: &[(String, String)],
    keep: bool,
    stop: &Arc<AtomicBool>,
    environment: &mut Environment,
) -> anyhow::Result<Runs> {
    for one in selected {
        if let Some(other) = one.clients.iter().find(|s| s.consumer.client != Client::Librdkafka) {
            usage!(
                "scenario `{}` is about {}, and this backend is the real librdkafka: add --client librdkafka, or leave --backend out",
                other.name,
                other.consumer.client,
            );
        }
    }
    let target = servers.map_or(Target::Mock, |servers| Target::Cluster(servers.to_owned()));
    let options = Options { properties: properties.to_vec(), keep, interrupt: Arc::clone(stop), ..Options::default() };
    let mut scenarios = Vec::new();
    for one in selected {
        let mut rows: Vec<RowRuns> = Vec::new();
        for scenario in &one.clients {
            let schedulers =
                if one.plan.schedulers.is_empty() { &scenario.scheduler.names } else { &one.plan.schedulers };
            let caps: Vec<Option<u32>> =
                if one.plan.caps.is_empty() { vec![None] } else { one.plan.caps.iter().copied().map(Some).collect() };
            for cap in caps {
                for repeat in 0..u64::from(one.plan.seeds.unwrap_or(1)) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let seed = one.plan.seed.wrapping_add(repeat);
                    // The data is the same in every repetition.
                    let data = scenario.seed;
                    let request = Request { scenario, schedulers, cap, seed: data, target: &target, options: &options };
                    let spec = |scheduler| RunSpec {
                        client: scenario.consumer.client,
                        scheduler,
                        cap: cap.unwrap_or_else(|| scenario.cap(scheduler)),
                        seed,
                    };
                    let outcome = kafka::run(&request, |scheduler| fold(scenario, &spec(scheduler)))?;
                    tell(&outcome, environment);
                    for drained in outcome.drains {
                        add(&mut rows, &spec(drained.scheduler), drained);
                    }
                }
            }
        }
        scenarios.push(summarize(&one.clients, one.plan.seed, rows));
    }
    Ok(Runs::Done { scenarios, fleets: Vec::new(), complete: !stop.load(Ordering::Relaxed) })
}

fn fold(scenario: &Scenario, spec: &RunSpec) -> Fold {
    let config = Config::new(spec.scheduler, &scenario.settings(spec.client, spec.cap), scenario.consumer.commit);
    Fold::new(scenario, &layout(spec.scheduler, &config, false))
}

fn tell(outcome: &Outcome<Fold>, environment: &mut Environment) {
    environment.librdkafka_version = Some(outcome.environment.librdkafka.clone());
    environment.bootstrap_servers = Some(outcome.environment.servers.clone());
    if !outcome.order_kept {
        note(
            "warning: librdkafka fetches in a hash order of the topics' names, and those on the cluster put them in another order than \
             the scenario's: a simulation may show other topics waiting",
        );
    }
    if let Some(reason) = &outcome.left_behind {
        note(&format!("warning: not all topics could be deleted: {reason}"));
    }
}

/// Adds a drain to its row, which it may be the first of.
fn add(rows: &mut Vec<RowRuns>, spec: &RunSpec, drained: Drained<Fold>) {
    let mut metrics = drained.observer.finish(drained.ended, None);
    if let Some(reason) = drained.failure {
        metrics.end = End::Failed(reason);
    }
    let v = &drained.verification;
    let verification = Verification {
        exact: v.is_exact(),
        delivered_records: v.delivered,
        duplicate_records: v.duplicates,
        skipped_records: v.gaps,
        undelivered_records: v.undelivered,
        wrong_records: v.wrong,
    };
    let same = |r: &&mut RowRuns| (r.client, r.scheduler, r.cap) == (spec.client, spec.scheduler, spec.cap);
    match rows.iter_mut().find(same) {
        Some(row) => {
            row.runs.push((spec.seed, metrics));
            // One that is not exact must not hide behind one that is.
            if row.verification.is_none_or(|before| before.exact) {
                row.verification = Some(verification);
            }
        }
        None => rows.push(RowRuns {
            client: spec.client,
            scheduler: spec.scheduler,
            cap: spec.cap,
            random: false,
            runs: vec![(spec.seed, metrics)],
            renamed: Vec::new(),
            verification: Some(verification),
        }),
    }
}
