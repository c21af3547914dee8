//! Load, drain with each scheduler, verify, clean up.

use super::arrivals::Arrivals;
use super::cluster::{Cluster, Environment, Options, Target};
use super::connect::{Application, Consumers, Extras, Groups, Position, Shape, Share, Topic};
use super::content::Checker;
use super::error::Error;
use super::load::{Loaded, load};
use super::secrets::Secrets;
use super::verify::Verification;
use super::watch::Watch;
use super::{KafkaBroker, LoadedTopic, conf, load as loading};
use crate::drive::{Driven, Observer, drive};
use crate::policy::{AnyPolicy, Name};
use crate::scenario::{Commit, Scenario, Start};
use crate::session::{Config, Session};
use crate::{Duration, Time, TopicId};

/// What to run, where, and how.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What there is to drain. Its client has to be librdkafka, and it has no faults.
    pub scenario: &'a Scenario,
    /// The schedulers, one drain each.
    pub schedulers: &'a [Name],
    /// The cap of every scheduler, if other than the scenario's.
    pub cap: Option<u32>,
    /// What keys and sizes are drawn from.
    pub seed: u64,
    /// Where.
    pub target: &'a Target,
    /// How.
    pub options: &'a Options,
}

/// The drains of a request.
#[derive(Debug)]
pub struct Outcome<O> {
    /// What it ran on.
    pub environment: Environment,
    /// How long it took to load the backlog, once.
    pub load: Duration,
    /// One a scheduler, in the order of the request; fewer if interrupted.
    pub drains: Vec<Drained<O>>,
    /// The topics' names in the cluster, in the scenario's order: those of the last load.
    pub topics: Vec<String>,
    /// Whether those names are listed by a broker in the same order as the scenario's own: librdkafka fetches in that order, so that
    /// a simulation of the scenario would otherwise starve other topics.
    pub order_kept: bool,
    /// What could not be deleted afterwards, and why.
    pub left_behind: Option<String>,
}

