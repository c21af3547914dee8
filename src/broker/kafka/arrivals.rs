//! Records that go on arriving during a drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::error::Error;
use super::load::{Writers, now_ms};
use super::{Event, LoadedTopic};
use crate::scenario::{Arrival, Scenario, Topic};

/// How often it looks whether it is to stop.
const SLICE: Duration = Duration::from_millis(5);

/// The producers of a drain, before it begins and while it goes on.
pub(super) struct Arrivals {
    waiting: Option<Producers>,
    events: Option<Sender<Event>>,
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

struct Producers {
    writers: Writers,
    live: Vec<Live>,
}

struct Live {
    topic: Topic,
    loaded: LoadedTopic,
    arrival: Arrival,
    /// How many batches have arrived.
    arrived: u64,
}

impl Live {
    /// When the next batch is complete; `None` if none will be.
    fn due(&self) -> Option<Duration> {
        let Arrival { records_per_kilosecond: rate, batch_records, until } = self.arrival;
        let records = u128::from(self.arrived + 1) * u128::from(batch_records);
        let nanos = (records * 1_000_000_000_000).checked_div(u128::from(rate))?;
        let nanos = u64::try_from(nanos).ok().filter(|&nanos| nanos < until.as_nanos())?;
        Some(Duration::from_nanos(nanos))
    }

    fn write(&mut self, writers: &mut Writers, stop: &AtomicBool) -> Result<(), rdkafka::error::KafkaError> {
        let size = self.arrival.batch_records;
        // Batches go on round the partitions from where the backlog has ended.
        let k = self.topic.backlog_batches() + self.arrived;
        let partition = (k % u64::from(self.topic.partitions)) as u32;
        let end = &mut self.loaded.ends[partition as usize];
        let place = (partition, *end, *end + i64::from(size));
        *end = place.2;
        self.arrived += 1;
        let named = (self.loaded.name.as_str(), self.loaded.id.index());
        let go_on = || !stop.load(Ordering::Relaxed);
        writers.of(&self.topic, size).write(named, place, now_ms(), &mut self.loaded.content, go_on)
    }
}

impl Arrivals {
    /// Starts producers for the topics that have arrivals; `None` if none has.
    pub(super) fn new(cluster: &Cluster, scenario: &Scenario, topics: &[LoadedTopic]) -> Result<Option<Self>, Error> {
        let live: Vec<Live> = scenario
            .topics
            .iter()
            .zip(topics)
            .filter_map(|(topic, loaded)| {
                let (topic, loaded) = (topic.clone(), loaded.clone());
                Some(Live { arrival: topic.arrival?, topic, loaded, arrived: 0 })
            })
            .collect();
        if live.is_empty() {
            return Ok(None);
        }
        let sizes: Vec<_> = scenario.topics.iter().map(|t| (t, t.arrival.map(|a| a.batch_records))).collect();
        let writers = Writers::new(cluster, &sizes)?;
        let waiting = Some(Producers { writers, live });
        Ok(Some(Self { waiting, events: None, thread: None, stop: Arc::default() }))
    }

    /// Where to report what has arrived.
    pub(super) fn report_to(&mut self, events: Sender<Event>) {
        self.events = Some(events);
    }

    /// Time zero.
    pub(super) fn begin(&mut self, origin: Instant) {
        let (Some(producers), Some(events)) = (self.waiting.take(), self.events.take()) else { return };
        let stop = self.stop.clone();
        self.thread = Some(thread::spawn(move || producers.run(origin, &events, &stop)));
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Producers {
    fn run(mut self, origin: Instant, events: &Sender<Event>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let live = self.live.iter_mut();
            let next = live.filter_map(|live| live.due().map(|due| (due, live))).min_by_key(|(due, _)| *due);
            let mut wait = SLICE;
            let mut result = Ok(());
            if let Some((due, live)) = next {
                wait = due.saturating_sub(origin.elapsed()).min(SLICE);
                if wait.is_zero() {
                    // Before a consumer can have it: nobody should see a record delivered that has not arrived.
                    let (topic, records) = (live.loaded.id, u64::from(live.arrival.batch_records));
                    drop(events.send(Event::Appended { at: Instant::now(), topic, records }));
                    result = live.write(&mut self.writers, stop).map_err(|e| e.to_string());
                }
            }
            for (i, writer) in self.writers.iter().enumerate() {
                writer.poll(if i == 0 { wait } else { Duration::ZERO });
                result = result.and_then(|()| writer.acknowledged(|a| a.error.take().map_or(Ok(()), Err)));
            }
            if let Err(reason) = result {
                drop(events.send(Event::Refused(format!("records no longer arrive: {reason}"))));
                return;
            }
        }
    }
}
