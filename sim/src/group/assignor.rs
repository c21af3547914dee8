//! Assignors: pure functions from members to partitions.
//!
//! Source: Apache Kafka, `RangeAssignor`, `RoundRobinAssignor`, `AbstractStickyAssignor` with `CooperativeStickyAssignor`, and the
//! coordinator's `UniformAssignor`. The sticky ones are not ported: what they promise is kept (balance first, then as few moves as
//! possible), which of several equally good assignments comes out is this file's. No racks.

use super::Assignor;
use super::wire::{Assignments, Joined, MemberId};
use crate::record::{PartitionId, TopicId};

/// Assigns the partitions of all topics that somebody wants. `partitions` is their number for each topic. With a cooperative assignor
/// a partition that has to move is given to nobody, this time.
pub(crate) fn assign(assignor: Assignor, members: &[Joined], partitions: &[u32]) -> Assignments {
    let mut order: Vec<&Joined> = members.iter().collect();
    // `MemberInfo.compareTo`: static members first, by their instance ids.
    order.sort_by_key(|m| (m.instance.is_none(), m.instance, m.id));
    match assignor {
        Assignor::Range => range(&order, partitions),
        Assignor::RoundRobin => round_robin(&order, partitions),
        Assignor::Uniform => sticky(&order, partitions),
        Assignor::CooperativeSticky => {
            let mut assigned = sticky(&order, partitions);
            let claims = claims(&order, partitions);
            for (id, own) in &mut assigned {
                own.retain(|p| claim(&claims, *p).is_none_or(|owner| owner == *id));
            }
            assigned
        }
    }
}

/// The partitions of the topics that somebody wants, by topic and number.
fn wanted(members: &[&Joined], partitions: &[u32]) -> Vec<PartitionId> {
    let is_wanted = |t: &u32| members.iter().any(|m| m.subscription.topics.contains(t));
    let topics = (0..partitions.len() as u32).filter(is_wanted);
    topics
        .flat_map(|t| (0..partitions[t as usize]).map(move |p| PartitionId { topic: TopicId(t), partition: p }))
        .collect()
}

fn range(members: &[&Joined], partitions: &[u32]) -> Assignments {
    let mut assigned: Assignments = members.iter().map(|m| (m.id, Vec::new())).collect();
    for (topic, &count) in partitions.iter().enumerate() {
        let takers: Vec<usize> =
            (0..members.len()).filter(|&i| members[i].subscription.topics.contains(&(topic as u32))).collect();
        if takers.is_empty() {
            continue;
        }
        let (each, extra) = (count / takers.len() as u32, count % takers.len() as u32);
        let mut next = 0;
        for (place, &i) in takers.iter().enumerate() {
            let end = next + each + u32::from((place as u32) < extra);
            assigned[i].1.extend((next..end).map(|p| PartitionId { topic: TopicId(topic as u32), partition: p }));
            next = end;
        }
    }
    assigned
}

fn round_robin(members: &[&Joined], partitions: &[u32]) -> Assignments {
    let mut assigned: Assignments = members.iter().map(|m| (m.id, Vec::new())).collect();
    let mut turn = 0;
    for partition in wanted(members, partitions) {
        while !members[turn].subscription.topics.contains(&partition.topic.0) {
            turn = (turn + 1) % members.len();
        }
        assigned[turn].1.push(partition);
        turn = (turn + 1) % members.len();
    }
    assigned
}

/// Who says that it has a partition: the member with the latest generation, if two do.
fn claims(members: &[&Joined], partitions: &[u32]) -> Vec<(PartitionId, i32, MemberId)> {
    let mut claims: Vec<(PartitionId, i32, MemberId)> = Vec::new();
    for m in members {
        for &p in &m.subscription.owned {
            let exists = partitions.get(p.topic.index()).is_some_and(|&count| p.partition < count);
            if exists && m.subscription.topics.contains(&p.topic.0) {
                claims.push((p, m.subscription.generation, m.id));
            }
        }
    }
    claims.sort_by_key(|&(p, generation, id)| (p, core::cmp::Reverse(generation), id));
    claims.dedup_by_key(|(p, ..)| *p);
    claims
}

fn claim(claims: &[(PartitionId, i32, MemberId)], partition: PartitionId) -> Option<MemberId> {
    claims.binary_search_by_key(&partition, |(p, ..)| *p).ok().map(|place| claims[place].2)
}

/// Everybody keeps what it has; what nobody has goes to whoever of its takers has least; then partitions move, one at a time, from
/// whoever has most to whoever has least, as long as that makes the two more equal.
fn sticky(members: &[&Joined], partitions: &[u32]) -> Assignments {
    let claims = claims(members, partitions);
    let mut assigned: Assignments = members.iter().map(|m| (m.id, Vec::new())).collect();
    let mut free = Vec::new();
    for p in wanted(members, partitions) {
        match claim(&claims, p).and_then(|id| members.iter().position(|m| m.id == id)) {
            Some(i) => assigned[i].1.push(p),
            None => free.push(p),
        }
    }
    let takes = |i: usize, p: PartitionId| members[i].subscription.topics.contains(&p.topic.0);
    // Those with the fewest takers first: others can go elsewhere.
    free.sort_by_key(|&p| ((0..members.len()).filter(|&i| takes(i, p)).count(), p));
    for p in free {
        let least = (0..members.len()).filter(|&i| takes(i, p)).min_by_key(|&i| (assigned[i].1.len(), i));
        assigned[least.expect("a wanted partition has a taker")].1.push(p);
    }
    // Each move lowers the sum of squares of the loads: it ends.
    while let Some((from, place, to)) = better(&assigned, takes) {
        let p = assigned[from].1.remove(place);
        assigned[to].1.push(p);
    }
    assigned.iter_mut().for_each(|(_, own)| own.sort_unstable());
    assigned
}

