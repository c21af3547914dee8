//! When positions are committed, one behaviour a test.

mod script;

use fairdrain::Duration;
use fairdrain::policy::Name;
use fairdrain::scenario::Commit;
use script::committing;

const SECOND: Commit = Commit::Interval(Duration::from_secs(1));

#[test]
fn at_an_interval_polls_go_on_and_the_commit_comes_a_second_after_the_first_record() {
    committing(Name::Single, 1, SECOND).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         100ms < delivered 0 #0 a0:0-10
         > process #0
         200ms < processed #0
         > wake 1200ms
         > poll 0 cap 10
         300ms < delivered 0 #1 a0:10-20
         > process #1
         > wake 1200ms
         400ms < processed #1
         > wake 1200ms
         > poll 0 cap 10
         1200ms < wake
         > commit 0 a0@20
         1210ms < delivered 0 #2 a0:20-30
         > process #2
         1220ms < committed 0
         1230ms < processed #2
         > wake 2230ms
         > poll 0 cap 10",
    );
}

#[test]
fn at_an_interval_what_was_processed_during_a_commit_is_due_an_interval_after_it() {
    committing(Name::Single, 1, SECOND).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > wake 1000ms
         > poll 0 cap 10
         1000ms < delivered 0 #1 a0:10-20
         > commit 0 a0@10
         > process #1
         1100ms < processed #1
         > poll 0 cap 10
         1200ms < committed 0
         > wake 2200ms",
    );
}

#[test]
fn at_an_interval_a_failed_commit_is_tried_again_an_interval_later() {
    committing(Name::Single, 1, SECOND).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > wake 1000ms
         > poll 0 cap 10
         1000ms < wake
         > commit 0 a0@10
         1010ms < failed 0 commit
         > wake 2010ms
         2010ms < wake
         > commit 0 a0@10
         2020ms < committed 0",
    );
}

#[test]
fn at_an_interval_nothing_is_due_where_nothing_was_processed() {
    committing(Name::Single, 1, SECOND).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         5000ms < delivered 0 nothing
         > poll 0 cap 10",
    );
}

#[test]
fn at_an_interval_each_consumer_has_its_own_clock_and_what_is_left_is_committed_on_stop() {
    committing(Name::Multi, 2, SECOND).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < assigned 1 b0
         > poll 1 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > wake 1000ms
         > poll 0 cap 10
         500ms < delivered 1 #1 b0:0-10
         > process #1
         > wake 1000ms
         < processed #1
         > wake 1000ms
         > poll 1 cap 10
         1000ms < wake
         > commit 0 a0@10
         > wake 1500ms
         < stop
         > wake 1500ms
         < delivered 0 nothing
         > wake 1500ms
         < delivered 1 nothing
         > wake 1500ms
         < committed 0
         > commit 1 b0@10
         < committed 1
         > close by 11000ms",
    );
}

#[test]
fn a_revocation_commits_at_once_whatever_the_interval() {
    committing(Name::Single, 1, SECOND).play(
        "> open
         < assigned 0 a0 a1
         > poll 0 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > wake 1000ms
         > poll 0 cap 10
         < revoking 0 by 500ms a0
         > commit 0 a0@10
         > wake 500ms
         < committed 0
         > revoke-done 0",
    );
}

#[test]
fn a_commit_asked_for_commits_what_each_consumer_has_processed() {
    committing(Name::Multi, 3, Commit::OnStop).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < assigned 1 b0
         > poll 1 cap 10
         < assigned 2 c0
         > poll 2 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < delivered 1 #1 b0:0-5
         > process #1
         < processed #0
         > poll 0 cap 10
         < processed #1
         > poll 1 cap 10
         < commit
         > commit 0 a0@10
         > commit 1 b0@5
         < committed 1
         < failed 0 commit
         < commit
         > commit 0 a0@10
         < committed 0
         < commit
         < delivered 1 nothing
         > poll 1 cap 10",
    );
}

#[test]
fn a_commit_asked_for_during_another_follows_it() {
    committing(Name::Single, 1, Commit::None).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > poll 0 cap 10
         < commit
         > commit 0 a0@10
         < delivered 0 #1 a0:10-20
         > process #1
         < processed #1
         < commit
         < committed 0
         > commit 0 a0@20
         < committed 0
         > poll 0 cap 10",
    );
}

#[test]
fn the_last_commit_is_tried_four_times_and_holds_no_other_up() {
    committing(Name::Multi, 2, Commit::OnStop).play(
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
         > poll 0 cap 10
         < processed #1
         > poll 1 cap 10
         < stop
         < delivered 0 nothing
         < delivered 1 nothing
         > commit 0 a0@10
         > commit 1 b0@10
         < failed 0 commit
         > wake 200ms
         < committed 1
         > wake 200ms
         200ms < wake
         > commit 0 a0@10
         < failed 0 commit
         > wake 600ms
         600ms < wake
         > commit 0 a0@10
         < failed 0 commit
         > wake 1400ms
         1400ms < wake
         > commit 0 a0@10
         < failed 0 commit
         > close by 11400ms",
    );
}

#[test]
fn the_last_commit_is_not_tried_again_where_its_answer_came_late() {
    committing(Name::Single, 1, Commit::OnStop).play(
        "> open
         < assigned 0 a0
         > poll 0 cap 10
         < delivered 0 #0 a0:0-10
         > process #0
         < processed #0
         > poll 0 cap 10
         < stop
         < delivered 0 nothing
         > commit 0 a0@10
         5000ms < failed 0 commit
         > close by 15000ms",
    );
}
