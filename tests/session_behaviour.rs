//! What every scheduler shares, one behaviour a test.

mod script;

use fairdrain::policy::Name;
use fairdrain::scenario::Commit;
use script::{committing, stage, with};

#[test]
fn a_session_opens_first_and_polls_what_is_assigned() {
    stage(Name::Single, 2).play(
        "> open
         < assigned 0 a0 b0
         > poll 0 cap 10",
    );
}

#[test]
fn with_one_worker_it_polls_processes_and_polls_again() {
    stage(Name::Single, 1).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > poll 0 cap 10",
    );
}

#[test]
fn an_empty_poll_makes_no_batch() {
    stage(Name::Single, 1).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < delivered 0 nothing
         > poll 0 cap 10",
    );
}

#[test]
fn credit_bounds_the_batches_that_are_outstanding() {
    with(Name::Single, 1, |s| s.workers = 2, Commit::None).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         > poll 0 cap 10
         < delivered 0 #1 a0:10-20
         > process #1
         < processed #1
         > poll 0 cap 10",
    );
}

#[test]
fn a_barrier_holds_batches_until_the_round_has_closed() {
    stage(Name::MultiGather, 2).play(
        "> open
         < assigned 0 a0
         < assigned 1 b0
         > poll 0 cap 10
         > poll 1 cap 10
         < delivered 0 #0 a0:0-10
         < delivered 1 #1 b0:0-10
         > process #0
         > process #1
         < processed #0
         < processed #1
         > poll 0 cap 10
         > poll 1 cap 10",
    );
}

#[test]
fn a_round_closes_without_those_that_failed() {
    stage(Name::MultiGather, 2).play(
        "> open
         < assigned 0 a0
         < assigned 1 b0
         > poll 0 cap 10
         > poll 1 cap 10
         < delivered 0 #0 a0:0-10
         < failed 1 poll
         > process #0
         > wake 100ms
         < processed #0
         > wake 100ms
         > poll 0 cap 10",
    );
}

#[test]
fn one_thread_polls_in_turn_and_processes_in_between() {
    stage(Name::MultiSequential, 3).play(
        "> open
         < assigned 2 c0
         < assigned 0 a0
         < assigned 1 b0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > poll 1 cap 10
         < delivered 1 nothing
         > poll 2 cap 10
         < delivered 2 nothing
         > poll 0 cap 10",
    );
}

#[test]
fn consumers_on_their_own_wait_only_for_their_own_batch() {
    stage(Name::Multi, 2).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < assigned 1 b0
         > poll 1 cap 10
         < delivered 1 #0 b0:0-10
         > process #0
         < delivered 0 nothing
         > poll 0 cap 10
         < processed #0
         > poll 1 cap 10",
    );
}

#[test]
fn fair_takes_a_share_of_every_ready_topic() {
    stage(Name::Fair, 3).play(
        "> open
         < ready b
         < assigned 0 a0 b0 c0
         > take 0 b10
         < ready a
         < delivered 0 #0 b0:0-10
         > process #0
         < processed #0
         > take 0 b5 a5
         < delivered 0 #1 b0:10-15 a0:0-2 dry a
         > process #1
         < processed #1
         > take 0 b10
         < delivered 0 nothing dry b
         < ready c
         > take 0 c10",
    );
}

#[test]
fn news_that_crosses_an_empty_take_is_not_lost() {
    stage(Name::Fair, 1).play(
        "> open
         < assigned 0 a0
         < ready a
         > take 0 a10
         < ready a
         < delivered 0 nothing dry a
         > take 0 a10
         < delivered 0 nothing dry a",
    );
}

#[test]
fn topics_in_demand_get_three_quarters_and_their_share_of_the_rest() {
    with(Name::CompleteFirst, 2, |s| s.cap = 16, Commit::None).play(
        "> open
         < assigned 0 a0 b0
         < demand b
         < ready a
         > take 0 a16
         < ready b
         < delivered 0 #0 a0:0-16
         > process #0
         < processed #0
         > take 0 b14 a2
         < demand a
         < delivered 0 nothing dry a
         > take 0 b16",
    );
}