/// A move that makes two members more equal: who, its which, to whom.
fn better(assigned: &Assignments, takes: impl Fn(usize, PartitionId) -> bool) -> Option<(usize, usize, usize)> {
    let mut busiest: Vec<usize> = (0..assigned.len()).collect();
    busiest.sort_by_key(|&i| (core::cmp::Reverse(assigned[i].1.len()), i));
    for &from in &busiest {
        for &to in busiest.iter().rev() {
            if assigned[from].1.len() <= assigned[to].1.len() + 1 {
                break;
            }
            // The last ones move: what has been there longest stays.
            if let Some(place) = assigned[from].1.iter().rposition(|&p| takes(to, p)) {
                return Some((from, place, to));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::wire::Subscription;
    use super::*;

    fn p(topic: u32, partition: u32) -> PartitionId {
        PartitionId { topic: TopicId(topic), partition }
    }

    fn member(rank: u32, topics: &[u32], owned: &[PartitionId]) -> Joined {
        let subscription = Subscription { topics: topics.to_vec(), owned: owned.to_vec(), generation: 1 };
        Joined { id: MemberId { rank, number: rank }, instance: None, subscription }
    }

    fn given(assignor: Assignor, members: &[Joined], partitions: &[u32]) -> Vec<Vec<(u32, u32)>> {
        let assigned = assign(assignor, members, partitions);
        let of = |id| assigned.iter().find(|(i, _)| *i == id).map_or(vec![], |(_, own)| own.clone());
        members.iter().map(|m| of(m.id).into_iter().map(|p| (p.topic.0, p.partition)).collect()).collect()
    }

    #[test]
    fn range_gives_neighbours_and_the_same_numbers_of_each_topic() {
        let members = [member(1, &[0, 1], &[]), member(2, &[0, 1], &[])];
        let expected = vec![vec![(0, 0), (0, 1), (1, 0), (1, 1)], vec![(0, 2), (1, 2)]];
        assert_eq!(given(Assignor::Range, &members, &[3, 3]), expected);
    }

    #[test]
    fn range_gives_one_partition_topics_all_to_the_first_member() {
        let members = [member(2, &[0, 1], &[]), member(1, &[0, 1], &[])];
        assert_eq!(given(Assignor::Range, &members, &[1, 1]), vec![vec![], vec![(0, 0), (1, 0)]]);
    }

    /// The example that was run with five one-partition topics: m1 {A, B}, m2 {A..E} -> m1: A, m2: B, C, D, E.
    #[test]
    fn round_robin_skips_who_has_not_subscribed_and_is_lopsided_then() {
        let members = [member(1, &[0, 1], &[]), member(2, &[0, 1, 2, 3, 4], &[])];
        let expected = vec![vec![(0, 0)], vec![(1, 0), (2, 0), (3, 0), (4, 0)]];
        assert_eq!(given(Assignor::RoundRobin, &members, &[1; 5]), expected);
    }

    #[test]
    fn sticky_keeps_what_it_can_and_moves_only_what_balance_needs() {
        let all = [p(0, 0), p(0, 1), p(0, 2), p(0, 3)];
        let members = [member(1, &[0], &all), member(2, &[0], &[])];
        assert_eq!(given(Assignor::Uniform, &members, &[4]), vec![vec![(0, 0), (0, 1)], vec![(0, 2), (0, 3)]]);
    }

    #[test]
    fn cooperative_gives_a_moving_partition_to_nobody_until_it_is_free() {
        let all = [p(0, 0), p(0, 1)];
        let first = [member(1, &[0], &all), member(2, &[0], &[])];
        assert_eq!(given(Assignor::CooperativeSticky, &first, &[2]), vec![vec![(0, 0)], vec![]]);
        let second = [member(1, &[0], &all[..1]), member(2, &[0], &[])];
        assert_eq!(given(Assignor::CooperativeSticky, &second, &[2]), vec![vec![(0, 0)], vec![(0, 1)]]);
    }

    #[test]
    fn every_assignor_gives_a_topic_only_to_its_subscribers_and_each_partition_once() {
        let members = [member(3, &[0], &[]), member(1, &[1, 2], &[]), member(2, &[0, 2], &[p(2, 1)])];
        for assignor in [Assignor::Range, Assignor::RoundRobin, Assignor::CooperativeSticky, Assignor::Uniform] {
            let given = given(assignor, &members, &[4, 3, 2]);
            let mut all: Vec<(u32, u32)> = given.concat();
            for (m, own) in members.iter().zip(&given) {
                assert!(own.iter().all(|(t, _)| m.subscription.topics.contains(t)), "{assignor:?}");
            }
            all.sort_unstable();
            all.dedup();
            assert_eq!((all.len(), given.concat().len()), (9, 9), "{assignor:?}");
        }
    }
}
