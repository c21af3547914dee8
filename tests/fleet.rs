//! Several instances that come and go: nothing is lost, keys stay together, and a run always ends by name.

use std::sync::atomic::AtomicBool;

use fairdrain::broker::Input;
use fairdrain::copartition::Refusal;
use fairdrain::fleet::{FleetMetrics, FleetSimulation, Way};
use fairdrain::metrics::End;
use fairdrain::policy::Name;
use fairdrain::run::{RunError, RunSpec, Simulation};
use fairdrain::scenario::{Client, Commit, Departure, Instance, Leave, Scenario, Start};
use fairdrain::{ConsumerId, Duration, Run, Time};
use proptest::prelude::*;

/// Two topics of four partitions, 2 400 records of 2 ms, and what a case adds.
fn scenario(more: &str) -> Scenario {
    let text = format!(
        "schema_version = 1\n[[topics]]\nname = \"A\"\nbacklog = 2000\npartitions = 4\nkeys = 8\nbatch_records = 50\n[[topics]]\nname = \
         \"B\"\nbacklog = 400\npartitions = 4\nkeys = 8\nbatch_records = 20\n[consumer]\nclient = \"librdkafka\"\ncommit = \"per-batch\"\n\
         poll.timeout.ms = 100\n[application]\nprocessing_per_record = \"2 ms\"\n[limits]\ntime = \"10 min\"\n{more}"
    );
    Scenario::from_toml(&text, "test.toml").unwrap_or_else(|errors| panic!("{errors}\n{text}")).scenario
}

fn instances(n: usize) -> Scenario {
    Scenario { instances: vec![Instance { joins: Duration::ZERO, leaves: None }; n], ..scenario("[[instances]]\n") }
}

/// Shared out in this way, refused or not.
fn shared(way: Way, scenario: &Scenario) -> Scenario {
    let mut it = way.applied(scenario);
    it.group.copartitioned = false;
    // Quick, so that a rebalance is over while there is work left.
    it.group.heartbeat_interval = Duration::from_millis(100);
    it.group.initial_rebalance_delay = Duration::ZERO;
    it
}

fn simulation(scenario: &Scenario, scheduler: Name) -> FleetSimulation {
    let spec = RunSpec { client: scenario.consumer.client, scheduler, cap: 50, seed: scenario.seed };
    FleetSimulation::new(scenario, &spec).unwrap_or_else(|e| panic!("{e}"))
}

fn run(scenario: &Scenario, scheduler: Name) -> FleetMetrics {
    simulation(scenario, scheduler).run(scenario.seed)
}

fn processed(run: &FleetMetrics) -> u64 {
    run.instances.iter().map(|i| i.processed).sum()
}

/// What has to hold however instances come and go, as long as somebody stays.
fn nothing_is_lost(run: &FleetMetrics, records: u64, what: &str) {
    assert_eq!(run.end, End::Complete, "{what}");
    assert_eq!(run.left(), 0, "{what}");
    assert_eq!(processed(run), records + run.duplicates, "{what}");
    assert_eq!(run.committed, Some(true), "{what}");
}

#[test]
fn one_to_four_instances_process_every_record_once_under_every_scheduler_and_assignment() {
    for n in 1..=4 {
        for way in Way::ALL {
            for scheduler in Name::ALL {
                let what = format!("{n} instances, {way}, {scheduler}");
                let run = run(&shared(way, &instances(n)), scheduler);
                nothing_is_lost(&run, 2400, &what);
                assert_eq!(run.duplicates, 0, "{what}");
                assert!(run.instances.iter().all(|i| i.starts == 1), "{what}");
            }
        }
    }
}

