//! What to run: scenario, clients, schedulers, caps, seeds.

use std::path::Path;

use fairdrain::compare::Plan;
use fairdrain::fleet::{Way, Ways};
use fairdrain::policy::Name;
use fairdrain::scenario::{Client, Scenario};

use super::exit::usage;
use super::output::{Shown, note};
use super::profile;

/// Most runs of one row: beyond that a typing error is likelier than patience.
const SEEDS_MAX: i64 = 1_000_000;

/// What to compare.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "What to run")]
pub(crate) struct Args {
    /// Schedulers, separated by commas: single, multi-gather, multi-sequential, multi, fair, complete-first
    /// [default: the scenario's]
    #[arg(short, long = "scheduler", value_name = "NAME", value_delimiter = ',')]
    schedulers: Vec<Name>,

    /// Client models, separated by commas: aiokafka, kafka-python, librdkafka, java, java-async, ideal [default: the scenario's]
    #[arg(short, long = "client", value_name = "NAME", value_delimiter = ',')]
    clients: Vec<Client>,

    /// Most records of one poll (max.poll.records), separated by commas [default: the scenario's, per scheduler]
    #[arg(long = "cap", alias = "max-poll-records", value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=i64::from(i32::MAX)))]
    caps: Vec<u32>,

    /// Seed of everything drawn at random: the data, and what clients and network draw in the first run [default: the scenario's]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// How many seeds (N, N+1, ...) to run clients with whose behaviour is partly random, on the same data [default: 25]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=SEEDS_MAX))]
    seeds: Option<u32>,

    #[command(flatten)]
    profile: profile::Args,
}

/// How instances share partitions.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "What to run")]
pub(crate) struct Sharing {
    /// How the instances of a scenario share partitions, separated by commas: range, roundrobin, cooperative-sticky,
    /// consumer:range, consumer:uniform, explicit [default: run: the scenario's; compare: all that the client has]
    #[arg(long = "assignment", value_name = "NAME", value_delimiter = ',')]
    assignments: Vec<Way>,
}

impl Sharing {
    /// The ways to be run with a scenario; `otherwise`, if none was asked for.
    pub(crate) fn ways(&self, scenario: &Scenario, otherwise: Ways) -> anyhow::Result<Ways> {
        if self.assignments.is_empty() {
            return Ok(otherwise);
        }
        if !scenario.has_instances() {
            usage!("--assignment: {} has no [[instances]] that could share partitions", scenario.name);
        }
        Ok(Ways::Listed(distinct(&self.assignments)))
    }
}

/// A scenario once for each client, and what to do with it.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    pub(crate) clients: Vec<Scenario>,
    pub(crate) plan: Plan,
    /// With instances: how they share partitions.
    pub(crate) ways: Ways,
}

impl Args {
    /// Loads a scenario (a file, or a bundled one by name) and works out what is to run. Everything that can be refused is refused here.
    pub(crate) fn select(&self, scenario: &Path, shown: Shown) -> anyhow::Result<Selected> {
        let profiles = self.profile.load()?;
        let parsed = Scenario::load(scenario)?;
        let mut parsed = match &self.clients[..] {
            [] => vec![parsed],
            clients => {
                let mut each = Vec::new();
                for client in distinct(clients) {
                    each.push(parsed.with_client(client)?);
                }
                each
            }
        };
        if !shown.quiet {
            let mut said = Vec::new();
            for warning in parsed.iter().flat_map(|p| p.warnings()).map(|w| w.one_line()) {
                // A warning that has nothing to do with the client comes with each of them.
                if !said.contains(&warning) {
                    note(&format!("warning: {warning}"));
                    said.push(warning);
                }
            }
        }
        profiles.check(&parsed.iter().map(|p| p.scenario.consumer.client).collect::<Vec<_>>())?;
        parsed.iter_mut().for_each(|p| profiles.apply(p));
        let mut clients: Vec<Scenario> = parsed.into_iter().map(|p| p.scenario).collect();
        if let Some(seed) = self.seed {
            clients.iter_mut().for_each(|c| c.seed = seed);
        }
        let plan = Plan {
            schedulers: distinct(&self.schedulers),
            caps: distinct(&self.caps),
            seed: self.seed.unwrap_or(clients[0].seed),
            seeds: self.seeds,
            permute_names: 0,
        };
        for client in &clients {
            let schedulers = if plan.schedulers.is_empty() { &client.scheduler.names } else { &plan.schedulers };
            for &scheduler in schedulers {
                if let Err(incapable) = scheduler.means(client.consumer.client) {
                    usage!("{incapable}");
                }
            }
        }
        Ok(Selected { clients, plan, ways: Ways::Own })
    }

    /// Refuses what only a simulation can do.
    pub(crate) fn check_real(&self) -> anyhow::Result<()> {
        if self.profile.is_given() {
            usage!("--profile is for the simulation: a real run costs what it costs");
        }
        Ok(())
    }

    /// The same, where exactly one client, scheduler, cap and seed are meant: of several, the first.
    pub(crate) fn select_one(&self, scenario: &Path, shown: Shown) -> anyhow::Result<Selected> {
        for (flag, given) in
            [("--scheduler", self.schedulers.len()), ("--client", self.clients.len()), ("--cap", self.caps.len())]
        {
            if given > 1 {
                usage!("`run` takes one value of {flag}; `compare` takes several");
            }
        }
        let mut selected = self.select(scenario, shown)?;
        selected.plan.schedulers.extend(selected.clients[0].scheduler.names.iter().copied());
        selected.plan.schedulers.truncate(1);
        selected.plan.seeds = Some(selected.plan.seeds.unwrap_or(1));
        Ok(selected)
    }

    /// Takes these where nothing was asked for.
    pub(crate) fn or(mut self, clients: &[Client], schedulers: &[Name]) -> Self {
        if self.clients.is_empty() {
            self.clients = clients.to_vec();
        }
        if self.schedulers.is_empty() {
            self.schedulers = schedulers.to_vec();
        }
        self
    }
}

/// The first of each: asking twice for the same thing is no reason to run it twice.
fn distinct<T: Copy + PartialEq>(given: &[T]) -> Vec<T> {
    let mut kept = Vec::new();
    for &item in given {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
