//! What was random in a recorded run of kafka-python, read off its trace.

use fairdrain_sim::choice::{Choice, Point};

use super::ReplayError;
use super::choices::slot;
use crate::trace::{Assignment, Handed, Order, Trace};

/// The decisions that a trace shows.
pub(super) fn recorded(trace: &Trace) -> Result<Vec<Choice>, ReplayError> {
    let mut choices = Vec::new();
    if let Some(value) = start_order(trace)? {
        choices.push(Choice { point: Point::KafkaPythonStartOrder, entity: 0, value });
    }
    let replies = trace.end.replies.as_deref().unwrap_or_default();
    for (k, reply) in replies.iter().enumerate() {
        let listed = reply.order.iter().map(|place| slot(&trace.header, &place.0, place.1));
        let listed: Vec<u64> = listed.collect::<Result<_, _>>()?;
        let until = replies.get(k + 1).filter(|next| next.c == reply.c);
        let value = request_order(trace, reply, until, &listed)?;
        choices.push(Choice { point: Point::KafkaPythonRequestOrder, entity: reply.c, value });
        choices.push(Choice { point: Point::KafkaPythonReplyOrder, entity: reply.c, value: listed });
    }
    Ok(choices)
}

/// From 2.1, in a group: the order of the assignment, all partitions of a topic together where only topics are named.
fn start_order(trace: &Trace) -> Result<Option<Vec<u64>>, ReplayError> {
    let header = &trace.header;
    let partitions = |name: &str| {
        let topic = header.scenario.topics.iter().find(|t| t.name == name);
        topic.map(|t| t.partitions).ok_or_else(|| ReplayError::Topic(name.to_owned()))
    };
    let mut order = Vec::new();
    match &header.assignment_order {
        None => return Ok(None),
        Some(Assignment::Partitions(places)) => {
            for place in places {
                order.push(slot(header, &place.0, place.1)?);
            }
        }
        Some(Assignment::Topics(names)) => {
            for name in names {
                for partition in 0..partitions(name)? {
                    order.push(slot(header, name, partition)?);
                }
            }
        }
    }
    Ok(Some(order))
}

/// 2.0: a request's order, which nobody sees, from what its reply held. It matters only where a batch is over
/// `max_partition_fetch_bytes`: a partition with such a batch is in a reply if and only if it was the first one with data. What a
/// poll returned that ended between a reply and the next one is of that reply.
fn request_order(trace: &Trace, reply: &Order, until: Option<&Order>, listed: &[u64]) -> Result<Vec<u64>, ReplayError> {
    let ended = |poll: &crate::trace::Poll| i64::try_from(poll.t + poll.d).unwrap_or(i64::MAX);
    let polls = trace
        .polls
        .iter()
        .filter(|poll| poll.c == reply.c && ended(poll) >= reply.t && until.is_none_or(|next| ended(poll) < next.t));
    let mut with_data = Vec::new();
    for handed in polls.flat_map(|poll| &poll.r) {
        let place = slot(&trace.header, &handed.0, handed.1)?;
        if listed.contains(&place) && !with_data.iter().any(|(other, _)| *other == place) {
            with_data.push((place, is_oversize(trace, handed)));
        }
    }
    with_data.sort_by_key(|(_, oversize)| !oversize);
    let mut order: Vec<u64> = with_data.into_iter().map(|(place, _)| place).collect();
    order.extend(listed.iter().filter(|place| !order.contains(place)).copied().collect::<Vec<_>>());
    Ok(order)
}

/// Whether the batch that begins these records is over the limit of a partition.
fn is_oversize(trace: &Trace, handed: &Handed) -> bool {
    let limit = trace.header.effective.get("max_partition_fetch_bytes").and_then(serde_json::Value::as_u64);
    let topic = trace.header.scenario.topics.iter().find(|t| t.name == handed.0);
    let layout = topic.and_then(|t| t.batches.get(handed.1 as usize)).map_or(&[][..], Vec::as_slice);
    let mut end = 0;
    for run in layout {
        end += i64::try_from(run.0 * u64::from(run.1)).unwrap_or(i64::MAX);
        if handed.2 < end {
            return limit.is_some_and(|limit| u64::from(run.2) > limit);
        }
    }
    false
}
