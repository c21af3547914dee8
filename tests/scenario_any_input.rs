//! Whatever a file contains: a scenario or errors, never a panic, and what is accepted reads back.

use fairdrain::scenario::{Scenario, TEMPLATE, bundled};
use proptest::prelude::*;

fn try_to_read(text: &str) {
    match Scenario::from_toml(text, "any.toml") {
        Ok(parsed) => {
            let resolved = parsed.resolved();
            let again = Scenario::from_toml(&resolved, "again.toml").unwrap_or_else(|e| panic!("{e}\n{resolved}"));
            assert_eq!(again.scenario, parsed.scenario);
            parsed.warnings().iter().for_each(|w| drop(w.one_line()));
        }
        Err(errors) => {
            assert!(!errors.errors().is_empty());
            let _ = errors.to_string();
        }
    }
}

/// What replaces a piece of a legal file: values of every type and at every edge, and what breaks TOML.
const PIECES: &[&str] = &[
    "0",
    "-1",
    "1",
    "1.5",
    "-0.0",
    "nan",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999",
    "\"\"",
    "\"1 s\"",
    "\"5/s\"",
    "\"1 GiB\"",
    "\"18446744073 s\"",
    "[]",
    "[[1, 1]]",
    "{}",
    "{ a = 1 }",
    "true",
    "1979-05-27",
    "\"A[1-9999]\"",
    "\"..\"",
    "\"ü\"",
    "\u{0}",
    "\"",
    "\n",
    "]",
    "[[topics]]\n",
    "[consumer]\n",
    "max.poll.",
    "=",
    "#",
    "\"crash\"",
    "\"librdkafka\"",
    "name = ",
    "\r\n",
    "\u{feff}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        try_to_read(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_values_of_any_keys(
        lines in proptest::collection::vec(
            ("(name|partitions|backlog|value_bytes|keys|arrival|max.poll.records|client|until|kind|zz)", 0..PIECES.len(), "(|\\[\\[topics\\]\\]\n|\\[consumer\\]\n|\\[\\[faults\\]\\]\n)"),
            0..12,
        ),
    ) {
        let body: String = lines.iter().map(|(key, piece, table)| format!("{table}{key} = {}\n", PIECES[*piece])).collect();
        try_to_read(&format!("schema_version = 1\n{body}"));
    }

    #[test]
    fn a_legal_file_with_pieces_replaced(
        which in 0..20_usize,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..12_usize, 0..PIECES.len(), any::<bool>()), 1..4),
    ) {
        let mut text = bundled().get(which).map_or(TEMPLATE, |b| b.text).to_owned();
        for (at, length, piece, whole_value) in edits {
            let mut from = at.index(text.len());
            while !text.is_char_boundary(from) { from -= 1; }
            let mut to = (from + length).min(text.len());
            if whole_value {
                // The value of the line: most likely to get past the syntax.
                let start = text[..from].rfind('\n').map_or(0, |n| n + 1);
                let end = text[start..].find('\n').map_or(text.len(), |n| start + n);
                if let Some(equals) = text[start..end].find('=') {
                    (from, to) = (start + equals + 1, end);
                }
            }
            while !text.is_char_boundary(to) { to += 1; }
            text.replace_range(from..to, PIECES[piece]);
        }
        try_to_read(&text);
    }
}
