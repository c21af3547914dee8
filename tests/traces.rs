//! The client models against recorded polls of the real clients: with the recorded choices as input, every poll of every recorded
//! run comes out exactly.

use std::fs;
use std::path::{Path, PathBuf};

use fairdrain_sim::choice::{Choice, Point};
use fairdrain_sim::client::{self, aiokafka, librdkafka};
use fairdrain_sim::config::{Application, Brokers, ConsumerConfig, Network, Start, TopicConfig, WorldConfig};
use fairdrain_sim::event::Ties;
use fairdrain_sim::log::{Batches, Log};
use fairdrain_sim::{ConsumerId, Duration, Fill, Output, World};
use serde_json::Value;

type Poll = Vec<(String, u64, i64, u64)>;

#[test]
fn every_recorded_poll_of_a_single_consumer_comes_out_exactly() {
    let (mut files, mut polls, mut exact) = (0, 0, 0);
    let mut differing = Vec::new();
    for path in trace_files() {
        let Some(trace) = Recording::read(&path) else { continue };
        files += 1;
        let model = trace.replay();
        polls += trace.polls.len();
        let same = trace.polls.iter().zip(&model).filter(|(a, b)| a == b).count();
        exact += same;
        if same < trace.polls.len() {
            let i = (0..trace.polls.len()).find(|&i| model.get(i) != Some(&trace.polls[i])).unwrap();
            differing.push(format!(
                "{}: {same}/{} poll {i}: recorded {:?}, model {:?}",
                path.display(),
                trace.polls.len(),
                trace.polls[i],
                model.get(i)
            ));
        }
    }
    println!("{files} files, {polls} polls, {exact} exact");
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    assert!(files > 0);
}

fn trace_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces");
    let mut files = Vec::new();
    for dir in fs::read_dir(root).unwrap().flatten().filter(|d| d.path().is_dir()) {
        files.extend(fs::read_dir(dir.path()).unwrap().flatten().map(|f| f.path()));
    }
    files.sort();
    files
}

struct Recording {
    header: Value,
    end: Value,
    polls: Vec<Poll>,
}

