//! Groups: commits and resuming, groups apart, partitions that change hands, leaving.

use std::thread;

use fairdrain::broker::{Action, Failure, Input};
use fairdrain::policy::Name;
use fairdrain::scenario::Commit;
use fairdrain::{Duration, Fill, TopicId};

use crate::arm::{Layout, Outage, Plan, Point, Protocol, Stage, Topic, Trouble, topic};
use crate::hand::{Hand, LONG, ONLY};
use crate::service::{SCHEDULERS, Service, stop, tally, until};

fn three_topics(records: u32) -> Vec<Topic> {
    vec![topic("A", 4, records), topic("B", 4, records), topic("C", 2, records)]
}

pub(crate) fn a_member_goes_on_where_the_one_before_has_committed(stage: &Stage) {
    for scheduler in [Name::Single, Name::Fair] {
        let plan = Plan::new(scheduler, 50, Some("g"));
        let layout = Layout::new(three_topics(100), vec![plan.clone(), plan]);
        let mut cluster = stage.lay_out(layout);
        let mut first = Hand::assigned(&mut cluster, 0, 10);
        while first.records < 400 {
            let handed = first.some(50);
            first.process(&handed);
        }
        first.commit();
        let committed = first.expected.clone();
        first.close();
        let mut second = Hand::assigned(&mut cluster, 1, 10);
        // From here on any other offset is a gap or a repetition.
        second.expected = committed;
        while second.records < 600 {
            second.some(50);
        }
        second.close();
    }
}

pub(crate) fn without_a_commit_the_next_member_begins_at_the_beginning(stage: &Stage) {
    let plan = Plan::new(Name::Single, 50, Some("g"));
    let layout = Layout::new(three_topics(20), vec![plan.clone(), plan]);
    let mut cluster = stage.lay_out(layout);
    for member in 0..2 {
        let mut hand = Hand::assigned(&mut cluster, member, 10);
        while hand.records < 200 {
            let handed = hand.some(50);
            hand.process(&handed);
        }
        hand.close();
    }
}

pub(crate) fn a_commit_on_request_is_of_what_has_been_processed(stage: &Stage) {
    for scheduler in SCHEDULERS {
        let plan = Plan::new(scheduler, 20, Some("g"));
        let layout = Layout::new(three_topics(200), vec![plan.clone(), plan.clone()]);
        let mut cluster = stage.lay_out(layout);
        let mut team = [Service::start(&mut cluster, 0, &plan, 3, Commit::OnStop)];
        // A consumer that has processed nothing has nothing to commit.
        let half = |team: &[Service]| {
            let seen = &team[0].seen;
            let touched = |topic: u32| seen.processed.iter().any(|(_, run)| run.partition.topic == TopicId(topic));
            seen.records() >= 1_000 && (0..3).all(touched)
        };
        until(&mut team, "half of it", LONG, half);
        let consumers = if scheduler.has_consumer_a_topic() { 3 } else { 1 };
        assert_eq!(team[0].seen.commits, 0, "nobody has asked for one");
        team[0].tell(Input::Commit);
        until(&mut team, "the commits", LONG, |team| team[0].seen.commits >= consumers);
        let [first] = team;
        // What it processes after the commit is processed again by the next.
        let first = first.walk_out();
        let mut team = [Service::start(&mut cluster, 1, &plan, 3, Commit::OnStop)];
        until(&mut team, "the rest", LONG, |team| tally([&first, &team[0].seen]).len() == 2_000);
        stop(&mut team);
        let again = tally([&first, &team[0].seen]).values().filter(|&&n| n > 1).count();
        assert!(again < 500, "{scheduler}: {again} records again: nothing was committed");
    }
}

pub(crate) fn groups_do_not_touch_each_other(stage: &Stage) {
    let plans = ["g", "h", "h"].map(|group| Plan::new(Name::Single, 50, Some(group)));
    let mut cluster = stage.lay_out(Layout::new(three_topics(40), plans.to_vec()));
    let mut one = Hand::assigned(&mut cluster, 0, 10);
    let mut other = Hand::assigned(&mut cluster, 1, 10);
    for hand in [&mut one, &mut other] {
        while hand.records < 400 {
            let handed = hand.some(50);
            hand.process(&handed);
        }
    }
    one.commit();
    other.close();
    // The other group has committed nothing.
    let mut again = Hand::assigned(&mut cluster, 2, 10);
    while again.records < 400 {
        again.some(50);
    }
    again.close();
    one.close();
}

