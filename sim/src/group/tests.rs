//! The coordinator by itself: what it says to whom.

use std::sync::Arc;

use super::coordinator::{Coordinator, Names};
use super::wire::{Address, MemberId, Request, Response, Sender, Subscription};
use super::{Assignor, GroupConfig, Protocol, Refusal};
use crate::record::{PartitionId, TopicId};
use crate::time::{Duration, Time};

const P: PartitionId = PartitionId { topic: TopicId(0), partition: 0 };

struct Group {
    coordinator: Coordinator,
    now: Time,
    /// What has been said and nobody has listened to.
    heard: Vec<(Address, Response)>,
}

impl Group {
    fn new(config: GroupConfig) -> Self {
        let names = Names { groups: vec!["g".to_owned()], topics: vec![("A".to_owned(), 2)] };
        Self { coordinator: Coordinator::new(config, Arc::new(names), 1), now: Time::ZERO, heard: vec![] }
    }

    /// A group without initial delay, with one member that leads it and has synced.
    fn stable() -> (Self, Sender) {
        let delay = Duration::ZERO;
        let mut group = Self::new(GroupConfig { initial_rebalance_delay: delay, ..GroupConfig::of(Protocol::Classic) });
        let leader = group.join(0, None);
        group.wait(0);
        let joined = group.said(0).expect("the join is answered");
        let Response::Joined { generation, .. } = joined else { panic!("{joined:?}") };
        let leader = Sender { id: leader, instance: None, generation };
        group.ask(0, Request::Sync { sender: leader, assignments: vec![(leader.id, vec![P])] });
        assert!(matches!(group.said(0), Some(Response::Synced { .. })));
        (group, leader)
    }

    fn ask(&mut self, who: u32, request: Request) {
        self.coordinator.handle(self.now, address(who), 0, request);
    }

    /// Both rounds of a dynamic member's join; or the only one of a static member's.
    fn join(&mut self, who: u32, instance: Option<u32>) -> MemberId {
        let subscription = Subscription { topics: vec![0], owned: vec![], generation: 0 };
        self.ask(who, Request::Join { id: None, instance, subscription: subscription.clone() });
        let Some(Response::IdRequired(id)) = self.said(who) else { panic!("a new member is given an id first") };
        self.ask(who, Request::Join { id: Some(id), instance, subscription });
        id
    }

    fn said(&mut self, who: u32) -> Option<Response> {
        self.listen();
        let place = self.heard.iter().position(|(to, _)| *to == address(who))?;
        Some(self.heard.remove(place).1)
    }

    /// Everything that has been said and not been looked at.
    fn listen(&mut self) -> &[(Address, Response)] {
        self.heard.extend(core::iter::from_fn(|| self.coordinator.poll_response()));
        &self.heard
    }

    /// Time passes, with all that is due meanwhile.
    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while let Some(at) = self.coordinator.next_timer().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.coordinator.tick(self.now);
        }
        self.now = end;
    }

    fn commit(&mut self, sender: Option<Sender>) -> Result<(), Refusal> {
        self.ask(9, Request::Commit { sender, offsets: vec![(P, 7)] });
        let said = self.said(9);
        let Some(Response::Committed(result)) = said else { panic!("{said:?}") };
        result
    }
}

fn address(instance: u32) -> Address {
    Address { instance, consumer: 0, incarnation: 0 }
}

