//! The order in which partitions join their broker threads, and how those of a group become active
//! (`rdkafka_broker.c: rd_kafka_broker_active_toppar_add`).

use std::sync::Arc;

use super::super::metadata::metadata_order;
use super::Librdkafka;
use crate::choice::Point;
use crate::config::{ConsumerConfig, Start};
use crate::seed::Stream;
use crate::state::{Core, Timer};
use crate::time::Duration;

/// From one segment of a group start to the next.
const SEGMENT: Duration = Duration::from_micros(20);

impl Librdkafka {
    /// A group start: partitions get their offsets in reverse-sorted order, several of them between two walks of the broker thread.
    pub(super) fn activate(&mut self, core: &mut Core, segment: u32) {
        if segment == 0 {
            self.segments = self.cut(core, self.starting.len()).into();
        }
        let Some(length) = self.segments.pop_front() else { return };
        for i in self.starting.drain(..length as usize) {
            // In a fleet it may have been revoked meanwhile.
            let toppar = &mut self.toppars[i as usize];
            toppar.active = toppar.fetch_position >= 0;
        }
        self.serve_all(core);
        if !self.segments.is_empty() {
            core.timer(core.now + SEGMENT, self.consumer, Timer::Activate { segment: segment + 1 });
        }
    }
}

impl Librdkafka {
    /// Partitions assigned in a fleet, in reverse order, are to become active: after those that are just doing so.
    pub(super) fn begin_start(&mut self, core: &mut Core, reversed: Vec<u32>) {
        let runs = !self.segments.is_empty();
        let cut = self.cut(core, reversed.len());
        self.segments.extend(cut);
        self.starting.extend(reversed);
        if !runs {
            core.timer(core.now, self.consumer, Timer::Activate { segment: 1 });
        }
    }

    fn cut(&self, core: &mut Core, n: usize) -> Vec<u64> {
        let valid = |cut: &[u64]| cut.iter().sum::<u64>() == n as u64 && !cut.contains(&0);
        let draw = |stream: &mut Stream| draw_segments(stream, n);
        core.choices.values(Point::LibrdkafkaStartSegments, self.consumer, valid, draw)
    }
}

/// A consumer's partitions in the order in which they join their broker threads.
pub(super) fn join_order(core: &Core, config: &ConsumerConfig, base: u32) -> Arc<[u32]> {
    let names: Vec<&str> = config.topics.clone().map(|t| core.plan.config.topics[t as usize].name.as_str()).collect();
    let mut order = metadata_order(&names);
    if config.start == Start::Group {
        order.sort_by_key(|&i| names[i]);
    }
    let partitions = |i: usize| {
        let slots = core.plan.topics[config.topics.start as usize + i].slots();
        slots.start - base..slots.end - base
    };
    order.into_iter().flat_map(partitions).collect()
}

/// How many partitions become active together: one by one in three of four recorded starts, two neighbours together in the others.
fn draw_segments(stream: &mut Stream, partitions: usize) -> Vec<u64> {
    let mut cut = vec![1; partitions];
    if stream.below(4) == 0 && partitions > 1 {
        let place = stream.below(partitions as u64 - 1) as usize;
        cut.remove(place);
        cut[place] = 2;
    }
    cut
}
