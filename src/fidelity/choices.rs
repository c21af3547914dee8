//! What was random in a recorded run, read off its trace.

use fairdrain_sim::choice::{Choice, Point};

use super::{ReplayError, kafka_python};
use crate::trace::{Header, Mode, Subscribe, Trace};

/// The decisions that a trace shows, in the order in which they were taken.
pub(super) fn recorded(trace: &Trace) -> Result<Vec<Choice>, ReplayError> {
    if let Some(requests) = &trace.end.requests {
        let choice = |request: &crate::trace::Order| {
            let slots = request.order.iter().map(|place| slot(&trace.header, &place.0, place.1));
            let value = slots.collect::<Result<_, _>>()?;
            Ok(Choice { point: Point::AiokafkaRequestOrder, entity: request.c, value })
        };
        return requests.iter().map(choice).collect();
    }
    if trace.header.client.name == "librdkafka" && trace.header.subscribe == Subscribe::Group {
        let value = segments(trace)?;
        return Ok(vec![Choice { point: Point::LibrdkafkaStartSegments, entity: 0, value }]);
    }
    if trace.header.client.name == "java" && trace.header.mode == Mode::Single {
        let empty = trace.polls.iter().take_while(|poll| poll.r.is_empty()).count() as u64;
        return Ok(vec![Choice { point: Point::JavaLeadingEmpty, entity: 0, value: vec![empty + 1] }]);
    }
    if trace.header.client.name == "kafka-python" {
        return kafka_python::recorded(trace);
    }
    Ok(Vec::new())
}

/// How the partitions of a librdkafka group start became active: the maximal ascending runs of the order of first appearance.
fn segments(trace: &Trace) -> Result<Vec<u64>, ReplayError> {
    let mut by_name: Vec<&str> = trace.header.scenario.topics.iter().map(|t| t.name.as_str()).collect();
    by_name.sort_unstable();
    let mut seen: Vec<(usize, u32)> = Vec::new();
    for handed in trace.polls.iter().flat_map(|poll| &poll.r) {
        let topic = by_name.iter().position(|name| *name == handed.0);
        let place = (topic.ok_or_else(|| ReplayError::Topic(handed.0.clone()))?, handed.1);
        if !seen.contains(&place) {
            seen.push(place);
        }
    }
    let mut lengths = vec![1];
    for pair in seen.windows(2) {
        if pair[0] < pair[1] {
            *lengths.last_mut().expect("begins with one") += 1;
        } else {
            lengths.push(1);
        }
    }
    Ok(lengths)
}

/// A partition's number in the world, counted through all topics.
pub(super) fn slot(header: &Header, topic: &str, partition: u32) -> Result<u64, ReplayError> {
    let topics = &header.scenario.topics;
    let place = topics.iter().position(|t| t.name == topic).ok_or_else(|| ReplayError::Topic(topic.to_owned()))?;
    Ok(topics[..place].iter().map(|t| u64::from(t.partitions)).sum::<u64>() + u64::from(partition))
}