/// One drain.
#[derive(Debug)]
pub struct Drained<O> {
    /// The scheduler.
    pub scheduler: Name,
    /// The caller's observer, which has seen all of it.
    pub observer: O,
    /// When the session was closed.
    pub ended: Time,
    /// Whether every record has arrived exactly once and in order.
    pub verification: Verification,
    /// Why the drain could not be completed, if something stood in its way.
    pub failure: Option<String>,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

/// Loads a scenario's backlog, drains it with each scheduler (fresh consumers and groups each, under an observer each), and removes
/// what it has made, whatever happens.
///
/// Topics to which records go on arriving are loaded anew for each scheduler, so that all of them drain the same.
///
/// # Errors
/// [`Error`] if the scenario, a property or the cluster does not allow the run, or the cluster is lost in the middle of it.
pub fn run<O: Observer>(request: &Request<'_>, observer: impl FnMut(Name) -> O) -> Result<Outcome<O>, Error> {
    try_run(request, observer).map_err(|error| Secrets::of(&request.options.properties).redact_error(error))
}

fn try_run<O: Observer>(request: &Request<'_>, mut observer: impl FnMut(Name) -> O) -> Result<Outcome<O>, Error> {
    let &Request { scenario, schedulers, seed, target, options, .. } = request;
    loading::check(scenario, target.backend())?;
    conf::check_benchmark(&options.properties)?;
    let cluster = Cluster::connect(target, options, scenario.brokers.count)?;
    let live = scenario.topics.iter().any(|t| t.arrival.is_some());
    let mut loaded = load(&cluster, scenario, seed, options.keep)?;
    let took = Duration::from_nanos(loaded.took.as_nanos() as u64);
    let (mut drains, mut left_behind) = (Vec::new(), None);
    for (i, &scheduler) in schedulers.iter().enumerate() {
        if cluster.is_interrupted() {
            break;
        }
        if live && i > 0 {
            left_behind = left_behind.or(loaded.remove().err());
            loaded = load(&cluster, scenario, seed, options.keep)?;
        }
        match drain(request, &cluster, &loaded, scheduler, observer(scheduler)) {
            Ok(drained) => drains.push(drained),
            Err(error) => return Err(error.and(loaded.remove().err())),
        }
    }
    let topics = loaded.topics.iter().map(|t| t.name.clone()).collect();
    let order_kept = loaded.order_kept;
    let secrets = Secrets::of(&options.properties);
    let left_behind = left_behind.or(loaded.remove().err()).map(|e| secrets.redact(e.to_string()));
    Ok(Outcome { environment: cluster.environment(), load: took, drains, topics, order_kept, left_behind })
}

fn drain<O: Observer>(
    request: &Request<'_>,
    cluster: &Cluster,
    loaded: &Loaded<'_>,
    scheduler: Name,
    observer: O,
) -> Result<Drained<O>, Error> {
    let scenario = request.scenario;
    let cap = request.cap.unwrap_or_else(|| scenario.cap(scheduler));
    let settings = scenario.settings(scenario.consumer.client, cap);
    let limit = Time::ZERO + scenario.limits.time;
    let mut broker = start(request, cluster, loaded, scheduler, cap, limit)?;
    let mut watch = Watch::new(observer, &loaded.topics, limit, cluster.interrupt.clone());
    let config = Config::new(scheduler, &settings, scenario.consumer.commit);
    let mut session = Session::new(AnyPolicy::new(scheduler, &settings), config, Time::ZERO);
    let (Driven::Closed(ended) | Driven::Crashed(ended) | Driven::CutShort(ended)) =
        drive(&mut session, &mut broker, &mut watch)?;
    let wrong = broker.wrong_records();
    drop(broker);
    let failure = watch.failure();
    Ok(Drained {
        scheduler,
        ended,
        verification: watch.verifier.finish(wrong),
        failure,
        interrupted: cluster.is_interrupted(),
        observer: watch.inner,
    })
}

/// A broker with fresh consumers, each in a group of its own.
fn start(
    request: &Request<'_>,
    cluster: &Cluster,
    loaded: &Loaded<'_>,
    scheduler: Name,
    cap: u32,
    limit: Time,
) -> Result<KafkaBroker, Error> {
    let scenario = request.scenario;
    let topics: Vec<Topic> = loaded.topics.iter().map(LoadedTopic::topic).collect();
    let shape = Shape::of(scheduler, topics.len(), cap);
    // librdkafka wants a group name even where there is no group.
    let base = format!("{}-{scheduler}", loaded.prefix);
    let groups = if shape.consumers.len() > 1 { Groups::PerTopic(base) } else { Groups::One(base) };
    let mut properties = conf::of_scenario(&scenario.consumer);
    properties.extend(cluster.properties.iter().cloned());
    let consumers = Consumers {
        share: match scenario.consumer.start {
            Start::Group => Share::Group,
            Start::Assign => Share::all(&topics, Position::Beginning),
        },
        properties,
        application: application(scenario),
        interrupt: cluster.interrupt.clone(),
        ..Consumers::new(request.target.clone(), topics, shape, groups)
    };
    if scenario.consumer.start == Start::Group || scenario.consumer.commit != Commit::None {
        consumers.group_ids().into_iter().for_each(|group| loaded.add_group(group));
    }
    let of = |ids: &Vec<TopicId>| ids.iter().map(|id| loaded.topics[id.index()].clone()).collect::<Vec<_>>();
    let checkers = consumers.shape.consumers.iter().map(|ids| Checker::new(&of(ids))).collect();
    let arrivals = Arrivals::new(cluster, scenario, &loaded.topics)?;
    let mut broker = KafkaBroker::open(cluster, consumers, Extras { checkers, arrivals, cuts_sleeps: true })?;
    broker.remind(limit);
    // When nothing more can arrive, the run may be over without anything else happening. The last record is on its way until then.
    for until in scenario.topics.iter().filter_map(|t| t.arrival).map(|arrival| arrival.until) {
        broker.remind(Time::ZERO + until + ON_ITS_WAY);
    }
    Ok(broker)
}

fn application(scenario: &Scenario) -> Application {
    let application = scenario.application;
    let of_topic = |(i, topic): (usize, &crate::scenario::Topic)| {
        topic.processing_per_record.map(|per_record| (TopicId(i as u32), per_record))
    };
    Application::Sleep {
        workers: application.workers,
        per_batch: application.per_batch,
        per_record: application.per_record,
        of_topic: scenario.topics.iter().enumerate().filter_map(of_topic).collect(),
    }
}

/// How long after its time an arriving record may be written: the producer's own delay.
const ON_ITS_WAY: Duration = Duration::from_millis(200);
