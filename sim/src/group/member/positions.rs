//! Where to begin.

use super::super::OffsetReset;
use super::{Due, due};
use crate::output::Fatal;
use crate::record::PartitionId;
use crate::world::World;

impl World {
    /// Committed offsets have come; where there is none, `auto.offset.reset` asks the broker.
    pub(super) fn offsets(&mut self, consumer: u32, offsets: &[(PartitionId, Option<i64>)]) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let answered = membership.members[consumer as usize].answered + 1;
        membership.members[consumer as usize].answered = answered;
        let (mut some, mut none) = (false, false);
        for &(partition, committed) in offsets {
            let slot = membership.slot(core, partition);
            let seeks = &mut membership.members[consumer as usize].seeks;
            if let Some(seek) = seeks.iter_mut().find(|s| Some(s.slot) == slot && s.ask == answered) {
                seek.committed = Some(committed);
                some |= committed.is_some();
                none |= committed.is_none();
            }
        }
        if none && membership.config.offset_reset == OffsetReset::None {
            self.lose(consumer);
            return self.fail(consumer, Fatal::NoOffset);
        }
        let (known, fresh) = self.clients[consumer as usize].seek_delays();
        if some {
            due(core, core.now + known, consumer, Due::Seek { fresh: false });
        }
        if none {
            let trip = core.plan.config.network.latency.times(2) + core.plan.config.brokers.service;
            due(core, core.now + fresh + trip, consumer, Due::Seek { fresh: true });
        }
    }

    /// Fetching begins at the positions found.
    pub(super) fn seek(&mut self, consumer: u32, fresh: bool) {
        let Some(membership) = &mut self.membership else { return };
        let core = &mut self.core;
        let reset = membership.config.offset_reset;
        let mut found = Vec::new();
        membership.members[consumer as usize].seeks.retain(|seek| {
            match seek.committed {
                Some(Some(offset)) if !fresh => found.push((seek.slot, offset)),
                Some(None) if fresh && reset == OffsetReset::Latest => {
                    found.push((seek.slot, core.logs[seek.slot as usize].end()));
                }
                Some(None) if fresh => found.push((seek.slot, 0)),
                _ => return true,
            }
            false
        });
        if !found.is_empty() {
            self.clients[consumer as usize].assign(core, &found);
            self.update_causes(consumer);
        }
    }
}