/// The table of `ClassicGroup.validateOffsetCommit`.
#[test]
fn a_commit_needs_a_member_its_generation_and_no_sync_in_progress() {
    let mut empty = Group::new(GroupConfig::default());
    assert_eq!(empty.commit(None), Ok(()), "of a group that nobody is a member of");

    let (mut group, leader) = Group::stable();
    assert_eq!(group.commit(Some(leader)), Ok(()));
    assert_eq!(group.commit(None), Err(Refusal::UnknownMember), "only members, as long as there are any");
    let stranger = MemberId { rank: 0, number: 99 };
    assert_eq!(group.commit(Some(Sender { id: stranger, ..leader })), Err(Refusal::UnknownMember));
    assert_eq!(group.commit(Some(Sender { generation: 7, ..leader })), Err(Refusal::IllegalGeneration));

    // A second member joins: until the first one has rejoined, its commits are taken.
    group.join(1, None);
    group.ask(0, Request::Heartbeat { sender: leader });
    assert!(matches!(group.said(0), Some(Response::Alive(Err(Refusal::RebalanceInProgress)))));
    assert_eq!(group.commit(Some(leader)), Ok(()), "PreparingRebalance");
    let subscription = Subscription { topics: vec![0], owned: vec![], generation: 0 };
    group.ask(0, Request::Join { id: Some(leader.id), instance: None, subscription });
    assert_eq!(group.commit(Some(leader)), Err(Refusal::IllegalGeneration), "the next generation has begun");
    let next = Sender { generation: leader.generation + 1, ..leader };
    assert_eq!(group.commit(Some(next)), Err(Refusal::RebalanceInProgress), "CompletingRebalance");
    assert_eq!(group.coordinator.refused_commits("g"), 5);
}

#[test]
fn whoever_joins_during_the_initial_delay_extends_it_up_to_the_rebalance_timeout() {
    let rebalance_timeout = Duration::from_millis(8_000);
    let mut group =
        Group::new(GroupConfig { max_poll_interval: rebalance_timeout, ..GroupConfig::of(Protocol::Classic) });
    for who in 0..6 {
        group.join(who, None);
        group.wait(2_000);
    }
    // At 3 s and 6 s it was extended, at 6 s by the 2 s that were left: at 8 s it is over, for the four that were there, and the fifth
    // begins the next rebalance.
    assert_eq!(group.coordinator.rebalances("g"), 1);
    let said = group.listen().iter();
    assert_eq!(said.filter(|(_, r)| matches!(r, Response::Joined { generation: 1, .. })).count(), 4);
}

#[test]
fn a_member_that_does_not_rejoin_is_dropped_when_the_longest_poll_interval_is_over() {
    let (mut group, leader) = Group::stable();
    group.join(1, None);
    for _ in 0..100 {
        // It is alive, and has no time.
        group.ask(0, Request::Heartbeat { sender: leader });
        group.wait(3_000);
    }
    let last = group.listen().last();
    assert!(matches!(last, Some((to, Response::Joined { generation: 2, .. })) if *to == address(1)), "{last:?}");
    assert_eq!(group.coordinator.members("g"), 1);
    assert_eq!(group.commit(Some(leader)), Err(Refusal::UnknownMember));
}

#[test]
fn a_member_without_a_sign_of_life_is_dropped_after_its_session_and_a_commit_is_one() {
    let (mut group, leader) = Group::stable();
    group.wait(44_000);
    assert_eq!(group.commit(Some(leader)), Ok(()));
    group.wait(44_000);
    assert_eq!(group.coordinator.members("g"), 1);
    group.wait(1_000);
    assert_eq!(group.coordinator.members("g"), 0);
}

#[test]
fn members_that_do_not_ask_for_their_assignment_are_dropped_too() {
    let (mut group, leader) = Group::stable();
    group.ask(0, Request::Leave { sender: leader });
    let second = group.join(1, None);
    group.wait(400_000);
    // Its session, in fact, is over first.
    assert_eq!(group.coordinator.members("g"), 0);
    let sender = Sender { id: second, instance: None, generation: 3 };
    group.ask(1, Request::Sync { sender, assignments: vec![] });
    let last = group.listen().last();
    assert!(matches!(last, Some((_, Response::Refused(Refusal::UnknownMember)))), "{last:?}");
}

#[test]
fn each_protocol_has_its_assignors() {
    use Assignor::{CooperativeSticky, Range, RoundRobin, Uniform};
    let of = |protocol| [Range, RoundRobin, CooperativeSticky, Uniform].map(|assignor| assignor.is_of(protocol));
    assert_eq!(of(Protocol::Classic), [true, true, true, false]);
    assert_eq!(of(Protocol::Consumer), [true, false, false, true]);
}
