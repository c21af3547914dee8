//! What holds for consumer groups, rule by rule.

mod team;

use fairdrain_sim::event::Ties;
use fairdrain_sim::fleet::Fleet;
use fairdrain_sim::group::{Assignor, GroupConfig, OffsetReset, Protocol};
use fairdrain_sim::{Duration, Fatal, Output};
use proptest::prelude::*;
use team::{Do, Team, at, clients, fleet, ideal, java, librdkafka, ms, p, secs};

fn classic(assignor: Assignor) -> GroupConfig {
    GroupConfig { assignor, ..GroupConfig::of(Protocol::Classic) }
}

/// Without the initial delay.
fn prompt(assignor: Assignor) -> GroupConfig {
    GroupConfig { initial_rebalance_delay: ms(0), ..classic(assignor) }
}

const FEW: [(&str, u32, u64); 2] = [("A", 4, 200), ("B", 4, 50)];
const TWO: [(&str, u32, u64); 2] = [("A", 4, 2_000), ("B", 4, 300)];

#[test]
fn two_members_share_the_partitions_and_drain_everything() {
    for client in clients() {
        let team = Team::new(&fleet(prompt(Assignor::Range), &client, 2, &TWO)).open_all().until(60_000);
        assert_eq!(team.total(), 9_200, "{client:?}");
        assert_eq!(team.seen.iter().map(|s| s.owned.len()).collect::<Vec<_>>(), [4, 4]);
        for partition in team.all.keys() {
            assert_eq!(team.committed(*partition), Some(team.all[partition]));
        }
    }
}

#[test]
fn the_initial_delay_gathers_members_into_one_rebalance() {
    let config = fleet(classic(Assignor::Range), &librdkafka(), 3, &TWO);
    let team = Team::new(&config).then(0, Do::Open(0)).then(1_000, Do::Open(1)).then(4_500, Do::Open(2)).until(12_000);
    // Begun at 0.06 s; extended at 3.06 s and at 6.06 s.
    assert_eq!(team.fleet.coordinator().rebalances("g"), 1);
    assert!(team.seen[0].assigned[0].0 >= at(9_000) && team.seen[0].assigned[0].0 < at(9_200));
}

#[test]
fn an_eager_rebalance_takes_everything_and_a_cooperative_one_only_what_moves() {
    for (assignor, taken) in [(Assignor::Range, 8), (Assignor::RoundRobin, 8), (Assignor::CooperativeSticky, 4)] {
        let config = fleet(prompt(assignor), &ideal(), 2, &TWO);
        let team = Team::new(&config).then(0, Do::Open(0)).then(500, Do::Open(1)).until(20_000);
        let revoked: usize = team.seen[0].revoked.iter().map(|(_, p)| p.len()).sum();
        assert_eq!(revoked, taken, "{assignor:?}");
        assert_eq!(team.seen.iter().map(|s| s.owned.len()).collect::<Vec<_>>(), [4, 4]);
        assert_eq!(team.total(), 9_200);
    }
}

/// One poll of Java's takes 20 s: it learns of a rebalance only after that.
#[test]
fn a_slow_member_holds_a_join_up_until_it_polls_or_its_poll_interval_is_over() {
    let assigned = |per_record: u64, interval: u64| {
        let group = GroupConfig { max_poll_interval: secs(interval), ..prompt(Assignor::Range) };
        let mut config = fleet(group, &java(), 2, &FEW);
        config.instances[0].world.topics.iter_mut().for_each(|t| t.per_record = ms(per_record));
        let team = Team::new(&config).then(0, Do::Open(0)).then(10_000, Do::Open(1)).until(100_000);
        (team.seen[1].assigned[0].0, team.seen[0].lost)
    };
    // Polls of 50 records: 20 s. The one that begins at 0.5 s ends at 20.5 s.
    let (at_poll, lost) = assigned(400, 300);
    assert!(at_poll > at(20_000) && at_poll < at(22_000), "{at_poll}");
    assert_eq!(lost, 0);
    let (at_interval, lost) = assigned(400, 15);
    assert!(at_interval > at(15_000) && at_interval < at(17_000), "{at_interval}");
    assert!(lost > 0);
}

