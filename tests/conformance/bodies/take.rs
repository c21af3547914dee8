//! Takes: topic by topic, out of what is there already.

use fairdrain::broker::Input;
use fairdrain::policy::Name;
use fairdrain::{Duration, TopicId};

use crate::arm::{Layout, Stage, topic};
use crate::hand::{Hand, LONG};

const A: TopicId = TopicId(0);
const B: TopicId = TopicId(1);
const C: TopicId = TopicId(2);

fn await_ready(hand: &mut Hand, topics: &[TopicId]) {
    while !topics.iter().all(|topic| hand.ready.contains(topic)) {
        hand.until("topics to be ready", LONG, |input| matches!(input, Input::Ready(_)).then_some(()));
    }
}

pub(crate) fn a_take_hands_out_the_topics_named_and_no_more_than_asked(stage: &Stage) {
    let layout = Layout::alone(vec![topic("A", 2, 200), topic("B", 1, 90), topic("C", 3, 7)], Name::Fair, 100);
    let records = layout.records();
    let mut cluster = stage.lay_out(layout);
    let mut hand = Hand::assigned(&mut cluster, 0, 6);
    await_ready(&mut hand, &[A, B, C]);
    // Long enough for all there is to be in the queues.
    hand.rest(Duration::from_secs(1));
    assert_eq!(hand.take(&[(B, 30)]).of(B), 30, "a topic that has 90 records in its queue");
    let both = hand.take(&[(C, 4), (A, 50)]);
    assert_eq!((both.of(C), both.of(A)), (4, 50));
    let order: Vec<TopicId> = both.runs.iter().map(|run| run.partition.topic).collect();
    assert!(order.is_sorted_by_key(|topic| *topic != C), "not in the order of the plan: {order:?}");
    assert_eq!(both.dry, [], "both have more");
    let rest = hand.take(&[(C, 1000)]);
    assert_eq!(rest.records(), 17);
    assert_eq!(rest.dry, [C]);
    let again = hand.take(&[(C, 5)]);
    assert_eq!((again.records(), again.dry), (0, vec![C]), "a dry topic is dry");
    while hand.records < records {
        let handed = hand.take(&[(A, 64), (B, 64)]);
        if handed.records() == 0 {
            hand.rest(Duration::from_millis(10));
        }
    }
    hand.close();
}

pub(crate) fn a_topic_taken_dry_is_ready_again_with_new_data(stage: &Stage) {
    let late = Duration::from_secs(2);
    let layout = Layout::alone(vec![topic("A", 2, 50).late(late, 20), topic("B", 1, 10)], Name::Fair, 100);
    let mut cluster = stage.lay_out(layout);
    let mut hand = Hand::assigned(&mut cluster, 0, 3);
    while hand.records < 110 || !hand.ready.is_empty() {
        await_any(&mut hand);
        let plan: Vec<(TopicId, u32)> = hand.ready.iter().map(|topic| (*topic, 1000)).collect();
        hand.take(&plan);
    }
    let came = hand.until("new data", LONG, |input| match input {
        Input::Ready(topic) => Some(*topic),
        _ => None,
    });
    assert_eq!(came, A, "no other topic has new data");
    let (from, by) = cluster.late();
    let bound = by + Duration::from_millis(250);
    assert!(hand.now >= from && hand.now < bound, "ready at {}, written {from} to {by}", hand.now);
    hand.rest(Duration::from_millis(200));
    let handed = hand.take(&[(A, 1000)]);
    assert_eq!((handed.records(), handed.dry), (20, vec![A]));
    hand.rest(Duration::from_millis(500));
    assert_eq!(hand.ready, [], "nothing is there, and nothing may say so");
    hand.close();
}

fn await_any(hand: &mut Hand) {
    while hand.ready.is_empty() {
        hand.until("a topic to be ready", LONG, |input| matches!(input, Input::Ready(_)).then_some(()));
    }
}
