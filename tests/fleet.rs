//! Several instances that come and go: nothing is lost, keys stay together, and it always ends.

use fairdrain::fleet::{FleetMetrics, FleetSimulation, Way};
use fairdrain::policy::Name;
use fairdrain::run::RunSpec;
use fairdrain::scenario::Scenario;

fn scenario(more: &str) -> Scenario {
    let text = format!(
        "schema_version = 1\n[[topics]]\nname = \"A\"\nbacklog = 6000\npartitions = 4\nkeys = 8\n[[topics]]\nname = \"B\"\nbacklog = 1200\n\
         partitions = 4\nkeys = 8\nbatch_records = 50\n[consumer]\nclient = \"librdkafka\"\ncommit = \"per-batch\"\n[application]\n\
         processing_per_record = \"5 ms\"\n[limits]\ntime = \"10 min\"\n{more}"
    );
    Scenario::from_toml(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}\n{text}")).scenario
}

fn run(scenario: &Scenario, scheduler: Name) -> FleetMetrics {
    let spec = RunSpec { client: scenario.consumer.client, scheduler, cap: 100, seed: scenario.seed };
    FleetSimulation::new(scenario, &spec).unwrap_or_else(|e| panic!("{e}")).run(spec.seed)
}

#[test]
fn look() {
    for more in [
        "[[instances]]\ncount = 1\n",
        "[[instances]]\ncount = 3\n",
        "[group]\ncopartitioned = false\n[[instances]]\ncount = 2\n[[instances]]\nleaves = \"8 s\"\nreturns = \"15 s\"\n",
        "[group]\ncopartitioned = false\n[[instances]]\ncount = 2\n[[instances]]\nleaves = \"8 s\"\nhow = \"crash\"\nreturns = \"15 s\"\n",
    ] {
        let s = scenario(more);
        for way in [Way::Range, Way::RoundRobin, Way::CooperativeSticky, Way::ConsumerRange, Way::ConsumerUniform] {
            for scheduler in [Name::Single, Name::Fair, Name::Multi] {
                let mut s = way.applied(&s);
                s.group.copartitioned = false;
                let m = run(&s, scheduler);
                println!(
                    "{more:?} {way} {scheduler}: {:?} drain {:?} ttci {:?} split {} dup {} reb {:?} first {:?} stopped {:?} committed {:?} refused {} polls {} {:?}",
                    m.end,
                    m.drain,
                    m.ttci.p95,
                    m.split,
                    m.duplicates,
                    m.rebalances,
                    m.first_assigned,
                    m.stopped,
                    m.committed,
                    m.commits_refused,
                    m.polls,
                    m.instances.iter().map(|i| (i.processed, i.partitions, i.starts)).collect::<Vec<_>>()
                );
            }
        }
    }
}
