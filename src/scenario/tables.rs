//! The file format, once: every table, every key, its kind, its default, its meaning.
//!
//! The parser, `scenario show --resolved`, the JSON Schema and the check of the template all read these tables, so they agree by
//! construction.

use super::group_keys::{GROUP, INSTANCES};
use super::keys::{APPLICATION, BROKERS, FAULTS, LIMITS, NETWORK, ROOT, SCHEDULER, TOPICS, Table};
use super::properties::CONSUMER;

/// Every table of the format.
pub(super) static TABLES: &[&Table] =
    &[&ROOT, &TOPICS, &CONSUMER, &GROUP, &INSTANCES, &SCHEDULER, &APPLICATION, &NETWORK, &BROKERS, &FAULTS, &LIMITS];

#[cfg(test)]
mod tests {
    use super::super::Client;
    use super::super::keys::{Key, normal};
    use super::*;

    #[test]
    fn no_two_keys_of_a_table_share_a_spelling() {
        for table in TABLES {
            let mut names: Vec<String> = table.keys.iter().flat_map(Key::names).map(normal).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "in [{}]", table.name);
        }
    }

    #[test]
    fn every_key_says_what_it_is_for() {
        for key in TABLES.iter().flat_map(|t| t.keys) {
            assert!(key.doc.ends_with('.'), "{}", key.name);
        }
    }

    #[test]
    fn a_limited_key_names_known_clients() {
        for only in TABLES.iter().flat_map(|t| t.keys).filter_map(|k| k.only.as_ref()) {
            assert!(only.clients.len() < Client::all().count());
        }
    }
}
