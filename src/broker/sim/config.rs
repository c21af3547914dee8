//! From a scenario to a world.

use fairdrain_sim::client::{self, aiokafka, ideal, java, kafka_python, librdkafka};
use fairdrain_sim::config as sim;
use fairdrain_sim::event::Ties;
use fairdrain_sim::log::Log;

use crate::policy::Name;
use crate::scenario::{Client, Consumer, FaultKind, Scenario, Start, Topic};
use crate::tuning::SplitQueues;

/// The world of a scenario, for a scheduler's consumers.
#[must_use]
pub fn world_config(scenario: &Scenario, client: Client, scheduler: Name, cap: u32) -> sim::WorldConfig {
    let topics: Vec<sim::TopicConfig> = scenario.topics.iter().map(|t| topic_config(scenario, t)).collect();
    let start = match scenario.consumer.start {
        Start::Assign => sim::Start::Assign,
        Start::Group => sim::Start::Group,
    };
    let mut settings = client_settings(&scenario.consumer, client, scheduler.takes().then_some(cap));
    if let (Some(costs), Some(own)) = (scenario.consumer.costs, settings.costs_mut()) {
        *own = costs;
    }
    let count = topics.len() as u32;
    let consumer = |topics| sim::ConsumerConfig { topics, client: settings.clone(), takes: scheduler.takes(), start };
    let consumers = if scheduler.has_consumer_a_topic() {
        (0..count).map(|t| consumer(t..t + 1)).collect()
    } else {
        vec![consumer(0..count)]
    };
    let arrivals = scenario.topics.iter().filter_map(|t| t.arrival).map(|a| a.until);
    let alarms = arrivals.chain([scenario.limits.time]).collect();
    sim::WorldConfig {
        seed: scenario.seed,
        alarms,
        ties: Ties::Fifo,
        topics,
        consumers,
        network: sim::Network {
            latency: scenario.network.latency,
            jitter: scenario.network.jitter,
            bandwidth: scenario.network.bandwidth,
        },
        brokers: sim::Brokers {
            count: scenario.brokers.count,
            service: scenario.brokers.service,
            fetch_max_bytes: scenario.brokers.fetch_max_bytes,
        },
        application: sim::Application {
            workers: scenario.application.workers,
            per_batch: scenario.application.per_batch,
            blocking: scenario.application.blocking,
        },
        faults: scenario
            .faults
            .iter()
            .map(|fault| sim::Fault {
                from: fault.from,
                until: fault.until,
                kind: match fault.kind {
                    FaultKind::BrokerDown(broker) => sim::FaultKind::BrokerDown(broker),
                    FaultKind::TopicFails(topic) => sim::FaultKind::TopicFails(topic),
                    FaultKind::Crash => sim::FaultKind::Crash,
                    FaultKind::LatencySpike(extra) => sim::FaultKind::LatencySpike(extra),
                },
            })
            .collect(),
    }
}

fn topic_config(scenario: &Scenario, topic: &Topic) -> sim::TopicConfig {
    let log = |partition: u32| {
        Log::new(
            topic.partition_backlog(partition),
            topic.batch_records,
            topic.value_bytes.clone(),
            topic.key_bytes,
            topic.compression_millis,
            topic.arrival.map_or(1, |a| a.batch_records),
        )
    };
    sim::TopicConfig {
        name: topic.name.clone(),
        logs: (0..topic.partitions).map(log).collect(),
        leader: topic.leader,
        per_record: topic.processing_per_record.unwrap_or(scenario.application.per_record),
        arrival: topic.arrival.map(|arrival| sim::Arrival {
            every: arrival.every(),
            until: arrival.until,
            first_partition: (topic.backlog_batches() % u64::from(topic.partitions)) as u32,
        }),
    }
}

fn client_settings(consumer: &Consumer, client: Client, takes: Option<u32>) -> client::Settings {
    match client {
        Client::Aiokafka => {
            let default = aiokafka::Settings::default();
            client::Settings::Aiokafka(aiokafka::Settings {
                fetch_min_bytes: consumer.fetch_min_bytes,
                fetch_max_bytes: consumer.fetch_max_bytes.unwrap_or(default.fetch_max_bytes),
                fetch_max_wait: consumer.fetch_max_wait.unwrap_or(default.fetch_max_wait),
                max_partition_fetch_bytes: consumer.max_partition_fetch_bytes,
                ..default
            })
        }
        Client::Librdkafka => {
            let mut settings = librdkafka::Settings::default();
            if let Some(cap) = takes {
                let tuned = SplitQueues::for_cap(cap);
                settings.fetch_wait_max = tuned.fetch_wait_max;
                settings.fetch_queue_backoff = tuned.fetch_queue_backoff;
                settings.queued_min_messages = tuned.queued_min_messages;
                settings.fetch_max_bytes = Some(tuned.fetch_max_bytes);
            }
            client::Settings::Librdkafka(librdkafka::Settings {
                fetch_min_bytes: consumer.fetch_min_bytes,
                fetch_max_bytes: consumer.fetch_max_bytes.or(settings.fetch_max_bytes),
                fetch_wait_max: consumer.fetch_max_wait.unwrap_or(settings.fetch_wait_max),
                fetch_message_max_bytes: consumer.max_partition_fetch_bytes,
                queued_min_messages: consumer.queued_min_messages.unwrap_or(settings.queued_min_messages),
                queued_max_messages_kbytes: consumer
                    .queued_max_messages_kbytes
                    .unwrap_or(settings.queued_max_messages_kbytes),
                fetch_queue_backoff: consumer.fetch_queue_backoff.unwrap_or(settings.fetch_queue_backoff),
                ..settings
            })
        }
        Client::Java(version, protocol) => {
            let mut settings = java::Settings::new(version, protocol);
            if let Some(cap) = takes {
                settings.fetch_max_wait = SplitQueues::for_cap(cap).fetch_wait_max;
            }
            client::Settings::Java(java::Settings {
                fetch_min_bytes: consumer.fetch_min_bytes,
                fetch_max_bytes: consumer.fetch_max_bytes.unwrap_or(settings.fetch_max_bytes),
                fetch_max_wait: consumer.fetch_max_wait.unwrap_or(settings.fetch_max_wait),
                max_partition_fetch_bytes: consumer.max_partition_fetch_bytes,
                ..settings
            })
        }
        Client::KafkaPython(version) => {
            let default = kafka_python::Settings::of(version);
            client::Settings::KafkaPython(kafka_python::Settings {
                fetch_min_bytes: consumer.fetch_min_bytes,
                fetch_max_bytes: consumer.fetch_max_bytes.unwrap_or(default.fetch_max_bytes),
                fetch_max_wait: consumer.fetch_max_wait.unwrap_or(default.fetch_max_wait),
                max_partition_fetch_bytes: consumer.max_partition_fetch_bytes,
                ..default
            })
        }
        Client::Ideal => client::Settings::Ideal(ideal::Settings::default()),
    }
}
