//! From a TOML value to a typed one of the kind that its key has, and back to text.

use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::keys::Kind;
use super::names::{did_you_mean, short};
use super::units::{self, Problem};
use super::{Client, Sizes};
use crate::Duration;
use crate::policy::Name;

/// A value, in the unit that the scenario holds it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Of [`Kind::Text`] and [`Kind::Choice`].
    Text(String),
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of the counted kinds: records, bytes, records a kilosecond, bytes a second, thousandths.
    Number(u64),
    /// Of [`Kind::Duration`] and [`Kind::Millis`].
    Duration(Duration),
    /// Of [`Kind::Sizes`].
    Sizes(Sizes),
    /// Of [`Kind::Client`].
    Client(Client),
    /// Of [`Kind::Schedulers`].
    Schedulers(Vec<Name>),
    /// Of [`Kind::Inert`], whatever it was.
    Unused,
}

/// Reads a value as its key's kind wants it.
pub(super) fn read(kind: Kind, value: &DeValue<'_>) -> Result<Value, Problem> {
    match (kind, value) {
        (Kind::Inert, _) => Ok(Value::Unused),
        (Kind::Version(known), DeValue::Integer(n)) => match n.as_str().parse::<u64>() {
            Ok(version) if version == known => Ok(Value::Number(version)),
            _ => Err(Problem::new(format!("this file is of format {n}"))
                .help(format!("this version of fairdrain reads format {known}"))),
        },
        // It is printed, and a terminal obeys some of them.
        (Kind::Text, DeValue::String(s)) if s.contains(char::is_control) => {
            Err(Problem::new("a text of one line can't have control characters in it"))
        }
        (Kind::Text, DeValue::String(s)) => Ok(Value::Text(s.to_string())),
        (Kind::Flag, DeValue::Boolean(b)) => Ok(Value::Flag(*b)),
        (Kind::Choice(of), DeValue::String(s)) if of.contains(&s.as_ref()) => Ok(Value::Text(s.to_string())),
        (Kind::Choice(of), DeValue::String(s)) => {
            let problem = Problem::new(format!("`{}` is not one of {}", short(s), of.join(", ")));
            Err(match did_you_mean(s, of.iter().copied()) {
                Some(near) => problem.help(format!("did you mean \"{near}\"?")),
                None => problem,
            })
        }
        (Kind::Count(min, max), DeValue::Integer(n)) => whole(n, min, max).map(Value::Number),
        (Kind::Count(..), DeValue::Float(f)) => {
            Err(Problem::new(format!("expected a whole number, found {f}")).help("write it without a point"))
        }
        (Kind::Count(..), DeValue::String(s)) => {
            let problem = Problem::new(format!("expected a whole number, found the string \"{}\"", short(s)));
            Err(if s.parse::<u64>().is_ok() { problem.help(format!("write {s} without quotes")) } else { problem })
        }
        (Kind::Bytes(min, max), DeValue::Integer(n)) => whole(n, min, max).map(Value::Number),
        (Kind::Bytes(min, max), DeValue::String(s)) => {
            units::bytes(s).and_then(|n| within(s, n, min, max)).map(Value::Number)
        }
        (Kind::Duration, DeValue::String(s)) => units::duration(s).map(Value::Duration),
        (Kind::Duration, DeValue::Integer(_) | DeValue::Float(_)) => {
            let number = number_text(value);
            Err(Problem::new(format!("{number} has no unit")).help(format!("write \"{number} ms\" or \"{number} s\"")))
        }
        (Kind::Millis(max), DeValue::Integer(n)) => {
            whole(n, 0, max).map(|ms| Value::Duration(Duration::from_millis(ms)))
        }
        (Kind::Millis(max), DeValue::String(s)) => {
            let duration = units::duration(s)?;
            if duration.as_nanos() % 1_000_000 != 0 {
                return Err(Problem::new(format!("`{s}` is not a whole number of milliseconds")));
            }
            within(s, duration.as_nanos() / 1_000_000, 0, max)?;
            Ok(Value::Duration(duration))
        }
        (Kind::Millis(_), DeValue::Float(f)) => Err(Problem::new(format!("expected whole milliseconds, found {f}"))
            .help("write an integer, or a string such as \"1.5 s\"")),
        (Kind::Rate, DeValue::String(s)) => units::rate(s).map(Value::Number),
        (Kind::Rate, DeValue::Integer(_) | DeValue::Float(_)) => {
            Err(Problem::new(format!("{} has no unit", number_text(value)))
                .help(format!("write \"{}/s\"", number_text(value))))
        }
        (Kind::Bandwidth, DeValue::String(s)) => units::bandwidth(s).map(Value::Number),
        (Kind::Bandwidth, DeValue::Integer(_) | DeValue::Float(_)) => {
            let number = number_text(value);
            Err(Problem::new(format!("{number} has no unit"))
                .help(format!("write \"{number} B/s\" or \"{number} MB/s\"")))
        }
        (Kind::Ratio, DeValue::Integer(_) | DeValue::Float(_)) => ratio(&number_text(value)).map(Value::Number),
        (Kind::Sizes, _) => sizes(value).map(Value::Sizes),
        (Kind::Client, DeValue::String(s)) => {
            let client = s.parse().map_err(|e: super::UnknownClient| Problem::new(e.message).help(e.help));
            client.map(Value::Client)
        }
        (Kind::Schedulers, DeValue::Array(names)) => schedulers(names).map(Value::Schedulers),
        (Kind::Schedulers, DeValue::String(s)) => {
            Err(Problem::new("expected an array of scheduler names, found a string")
                .help(format!("write [\"{}\"]", short(s))))
        }
        _ => Err(Problem::new(format!("expected {}, found {}", expected(kind), found(value)))),
    }
}

