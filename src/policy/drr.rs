//! Deficit round robin (Shreedhar and Varghese, "Efficient Fair Queueing using Deficit Round Robin", 1995), for records.
//!
//! A record costs 1, so a visit uses up its quantum exactly, and a deficit is left over in one case only: the cap of a hand-over
//! cut the visit short. That flow stays in front and goes on where it was. All others have a deficit of zero, so the ring keeps
//! one number for the flow in front.

use crate::TopicId;

/// Records a visit, per flow: its weight in lowest terms, so that the flows alternate as finely as they can.
///
/// If a visit of every flow would exceed `cap`, the quanta are scaled down to it in proportion, but not below 1; so a hand-over
/// serves every ready topic wherever there are records enough in the cap. They do not depend on how many topics there are, unless
/// scaled: a topic that never has anything changes nothing for the others.
pub(super) fn quanta(cap: u32, weights: &[u32]) -> Box<[u32]> {
    assert!(cap > 0 && weights.iter().all(|w| *w > 0), "cap {cap}, weights {weights:?}");
    let divisor = weights.iter().copied().fold(0, greatest_common_divisor);
    let sum: u64 = weights.iter().map(|w| u64::from(w / divisor)).sum();
    let scale = |w: u64| if sum > u64::from(cap) { (w * u64::from(cap) / sum).max(1) } else { w };
    weights.iter().map(|w| scale(u64::from(w / divisor)) as u32).collect()
}

fn greatest_common_divisor(mut a: u32, mut b: u32) -> u32 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A hand-over in the making: at most one entry a topic.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    entries: Vec<(TopicId, u32)>,
    /// Where in `entries` a topic is, if it is there at all.
    place: Box<[u32]>,
}

impl Plan {
    pub(super) fn new(topics: usize) -> Self {
        Self { entries: Vec::new(), place: vec![0; topics].into() }
    }

    fn add(&mut self, topic: u32, records: u32) {
        let topic = TopicId(topic);
        let place = &mut self.place[topic.index()];
        match self.entries.get_mut(*place as usize) {
            Some(entry) if entry.0 == topic => entry.1 += records,
            _ => {
                *place = self.entries.len() as u32;
                self.entries.push((topic, records));
            }
        }
    }

    /// The finished plan; this one is empty again, with room for another one of the same size, so that it does not have to grow.
    pub(super) fn finish(&mut self) -> Vec<(TopicId, u32)> {
        let room = Vec::with_capacity(self.entries.len());
        core::mem::replace(&mut self.entries, room)
    }
}

/// Not in the ring.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

/// The flows with something to take, in the order of their turns. Entering, leaving and moving on cost the same however many
/// there are.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    links: Box<[Link]>,
    front: u32,
    len: u32,
    /// Sum of the quanta in the ring.
    quantum_sum: u64,
    /// What the flow in front still has from a visit that was cut short; 0 if its visit has not begun.
    deficit: u32,
}

