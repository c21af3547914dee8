//! The order in which a broker lists topics in a metadata response.
//!
//! Kafka 4.1.1 answers up to four topics in request order, and five or more in the iteration order of a Scala 2.13 immutable hash set
//! of their names (observed for nine sets of names; the set is built in `KafkaApis.handleTopicMetadataRequest`).

/// Places of the topics in the order of the response to a request that lists them by name, as librdkafka's does.
#[must_use]
pub fn metadata_order(names: &[&str]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|&i| names[i]);
    if names.len() > 4 {
        let hashed = order.iter().map(|&i| (improve(java_hash(names[i])), i)).collect();
        order.clear();
        walk_trie(hashed, 0, &mut order);
    }
    order
}

/// `java.lang.String.hashCode`.
pub(super) fn java_hash(s: &str) -> u32 {
    s.encode_utf16().fold(0u32, |h, unit| h.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// `scala.collection.Hashing.improve`.
fn improve(h: u32) -> u32 {
    let h = h.wrapping_add(!(h << 9));
    let h = h ^ (h >> 14);
    let h = h.wrapping_add(h << 4);
    h ^ (h >> 10)
}

/// A compressed hash trie with 5 bits a level, lowest first: in each node first the entries alone in their slot, then the sub-nodes,
/// both by slot. `entries` come in insertion order, which decides only between equal hashes.
fn walk_trie(entries: Vec<(u32, usize)>, shift: u32, order: &mut Vec<usize>) {
    if shift >= 32 {
        order.extend(entries.into_iter().map(|(_, i)| i));
        return;
    }
    let mut slots = vec![Vec::new(); 32];
    for (hash, i) in entries {
        slots[(hash >> shift & 31) as usize].push((hash, i));
    }
    order.extend(slots.iter().filter(|slot| slot.len() == 1).map(|slot| slot[0].1));
    for slot in slots.into_iter().filter(|slot| slot.len() > 1) {
        walk_trie(slot, shift + 5, order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(names: &[&str]) -> Vec<String> {
        metadata_order(names).into_iter().map(|i| names[i].rsplit('.').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn five_topics_come_in_the_hash_order_of_their_names() {
        // `join_order` of the recording documented-3000/librdkafka-2.12.1-r1.
        assert_eq!(order(&["doc200.A", "doc200.B", "doc200.C", "doc200.D", "doc200.E"]), ["D", "A", "B", "E", "C"]);
    }

    #[test]
    fn up_to_four_topics_come_by_name() {
        assert_eq!(order(&["d", "b", "a", "c"]), ["a", "b", "c", "d"]);
    }
}
