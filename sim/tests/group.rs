//! What holds for consumer groups, rule by rule.

mod team;

use fairdrain_sim::Duration;
use fairdrain_sim::event::Ties;
use fairdrain_sim::group::{Assignor, GroupConfig, Protocol};
use proptest::prelude::*;
use team::{Do, Team, at, clients, fleet, ideal, librdkafka, ms, secs};

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

/// A fleet of 1 to 4, some script of starts, stops and deaths, any protocol, assignor and client.
fn any_life() -> impl Strategy<Value = (GroupConfig, usize, u32, bool, bool, Vec<(u64, u8, u32)>)> {
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
    #![proptest_config(ProptestConfig::with_cases(64))]

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