impl Recording {
    fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).unwrap();
        let mut lines = text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
        let header = lines.next()?;
        let client = header["client"]["name"].as_str()?;
        if header["mode"] != "single"
            || !["aiokafka", "librdkafka"].contains(&client)
            || header["scenario"]["name"].as_str()?.ends_with("-poll")
        {
            return None;
        }
        let mut polls: Vec<Value> = lines.collect();
        let end = polls.pop()?;
        let polls = polls
            .iter()
            .map(|p| {
                let runs = p["r"].as_array().unwrap();
                runs.iter()
                    .map(|r| {
                        (
                            r[0].as_str().unwrap().to_owned(),
                            r[1].as_u64().unwrap(),
                            r[2].as_i64().unwrap(),
                            r[3].as_u64().unwrap(),
                        )
                    })
                    .collect()
            })
            .collect();
        Some(Self { header, end, polls })
    }

    fn replay(&self) -> Vec<Poll> {
        let h = &self.header;
        let effective = |key: &str| h["effective"][key].as_u64().unwrap_or_else(|| panic!("{key}"));
        let topics = h["scenario"]["topics"].as_array().unwrap();
        let is_aiokafka = h["client"]["name"] == "aiokafka";
        let client = if is_aiokafka {
            client::Settings::Aiokafka(aiokafka::Settings {
                max_partition_fetch_bytes: effective("max_partition_fetch_bytes") as u32,
                ..aiokafka::Settings::default()
            })
        } else {
            client::Settings::Librdkafka(librdkafka::Settings {
                fetch_message_max_bytes: effective("fetch.message.max.bytes") as u32,
                queued_min_messages: effective("queued.min.messages") as u32,
                ..librdkafka::Settings::default()
            })
        };
        let config = WorldConfig {
            seed: 1,
            ties: Ties::Fifo,
            topics: topics
                .iter()
                .map(|t| TopicConfig {
                    name: t["name"].as_str().unwrap().to_owned(),
                    logs: t["batches"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|runs| {
                            let layout: Vec<Batches> = runs
                                .as_array()
                                .unwrap()
                                .iter()
                                .map(|r| Batches {
                                    count: r[0].as_u64().unwrap(),
                                    records: r[1].as_u64().unwrap() as u32,
                                    bytes: r[2].as_u64().unwrap(),
                                })
                                .collect();
                            Log::recorded(&layout, t["value_bytes"].as_u64().unwrap() as u32)
                        })
                        .collect(),
                    leader: 0,
                    per_record: Duration::from_micros(h["processing_us_per_record"].as_u64().unwrap()),
                    arrival: None,
                })
                .collect(),
            consumers: vec![ConsumerConfig {
                topics: 0..topics.len() as u32,
                client,
                takes: false,
                start: if h["subscribe"] == "group" { Start::Group } else { Start::Assign },
            }],
            network: Network { latency: Duration::from_micros(50), jitter: Duration::ZERO, bandwidth: None },
            brokers: Brokers { count: 1, service: Duration::from_micros(200), fetch_max_bytes: 57_671_680 },
            application: Application { workers: 1, per_batch: Duration::ZERO, blocking: false },
            faults: vec![],
        };
        let mut world = World::new(&config);
        world.choices().play(self.choices());
        let cap = if is_aiokafka {
            effective("max_poll_records")
        } else {
            h["config"]["consume(num_messages)"].as_u64().unwrap()
        } as u32;
        let fill = if is_aiokafka { Fill::First } else { Fill::Full };
        let wait = Duration::from_millis(h["poll_timeout_ms"].as_u64().unwrap());
        let commits = h["commit"] != "none";
        let c = ConsumerId(0);
        let mut polls = Vec::new();
        world.open();
        while polls.len() < self.polls.len() {
            let (_, output) = world.next().expect("goes on");
            match output {
                Output::Assigned { .. } | Output::Committed(_) => world.poll(c, cap, wait, fill),
                Output::Delivered { batch, runs, .. } => {
                    polls.push(
                        runs.iter()
                            .map(|r| {
                                (
                                    topics[r.partition.topic.index()]["name"].as_str().unwrap().to_owned(),
                                    u64::from(r.partition.partition),
                                    r.first,
                                    u64::from(r.records),
                                )
                            })
                            .collect(),
                    );
                    if runs.is_empty() { world.poll(c, cap, wait, fill) } else { world.process(batch) }
                }
                Output::Processed(_) if commits => world.commit(c, &[]),
                Output::Processed(_) => world.poll(c, cap, wait, fill),
                other => panic!("{other:?}"),
            }
        }
        if let Some(refused) = world.choices().refused() {
            println!("refused {refused:?}");
        }
        polls
    }

    fn slot(&self, topic: &str, partition: u64) -> u64 {
        let topics = self.header["scenario"]["topics"].as_array().unwrap();
        let before = topics.iter().take_while(|t| t["name"] != topic);
        before.map(|t| t["partitions"].as_u64().unwrap()).sum::<u64>() + partition
    }

    fn choices(&self) -> Vec<Choice> {
        if let Some(requests) = self.end["requests"].as_array() {
            return requests
                .iter()
                .map(|r| {
                    let order = r["order"].as_array().unwrap();
                    let value =
                        order.iter().map(|p| self.slot(p[0].as_str().unwrap(), p[1].as_u64().unwrap())).collect();
                    Choice { point: Point::AiokafkaRequestOrder, entity: 0, value }
                })
                .collect();
        }
        if self.header["subscribe"] == "group" {
            // The segments are the maximal ascending runs of the order of first appearance.
            let mut seen: Vec<u64> = Vec::new();
            for (topic, partition, ..) in self.polls.iter().flatten() {
                let slot = self.slot(topic, *partition);
                if !seen.contains(&slot) {
                    seen.push(slot);
                }
            }
            let mut lengths = vec![1];
            for pair in seen.windows(2) {
                if pair[1] > pair[0] { *lengths.last_mut().unwrap() += 1 } else { lengths.push(1) }
            }
            return vec![Choice { point: Point::LibrdkafkaStartSegments, entity: 0, value: lengths }];
        }
        Vec::new()
    }
}