#[test]
fn per_batch_commits_before_the_consumer_polls_again() {
    committing(Name::Single, 2, Commit::PerBatch).play(
        "> open
         < assigned 0 a0 b0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-7 b0:0-3
         > process #0
         < processed #0
         > commit 0 a0@7 b0@3
         < committed 0
         > poll 0 cap 10",
    );
}

#[test]
fn only_the_processed_prefix_is_committed() {
    with(Name::Single, 2, |s| s.workers = 2, Commit::PerBatch).play(
        "> open
         < assigned 0 a0 b0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-5
         > process #0
         > poll 0 cap 10
         < delivered 0 #1 a0:5-10 b0:0-5
         > process #1
         < processed #1
         > commit 0 b0@5
         < committed 0
         > poll 0 cap 10
         < processed #0
         > commit 0 a0@10",
    );
}

#[test]
fn on_stop_commits_once() {
    committing(Name::Multi, 2, Commit::OnStop).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < assigned 1 b0
         > poll 1 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > poll 0 cap 10
         < stop
         < delivered 0 #1 a0:10-12
         > process #1
         < delivered 1 #2 b0:0-1
         > process #2
         < processed #2
         < processed #1
         > commit 0 a0@12
         > commit 1 b0@1
         < committed 1
    5ms  < committed 0
         > close by 10005ms",
    );
}

#[test]
fn a_failing_commit_concerns_no_other_consumer_and_is_made_up_for() {
    committing(Name::Multi, 2, Commit::PerBatch).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < assigned 1 b0
         > poll 1 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < delivered 1 #1 b0:0-10
         > process #1
         < processed #0
         > commit 0 a0@10
         < processed #1
         > commit 1 b0@10
         < failed 0 commit
         > poll 0 cap 10
         < committed 1
         > poll 1 cap 10
         < delivered 1 nothing
         > poll 1 cap 10
         < stop
         < delivered 1 nothing
         < delivered 0 nothing
         > commit 0 a0@10
         < failed 0 commit
         > wake 200ms
         200ms < wake
         > commit 0 a0@10
         < committed 0
         > close by 10200ms",
    );
}

#[test]
fn a_revocation_waits_for_what_is_being_processed_and_its_commit() {
    committing(Name::Single, 2, Commit::OnStop).play(
        "> open
         < assigned 0 a0 b0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-5 b0:0-5
         > process #0
         < revoking 0 by 500ms a0
         > wake 500ms
  100ms  < processed #0
         > commit 0 a0@5 b0@5
         > wake 500ms
         < committed 0
         > revoke-done 0
         > poll 0 cap 10",
    );
}

#[test]
fn a_revocation_does_not_wait_beyond_its_deadline() {
    committing(Name::Single, 2, Commit::OnStop).play(
        "> open
         < assigned 0 a0 b0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-5 b0:0-5
         > process #0
         < revoking 0 by 500ms a0
         > wake 500ms
  500ms  < wake
         > revoke-done 0
  600ms  < processed #0
         > poll 0 cap 10
         < stop
         < delivered 0 nothing
         > commit 0 b0@5
         < committed 0
         > close by 10600ms",
    );
}

#[test]
fn what_is_lost_is_given_up_at_once_and_not_committed() {
    committing(Name::Single, 1, Commit::PerBatch).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-5
         > process #0
         < lost 0 a0
         > revoke-done 0
         < processed #0
         < assigned 0 a0
         > poll 0 cap 10",
    );
}

#[test]
fn what_is_lost_does_not_wait_for_a_commit_in_progress() {
    committing(Name::Single, 2, Commit::PerBatch).play(
        "> open
         < assigned 0 a0 b0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-5
         > process #0
         < processed #0
         > commit 0 a0@5
         < lost 0 a0
         > revoke-done 0
         < failed 0 commit
         > poll 0 cap 10
         < stop
         < delivered 0 nothing
         > close by 10000ms",
    );
}