#[test]
fn a_revocation_is_held_until_the_application_lets_go_or_the_deadline_comes() {
    for assignor in [Assignor::Range, Assignor::CooperativeSticky, Assignor::Uniform] {
        let base = if assignor == Assignor::Uniform { GroupConfig::of(Protocol::Consumer) } else { prompt(assignor) };
        let group = GroupConfig { max_poll_interval: secs(30), ..base };
        let mut team = Team::new(&fleet(group, &librdkafka(), 2, &TWO)).then(0, Do::Open(0)).then(10_000, Do::Open(1));
        team.holds = true;
        let held = team.clone().until(25_000);
        assert!(held.seen[0].held.is_some(), "{assignor:?}");
        let gets = |t: &Team| t.seen[1].assigned.iter().find(|(_, p)| !p.is_empty()).map(|(at, _)| *at);
        assert_eq!(gets(&held), None, "{assignor:?}");
        let mut let_go = held.clone();
        let_go.release(0);
        let let_go = gets(&let_go.until(60_000)).unwrap();
        let overdue = gets(&held.until(60_000)).unwrap();
        assert!(let_go < at(31_000) && overdue > at(36_000), "{assignor:?}: {let_go} {overdue}");
    }
}

/// Without commits, what an eager rebalance takes and gives back comes again; a cooperative one does not touch what stays.
#[test]
fn an_eager_rebalance_repeats_what_is_not_committed_and_a_cooperative_one_does_not() {
    let again = |assignor| {
        let mut config = fleet(prompt(assignor), &ideal(), 2, &[("A", 4, 2_000)]);
        config.instances.iter_mut().for_each(|i| i.world.topics[0].per_record = ms(5));
        let mut team = Team::new(&config).then(0, Do::Open(0)).then(10_000, Do::Open(1));
        team.commits = false;
        let team = team.until(60_000);
        assert_eq!(team.seen[0].owned.len(), 2);
        team.again
    };
    let (eager, cooperative) = (again(Assignor::Range), again(Assignor::CooperativeSticky));
    assert!(cooperative > 500 && eager > 2 * cooperative, "{eager} {cooperative}");
}

#[test]
fn a_crash_is_noticed_when_the_session_is_over_and_a_leave_at_once() {
    for group in [prompt(Assignor::Range), GroupConfig::of(Protocol::Consumer)] {
        let shared = Team::new(&fleet(group, &librdkafka(), 2, &TWO)).open_all();
        let alone = |team: Team| {
            let team = team.until(100_000);
            assert_eq!(team.seen[0].owned.len(), 8);
            team.seen[0].assigned.last().unwrap().0
        };
        let (left, died) = (alone(shared.clone().then(30_000, Do::Close(1))), alone(shared.then(30_000, Do::Crash(1))));
        assert!(left < at(36_000), "by the next heartbeat: {left}");
        // Counted from its last heartbeat.
        assert!(died > at(70_000) && died < at(82_000), "{died}");
    }
}

#[test]
fn a_static_member_comes_back_to_its_partitions_without_a_rebalance() {
    for group in [prompt(Assignor::Range), GroupConfig::of(Protocol::Consumer)] {
        let mut config = fleet(group, &librdkafka(), 2, &TWO);
        for (i, instance) in config.instances.iter_mut().enumerate() {
            instance.static_id = Some(format!("station-{i}"));
        }
        let team = Team::new(&config).open_all().until(20_000);
        let (before, mut had) = (team.fleet.coordinator().rebalances("g"), team.seen[1].owned.clone());
        let others = team.seen[0].assigned.len();
        let back = team.then(21_000, Do::Close(1)).then(40_000, Do::Open(1)).until(60_000);
        let mut has = back.seen[1].owned.clone();
        had.sort_unstable();
        has.sort_unstable();
        assert_eq!(had, has, "{group:?}");
        assert_eq!(back.fleet.coordinator().rebalances("g"), before);
        assert_eq!(back.seen[0].assigned.len(), others, "the other one goes on");
        // Away for longer than the session, it is missed.
        let missed = back.then(61_000, Do::Close(1)).until(120_000);
        assert!(missed.fleet.coordinator().rebalances("g") > before);
        assert_eq!(missed.seen[0].owned.len(), 8);
    }
}