/// The protocols that this arm has.
fn protocols(stage: &Stage) -> Vec<Protocol> {
    let all = [Protocol::Eager, Protocol::Cooperative, Protocol::Consumer];
    all.into_iter().filter(|p| *p != Protocol::Consumer || !stage.differs(Point::NoConsumerProtocol)).collect()
}

pub(crate) fn a_revocation_waits_until_it_is_answered(stage: &Stage) {
    for protocol in protocols(stage) {
        let plan = Plan::new(Name::Single, 50, Some("g"));
        let mut layout = Layout::new(three_topics(40), vec![plan.clone(), plan]).protocol(protocol);
        layout.session_timeout_mock = Duration::from_secs(5);
        let mut cluster = stage.lay_out(layout);
        let mut first = Hand::assigned(&mut cluster, 0, 10);
        let handed = first.some(50);
        let mut second = Hand::open(&mut cluster, 1);
        let lost = first.until("a revocation", LONG, |input| match input {
            Input::Revoking { lost, .. } => Some(*lost),
            _ => None,
        });
        assert!(!lost, "{protocol:?}: nothing was to be lost");
        let kept = first.assigned.len();
        assert_eq!(kept == 0, protocol == Protocol::Eager, "{protocol:?}: {kept} partitions are kept");
        // Work goes on, and so does the wait.
        first.process(&handed);
        first.rest(Duration::from_secs(1));
        second.sync();
        assert_eq!(second.assigned, [], "{protocol:?}: given away before the revocation was answered");
        first.ask(Action::RevokeDone { consumer: ONLY });
        second.await_some();
        if protocol == Protocol::Eager {
            first.await_some();
        }
        let (a, b) = (&first.assigned, &second.assigned);
        assert!(a.iter().all(|p| !b.contains(p)), "{protocol:?}: two have the same partition: {a:?} {b:?}");
        assert_eq!(a.len() + b.len(), 10, "{protocol:?}");
        second.close();
        first.close();
    }
}

pub(crate) fn a_revocation_that_is_not_answered_ends_at_its_deadline(stage: &Stage) {
    let plan = Plan::new(Name::Single, 50, Some("g"));
    let mut layout = Layout::new(three_topics(40), vec![plan.clone(), plan]).protocol(Protocol::Cooperative);
    layout.session_timeout_mock = Duration::from_secs(7);
    let mut cluster = stage.lay_out(layout);
    let mut first = Hand::assigned(&mut cluster, 0, 10);
    let mut second = Hand::open(&mut cluster, 1);
    let by = first.until("a revocation", LONG, |input| match input {
        Input::Revoking { by, .. } => Some(*by),
        _ => None,
    });
    let left = by.since(first.now);
    assert!(left > Duration::from_secs(3) && left < Duration::from_secs(15), "it may last {left}");
    second.sync();
    let asked = second.now;
    second.await_some();
    let waited = second.now.since(asked);
    // The mock cluster's next rebalance takes a second less than its session timeout, 7 s.
    let rebalance = if stage.differs(Point::LeavingIsSlow) { 6 } else { 0 };
    let bound = left + Duration::from_secs(3 + rebalance);
    assert!(waited + Duration::from_millis(500) > left && waited < bound, "{waited}, with a deadline in {left}");
    first.sync();
    first.ask(Action::RevokeDone { consumer: ONLY });
    second.close();
    first.close();
}

pub(crate) fn members_that_come_and_go_drain_everything_once(stage: &Stage) {
    for protocol in protocols(stage) {
        // At the same time: they wait more than they work.
        thread::scope(|scope| {
            for scheduler in [Name::Single, Name::Multi, Name::Fair] {
                scope.spawn(move || come_and_go(stage, protocol, scheduler));
            }
        });
    }
}

