//! The arms on librdkafka: its mock cluster, and a real one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration as StdDuration, Instant};

use fairdrain::broker::Broker;
use fairdrain::broker::kafka::{
    Application, Consumers, Groups, KafkaBroker, Mock, NewTopic, Position, Shape, Share, Target, delete, put,
};
use fairdrain::{Duration, Time, TopicId};

use crate::arm::{Layout, Open, Outage, Plan, Protocol, Topic};

pub(crate) struct KafkaCluster {
    layout: Layout,
    target: Target,
    mock: Option<Mock>,
    /// What names of topics and groups begin with: other runs use the same cluster.
    prefix: String,
    /// Time zero of the first member, as nearly as it can be said.
    origin: Option<Instant>,
    outage: Arc<Mutex<(Option<Instant>, Option<Instant>)>>,
    /// What goes wrong.
    events: Vec<JoinHandle<()>>,
    /// Records that come late; says when.
    late: Option<JoinHandle<(Instant, Instant)>>,
}

impl KafkaCluster {
    pub(crate) fn mock(layout: Layout) -> Self {
        let mock = Mock::start(2).unwrap();
        Self::new(layout, Target::Shared(mock.clone()), Some(mock))
    }

    pub(crate) fn real(layout: Layout) -> Self {
        let servers =
            std::env::var("FAIRDRAIN_KAFKA").expect("FAIRDRAIN_KAFKA=host:port of a broker; scripts/kafka run sets it");
        Self::new(layout, Target::Cluster(servers), None)
    }

    fn new(layout: Layout, target: Target, mock: Option<Mock>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let prefix = format!("fairdrain-{}-{}-", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let cluster =
            Self { layout, target, mock, prefix, origin: None, outage: Arc::default(), events: Vec::new(), late: None };
        cluster.fill();
        cluster
    }

    fn time(&self, at: Instant) -> Time {
        let since = self.origin.map_or(StdDuration::ZERO, |origin| at.saturating_duration_since(origin));
        Time::from_nanos(since.as_nanos() as u64)
    }

    fn name(&self, topic: &Topic) -> String {
        format!("{}{}", self.prefix, topic.name)
    }

    fn fill(&self) {
        let new: Vec<NewTopic> =
            self.layout.topics.iter().map(|t| NewTopic::filled(&self.name(t), t.partitions, t.records)).collect();
        put(&self.target, &[], &new).unwrap();
        let Some(mock) = &self.mock else { return };
        for (i, topic) in self.layout.topics.iter().enumerate() {
            (0..topic.partitions)
                .for_each(|p| mock.lead(&self.name(topic), p, 1 + self.layout.led_elsewhere(i)).unwrap());
        }
        // Groups are not what fails.
        for group in self.layout.members.iter().filter_map(|plan| plan.group) {
            let base = format!("{}{group}", self.prefix);
            let of_topics = self.layout.topics.iter().map(|t| format!("{base}-{}", self.name(t)));
            of_topics.chain([base.clone()]).for_each(|group| mock.coordinate(&group, 1).unwrap());
        }
    }

    /// What happens by itself begins with the first member.
    fn begin(&mut self) {
        if self.origin.is_some() {
            return;
        }
        let origin = Instant::now();
        self.origin = Some(origin);
        let sleep = move |until: Duration| thread::sleep(std(until).saturating_sub(origin.elapsed()));
        for topic in &self.layout.topics {
            let Some((after, records)) = topic.late else { continue };
            let mut new = NewTopic::filled(&self.name(topic), topic.partitions, records);
            new.records.retain(|record| record.partition == 0);
            let target = self.target.clone();
            self.late = Some(thread::spawn(move || {
                sleep(after);
                let begun = Instant::now();
                put(&target, &[], &[new]).unwrap();
                (begun, Instant::now())
            }));
        }
        if let Some(outage) = self.layout.outage {
            let trouble = self.trouble(outage);
            let times = self.outage.clone();
            self.events.push(thread::spawn(move || {
                sleep(outage.from);
                trouble.begin();
                times.lock().unwrap().0 = Some(Instant::now());
                sleep(outage.until);
                // From when on the cause is on its way out: a topic made anew is there before its records are.
                times.lock().unwrap().1 = Some(Instant::now());
                trouble.end();
            }));
        }
    }

    fn trouble(&self, outage: Outage) -> troubles::Troubles {
        let topic = &self.layout.topics[outage.topic];
        troubles::Troubles {
            kind: outage.kind,
            target: self.target.clone(),
            mock: self.mock.clone(),
            topic: NewTopic::filled(&self.name(topic), topic.partitions, topic.records),
        }
    }

    fn session_timeout(&self) -> Duration {
        if self.mock.is_some() { self.layout.session_timeout_mock } else { Layout::SESSION_TIMEOUT }
    }

    fn consumers(&self, plan: &Plan) -> Consumers {
        let topics: Vec<fairdrain::broker::kafka::Topic> = self
            .layout
            .topics
            .iter()
            .enumerate()
            .map(|(i, t)| fairdrain::broker::kafka::Topic {
                id: TopicId(i as u32),
                name: self.name(t),
                partitions: t.partitions,
            })
            .collect();
        let shape = Shape::of(plan.scheduler, topics.len(), plan.cap);
        let base = format!("{}{}", self.prefix, plan.group.unwrap_or("none"));
        let groups = if shape.consumers.len() > 1 { Groups::PerTopic(base) } else { Groups::One(base) };
        let share = match plan.group {
            Some(_) => Share::Group,
            None => Share::all(&topics, Position::Beginning),
        };
        let mut properties: Vec<(&str, String)> = vec![("max.poll.interval.ms", millis(self.layout.max_poll_interval))];
        match self.layout.protocol {
            // Timeouts are the broker's.
            Protocol::Consumer => properties.push(("group.protocol", "consumer".to_owned())),
            classic => properties.extend([
                ("session.timeout.ms", millis(self.session_timeout())),
                ("heartbeat.interval.ms", millis(Layout::HEARTBEAT_INTERVAL)),
                (
                    "partition.assignment.strategy",
                    if classic == Protocol::Eager { "range" } else { "cooperative-sticky" }.to_owned(),
                ),
            ]),
        }
        if self.layout.prefetches_little {
            properties.extend([
                ("max.partition.fetch.bytes", Layout::FETCH_BYTES.to_string()),
                ("queued.min.messages", Layout::QUEUED.to_string()),
                ("fetch.queue.backoff.ms", millis(Layout::QUEUE_BACKOFF)),
            ]);
        }
        Consumers {
            share,
            application: Application::sleep(1, plan.per_record),
            properties: properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            ..Consumers::new(self.target.clone(), topics, shape, groups)
        }
    }
}

impl Open for KafkaCluster {
    fn join(&mut self, member: usize) -> (Box<dyn Broker>, Time) {
        let broker = KafkaBroker::connect(self.consumers(&self.layout.members[member])).unwrap();
        self.begin();
        (Box::new(broker), Time::ZERO)
    }