#[test]
fn a_second_process_with_the_same_static_id_fences_the_first_or_is_refused() {
    let twins = |group| {
        let mut config = fleet(group, &librdkafka(), 2, &TWO);
        config.instances.iter_mut().for_each(|i| i.static_id = Some("twin".to_owned()));
        let mut team = Team::new(&config).then(0, Do::Open(0)).then(10_000, Do::Open(1));
        // The second one is given what the first one has, which it will be told of soon.
        team.may_overlap = true;
        let team = team.until(30_000);
        team.seen.iter().map(|s| (s.fatal.is_some(), s.owned.len())).collect::<Vec<_>>()
    };
    assert_eq!(twins(prompt(Assignor::Range)), [(true, 0), (false, 8)]);
    assert_eq!(twins(GroupConfig::of(Protocol::Consumer)), [(false, 8), (true, 0)]);
}

/// The members that are not concerned keep their partitions, and are told nothing.
#[test]
fn under_the_consumer_protocol_nobody_else_stops() {
    let config = fleet(GroupConfig::of(Protocol::Consumer), &librdkafka(), 3, &[("A", 6, 20_000)]);
    let team = Team::new(&config).open_all().until(30_000);
    let team = team.then(31_000, Do::Close(2)).until(60_000);
    for seen in &team.seen[..2] {
        assert!(seen.revoked.iter().all(|(when, _)| *when < at(30_000)), "{:?}", seen.revoked);
        assert_eq!(seen.owned.len(), 3);
    }
}

/// Broker spec 7.1: legal, and each gets its own topics only; but every start stops everybody.
#[test]
fn one_group_with_different_subscriptions_gives_each_its_own_and_rebalances_all() {
    let mut config = fleet(prompt(Assignor::Range), &librdkafka(), 2, &[("A", 2, 2_000)]);
    config.instances[1].world = team::world(librdkafka(), &[("B", 2, 300)]);
    let mut fleet = Fleet::new(&config);
    fleet.world_mut(0).open();
    let mut stops = 0;
    let mut given = [0; 2];
    for second in 0..20 {
        if second == 5 {
            fleet.world_mut(1).open();
        }
        while let Some((_, i, output)) = fleet.next_before(at(second * 1_000)) {
            match output {
                Output::Assigned { partitions, .. } => given[i as usize] += partitions.len(),
                Output::Revoking { consumer, partitions, .. } => {
                    stops += 1;
                    given[i as usize] -= partitions.len();
                    fleet.world_mut(i).revoke_done(consumer);
                }
                _ => {}
            }
        }
    }
    assert_eq!((given, stops), ([2, 2], 1));
    assert_eq!(fleet.coordinator().rebalances("g"), 2);
}

#[test]
fn committed_offsets_are_where_the_next_process_begins_and_latest_is_the_end() {
    for client in clients() {
        let mut config = fleet(prompt(Assignor::Range), &client, 1, &[("A", 1, 1_000), ("B", 1, 500)]);
        config.group.offset_reset = OffsetReset::Latest;
        let mut team = Team::new(&config).open_all();
        team.fleet.preset("g", "A", 0, 600);
        team.all.insert(p(0, 0), 600);
        let team = team.until(20_000);
        assert_eq!(team.seen[0].delivered, 400, "{client:?}");
        assert_eq!(team.committed(p(1, 0)), None, "a position is not committed before anything is processed");
    }
}

#[test]
fn without_an_offset_and_without_a_reset_policy_a_consumer_fails() {
    let mut config = fleet(prompt(Assignor::Range), &librdkafka(), 1, &TWO);
    config.group.offset_reset = OffsetReset::None;
    let team = Team::new(&config).open_all().until(5_000);
    assert_eq!(team.seen[0].fatal, Some(Fatal::NoOffset));
}

#[test]
fn offsets_of_an_empty_group_expire_and_those_of_a_living_one_do_not() {
    let group = GroupConfig { offsets_retention: secs(3_600), ..prompt(Assignor::Range) };
    let drained = |team: Team| team.seen[0].delivered;
    let config = fleet(group, &ideal(), 1, &[("A", 1, 100)]);
    let team = Team::new(&config).open_all().until(10_000);
    let gone = |away: u64| {
        let back = 20_000 + away * 1_000;
        drained(team.clone().then(11_000, Do::Close(0)).then(back, Do::Open(0)).until(back + 10_000))
    };
    assert_eq!((gone(3_000), gone(5_000)), (100, 200));
    assert_eq!(team.until(6_000_000).committed(p(0, 0)), Some(100));
}

