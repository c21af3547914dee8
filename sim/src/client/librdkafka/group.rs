//! Partitions that come and go in a fleet (`rdkafka_assignment.c`). A revoked partition's messages are dropped from whichever queue
//! they are in (the version barrier), and so is what a fetch brings that is out.

use super::Librdkafka;
use crate::state::Core;

/// The fetch position of a partition that the consumer does not have: no fetch has ever asked for it.
const GONE: i64 = -1;

impl Librdkafka {
    /// Toppars join their broker threads in the order of their names, and become active as in a group start.
    pub(crate) fn assign(&mut self, core: &mut Core, positions: &[(u32, i64)]) {
        let place = |i: u32| self.join.iter().position(|&j| j == i);
        let mut added: Vec<(u32, i64)> = positions.iter().map(|&(slot, offset)| (slot - self.base, offset)).collect();
        added.sort_by_key(|&(i, _)| place(i));
        for &(i, offset) in &added {
            let toppar = &mut self.toppars[i as usize];
            toppar.fetch_position = offset;
            self.nodes[toppar.node as usize].toppars.push(i);
        }
        self.begin_start(core, added.iter().rev().map(|&(i, _)| i).collect());
    }

    pub(crate) fn revoke(&mut self, core: &mut Core, slots: &[u32]) {
        for &slot in slots {
            let i = slot - self.base;
            let toppar = &mut self.toppars[i as usize];
            toppar.active = false;
            toppar.fetch_position = GONE;
            toppar.queued = 0;
            let node = &mut self.nodes[toppar.node as usize];
            if core::mem::take(&mut toppar.listed) {
                node.list(i, false);
            }
            node.toppars.retain(|&t| t != i);
            let queue = &mut self.queues[if self.split { i as usize } else { 0 }];
            for chunk in queue.chunks.iter().filter(|chunk| chunk.partition == i) {
                queue.messages -= u64::from(chunk.records);
                queue.bytes -= core.run(slot, chunk.first, chunk.records).bytes;
            }
            queue.chunks.retain(|chunk| chunk.partition != i);
        }
        // Those already collected by the call in progress go too (`rd_kafka_q_serve_rkmessages`).
        let withdrawn = core.withdraw(self.consumer, slots);
        if let Some(waiting) = &mut self.waiting {
            waiting.cap += withdrawn;
        }
    }
}