impl Ring {
    pub(super) fn new(topics: usize) -> Self {
        let links = vec![Link { before: NONE, after: NONE }; topics].into();
        Self { links, front: NONE, len: 0, quantum_sum: 0, deficit: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn contains(&self, topic: TopicId) -> bool {
        self.links[topic.index()].after != NONE
    }

    /// Puts a flow at the end of the round, unless it is in already.
    pub(super) fn enter(&mut self, topic: TopicId, quanta: &[u32]) {
        if self.contains(topic) {
            return;
        }
        let new = topic.0;
        if self.front == NONE {
            self.links[topic.index()] = Link { before: new, after: new };
            self.front = new;
        } else {
            let (last, first) = (self.links[self.front as usize].before, self.front);
            self.links[topic.index()] = Link { before: last, after: first };
            self.links[last as usize].after = new;
            self.links[first as usize].before = new;
        }
        self.len += 1;
        self.quantum_sum += u64::from(quanta[topic.index()]);
    }

    /// Takes a flow out, if it is in. What it had not used is lost.
    pub(super) fn leave(&mut self, topic: TopicId, quanta: &[u32]) {
        if !self.contains(topic) {
            return;
        }
        let Link { before, after } =
            core::mem::replace(&mut self.links[topic.index()], Link { before: NONE, after: NONE });
        self.len -= 1;
        self.quantum_sum -= u64::from(quanta[topic.index()]);
        if self.len > 0 {
            self.links[before as usize].after = after;
            self.links[after as usize].before = before;
        }
        if self.front == topic.0 {
            self.front = if self.len > 0 { after } else { NONE };
            self.deficit = 0;
        }
    }

    /// Hands out `cap` records, visit by visit, going round as often as that takes; visits of the same flow are added up. Costs
    /// as much as there are flows in the result.
    pub(super) fn grant(&mut self, cap: u32, quanta: &[u32], plan: &mut Plan) {
        if self.is_empty() {
            return;
        }
        let mut left = cap;
        if self.deficit > 0 {
            let part = self.deficit.min(left);
            if part > 0 {
                plan.add(self.front, part);
            }
            left -= part;
            self.deficit -= part;
            if self.deficit > 0 {
                return;
            }
            self.front = self.links[self.front as usize].after;
        }
        // Both fit: neither is more than `left`.
        let rounds = (u64::from(left) / self.quantum_sum) as u32;
        let mut rest = (u64::from(left) % self.quantum_sum) as u32;
        let mut at = self.front;
        for _ in 0..self.len {
            let quantum = quanta[at as usize];
            let part = rest.min(quantum);
            let records = rounds * quantum + part;
            if records == 0 {
                break;
            }
            plan.add(at, records);
            rest -= part;
            let after = self.links[at as usize].after;
            if part == quantum {
                self.front = after;
            } else if part > 0 {
                self.front = at;
                self.deficit = quantum - part;
            }
            at = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hand-overs that a ring with these quanta, all ready, gives at this cap.
    fn granted(cap: u32, quanta: &[u32], times: usize) -> Vec<Vec<(u32, u32)>> {
        let (mut ring, mut plan) = (Ring::new(quanta.len()), Plan::new(quanta.len()));
        for topic in 0..quanta.len() as u32 {
            ring.enter(TopicId(topic), quanta);
        }
        let mut hand_over = || {
            ring.grant(cap, quanta, &mut plan);
            plan.finish().into_iter().map(|(topic, records)| (topic.0, records)).collect()
        };
        (0..times).map(|_| hand_over()).collect()
    }

    #[test]
    fn quanta_are_weights_in_lowest_terms_scaled_to_the_cap() {
        assert_eq!(*quanta(500, &[1; 5]), [1; 5]);
        assert_eq!(*quanta(500, &[300, 100, 100]), [3, 1, 1]);
        assert_eq!(*quanta(10, &[1000, 1, 1]), [9, 1, 1]);
        assert_eq!(*quanta(2, &[1; 5]), [1; 5]);
    }

    #[test]
    fn one_flow_gets_the_whole_cap() {
        assert_eq!(granted(10, &[3], 2), [[(0, 10)], [(0, 10)]]);
    }

    #[test]
    fn a_flow_cut_off_by_the_cap_goes_on_where_it_was() {
        assert_eq!(
            granted(5, &[3, 3, 3], 3),
            [vec![(0, 3), (1, 2)], vec![(1, 1), (2, 3), (0, 1)], vec![(0, 2), (1, 3)]]
        );
    }

    #[test]
    fn a_hand_over_goes_round_until_the_cap_is_used() {
        assert_eq!(
            granted(7, &[1, 1, 1], 3),
            [[(0, 3), (1, 2), (2, 2)], [(1, 3), (2, 2), (0, 2)], [(2, 3), (0, 2), (1, 2)]]
        );
    }

    #[test]
    fn a_flow_that_leaves_in_front_loses_its_deficit() {
        let quanta = [4, 4];
        let (mut ring, mut plan) = (Ring::new(2), Plan::new(2));
        let [a, b] = [TopicId(0), TopicId(1)];
        ring.enter(a, &quanta);
        ring.enter(b, &quanta);
        ring.grant(1, &quanta, &mut plan);
        ring.leave(a, &quanta);
        ring.enter(a, &quanta);
        ring.grant(8, &quanta, &mut plan);
        assert_eq!(plan.finish(), [(a, 1 + 4), (b, 4)]);
        assert!(ring.contains(a) && !ring.is_empty());
    }
}