/// Writes a value as it may stand in a file; [`read`] reads it back.
pub(super) fn write(kind: Kind, value: &Value) -> String {
    let quoted = |s: &str| toml::Value::String(s.to_owned()).to_string();
    match (kind, value) {
        (Kind::Rate, Value::Number(n)) => quoted(&units::rate_text(*n)),
        (Kind::Bandwidth, Value::Number(n)) => quoted(&units::bandwidth_text(*n)),
        (Kind::Ratio, Value::Number(n)) => units::thousandths_text(*n, true),
        (Kind::Millis(_), Value::Duration(d)) => (d.as_nanos() / 1_000_000).to_string(),
        (_, Value::Number(n)) => n.to_string(),
        (_, Value::Duration(d)) => quoted(&units::duration_text(*d)),
        (_, Value::Text(s)) => quoted(s),
        (_, Value::Flag(b)) => b.to_string(),
        (_, Value::Client(c)) => quoted(&c.to_string()),
        (_, Value::Schedulers(names)) => {
            let names: Vec<String> = names.iter().map(|n| quoted(n.as_str())).collect();
            format!("[{}]", names.join(", "))
        }
        (_, Value::Sizes(Sizes::Fixed(n))) => n.to_string(),
        (_, Value::Sizes(Sizes::Uniform(from, to))) => format!("{{ uniform = [{from}, {to}] }}"),
        (_, Value::Sizes(Sizes::Table(rows))) => {
            let rows: Vec<String> = rows.iter().map(|(bytes, weight)| format!("[{bytes}, {weight}]")).collect();
            format!("{{ table = [{}] }}", rows.join(", "))
        }
        (_, Value::Unused) => "\"(not shown)\"".to_owned(),
    }
}

/// Stands in for a value that could not be read, so that the reading goes on and finds the other errors.
pub(super) fn placeholder(kind: Kind) -> Value {
    match kind {
        Kind::Text => Value::Text(String::new()),
        Kind::Choice(of) => Value::Text(of[0].to_owned()),
        Kind::Flag => Value::Flag(false),
        Kind::Count(min, _) | Kind::Bytes(min, _) => Value::Number(min),
        Kind::Version(_) | Kind::Rate | Kind::Bandwidth | Kind::Ratio => Value::Number(1_000),
        Kind::Duration | Kind::Millis(_) => Value::Duration(Duration::ZERO),
        Kind::Sizes => Value::Sizes(Sizes::Fixed(0)),
        Kind::Client => Value::Client(Client::Aiokafka),
        Kind::Schedulers => Value::Schedulers(vec![Name::Single]),
        Kind::Inert => Value::Unused,
    }
}

fn whole(n: &DeInteger<'_>, min: u64, max: u64) -> Result<u64, Problem> {
    if n.as_str().starts_with('-') && n.as_str().bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        return Err(Problem::new(format!("{n} is negative")).help(format!("write {min} or more")));
    }
    let digits = n.as_str().trim_start_matches(['+', '-']);
    let number = u64::from_str_radix(digits, n.radix());
    within(
        &n.to_string(),
        number.map_err(|_| Problem::new(format!("{n} is too large")).help(format!("at most {max}")))?,
        min,
        max,
    )
}

fn within(text: &str, n: u64, min: u64, max: u64) -> Result<u64, Problem> {
    if n > max {
        Err(Problem::new(format!("{text} is too large")).help(format!("at most {max}")))
    } else if n < min {
        Err(Problem::new(format!("{text} is too small")).help(format!("at least {min}")))
    } else {
        Ok(n)
    }
}

fn ratio(text: &str) -> Result<u64, Problem> {
    let wrong =
        || Problem::new(format!("{text} is not a compression ratio")).help("write a decimal from 1.0 to 1000.0");
    match units::thousandths(text).ok_or_else(wrong)?? {
        n @ 1_000..=1_000_000 => Ok(n),
        n if n < 1_000 => {
            Err(wrong().help("the ratio is the uncompressed size divided by the compressed size: 1.0 or more"))
        }
        _ => Err(wrong()),
    }
}

