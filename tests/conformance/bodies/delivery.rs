//! Polls: what they hand out, how much, and when.

use fairdrain::policy::Name;
use fairdrain::{Duration, Fill};

use crate::arm::{Layout, Plan, Point, Stage, topic};
use crate::hand::{Hand, LONG};

const SOON: Duration = Duration::from_millis(250);

pub(crate) fn every_record_comes_once_and_in_order(stage: &Stage) {
    for group in [None, Some("g")] {
        let topics = vec![topic("A", 4, 700), topic("B", 1, 333), topic("C", 2, 5), topic("D", 1, 0)];
        let layout = Layout::new(topics, vec![Plan::new(Name::Single, 70, group)]);
        let records = layout.records();
        let mut cluster = stage.lay_out(layout);
        let mut hand = Hand::assigned(&mut cluster, 0, 8);
        while hand.records < records {
            let handed = hand.poll(70, LONG, Fill::First);
            assert!(handed.records() > 0, "nothing for {LONG}: {} records are missing", records - hand.records);
            hand.process(&handed);
        }
        assert_eq!(hand.poll(70, SOON, Fill::First).records(), 0, "more than there is");
        hand.close();
    }
}

pub(crate) fn no_hand_over_exceeds_the_cap(stage: &Stage) {
    let layout = Layout::alone(vec![topic("A", 2, 600), topic("B", 1, 40)], Name::Single, 1000);
    let mut cluster = stage.lay_out(layout);
    let mut hand = Hand::assigned(&mut cluster, 0, 3);
    // `poll` checks the cap of each.
    for cap in [1, 7, 64, 1].into_iter().cycle().take(40) {
        let handed = hand.poll(cap, LONG, Fill::Full);
        hand.process(&handed);
    }
    while hand.records < 1240 {
        hand.poll(1000, SOON, Fill::Full);
    }
    hand.close();
}

pub(crate) fn a_full_poll_waits_for_the_cap_or_its_timeout(stage: &Stage) {
    let layout = Layout::alone(vec![topic("A", 1, 130), topic("B", 1, 120)], Name::Single, 100);
    let mut cluster = stage.lay_out(layout);
    let mut hand = Hand::assigned(&mut cluster, 0, 2);
    let (wait, tolerance) = (Duration::from_millis(800), SOON);
    for _ in 0..2 {
        let handed = hand.poll(100, LONG, Fill::Full);
        assert_eq!(handed.records(), 100, "less than the cap long before its timeout: {handed:?}");
    }
    let last = hand.poll(100, wait, Fill::Full);
    assert_eq!(last.records(), 50, "{last:?}");
    assert!(last.took >= wait && last.took < wait + tolerance, "the last, partial batch took {}", last.took);
    hand.close();
}

pub(crate) fn a_first_poll_returns_what_is_there(stage: &Stage) {
    let layout = Layout::alone(vec![topic("A", 1, 150)], Name::Single, 100);
    let mut cluster = stage.lay_out(layout);
    let mut hand = Hand::assigned(&mut cluster, 0, 1);
    // The first poll fills the queue while it waits, whatever it returns with.
    while hand.records < 100 {
        let cap = 100 - hand.records as u32;
        assert!(hand.poll(cap, LONG, Fill::First).records() > 0);
    }
    hand.rest(Duration::from_secs(1));
    let handed = hand.poll(100, LONG, Fill::First);
    assert_eq!(handed.records(), 50, "{handed:?}");
    assert!(handed.took < SOON, "50 records were there, yet the poll took {}", handed.took);
    hand.close();
}

pub(crate) fn a_poll_for_nothing_lasts_its_timeout(stage: &Stage) {
    let layout = Layout::alone(vec![topic("A", 1, 10), topic("B", 1, 0)], Name::Single, 100);
    let mut cluster = stage.lay_out(layout);
    let mut hand = Hand::assigned(&mut cluster, 0, 2);
    while hand.records < 10 {
        hand.poll(100, LONG, Fill::First);
    }
    for fill in [Fill::First, Fill::Full] {
        for wait in [Duration::ZERO, Duration::from_millis(300)] {
            let handed = hand.poll(100, wait, fill);
            assert_eq!(handed.records(), 0);
            assert!(handed.took >= wait && handed.took < wait + SOON, "{fill:?} {wait}: it took {}", handed.took);
        }
    }
    hand.close();
}

pub(crate) fn a_poll_that_waits_ends_with_new_data(stage: &Stage) {
    let late = Duration::from_millis(1_500);
    let layout = Layout::alone(vec![topic("A", 1, 10).late(late, 20), topic("B", 1, 10)], Name::Single, 100);
    let mut cluster = stage.lay_out(layout);
    let mut hand = Hand::assigned(&mut cluster, 0, 2);
    while hand.records < 20 {
        hand.poll(100, LONG, Fill::First);
    }
    let handed = hand.poll(100, LONG, Fill::First);
    assert_eq!(handed.records(), 20, "{handed:?}");
    // librdkafka's fetch.wait.max.ms.
    let parked = if stage.differs(Point::ParkedFetchLasts) { Duration::from_millis(500) } else { Duration::ZERO };
    let (from, by) = cluster.late();
    assert!(hand.now >= from && hand.now < by + parked + SOON, "delivered at {}, written {from} to {by}", hand.now);
    hand.close();
}
