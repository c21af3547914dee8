//! One table of the file, read: every entry matched with its key, every value parsed, every default filled in.

use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Diagnostic, ERRORS_PRINTED, Source};
use super::flatten::flatten;
use super::keys::{Fallback, Key, Kind, Table};
use super::names::{did_you_mean, short};
use super::provenance::Origin;
use super::tables::TABLES;
use super::units::Problem;
use super::values::{self, Value};
use super::{Client, Sizes};
use crate::Duration;
use crate::policy::Name;

/// What is collected while a file is read.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) source: Arc<Source>,
    pub(super) errors: Vec<Diagnostic>,
    /// Warnings that hold for every client.
    pub(super) warnings: Vec<Diagnostic>,
    /// Keys given, with their places: which of them are inert depends on the client.
    pub(super) given: Vec<(&'static Key, Range<usize>)>,
}

impl Findings {
    pub(super) fn error(&mut self, span: Option<Range<usize>>, problem: Problem) {
        self.errors.push(Diagnostic::new(&self.source, span, problem.message).help(problem.help));
    }

    pub(super) fn warn(&mut self, span: Option<Range<usize>>, problem: Problem) {
        self.warnings.push(Diagnostic::new(&self.source, span, problem.message).help(problem.help).warning());
    }
}

/// A table after reading. Every getter wants a key of the table, of a kind that fits: anything else is a bug of ours and panics.
#[derive(Debug)]
pub(super) struct Reader {
    spec: &'static Table,
    header: Option<Range<usize>>,
    found: IndexMap<&'static str, Found>,
    /// Where the value of each key comes from.
    pub(super) origins: IndexMap<&'static str, Origin>,
}

#[derive(Debug)]
struct Found {
    at: Range<usize>,
    value_at: Range<usize>,
    /// `None`: it could not be read, which has been reported.
    value: Option<Value>,
}

impl Reader {
    /// Reads a table, or fills in the defaults of one that is not there.
    pub(super) fn open(
        out: &mut Findings,
        spec: &'static Table,
        table: Option<&DeTable<'_>>,
        header: Option<Range<usize>>,
    ) -> Self {
        let mut found: IndexMap<&'static str, Found> = IndexMap::new();
        for entry in table.map(|t| flatten(t, spec, &out.source)).unwrap_or_default() {
            let Some(key) = spec.key(&entry.name) else {
                // Suggestions compare names letter by letter: not for errors that are not printed.
                let hopeless = out.errors.len() >= ERRORS_PRINTED;
                let problem = if hopeless { Problem::new("unknown key") } else { unknown(spec, &entry.name) };
                out.error(Some(entry.at), problem);
                continue;
            };
            if let Some(first) = found.get(key.name) {
                let message = format!("`{}` is given twice", key.name);
                let error = Diagnostic::new(&out.source, Some(entry.at), message).also(first.at.clone(), "first here");
                out.errors.push(error.help(Some("different spellings of one key count as the same; keep one")));
                continue;
            }
            out.given.push((key, entry.at.clone()));
            let value_at = entry.value.span();
            let value = values::read(key.kind, entry.value.get_ref())
                .map_err(|p| {
                    let at = p.at.clone().unwrap_or(value_at.clone());
                    // "`schema_version`: this file ..." would say it twice.
                    let named = matches!(key.kind, Kind::Version(_));
                    let message = if named { p.message } else { format!("`{}`: {}", key.name, p.message) };
                    out.error(Some(at), Problem { message, ..p });
                })
                .ok();
            found.insert(key.name, Found { at: entry.at, value_at, value });
        }
        let mut origins = IndexMap::with_capacity(spec.keys.len());
        for key in spec.keys {
            let origin = match (found.get(key.name), key.default) {
                (Some(f), _) => Origin::File(out.source.line(f.at.start)),
                (None, Fallback::Toml(_)) => Origin::Default,
                (None, Fallback::Derived(how)) => Origin::Derived(how),
                (None, Fallback::Required) => {
                    out.error(header.clone(), missing(spec, key));
                    Origin::Default
                }
            };
            origins.insert(key.name, origin);
        }
        Self { spec, header, found, origins }
    }

    /// Reads `[name]` of a file.
    pub(super) fn section(out: &mut Findings, spec: &'static Table, value: Option<&Spanned<DeValue<'_>>>) -> Self {
        match value.map(|v| (v.get_ref(), v.span())) {
            Some((DeValue::Table(table), span)) => Self::open(out, spec, Some(table), Some(span)),
            Some((_, span)) => {
                let problem = Problem::new(format!("`{}` is a table, and there is one of it", spec.name));
                out.error(Some(span), problem.help(format!("write [{}]", spec.name)));
                Self::open(out, spec, None, None)
            }
            None => Self::open(out, spec, None, None),
        }
    }

