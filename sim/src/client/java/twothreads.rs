//! The async consumer (`AsyncKafkaConsumer`): where its two threads meet.
//!
//! 4.0 and 4.1 make every request while the application thread waits, so that polls come out as the classic consumer's. 4.2 and 4.3
//! (KAFKA-18376) do not wait, and three things depend on timing: a request made in the middle of a drain, half an answer seen, and a
//! poll that sleeps with nothing in flight (KAFKA-20780). Each is a choice point, drawn as often as recorded runs show it.

use super::{Java, Version};
use crate::choice::Point;
use crate::record::Fill;
use crate::seed::Stream;
use crate::state::Core;
use crate::time::Duration;

/// Entries below this size have never been seen split.
const SPLIT_BYTES: u64 = 1 << 19;
/// Nor was any answer, where the application worked for so long between polls.
const SPLIT_WORK: Duration = Duration::from_millis(20);

impl Java {
    /// The background thread has read an answer.
    pub(super) fn land(&mut self, core: &mut Core, node: u32) {
        let large =
            core.conns[core.conn(self.consumer, node) as usize].answers.first().map_or(0, |a| a.slice.wire_bytes);
        let entries = self.fire(core, node);
        if self.takes {
            return self.send_fetches(core);
        }
        self.stale_only = entries > 0
            && self.waiting.is_none()
            && self.queue.iter().all(|e| e.records == 0 || e.offset != self.partitions[e.partition as usize].position);
        if self.waiting.is_none() || self.asleep {
            return;
        }
        if let Some(joined) = self.joining.take() {
            self.collect(core, joined);
            if !self.finish(core) {
                self.turn(core);
            }
            return;
        }
        // 4.0 and 4.1: an answer without entries wakes nobody (KAFKA-19259).
        if entries == 0 && self.settings.version == Version::V4_0 {
            return;
        }
        if self.is_racy() && entries > 1 {
            let first_answer = self.answers == 1;
            let worked = core.now.since(self.returned_at) > SPLIT_WORK;
            let draw = |s: &mut Stream| {
                let seen = !first_answer && !worked && large >= SPLIT_BYTES && s.below(4) == 0;
                if seen { 1 + s.below(entries as u64 - 1) } else { 0 }
            };
            let visible = core.choices.number(Point::JavaSplit, self.consumer, entries as u64, draw);
            if visible > 0 {
                self.collect(core, visible as usize);
                if self.finish(core) {
                    return;
                }
            }
        }
        self.turn(core);
    }

    /// The last buffered entry of a poll that began with leftovers is used up: if the background thread makes its request just now,
    /// nothing counts as buffered, and the request has the old offset of that one partition. If its answer arrives before the next
    /// entry is asked for, its first entries join this poll.
    pub(super) fn race(&mut self, core: &mut Core, first_ends: bool) {
        if !self.is_racy() || self.waiting.is_none_or(|w| w.fill == Fill::Full) {
            return;
        }
        // Five of nine at the end of the first answer, where sensors are made meanwhile; four of them joined.
        let all = self.partitions.len() as u64 + 1;
        let draw = |s: &mut Stream| match s.below(9) {
            0 if first_ends => 1,
            1..=4 if first_ends => all,
            _ => 0,
        };
        let race = core.choices.number(Point::JavaRace, self.consumer, all + 1, draw);
        if race > 0 {
            self.send_fetches(core);
            let sent = self.nodes.iter().any(|n| n.in_flight);
            self.joining = Some(race as usize - 1).filter(|joined| *joined > 0 && sent);
        }
    }

    /// Whether the poll that begins sends nothing and sleeps until its timeout: the first one after connecting too slowly, one that
    /// begins with a used-up entry, or one after an answer with nothing but a stale entry.
    pub(super) fn stalls(&mut self, core: &mut Core) -> bool {
        if !self.is_racy() {
            return false;
        }
        let first = self.polls == 1 && !self.group;
        let ghost = self.queue.is_empty() && self.slot.is_some_and(|entry| entry.records == 0);
        let stale = core::mem::take(&mut self.stale_only);
        if !(first || ghost || stale) {
            return false;
        }
        // First: 19 of 24 with one or two partitions sought before, none of 30 with more; one among others in its JVM hardly ever (1 of 15). Used-up: 4 of 128. Stale: once in five.
        let few = self.partitions.len() < 3 && core.plan.consumers.len() == 1;
        let draw = |s: &mut Stream| {
            u64::from(match (first, ghost) {
                (true, _) => few && s.below(24) < 19,
                (_, true) => s.below(32) == 0,
                _ => s.below(5) == 0,
            })
        };
        let stalls = core.choices.number(Point::JavaStall, self.consumer, 2, draw) == 1;
        if stalls && ghost {
            // The used-up entry is drained all the same.
            self.drop_ghost();
        }
        stalls
    }

    fn drop_ghost(&mut self) {
        let Some(entry) = self.slot.take() else { return };
        self.partitions[entry.partition as usize].buffered = false;
        self.first_left -= u32::from(entry.first);
        self.move_to_end(entry.partition);
    }
}
