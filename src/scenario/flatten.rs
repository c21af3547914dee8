//! One spelling for three: `max.poll.records = 1` (which TOML reads as nested tables), `"max.poll.records" = 1` and
//! `max_poll_records = 1`.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Source;
use super::keys::{self, Key, Kind};

/// A value with the whole dotted name that led to it.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// As written, segments joined by dots.
    pub(super) name: String,
    /// Place of the name.
    pub(super) at: Range<usize>,
    /// The value.
    pub(super) value: &'a Spanned<DeValue<'a>>,
}

/// All entries of a table, in the order of the file. A table that is itself the value of a known key stays whole.
pub(super) fn flatten<'a>(table: &'a DeTable<'a>, spec: &keys::Table, source: &Source) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    // The parser bounds the depth of a file; a list of work needs no stack of ours either way.
    let mut open = vec![(String::new(), table)];
    while let Some((prefix, table)) = open.pop() {
        for (key, value) in table {
            let name =
                if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            match value.get_ref() {
                DeValue::Table(inner) if !inner.is_empty() && !spec.key(&name).is_some_and(takes_table) => {
                    open.push((name, inner));
                }
                _ => entries.push(Entry { at: dotted(source, &name, key.span()), name, value }),
            }
        }
    }
    entries.sort_by_key(|e| e.at.start);
    entries
}

fn takes_table(key: &Key) -> bool {
    matches!(key.kind, Kind::Sizes | Kind::Inert)
}

/// The place of the whole dotted name, if its last segment is the end of it on the same line.
fn dotted(source: &Source, name: &str, last: Range<usize>) -> Range<usize> {
    // No further back than blanks around the dots can take, or one long line would be read again for each of its keys.
    let far = last.start.saturating_sub(2 * name.len() + 64);
    let start = source.line_start(last.start).max(far);
    let Some(before) = source.text.get(start..last.end) else { return last };
    let trimmed = before.trim_start();
    let bare: String = trimmed.chars().filter(|c| !matches!(c, ' ' | '\t' | '"' | '\'')).collect();
    if bare == name { last.end - trimmed.len()..last.end } else { last }
}
