//! One suite for every backend: the same test bodies on the simulated broker, on librdkafka's mock cluster and on a real one.
//!
//! A body is a function of a [`Stage`](arm::Stage). It sees no more than the seam: a [`Broker`](fairdrain::broker::Broker) driven by
//! hand ([`hand`]), or sessions of a service ([`service`]). The macro `on_every_arm!` makes a test of it for each arm, so that
//! `cargo test --test conformance` has `NAME::simulated`, `NAME::mock` and, ignored without a broker, `NAME::real`. `.ci/run` has the
//! properties that the broker needs for it: an authoriser, and short intervals for `group.protocol=consumer`.
//!
//! Where arms can't but differ, the table [`DIFFERENCES`] says in what and why; the bodies look there. `planted` runs bodies on brokers
//! with a defect each, which they have to find.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a real client runs in wall time, on threads")]

use arm::{Arm, Point, Trouble};

#[cfg(feature = "kafka")]
mod acl;
mod arm;
mod hand;
#[cfg(feature = "kafka")]
mod kafka;
mod planted;
mod service;
mod sim;

mod bodies;

/// In what an arm differs from the others, and why. Whatever is not here is the same on all three.
#[rustfmt::skip]
const DIFFERENCES: &[(Arm, Point, &str)] = &[
    (Arm::Mock, Point::ParkedFetchLasts,
        "a fetch that waits at the mock cluster is not ended by new data: records come when its fetch.wait.max.ms are over"),
    (Arm::Mock, Point::NoConsumerProtocol,
        "the mock cluster has group.protocol=consumer with assignments that the test would have to give itself: no assignor"),
    (Arm::Mock, Point::LeavingIsSlow,
        "in each rebalance the mock cluster waits for a second less than the session timeout, even if all members are there, and \
         gives away what has not been given back by then: that timeout is shorter there"),
    (Arm::Mock, Point::NoCommitInRebalance,
        "the mock cluster answers commits with REBALANCE_IN_PROGRESS until the rebalance is over; a real one takes them until the \
         member has joined again. So what is processed meanwhile is processed again by whoever gets the partition"),
    (Arm::Sim, Point::No(Trouble::Expelled),
        "the simulated coordinator can't be told to forget a member that is not silent"),
    (Arm::Sim, Point::No(Trouble::Deleted),
        "the simulated cluster has fixed topics: to a client a deleted one looks like one whose fetches are answered with an error"),
    (Arm::Sim, Point::No(Trouble::Unauthorised),
        "the simulated cluster has no authorisation: likewise"),
    (Arm::Real, Point::No(Trouble::LeaderGone),
        "the broker that the tests start is the only one of its cluster"),
    (Arm::Real, Point::No(Trouble::Expelled),
        "a real coordinator forgets a member only if it is silent, and a member in this process is not"),
    (Arm::Real, Point::No(Trouble::FetchError),
        "a real broker can't be told to answer with an error; what makes it do so are the other troubles"),
];

/// A test of each body on each arm, or on those named: then the table has a [`Point::No`] for the others.
macro_rules! on_every_arm {
    ($($body:path => $name:ident;)*) => { on_arms! { $($body => $name: simulated mock real;)* } };
}

macro_rules! on_arms {
    ($($body:path => $name:ident: $($arm:ident)*;)*) => {$(
        mod $name {
            use crate::arm::{Arm, Stage};

            $(on_arm! { $arm $body })*
        }
    )*};
}

macro_rules! on_arm {
    (simulated $body:path) => {
        #[test]
        fn simulated() {
            $body(&Stage::on(Arm::Sim));
        }
    };
    (mock $body:path) => {
        #[cfg(feature = "kafka")]
        #[test]
        fn mock() {
            $body(&Stage::on(Arm::Mock));
        }
    };
    (real $body:path) => {
        #[cfg(feature = "kafka")]
        #[test]
        #[ignore = "needs a broker: scripts/kafka run --override ... cargo test --test conformance -- --ignored"]
        fn real() {
            $body(&Stage::on(Arm::Real));
        }
    };
}

on_every_arm! {
    crate::bodies::delivery::every_record_comes_once_and_in_order => every_record_comes_once_and_in_order;
    crate::bodies::delivery::no_hand_over_exceeds_the_cap => no_hand_over_exceeds_the_cap;
    crate::bodies::delivery::a_full_poll_waits_for_the_cap_or_its_timeout => a_full_poll_waits_for_the_cap_or_its_timeout;
    crate::bodies::delivery::a_first_poll_returns_what_is_there => a_first_poll_returns_what_is_there;
    crate::bodies::delivery::a_poll_for_nothing_lasts_its_timeout => a_poll_for_nothing_lasts_its_timeout;
    crate::bodies::delivery::a_poll_that_waits_ends_with_new_data => a_poll_that_waits_ends_with_new_data;
    crate::bodies::take::a_take_hands_out_the_topics_named_and_no_more_than_asked => a_take_hands_out_the_topics_named_and_no_more_than_asked;
    crate::bodies::take::a_topic_taken_dry_is_ready_again_with_new_data => a_topic_taken_dry_is_ready_again_with_new_data;
    crate::bodies::groups::a_member_goes_on_where_the_one_before_has_committed => a_member_goes_on_where_the_one_before_has_committed;
    crate::bodies::groups::without_a_commit_the_next_member_begins_at_the_beginning => without_a_commit_the_next_member_begins_at_the_beginning;
    crate::bodies::groups::a_commit_on_request_is_of_what_has_been_processed => a_commit_on_request_is_of_what_has_been_processed;
    crate::bodies::groups::groups_do_not_touch_each_other => groups_do_not_touch_each_other;
    crate::bodies::groups::a_revocation_waits_until_it_is_answered => a_revocation_waits_until_it_is_answered;
    crate::bodies::groups::a_revocation_that_is_not_answered_ends_at_its_deadline => a_revocation_that_is_not_answered_ends_at_its_deadline;
    crate::bodies::groups::members_that_come_and_go_drain_everything_once => members_that_come_and_go_drain_everything_once;
    crate::bodies::groups::a_slow_application_keeps_its_group_and_what_is_fetched => a_slow_application_keeps_its_group_and_what_is_fetched;
}

on_arms! {
    crate::bodies::isolation::a_deleted_topic => a_deleted_topic_holds_up_no_other: mock real;
    crate::bodies::isolation::a_forbidden_topic => a_forbidden_topic_holds_up_no_other: mock real;
    crate::bodies::isolation::a_topic_without_its_leader => a_topic_without_its_leader_holds_up_no_other: simulated mock;
    crate::bodies::isolation::fetches_answered_with_an_error => fetches_answered_with_an_error_hold_up_no_other: simulated mock;
}

on_every_arm! {
    crate::bodies::isolation::a_service_stops_in_the_middle_of_an_outage => a_service_stops_in_the_middle_of_an_outage;
}

on_arms! {
    crate::bodies::groups::lost_partitions_come_back => lost_partitions_come_back: mock;
}
