//! What holds for consumer groups, rule by rule.

mod team;

use fairdrain_sim::group::{Assignor, GroupConfig, Protocol};
use team::{Do, Team, at, clients, fleet, ideal, librdkafka, ms};

fn classic(assignor: Assignor) -> GroupConfig {
    GroupConfig { assignor, ..GroupConfig::of(Protocol::Classic) }
}

/// Without the initial delay.
fn prompt(assignor: Assignor) -> GroupConfig {
    GroupConfig { initial_rebalance_delay: ms(0), ..classic(assignor) }
}

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
