//! Failure isolation: one topic can't be read for a while. How long the others wait, when it comes back, and what the user sees.
//!
//! `cargo test --test conformance isolation -- --nocapture --test-threads=1` prints the figures of docs/isolation.md.

use std::thread;

use fairdrain::broker::Failure;
use fairdrain::policy::Name;
use fairdrain::scenario::Commit;
use fairdrain::{Duration, Time, TopicId};

use crate::arm::{Layout, Outage, Plan, Point, Stage, Trouble, topic};
use crate::hand::LONG;
use crate::service::{SCHEDULERS, Service, stop, until};

/// How much longer than in an undisturbed run the other topics may wait.
const OTHERS_WAIT_LONGER: Duration = Duration::from_secs(2);
/// How soon after its cause is gone a failure is over.
const RECOVERS_WITHIN: Duration = Duration::from_secs(12);

/// The topic that fails, between two that do not.
const FAILING: TopicId = TopicId(1);
const RECORDS: u32 = 2_500;

/// What came of a run.
struct Figures {
    /// Longest time between two deliveries of another topic.
    gap_of_others: Duration,
    /// From the end of the cause to the next delivery of the failing topic.
    recovery: Option<Duration>,
    /// What the user was told of the failing topic, in order.
    told: Vec<String>,
    commits_failed: u32,
}

fn run(stage: &Stage, scheduler: Name, trouble: Option<Trouble>) -> Figures {
    let mut plan = Plan::new(scheduler, 50, Some("g"));
    plan.per_record = Duration::from_millis(1);
    let topics = ["A", "B", "C"].map(|name| topic(name, 1, RECORDS)).to_vec();
    let mut layout = Layout::new(topics, vec![plan.clone()]);
    layout.prefetches_little = true;
    layout.session_timeout_mock = Duration::from_millis(1_200);
    let (from, until_) = (Duration::from_millis(1_500), Duration::from_millis(5_500));
    layout.outage = trouble.map(|kind| Outage { kind, topic: FAILING.index(), from, until: until_ });
    let mut cluster = stage.lay_out(layout);
    let mut team = [Service::start(&mut cluster, 0, &plan, 3, Commit::PerBatch)];
    let of = |service: &Service, topic: TopicId| -> u64 {
        let runs = service.seen.processed.iter().filter(|(_, run)| run.partition.topic == topic);
        runs.map(|(_, run)| u64::from(run.records)).sum()
    };
    let all = u64::from(RECORDS);
    let others = |team: &[Service]| of(&team[0], TopicId(0)) == all && of(&team[0], TopicId(2)) == all;
    until(&mut team, "the other topics", LONG.times(2), others);
    let mut over = None;
    if trouble.is_some() {
        until(&mut team, "the end of the outage", LONG, |_| cluster.outage().1.is_some());
        over = cluster.outage().1;
        let back = |team: &[Service]| delivered(&team[0], FAILING).any(|at| Some(at) > over);
        until(&mut team, "the failing topic again", LONG, back);
    }
    until(&mut team, "the failing topic's records", LONG.times(2), |team| of(&team[0], FAILING) >= all);
    stop(&mut team);
    let [service] = team;
    let seen = &service.seen;
    let mut commits_failed = 0;
    for (_, topic, failure) in &seen.failures {
        match failure {
            Failure::Fetch(_) => assert_eq!(*topic, Some(FAILING), "{scheduler}, {trouble:?}: only one topic fails"),
            Failure::Commit(_) => commits_failed += 1,
            other => panic!("{scheduler}, {trouble:?}: {other:?}"),
        }
    }
    let gap = |topic| {
        let times: Vec<Time> = delivered(&service, topic).collect();
        times.windows(2).map(|pair| pair[1].since(pair[0])).max().expect("it has been delivered")
    };
    let recovery = over.map(|over| {
        let last = delivered(&service, FAILING).filter(|at| *at < over).last().expect("it was there before");
        assert!(over.since(last) > Duration::from_secs(1), "{scheduler}, {trouble:?}: it was not interrupted");
        let next = delivered(&service, FAILING).find(|at| *at > over).expect("awaited above");
        next.since(over)
    });
    let told = seen.failures.iter().filter_map(|(_, _, failure)| match failure {
        Failure::Fetch(reason) => Some(reason.clone()),
        _ => None,
    });
    Figures { gap_of_others: gap(TopicId(0)).max(gap(TopicId(2))), recovery, told: told.collect(), commits_failed }
}

fn delivered(service: &Service, topic: TopicId) -> impl Iterator<Item = Time> {
    service.seen.delivered.iter().filter(move |(_, run)| run.partition.topic == topic).map(|(at, _)| *at)
}

