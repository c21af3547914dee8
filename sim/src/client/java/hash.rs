//! The orders of Java's hash containers, which decide what is fetched and drained first.
//!
//! Does not model: bins of eight or more entries, which Java turns into trees.

use crate::client::metadata::java_hash;

/// `TopicPartition.hashCode`.
pub(super) fn partition_hash(topic: &str, partition: u32) -> u32 {
    31u32.wrapping_mul(31u32.wrapping_add(partition)).wrapping_add(java_hash(topic))
}

/// Table size of `new HashSet<>(collection)` with so many elements.
pub(super) fn capacity_copied(n: usize) -> u32 {
    (n as u32 * 4 / 3 + 1).max(16).next_power_of_two()
}

/// Table size of a `HashMap` that was put together element by element: doubled whenever it is more than three quarters full.
pub(super) fn capacity_grown(n: usize) -> u32 {
    let mut capacity = 16;
    while n as u32 > capacity / 4 * 3 {
        capacity *= 2;
    }
    capacity
}

/// Table size of `new HashMap<>(n)` with n elements put into it.
pub(super) fn capacity_reserved(n: usize) -> u32 {
    let mut capacity = (n as u32).max(1).next_power_of_two();
    while n as u32 * 4 > capacity * 3 {
        capacity *= 2;
    }
    capacity
}

/// Iteration order of a hash table: buckets ascending, inside a bucket the order of insertion, which is the one given.
pub(super) fn table_order(items: &mut [u32], capacity: u32, hash: impl Fn(u32) -> u32) {
    items.sort_by_key(|&item| {
        let h = hash(item);
        (h ^ (h >> 16)) & (capacity - 1)
    });
}

/// Topics by first appearance, each with its partitions in the order given (`PartitionStates.set`).
pub(super) fn group_by_topic(items: &mut Vec<u32>, topic: impl Fn(u32) -> u32) {
    let mut topics = Vec::new();
    for &item in items.iter() {
        if !topics.contains(&topic(item)) {
            topics.push(topic(item));
        }
    }
    let given = core::mem::take(items);
    for t in topics {
        items.extend(given.iter().copied().filter(|&item| topic(item) == t));
    }
}

/// In how many ways a set of n elements from `Set.copyOf` may be iterated.
pub(super) fn salted_orders(n: usize) -> u64 {
    match n {
        0 | 1 => 1,
        2 => 2,
        n => 4 * n as u64,
    }
}

/// One of the iteration orders of `Set.copyOf(items)`; the JVM draws which when it starts (`ImmutableCollections.SetN`: a table of 2n
/// slots, linear probing, read from a salted slot upwards or downwards; `Set12` for two).
pub(super) fn salted_order(items: &mut [u32], hash: impl Fn(u32) -> u32, which: u64) {
    let n = items.len();
    // `Set.copyOf` first removes duplicates with `new HashSet<>(items)`.
    table_order(items, capacity_copied(n), &hash);
    if n <= 2 {
        if which == 1 {
            items.reverse();
        }
        return;
    }
    let mut table = vec![None; 2 * n];
    for &item in items.iter() {
        let mut place = (hash(item) as i32).rem_euclid(2 * n as i32) as usize;
        while table[place].is_some() {
            place = (place + 1) % (2 * n);
        }
        table[place] = Some(item);
    }
    let (start, down) = (which as usize / 2, which % 2 == 1);
    let slot = |k: usize| if down { (start + 2 * n - k) % (2 * n) } else { (start + k) % (2 * n) };
    let order: Vec<u32> = (0..2 * n).filter_map(|k| table[slot(k)]).collect();
    items.copy_from_slice(&order);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: &[&str]) -> Vec<u32> {
        let mut items: Vec<u32> = (0..names.len() as u32).collect();
        table_order(&mut items, capacity_copied(names.len()), |i| partition_hash(names[i as usize], 0));
        items
    }

    #[test]
    fn topics_come_in_the_order_of_their_hashes() {
        assert_eq!(order(&["T1", "T2", "T3", "T4", "T5"]), [2, 3, 4, 0, 1]);
        assert_eq!(order(&["topic-a", "topic-b", "topic-c", "topic-d", "topic-e"]), [4, 0, 1, 2, 3]);
        assert_eq!(order(&["orders", "payments", "users", "audit", "metrics"]), [3, 1, 0, 4, 2]);
        assert_eq!(order(&["A", "B", "C", "D", "E"]), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn tables_grow_as_javas_do() {
        assert_eq!([11, 12, 23, 24, 47].map(capacity_copied), [16, 32, 32, 64, 64]);
        assert_eq!([12, 13, 24, 25].map(capacity_grown), [16, 32, 32, 64]);
        assert_eq!([1, 3, 4, 5, 7].map(capacity_reserved), [2, 4, 8, 8, 16]);
    }

    /// Five topics of three partitions, named as in the recordings `parts-3`: six orders of topics, and the inner orders fixed.
    #[test]
    fn a_salted_set_leaves_six_orders_of_fifteen_partitions() {
        let names = ["parts.A", "parts.B", "parts.C", "parts.D", "parts.E"];
        let hash = |i: u32| partition_hash(names[i as usize / 3], i % 3);
        let mut seen = Vec::new();
        for which in 0..salted_orders(15) {
            let mut items: Vec<u32> = (0..15).collect();
            salted_order(&mut items, hash, which);
            table_order(&mut items, capacity_copied(15), hash);
            table_order(&mut items, capacity_grown(15), hash);
            group_by_topic(&mut items, |i| i / 3);
            if !seen.contains(&items) {
                seen.push(items);
            }
        }
        seen.sort();
        let groups: Vec<[u32; 5]> = seen.iter().map(|o| [o[0], o[3], o[6], o[9], o[12]].map(|i| i / 3)).collect();
        assert_eq!(groups.len(), 6, "{seen:?}");
        assert!(groups.iter().all(|g| g[0] == 4 && g[4] == 3), "{groups:?}");
        assert!(seen.iter().all(|o| o[..3] == [12, 14, 13] && o[12..] == [11, 10, 9]), "{seen:?}");
    }
}
