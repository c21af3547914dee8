//! How results have to change when the question does, over a broker without a will of its own.

mod adversary;

use std::collections::BTreeMap;

use adversary::{Report, World, worlds};
use fairdrain::policy::Name;
use fairdrain::{Duration, Time, TopicId};
use proptest::prelude::*;

/// Schedulers that go by what happens, not by the order of the list.
const BY_EVENTS: [Name; 3] = [Name::Multi, Name::Fair, Name::CompleteFirst];

fn drained(world: &World) -> Report {
    world.run().unwrap_or_else(|v| panic!("{:?}: {}", v.rule, v.detail))
}

/// The report of a world whose topic `i` is topic `to[i]` of another one, in terms of the other one.
fn renamed(report: Report, to: &[usize]) -> Report {
    let name = |topic: TopicId| TopicId(to[topic.index()] as u32);
    let deliveries = report.deliveries.into_iter();
    Report {
        deliveries: deliveries.map(|(at, runs)| (at, runs.into_iter().map(|(t, n)| (name(t), n)).collect())).collect(),
        completion: report.completion.into_iter().map(|(topic, at)| (name(topic), at)).collect(),
        ..report
    }
}

fn backlogs() -> impl Strategy<Value = Vec<u32>> {
    prop::collection::vec(0..300u32, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn permuting_the_topics_permutes_the_result(
        (backlogs, to) in backlogs().prop_flat_map(|b| {
            let places: Vec<usize> = (0..b.len()).collect();
            (Just(b), Just(places).prop_shuffle())
        }),
        cap in 1..50u32,
    ) {
        for name in BY_EVENTS {
            let original = World::ideal(name, cap, &backlogs);
            let permuted: Vec<u32> = to.iter().map(|&place| backlogs[place]).collect();
            let mut world = World::ideal(name, cap, &permuted);
            // The broker comes to the same topics in the same order as before, whatever their numbers are now.
            world.order = (0..to.len()).map(|old| to.iter().position(|&t| t == old).expect("a permutation")).collect();
            prop_assert_eq!(renamed(drained(&world), &to), drained(&original), "{}", name);
        }
    }

    #[test]
    fn an_empty_topic_changes_nothing(backlogs in backlogs(), cap in 8..50u32) {
        let mut with_empty = backlogs.clone();
        with_empty.push(0);
        for name in BY_EVENTS {
            let (without, with) =
                (drained(&World::ideal(name, cap, &backlogs)), drained(&World::ideal(name, cap, &with_empty)));
            prop_assert_eq!(without, with, "{}", name);
        }
    }

    #[test]
    fn a_growing_backlog_delays_the_others_by_no_more_than_the_bound(backlogs in backlogs(), cap in 1..50u32, more in 0..2000u32) {
        let mut grown = backlogs.clone();
        grown[0] += more;
        let before = drained(&World::ideal(Name::Fair, cap, &backlogs)).completion;
        let after = drained(&World::ideal(Name::Fair, cap, &grown)).completion;
        for (topic, at) in after.iter().skip_while(|(topic, _)| topic.index() == 0) {
            // While two topics are backlogged, each gets as much as the other, give or take a visit. The first to be ready may have
            // had a hand-over to itself, though: then the others were that much behind it, and now they need not be.
            let own = backlogs[topic.index()];
            let others = backlogs.iter().enumerate().filter(|(place, _)| *place != 0 && *place != topic.index());
            let swing = |(_, &other): (usize, &u32)| other.min(own + 1) - other.min((own - own.min(1)).saturating_sub(cap));
            let swings: u32 = others.map(swing).sum();
            // Besides, a hand-over may be in progress when it becomes ready, and it is done with its last one only when that is done
            // as a whole.
            let bound = Duration::from_millis(u64::from(grown[0].min(own + 1) + swings + 2 * cap));
            prop_assert!(at.since(before[topic]) <= bound, "{topic:?} by {}, not {bound}", at.since(before[topic]));
        }
    }

    #[test]
    fn the_same_world_gives_the_same_run(world in worlds(&Name::ALL)) {
        prop_assert_eq!(drained(&world), drained(&world));
    }
}

/// Worked by hand: 6 and 2 records at cap 4, a record a millisecond.
#[test]
fn fair_alternates_as_expected() {
    let report = drained(&World::ideal(Name::Fair, 4, &[6, 2]));
    let [a, b] = [TopicId(0), TopicId(1)];
    let ms = |ms| Time::ZERO + Duration::from_millis(ms);
    assert_eq!(report.deliveries, [(ms(0), vec![(a, 4)]), (ms(4), vec![(a, 2), (b, 2)])]);
    assert_eq!(report.completion, BTreeMap::from([(a, ms(8)), (b, ms(8))]));
}