    /// Reads every `[[name]]` of a file.
    pub(super) fn sections(
        out: &mut Findings,
        spec: &'static Table,
        value: Option<&Spanned<DeValue<'_>>>,
    ) -> Vec<Self> {
        let wrong =
            || Problem::new(format!("`{}` is a list of tables", spec.name)).help(format!("write [[{}]]", spec.name));
        let Some(value) = value else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            out.error(Some(value.span()), wrong());
            return Vec::new();
        };
        let mut readers = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => readers.push(Self::open(out, spec, Some(table), Some(item.span()))),
                _ => out.error(Some(item.span()), wrong()),
            }
        }
        readers
    }

    /// Place of the value of a key; of the table, if the key is not given.
    pub(super) fn at(&self, name: &str) -> Option<Range<usize>> {
        self.found.get(self.spec_of(name).name).map(|f| f.value_at.clone()).or(self.header.clone())
    }

    /// Whether a key is given, rightly or wrongly.
    pub(super) fn has(&self, name: &str) -> bool {
        self.found.contains_key(self.spec_of(name).name)
    }

    /// Whether these keys have values that may be compared: given rightly, or defaults.
    pub(super) fn sound(&self, names: &[&str]) -> bool {
        names.iter().all(|name| match (self.found.get(name), self.spec_of(name).default) {
            (Some(found), _) => found.value.is_some(),
            (None, Fallback::Required) => false,
            (None, _) => true,
        })
    }

    fn spec_of(&self, name: &str) -> &'static Key {
        let key = self.spec.keys.iter().find(|k| k.name == name);
        key.unwrap_or_else(|| panic!("[{}] has no key {name}", self.spec.name))
    }

    /// The value given; `None`: none or a wrong one.
    fn given(&self, name: &str) -> Option<Value> {
        self.found.get(self.spec_of(name).name)?.value.clone()
    }

    fn value(&self, name: &str) -> Value {
        let key = self.spec_of(name);
        self.given(name).unwrap_or_else(|| match key.default {
            Fallback::Toml(text) => default(key.kind, text),
            // Missing or wrong, which has been reported.
            Fallback::Required => values::placeholder(key.kind),
            Fallback::Derived(_) => panic!("`{name}` has no default to read"),
        })
    }

    pub(super) fn text(&self, name: &str) -> String {
        text(self.value(name))
    }

    pub(super) fn text_given(&self, name: &str) -> Option<String> {
        self.given(name).map(text)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Value::Flag(b) => b,
            other => panic!("`{name}` is {other:?}"),
        }
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        number(self.value(name))
    }

    pub(super) fn number_given(&self, name: &str) -> Option<u64> {
        self.given(name).map(number)
    }

    /// A number of a key whose range is within `u32`.
    pub(super) fn small(&self, name: &str) -> u32 {
        small(self.value(name))
    }

    pub(super) fn small_given(&self, name: &str) -> Option<u32> {
        self.given(name).map(small)
    }

    pub(super) fn duration(&self, name: &str) -> Duration {
        duration(self.value(name))
    }

    pub(super) fn duration_given(&self, name: &str) -> Option<Duration> {
        self.given(name).map(duration)
    }

    pub(super) fn sizes(&self, name: &str) -> Sizes {
        match self.value(name) {
            Value::Sizes(sizes) => sizes,
            other => panic!("`{name}` is {other:?}"),
        }
    }

    pub(super) fn client(&self, name: &str) -> Client {
        match self.value(name) {
            Value::Client(client) => client,
            other => panic!("`{name}` is {other:?}"),
        }
    }

    pub(super) fn schedulers(&self, name: &str) -> Vec<Name> {
        match self.value(name) {
            Value::Schedulers(names) => names,
            other => panic!("`{name}` is {other:?}"),
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::Text(s) => s,
        other => panic!("expected a text, not {other:?}"),
    }
}

fn number(value: Value) -> u64 {
    match value {
        Value::Number(n) => n,
        other => panic!("expected a number, not {other:?}"),
    }
}

fn small(value: Value) -> u32 {
    u32::try_from(number(value)).expect("the key's range is within u32")
}

fn duration(value: Value) -> Duration {
    match value {
        Value::Duration(d) => d,
        other => panic!("expected a duration, not {other:?}"),
    }
}

/// The value of a default of the table of keys, which the tests have read.
pub(super) fn default(kind: Kind, text: &str) -> Value {
    let toml = DeValue::parse(text).expect("the defaults are TOML");
    values::read(kind, toml.get_ref()).expect("the defaults are legal")
}

fn missing(spec: &Table, key: &Key) -> Problem {
    let name = if spec.repeated { format!("[[{}]]", spec.name) } else { "the file".to_owned() };
    let problem = Problem::new(format!("{name} has no `{}`", key.name));
    match key.name {
        "schema_version" => problem.help("write schema_version = 1 in the first line"),
        _ => problem.help(format!("{}: {}", key.name, key.doc)),
    }
}

pub(super) fn unknown(spec: &Table, written: &str) -> Problem {
    let place = if spec.name.is_empty() { "at the top of the file".to_owned() } else { format!("in [{}]", spec.name) };
    let problem = Problem::new(format!("unknown key `{}` {place}", short(written)));
    let elsewhere = TABLES.iter().find(|t| t.key(written).is_some());
    if let Some(near) = did_you_mean(written, spec.keys.iter().flat_map(Key::names)) {
        problem.help(format!("did you mean `{near}`?"))
    } else if let Some(table) = elsewhere {
        problem.help(match (table.name, table.repeated) {
            ("", _) => format!("`{written}` belongs at the top of the file, before the first [table]"),
            (name, true) => format!("`{written}` belongs in [[{name}]]"),
            (name, false) => format!("`{written}` belongs in [{name}]"),
        })
    } else {
        let keys = spec.keys.iter().filter(|k| !matches!(k.kind, Kind::Inert)).map(|k| k.name).collect::<Vec<_>>();
        problem.help(format!("the keys are {}", keys.join(", ")))
    }
}