#[test]
fn what_is_not_refused_keeps_each_key_on_one_instance() {
    let mut allowed = 0;
    for n in 1..=4 {
        for way in Way::ALL {
            for scheduler in Name::ALL {
                let it = way.applied(&instances(n));
                let spec = RunSpec { client: Client::Librdkafka, scheduler, cap: 50, seed: 1 };
                let Ok(simulation) = FleetSimulation::new(&it, &spec) else { continue };
                for seed in 1..=3 {
                    let run = simulation.run(seed);
                    assert_eq!((run.split, run.apart, run.ttci.never), (0, 0, 0), "{n} instances, {way}, {scheduler}");
                }
                allowed += 1;
            }
        }
    }
    // One instance: everything. Several: explicit under all six, range under both protocols under the three with one consumer.
    assert_eq!(allowed, 6 * 6 + 3 * (6 + 2 * 3));
}

#[test]
fn what_is_refused_splits_keys() {
    for (way, scheduler) in [
        (Way::RoundRobin, Name::Fair),
        (Way::CooperativeSticky, Name::Single),
        (Way::ConsumerUniform, Name::Fair),
        (Way::Range, Name::Multi),
        (Way::ConsumerRange, Name::MultiGather),
    ] {
        // Three instances: four partitions do not go round evenly.
        let it = shared(way, &instances(3));
        let simulation = simulation(&it, scheduler);
        assert!(simulation.means().is_err(), "{way} {scheduler}");
        let apart = (1..=5).map(|seed| simulation.run(seed).apart).max();
        assert!(apart > Some(0), "{way} {scheduler}: no key was apart with any seed");
    }
}

#[test]
fn a_refused_combination_does_not_run_unless_the_scenario_says_so() {
    let it = Way::RoundRobin.applied(&instances(3));
    let spec = RunSpec { client: Client::Librdkafka, scheduler: Name::Fair, cap: 50, seed: 1 };
    let refused = FleetSimulation::new(&it, &spec).expect_err("roundrobin");
    assert!(matches!(&refused, RunError::Split(Refusal::Assignor { .. })), "{refused}");
    assert!(FleetSimulation::new(&shared(Way::RoundRobin, &instances(3)), &spec).is_ok());
}

#[test]
fn a_partitioner_of_its_own_takes_a_topics_keys_elsewhere() {
    let mut it = shared(Way::Range, &instances(2));
    it.topics[0].partitioner = Some(fairdrain::scenario::Partitioner::Murmur2);
    it.topics[1].partitioner = Some(fairdrain::scenario::Partitioner::Consistent);
    let run = run(&it, Name::Fair);
    nothing_is_lost(&run, 2400, "two partitioners");
    assert!(run.split > 0 && run.split == run.ttci.never, "{} of {} are split", run.split, run.ttci.keys);
}

#[test]
fn a_restart_in_order_costs_no_record_twice() {
    for way in Way::ALL {
        let mut it = shared(way, &instances(3));
        let at = Duration::from_millis;
        it.instances[1].leaves = Some(Leave { at: at(700), how: Departure::Stop, returns: Some(at(900)) });
        let run = run(&it, Name::Fair);
        nothing_is_lost(&run, 2400, way.as_str());
        assert_eq!(run.instances[1].starts, 2, "{way}");
        // What is in hand when another one's rebalance begins is done and committed before partitions move.
        assert_eq!(run.duplicates, 0, "{way}");
    }
}

#[test]
fn a_crash_costs_no_more_twice_than_was_in_hand() {
    for way in [Way::Range, Way::ConsumerRange, Way::Explicit] {
        let mut it = shared(way, &instances(3));
        let (at, returns) = (Duration::from_millis(733), Some(Duration::from_millis(900)));
        it.instances[2].leaves = Some(Leave { at, how: Departure::Crash, returns });
        let run = run(&it, Name::Fair);
        nothing_is_lost(&run, 2400, way.as_str());
        assert!(run.duplicates <= 50, "{way}: {} records twice, with 50 in hand at most", run.duplicates);
        if way == Way::Explicit {
            assert!(run.drain < Some(Duration::from_secs(15)), "nobody waits for a session: {:?}", run.drain);
        } else {
            assert!(run.stopped.longest > Duration::from_secs(30), "{way}: everybody waits for the session");
        }
    }
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let (at, returns) = (Duration::from_millis(6_333), Some(Duration::from_millis(6_500)));
    let rebalances = |is_static| {
        let mut it = instances(3);
        it.group.is_static = is_static;
        it.instances[2].leaves = Some(Leave { at, how: Departure::Crash, returns });
        let run = run(&it, Name::Fair);
        nothing_is_lost(&run, 2400, "static");
        (run.rebalances(), run.stopped.longest > Duration::from_secs(1))
    };
    assert_eq!(rebalances(true), (1, false));
    assert_eq!(rebalances(false), (2, true));
}