    fn outage(&self) -> (Option<Time>, Option<Time>) {
        let (begun, over) = *self.outage.lock().unwrap();
        (begun.map(|at| self.time(at)), over.map(|at| self.time(at)))
    }

    fn late(&mut self) -> (Time, Time) {
        let (begun, over) = self.late.take().expect("the layout has late records").join().unwrap();
        (self.time(begun), self.time(over))
    }
}

impl Drop for KafkaCluster {
    fn drop(&mut self) {
        for event in self.events.drain(..) {
            if event.join().is_err() && !thread::panicking() {
                panic!("what was to happen on the cluster did not; the reason is above");
            }
        }
        let topics: Vec<String> = self.layout.topics.iter().map(|t| self.name(t)).collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        // Groups have expired members for a while; the broker goes with them.
        if let Err(error) = delete(&self.target, &[], &topics, &[]) {
            eprintln!("{error}");
        }
    }
}

fn millis(duration: Duration) -> String {
    (duration.as_nanos() / 1_000_000).to_string()
}

fn std(duration: Duration) -> StdDuration {
    StdDuration::from_nanos(duration.as_nanos())
}

pub(crate) mod troubles {
    //! What goes wrong, and right again.

    use super::super::acl;
    use fairdrain::broker::kafka::{Api, Mock, NewTopic, Refusal, Target, delete, put};

    use crate::arm::Trouble;

    /// One topic's.
    pub(crate) struct Troubles {
        pub(crate) kind: Trouble,
        pub(crate) target: Target,
        pub(crate) mock: Option<Mock>,
        pub(crate) topic: NewTopic,
    }

    impl Troubles {
        pub(crate) fn begin(&self) {
            match (&self.mock, self.kind) {
                // Clients see an error of the metadata when they ask for it: because a fetch has failed.
                (Some(mock), Trouble::Deleted) => {
                    mock.fail_topic(&self.topic.name, Refusal::Code(3)).unwrap();
                    mock.refuse_at(2, Api::Fetch, &[Refusal::Code(3)]).unwrap();
                }
                (Some(mock), Trouble::Unauthorised) => {
                    mock.fail_topic(&self.topic.name, Refusal::Code(29)).unwrap();
                    mock.refuse_at(2, Api::Fetch, &[Refusal::Code(29)]).unwrap();
                }
                (Some(mock), Trouble::LeaderGone) => mock.broker_down(2).unwrap(),
                (Some(mock), Trouble::Expelled) => mock.refuse(Api::Heartbeat, &[Refusal::Code(25)]),
                (Some(mock), Trouble::FetchError) => {
                    // Each is tried again after fetch.error.backoff.ms, 500.
                    let unknown_error = [Refusal::Code(-1); 8];
                    mock.refuse_at(2, Api::Fetch, &unknown_error).unwrap();
                }
                (None, Trouble::Unauthorised) => acl::deny(&self.target, &self.topic.name),
                (None, Trouble::Deleted) => delete(&self.target, &[], &[&self.topic.name], &[]).unwrap(),
                (_, kind) => panic!("{kind:?} can't be made to happen here"),
            }
        }

        pub(crate) fn end(&self) {
            match (&self.mock, self.kind) {
                (Some(mock), Trouble::Deleted | Trouble::Unauthorised) => {
                    mock.fail_topic(&self.topic.name, Refusal::None).unwrap();
                }
                (Some(mock), Trouble::LeaderGone) => mock.broker_up(2).unwrap(),
                // They have been used up.
                (Some(_), Trouble::FetchError | Trouble::Expelled) => {}
                (None, Trouble::Unauthorised) => acl::allow(&self.target, &self.topic.name),
                (None, Trouble::Deleted) => put(&self.target, &[], std::slice::from_ref(&self.topic)).unwrap(),
                (_, kind) => panic!("{kind:?} can't be made to happen here"),
            }
        }
    }
}