pub(crate) fn come_and_go(stage: &Stage, protocol: Protocol, scheduler: Name) {
    let mut plan = Plan::new(scheduler, 40, Some("g"));
    plan.per_record = Duration::from_micros(500);
    let layout = Layout::new(three_topics(600), vec![plan.clone(), plan.clone()]).protocol(protocol);
    let mut cluster = stage.lay_out(layout);
    let mut team = vec![Service::start(&mut cluster, 0, &plan, 3, Commit::PerBatch)];
    until(&mut team, "a beginning", LONG, |team| team[0].seen.records() >= 500);
    team.push(Service::start(&mut cluster, 1, &plan, 3, Commit::PerBatch));
    until(&mut team, "both at work", LONG, |team| team[1].seen.records() >= 500);
    team[0].tell(Input::Stop);
    until(&mut team, "the first one's end", LONG, |team| team[0].closed);
    let left = team[1].now;
    until(&mut team, "all partitions with the second", LONG, |team| team[1].seen.assigned.len() == 10);
    let waited = team[1].now.since(left);
    // The session timeout is 6 s; the mock cluster's 3 s.
    let bound = if stage.differs(Point::LeavingIsSlow) { 4 } else { 3 };
    assert!(waited < Duration::from_secs(bound), "{protocol:?}, {scheduler}: {waited} to take over from who left");
    let done = |team: &[Service]| tally(team.iter().map(|s| &s.seen)).len() == 6_000;
    until(&mut team, "everything", LONG, done);
    stop(&mut team);
    let tally = tally(team.iter().map(|s| &s.seen));
    let again = tally.values().filter(|&&n| n > 1).count();
    let refused = team.iter().flat_map(|s| &s.seen.failures).any(|f| matches!(f.2, Failure::Commit(_)));
    if refused && stage.differs(Point::NoCommitInRebalance) {
        assert!(again < 3_000, "{protocol:?}, {scheduler}: {again} records twice: more than in the rebalances");
    } else {
        assert_eq!(again, 0, "{protocol:?}, {scheduler}: what was processed was committed before it was given away");
    }
    team.iter().for_each(Service::assert_no_strays);
    println!(
        "{protocol:?}, {scheduler}: {} and {} records, {} and {} revocations, taken over in {waited}",
        team[0].seen.records(),
        team[1].seen.records(),
        team[0].seen.revocations.len(),
        team[1].seen.revocations.len()
    );
}

pub(crate) fn a_slow_application_keeps_its_group_and_what_is_fetched(stage: &Stage) {
    let mut plan = Plan::new(Name::Single, 100, Some("g"));
    plan.per_record = Duration::from_millis(100);
    let mut layout = Layout::new(three_topics(50), vec![plan]);
    layout.max_poll_interval = Duration::from_secs(6);
    let mut cluster = stage.lay_out(layout);
    let mut hand = Hand::assigned(&mut cluster, 0, 10);
    let handed = hand.poll(100, LONG, Fill::Full);
    let began = hand.now;
    hand.ask(Action::Process(handed.batch));
    let batch = handed.batch;
    assert_eq!(hand.next(LONG), Some(Input::Processed(batch)), "while the application was at work");
    let worked = hand.now.since(began);
    assert!(worked >= Duration::from_secs(10), "{worked}: no longer than max.poll.interval.ms");
    let handed = hand.poll(100, LONG, Fill::Full);
    assert_eq!(handed.records(), 100);
    assert!(handed.took < Duration::from_millis(50), "what had been fetched was there, and took {}", handed.took);
    hand.commit();
    hand.close();
}

pub(crate) fn lost_partitions_come_back(stage: &Stage) {
    assert!(!stage.differs(Point::No(Trouble::Expelled)), "the table says that there is no such test");
    for scheduler in [Name::Single, Name::Fair] {
        let mut plan = Plan::new(scheduler, 40, Some("g"));
        plan.per_record = Duration::from_millis(1);
        let mut layout = Layout::new(three_topics(500), vec![plan.clone()]);
        let (from, until_) = (Duration::from_millis(1_500), Duration::from_millis(1_900));
        layout.outage = Some(Outage { kind: Trouble::Expelled, topic: 0, from, until: until_ });
        let mut cluster = stage.lay_out(layout);
        let mut team = [Service::start(&mut cluster, 0, &plan, 3, Commit::PerBatch)];
        let lost = |team: &[Service]| {
            team[0].seen.revocations.iter().any(|(_, partitions, lost)| *lost && partitions.len() == 10)
        };
        until(&mut team, "the loss", LONG, lost);
        until(&mut team, "everything", LONG.times(2), |team| tally([&team[0].seen]).len() == 5_000);
        stop(&mut team);
        let [service] = &team;
        assert_eq!(service.seen.assignments, 2, "{scheduler}: lost once, and assigned again");
        service.assert_no_strays();
        // What was in hand, and could not be committed any more.
        let again = tally([&service.seen]).values().filter(|&&n| n > 1).count();
        assert!(again <= 80, "{scheduler}: {again} records were processed twice");
    }
}