#[test]
fn an_eager_rebalance_stops_everybody_and_an_incremental_one_does_not() {
    let stopped = |way| {
        let mut it = shared(way, &instances(3));
        it.instances[2].joins = Duration::from_millis(700);
        run(&it, Name::Fair).stopped.total
    };
    assert!(stopped(Way::Range) > Duration::from_millis(1), "{}", stopped(Way::Range));
    for way in [Way::CooperativeSticky, Way::ConsumerRange, Way::ConsumerUniform] {
        assert_eq!(stopped(way), Duration::ZERO, "{way}");
    }
}

#[test]
fn when_everybody_has_left_the_limit_ends_the_run() {
    let mut it = instances(1);
    it.limits.time = Duration::from_secs(60);
    it.instances[0].leaves = Some(Leave { at: Duration::from_secs(4), how: Departure::Stop, returns: None });
    let run = run(&it, Name::Fair);
    let End::LimitReached { limit: "time", left } = &run.end else { panic!("{:?}", run.end) };
    assert_eq!(left.iter().sum::<u64>(), run.left());
    assert_eq!(processed(&run), 2400 - run.left());
    assert_eq!(run.ended_after, Duration::from_secs(60));
}

#[test]
fn records_that_arrive_are_waited_for() {
    let it = scenario("[[instances]]\ncount = 2\n");
    let arriving: String = "schema_version = 1\n[[topics]]\nname = \"A\"\nbacklog = 70\npartitions = 3\narrival = { rate = \"10/s\", until = \
                            \"20 s\", batch_records = 4 }\n[consumer]\nclient = \"librdkafka\"\ncommit = \"on-stop\"\n[[instances]]\ncount = 2\n"
        .to_owned();
    let arriving = Scenario::from_toml(&arriving, "x.toml").expect("legal").scenario;
    let run = run(&Scenario { application: it.application, ..arriving }, Name::Single);
    nothing_is_lost(&run, 70 + 200, "arrivals");
    assert!(run.ended_after >= Duration::from_secs(20));
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_other_members() {
    let it = shared(Way::Range, &instances(3));
    let simulation = simulation(&it, Name::Multi);
    assert_eq!(simulation.run(3), simulation.run(3));
    assert_ne!(simulation.run(3).fingerprint, simulation.run(4).fingerprint);
}

/// Who was handed what, in that order.
type Handed = Vec<(ConsumerId, Vec<Run>)>;

fn handed_by_the_fleet(scenario: &Scenario, scheduler: Name) -> (Handed, Vec<Time>) {
    let (mut handed, mut times) = (Handed::new(), Vec::new());
    let mut watch = |_: u32, at: Time, input: &Input| {
        if let Input::Delivered { consumer, runs, .. } = input {
            handed.push((*consumer, runs.clone()));
            times.push(at);
        }
    };
    let ended = simulation(scenario, scheduler).run_watched(scenario.seed, &mut watch, &AtomicBool::new(false));
    assert_eq!(ended.end, End::Complete);
    (handed, times)
}

fn handed_alone(scenario: &Scenario, scheduler: Name) -> Handed {
    struct Watch(Handed);
    impl fairdrain::drive::Observer for Watch {
        fn on_action(&mut self, _: Time, _: &fairdrain::broker::Action) {}
        fn on_signal(&mut self, _: &fairdrain::broker::Signal) {}
        fn on_input(&mut self, _: Time, input: &Input) {
            if let Input::Delivered { consumer, runs, .. } = input {
                self.0.push((*consumer, runs.clone()));
            }
        }
        fn demand(&mut self) -> Option<fairdrain::TopicSet> {
            None
        }
        fn is_done(&self, _: Time) -> bool {
            false
        }
    }
    let spec = RunSpec { client: scenario.consumer.client, scheduler, cap: 50, seed: scenario.seed };
    let (metrics, watch) = Simulation::new(scenario, &spec).expect("it can").run_observed(spec.seed, Watch(Vec::new()));
    assert_eq!(metrics.end, End::Complete);
    watch.0
}

/// An instance by itself is handed what a single process is: the same polls in the same order. (Its keys are in one partition, so
/// `complete-first` may prefer other topics where there are several.)
#[test]
fn one_instance_polls_as_a_run_of_one_process_does() {
    for scheduler in Name::ALL {
        let mut it = instances(1);
        // The ideal client has no start-up of its own that a group changes.
        it.consumer.client = Client::Ideal;
        it.topics.iter_mut().for_each(|t| t.partitions = 1);
        it.consumer.start = Start::Assign;
        let (fleet, _) = handed_by_the_fleet(&it, scheduler);
        let alone = handed_alone(&Scenario { instances: Vec::new(), ..it }, scheduler);
        let full =
            |handed: &Handed| -> Handed { handed.iter().filter(|(_, runs)| !runs.is_empty()).cloned().collect() };
        assert_eq!(full(&fleet), full(&alone), "{scheduler}");
    }
}

/// Starts, stops and crashes at any time; the first instance stays.
fn any_life() -> impl Strategy<Value = Vec<Instance>> {
    let ms = |range: core::ops::Range<u64>| range.prop_map(Duration::from_millis);
    let leave = (ms(1..2_000), any::<bool>(), prop::option::of(ms(1..2_000)));
    let instance = (ms(0..2_500), prop::option::of(leave)).prop_map(|(joins, leave)| Instance {
        joins,
        leaves: leave.map(|(after, crash, back)| {
            let at = joins + after;
            let how = if crash { Departure::Crash } else { Departure::Stop };
            Leave { at, how, returns: back.map(|after| at + after) }
        }),
    });
    prop::collection::vec(instance, 0..4).prop_map(|others| {
        let first = Instance { joins: Duration::ZERO, leaves: None };
        [vec![first], others].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_comes_and_goes_nothing_is_lost(
        life in any_life(),
        client in prop::sample::select(Client::all().collect::<Vec<_>>()),
        way in any::<prop::sample::Index>(),
        scheduler in any::<prop::sample::Index>(),
        seed in 1..1_000_u64,
        commit in prop::sample::select(vec![Commit::PerBatch, Commit::OnStop, Commit::Interval(Duration::from_millis(300))]),
    ) {
        // In a group: explicit assignment is for instances that come back.
        let way = *way.get(&Way::ALL.into_iter().filter(|w| w.is_of(client) && *w != Way::Explicit).collect::<Vec<_>>());
        let scheduler = *scheduler.get(&Name::ALL.into_iter().filter(|s| s.means(client).is_ok()).collect::<Vec<_>>());
        let mut it = shared(way, &instances(life.len()));
        it.consumer.client = client;
        it.instances.clone_from(&life);
        it.consumer.commit = commit;
        let what = format!("{client} {way} {scheduler} {commit:?} {life:?}, seed {seed}");
        let mut run = simulation(&it, scheduler).run(seed);
        let crashes = life.iter().any(|i| i.leaves.is_some_and(|l| l.how == Departure::Crash));
        if crashes && run.committed == Some(false) {
            // Processed by a process that died before it committed, and by then there was nothing left to do.
            run.committed = Some(true);
        }
        nothing_is_lost(&run, 2400, &what);
        // Twice is only what could not be committed.
        prop_assert!(crashes || run.commits_refused > 0 || run.duplicates == 0, "{}: {} twice", what, run.duplicates);
    }
}