const SIZES: &str = "write bytes (200 or \"10 kB\"), { uniform = [from, to] } or { table = [[bytes, weight], ...] }";

fn sizes(value: &DeValue<'_>) -> Result<Sizes, Problem> {
    let kind = Kind::Bytes(0, super::keys::I32);
    let table = match value {
        DeValue::Table(table) => table,
        DeValue::Integer(_) | DeValue::String(_) => return read(kind, value).map(|n| Sizes::Fixed(small(n))),
        _ => return Err(Problem::new(format!("expected a size, found {}", found(value))).help(SIZES)),
    };
    match only(table) {
        Some(("uniform", DeValue::Array(bounds))) => match &bounds[..] {
            [from, to] => {
                let (from, to) = (number(kind, from)?, number(kind, to)?);
                if from > to {
                    return Err(Problem::new(format!("uniform from {from} to {to} is empty"))
                        .help(format!("write [{to}, {from}]")));
                }
                Ok(Sizes::Uniform(from, to))
            }
            _ => Err(Problem::new("`uniform` takes two sizes").help(SIZES)),
        },
        Some(("table", DeValue::Array(rows))) => {
            let mut sizes = Vec::with_capacity(rows.len());
            for row in rows {
                let no_pair = || Problem::new("a row of `table` is no pair").help(SIZES).at(row.span());
                let DeValue::Array(row) = row.get_ref() else {
                    return Err(no_pair());
                };
                let [bytes, weight] = &row[..] else {
                    return Err(no_pair());
                };
                let weight = number(Kind::Count(1, u64::from(u32::MAX)), weight)?;
                sizes.push((number(kind, bytes)?, weight));
            }
            if sizes.is_empty() {
                return Err(Problem::new("`table` has no rows").help(SIZES));
            }
            if sizes.iter().map(|(_, weight)| u64::from(*weight)).sum::<u64>() > u64::from(u32::MAX) {
                return Err(Problem::new(format!("the weights of `table` add up to more than {}", u32::MAX)));
            }
            Ok(Sizes::Table(sizes))
        }
        _ => Err(Problem::new("not a distribution of sizes").help(SIZES)),
    }
}

/// The only entry of a table.
fn only<'a>(table: &'a DeTable<'_>) -> Option<(&'a str, &'a DeValue<'a>)> {
    let (key, value) = table.iter().next()?;
    (table.len() == 1).then(|| (key.get_ref().as_ref(), value.get_ref()))
}

/// A number of a kind whose range is within `u32`.
fn number(kind: Kind, value: &Spanned<DeValue<'_>>) -> Result<u32, Problem> {
    read(kind, value.get_ref()).map(small).map_err(|p| p.at(value.span()))
}

fn small(value: Value) -> u32 {
    match value {
        Value::Number(n) => u32::try_from(n).expect("the kind's range is within u32"),
        other => unreachable!("a number was read as {other:?}"),
    }
}

fn schedulers(names: &DeArray<'_>) -> Result<Vec<Name>, Problem> {
    let there_are = || format!("there are {}", Name::ALL.map(Name::as_str).join(", "));
    let mut found = Vec::with_capacity(names.len().min(Name::ALL.len()));
    for item in names {
        let DeValue::String(name) = item.get_ref() else {
            return Err(Problem::new("a scheduler's name is a string").help(there_are()).at(item.span()));
        };
        let Ok(known) = name.parse::<Name>() else {
            let problem = Problem::new(format!("no scheduler `{}`", short(name))).at(item.span());
            return Err(match did_you_mean(name, Name::ALL.map(Name::as_str)) {
                Some(near) => problem.help(format!("did you mean \"{near}\"? ({})", there_are())),
                None => problem.help(there_are()),
            });
        };
        if found.contains(&known) {
            return Err(Problem::new(format!("scheduler `{name}` is named twice")).at(item.span()));
        }
        found.push(known);
    }
    if found.is_empty() { Err(Problem::new("no scheduler to run").help(there_are())) } else { Ok(found) }
}

/// A number as written.
fn number_text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Integer(n) => n.to_string(),
        DeValue::Float(f) => f.to_string(),
        _ => found(value).to_owned(),
    }
}

/// What a kind wants, in an error.
pub(super) fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Choice(_) | Kind::Client => "a string",
        Kind::Flag => "true or false",
        Kind::Version(_) | Kind::Count(..) => "a whole number",
        Kind::Bytes(..) => "bytes (an integer, or a string such as \"1 MiB\")",
        Kind::Duration => "a duration (a string such as \"1.5 s\")",
        Kind::Millis(_) => "milliseconds (an integer, or a string such as \"1 s\")",
        Kind::Rate => "a rate (a string such as \"5/s\")",
        Kind::Bandwidth => "a bandwidth (a string such as \"100 MB/s\")",
        Kind::Ratio => "a decimal such as 4.0",
        Kind::Sizes => "a size",
        Kind::Schedulers => "an array of scheduler names",
        Kind::Inert => "anything",
    }
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