#[test]
fn the_same_seed_gives_the_same_fleet_and_a_clone_goes_on_as_the_original() {
    for client in clients() {
        for group in [prompt(Assignor::CooperativeSticky), GroupConfig::of(Protocol::Consumer)] {
            let run = |seed| {
                let mut config = fleet(group, &client, 3, &FEW);
                config.instances.iter_mut().for_each(|i| {
                    i.world.seed = seed;
                    i.world.network.jitter = ms(1);
                    i.world.topics.iter_mut().for_each(|t| t.per_record = ms(20));
                });
                let life = Team::new(&config).then(0, Do::Open(0)).then(500, Do::Open(1)).then(2_000, Do::Open(2));
                life.then(6_000, Do::Crash(1)).until(5_000)
            };
            let (half, other) = (run(1), run(2));
            let whole = half.clone().until(90_000).fleet.fingerprint();
            assert_eq!(whole, half.until(90_000).fleet.fingerprint());
            assert_eq!(whole, run(1).until(90_000).fleet.fingerprint());
            assert_ne!(whole, other.until(90_000).fleet.fingerprint());
        }
    }
}

/// Group, client, instances, static, holding revocations, script.
type Life = (GroupConfig, usize, u32, bool, bool, Vec<(u64, u8, u32)>);

/// A fleet of 1 to 4, some script of starts, stops and deaths, any protocol, assignor and client.
fn any_life() -> impl Strategy<Value = Life> {
    let interval = prop_oneof![Just(300u64), 8u64..40];
    let group = prop_oneof![
        Just(prompt(Assignor::Range)),
        Just(classic(Assignor::Range)),
        Just(prompt(Assignor::RoundRobin)),
        Just(prompt(Assignor::CooperativeSticky)),
        Just(GroupConfig::of(Protocol::Consumer)),
        Just(GroupConfig { assignor: Assignor::Range, ..GroupConfig::of(Protocol::Consumer) }),
    ];
    let script = proptest::collection::vec((0u64..120_000, 0u8..4, 0u32..4), 0..12);
    let group = (group, interval).prop_map(|(group, s)| GroupConfig { max_poll_interval: secs(s), ..group });
    (group, 0usize..5, 1u32..5, any::<bool>(), any::<bool>(), script)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whoever starts, stops and dies: no partition is with two at a time, nothing is handed out that is not owned, nothing is
    /// committed that has not been processed, no record is left out (all asserted as it happens); and in the end all is processed.
    #[test]
    fn every_record_is_processed_by_somebody_who_owns_it(
        (group, which, instances, is_static, slow, script) in any_life(),
        seed in any::<u64>(),
        jitter_us in 0u64..3000,
        work_ms in 0u64..100,
    ) {
        let mut config = fleet(group, &clients()[which], instances, &FEW);
        for (i, instance) in config.instances.iter_mut().enumerate() {
            instance.world.seed = seed;
            instance.world.ties = Ties::Random;
            instance.world.network.jitter = Duration::from_micros(jitter_us);
            instance.world.topics.iter_mut().for_each(|t| t.per_record = ms(work_ms));
            instance.static_id = is_static.then(|| format!("i{i}"));
        }
        let mut team = Team::new(&config).then(0, Do::Open(0));
        (team.holds, team.restarts) = (slow, true);
        for (at, what, i) in script {
            let i = i % instances;
            team = team.then(at, match what { 0 | 1 => Do::Open(i), 2 => Do::Close(i), _ => Do::Crash(i) });
        }
        // Somebody is there in the end, and has the time to find out who is not.
        let team = team.then(130_000, Do::Open(0)).until(900_000);
        prop_assert_eq!(team.total(), 1_000);
        for partition in team.all.keys() {
            prop_assert_eq!(team.committed(*partition), Some(team.all[partition]));
        }
    }
}