/// All schedulers at the same time: they do little but wait.
fn isolates(stage: &Stage, trouble: Trouble) {
    assert!(!stage.differs(Point::No(trouble)), "the table says that there is no such test");
    thread::scope(|scope| {
        for scheduler in SCHEDULERS {
            scope.spawn(move || {
                let undisturbed = run(stage, scheduler, None);
                let disturbed = run(stage, scheduler, Some(trouble));
                let recovery = disturbed.recovery.expect("there was an outage");
                println!(
                    "{:?} | {trouble:?} | {scheduler} | {} | {} | {recovery} | {:?}, {} commits failed",
                    stage.arm,
                    undisturbed.gap_of_others,
                    disturbed.gap_of_others,
                    disturbed.told,
                    disturbed.commits_failed
                );
                let bound = undisturbed.gap_of_others + OTHERS_WAIT_LONGER;
                assert!(
                    disturbed.gap_of_others <= bound,
                    "{scheduler}, {trouble:?}: others waited {}, {} without it",
                    disturbed.gap_of_others,
                    undisturbed.gap_of_others
                );
                assert!(recovery <= RECOVERS_WITHIN, "{scheduler}, {trouble:?}: {recovery} until it came back");
                // librdkafka says nothing of one broker of several, and does not tell which topics it leads.
                let silent = trouble == Trouble::LeaderGone;
                assert_eq!(disturbed.told.is_empty(), silent, "{scheduler}, {trouble:?}: told {:?}", disturbed.told);
                assert!(disturbed.told.len() <= 3, "{scheduler}, {trouble:?}: told {:?}", disturbed.told);
            });
        }
    });
}

pub(crate) fn a_deleted_topic(stage: &Stage) {
    isolates(stage, Trouble::Deleted);
}

pub(crate) fn a_forbidden_topic(stage: &Stage) {
    isolates(stage, Trouble::Unauthorised);
}

pub(crate) fn a_topic_without_its_leader(stage: &Stage) {
    isolates(stage, Trouble::LeaderGone);
}

pub(crate) fn fetches_answered_with_an_error(stage: &Stage) {
    isolates(stage, Trouble::FetchError);
}

/// In the middle of an outage that does not end by itself.
pub(crate) fn a_service_stops_in_the_middle_of_an_outage(stage: &Stage) {
    let trouble = if stage.differs(Point::No(Trouble::Deleted)) { Trouble::FetchError } else { Trouble::Deleted };
    thread::scope(|scope| {
        for scheduler in SCHEDULERS {
            scope.spawn(move || stops(stage, scheduler, trouble));
        }
    });
}

fn stops(stage: &Stage, scheduler: Name, trouble: Trouble) {
    let mut plan = Plan::new(scheduler, 50, Some("g"));
    plan.per_record = Duration::from_millis(1);
    let topics = ["A", "B", "C"].map(|name| topic(name, 1, RECORDS)).to_vec();
    let mut layout = Layout::new(topics, vec![plan.clone(), plan.clone()]);
    layout.prefetches_little = true;
    layout.session_timeout_mock = Duration::from_millis(1_200);
    let (from, until_) = (Duration::from_millis(500), Duration::from_secs(12));
    layout.outage = Some(Outage { kind: trouble, topic: FAILING.index(), from, until: until_ });
    let mut cluster = stage.lay_out(layout);
    let mut first = [Service::start(&mut cluster, 0, &plan, 3, Commit::PerBatch)];
    let told = |team: &[Service]| team[0].seen.failures.iter().any(|f| matches!(f.2, Failure::Fetch(_)));
    until(&mut first, "the failure", LONG, told);
    let asked = first[0].now;
    stop(&mut first);
    let took = first[0].now.since(asked);
    assert!(cluster.outage().1.is_none_or(|over| over > first[0].now), "{scheduler}: the outage was over before");
    assert!(took < Duration::from_secs(8), "{scheduler}: {took} to stop");
    // Whoever goes on finds the others' positions committed, to the last record.
    let mut second = [Service::start(&mut cluster, 1, &plan, 3, Commit::PerBatch)];
    let (a, c) = (TopicId(0), TopicId(2));
    let others = |team: &[Service]| [a, c].iter().all(|topic| delivered(&team[0], *topic).next().is_some());
    until(&mut second, "the other topics", LONG, others);
    for topic in [a, c] {
        let of = |service: &Service| -> Vec<(i64, i64)> {
            let runs = service.seen.processed.iter().filter(|(_, run)| run.partition.topic == topic);
            runs.map(|(_, run)| (run.first, run.next)).collect()
        };
        let end = of(&first[0]).last().expect("it has been read").1;
        let begin =
            second[0].seen.delivered.iter().find(|(_, run)| run.partition.topic == topic).expect("awaited").1.first;
        assert_eq!(begin, end, "{scheduler}: {topic:?} was not committed when the service stopped");
    }
    stop(&mut second);
    println!("{:?} | {trouble:?} | {scheduler} | stopped in {took}", stage.arm);
}