#[test]
fn records_of_revoked_partitions_are_discarded() {
    stage(Name::Single, 2).play(
        "> open
         < assigned 0 a0 b0
         > poll 0 cap 10
         < revoking 0 by 500ms a0
         > revoke-done 0
         < delivered 0 #0 a0:0-5 b0:0-5
         > discard #0 a0
         > process #0
         < processed #0
         > poll 0 cap 10
         < revoking 0 by 500ms b0
         > revoke-done 0
         < delivered 0 #1 b0:5-7
         > discard #1 b0",
    );
}

#[test]
fn a_barrier_does_not_hold_a_revocation() {
    committing(Name::MultiGather, 2, Commit::PerBatch).play(
        "> open
         < assigned 0 a0
         < assigned 1 b0
         > poll 0 cap 10
         > poll 1 cap 10
         < delivered 0 #0 a0:0-10
         < revoking 0 by 500ms a0
         > discard #0 a0
         > revoke-done 0
         < delivered 1 #1 b0:0-10
         > process #1",
    );
}

#[test]
fn a_second_revocation_joins_the_first() {
    stage(Name::Single, 2).play(
        "> open
         < assigned 0 a0 b0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-5 b0:0-5
         > process #0
         < revoking 0 by 500ms a0
         > wake 500ms
         < lost 0 b0
         > wake 500ms
         < processed #0
         > revoke-done 0",
    );
}

#[test]
fn back_off_doubles_up_to_ten_seconds_and_ends_with_success() {
    stage(Name::Single, 1).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < failed 0 poll
         > wake 100ms
   50ms  < ready a
         > wake 100ms
  100ms  < wake
         > poll 0 cap 10
         < failed 0 poll
         > wake 300ms
  300ms  < wake
         > poll 0 cap 10
         < delivered 0 nothing
         > poll 0 cap 10
         < failed 0 poll
         > wake 400ms",
    );
    let mut script = String::from("> open\n < assigned 0 a0\n > poll 0 cap 10\n");
    let mut now = 0;
    for wait in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000] {
        script += &format!("< failed 0 poll\n > wake {}ms\n {}ms < wake\n > poll 0 cap 10\n", now + wait, now + wait);
        now += wait;
    }
    stage(Name::Single, 1).play(&script);
}

#[test]
fn others_go_on_while_one_backs_off() {
    stage(Name::Multi, 2).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < assigned 1 b0
         > poll 1 cap 10
         < failed 0 poll
         > wake 100ms
         < delivered 1 nothing
         > wake 100ms
         > poll 1 cap 10",
    );
}

#[test]
fn a_topic_that_can_not_be_fetched_changes_nothing() {
    stage(Name::Single, 1).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < failed 0 fetch
         < delivered 0 nothing
         > poll 0 cap 10",
    );
}

#[test]
fn a_consumer_that_can_not_go_on_is_left_out_and_the_last_one_ends_the_session() {
    stage(Name::Multi, 2).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < assigned 1 b0
         > poll 1 cap 10
         < failed 0 fatal
         < delivered 1 nothing
         > poll 1 cap 10
         < failed 1 fatal
         > close by 10000ms
         < closed",
    );
}

#[test]
fn a_stop_releases_the_barrier_with_its_last_poll() {
    stage(Name::MultiGather, 2).play(
        "> open
         < assigned 0 a0
         < assigned 1 b0
         > poll 0 cap 10
         > poll 1 cap 10
         < delivered 0 #0 a0:0-10
         < stop
         < delivered 1 #1 b0:0-10
         > process #0
         > process #1
         < processed #0
         < processed #1
         > close by 10000ms",
    );
}

#[test]
fn a_session_without_an_assignment_stops_at_once() {
    stage(Name::Fair, 1).play(
        "> open
         < stop
         > close by 10000ms",
    );
}

#[test]
#[should_panic(expected = "was not polled")]
fn an_answer_that_nobody_asked_for_is_a_defect() {
    stage(Name::Single, 1).play(
        "> open
         < delivered 0 nothing",
    );
}
