//! Partitions that come and go in a fleet (`SubscriptionState`, `FetchCollector`).

use super::Java;
use crate::state::Core;
use crate::time::{Duration, Time};

/// The position of a partition that the consumer does not have.
const GONE: i64 = -1;

impl Java {
    /// Begins as a member of a group, with nothing assigned.
    pub(crate) fn open_in_group(&mut self, core: &Core) {
        self.opened = core.now;
        self.starting = true;
        self.partitions.iter_mut().for_each(|p| p.position = GONE);
    }

    pub(crate) fn group_start(&self) -> Duration {
        self.cold()
    }

    /// Whether the application polls into queues of its own.
    pub(crate) fn takes(&self) -> bool {
        self.takes
    }

    pub(crate) fn assign(&mut self, core: &mut Core, positions: &[(u32, i64)]) {
        self.started = true;
        for &(slot, offset) in positions {
            self.partitions[(slot - self.base) as usize].position = offset;
        }
        let all = (0..self.partitions.len() as u32).filter(|&i| self.partitions[i as usize].position != GONE).collect();
        self.put_in_order(core, all);
        self.go_on(core);
    }

    /// The entries of unassigned partitions are thrown away when they are next met; what is on its way, when it arrives.
    pub(crate) fn revoke(&mut self, core: &mut Core, slots: &[u32]) {
        for &slot in slots {
            let i = slot - self.base;
            let p = &mut self.partitions[i as usize];
            (p.position, p.buffered, p.failing_until) = (GONE, false, Time::ZERO);
            self.assignment.retain(|&a| a != i);
            let is_gone = |partition: u32| partition == i;
            let dropped = self.queue.iter().chain(&self.slot).filter(|e| is_gone(e.partition) && e.first).count();
            self.first_left -= dropped as u32;
            self.queue.retain(|e| !is_gone(e.partition));
            self.slot = self.slot.filter(|e| !is_gone(e.partition));
            if let Some(local) = self.local.get_mut(i as usize) {
                local.clear();
            }
        }
        if self.takes {
            // What is left of a topic may be less than was enough to pause it.
            self.pause_and_resume(core);
        }
        let withdrawn = core.withdraw(self.consumer, slots);
        if let Some(waiting) = &mut self.waiting {
            waiting.cap += withdrawn;
        }
    }
}
