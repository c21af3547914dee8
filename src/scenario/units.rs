//! Quantities with units: exact decimals in, exact decimals out, no floats.

use std::ops::Range;

use crate::Duration;

/// What is wrong with a value, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) help: Option<String>,
    /// The place, if it is only a part of the value; else whoever knows the value's place adds it.
    pub(super) at: Option<Range<usize>>,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, at: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(mut self, at: Range<usize>) -> Self {
        self.at = Some(at);
        self
    }
}

/// Nanoseconds in each unit of time; the first of equal ones is written, all are read.
const TIMES: &[(&str, u64)] = &[
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

const BYTES: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A decimal number as written: `digits / 10^scale`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u128,
    scale: u32,
}

impl Decimal {
    /// Digits with at most one point between them; underscores are skipped. More than 30 digits are more than any value here has.
    fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit() || b == b'_') && s.contains(|c| c != '_');
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let all: String = whole.chars().chain(fraction.chars()).filter(|c| *c != '_').collect();
        let scale = fraction.chars().filter(|c| *c != '_').count();
        if all.len() > 30 {
            return None;
        }
        Some(Self { digits: all.parse().ok()?, scale: u32::try_from(scale).ok()? })
    }

    /// This many times `unit`, if that is a whole number.
    fn times(self, unit: u64) -> Result<u64, Inexact> {
        let product = self.digits.checked_mul(u128::from(unit)).ok_or(Inexact::TooLarge)?;
        let divisor = 10_u128.pow(self.scale);
        if product % divisor != 0 {
            return Err(Inexact::Fraction);
        }
        u64::try_from(product / divisor).map_err(|_| Inexact::TooLarge)
    }
}

enum Inexact {
    TooLarge,
    Fraction,
}

/// Number and unit of `1.5 s`.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '+'))).unwrap_or(text.len());
    (text[..end].trim_end(), text[end..].trim())
}

fn quantity(text: &str, what: &str, units: &[(&str, u64)], smallest: &str, example: &str) -> Result<u64, Problem> {
    let (number, unit) = split(text);
    if number.starts_with('-') {
        return Err(Problem::new(format!("a {what} can't be negative")));
    }
    let wrong = || {
        Problem::new(format!("`{text}` is not a {what}")).help(format!("write a number and a unit, such as {example}"))
    };
    let number = Decimal::read(number).ok_or_else(wrong)?;
    let names = || units.iter().map(|u| u.0).filter(|u| u.is_ascii()).collect::<Vec<_>>().join(", ");
    let Some((_, per)) = units.iter().find(|(name, _)| *name == unit) else {
        if unit.is_empty() {
            return Err(Problem::new(format!("`{text}` has no unit"))
                .help(format!("write one of {}, such as {example}", names())));
        }
        let alike: Vec<&str> = units.iter().map(|u| u.0).filter(|u| alike(u, unit)).collect();
        let problem = Problem::new(format!("unknown unit `{unit}` of a {what}"));
        return Err(if alike.is_empty() {
            problem.help(format!("the units are {}", names()))
        } else {
            problem.help(format!("write {}", alike.join(" or ")))
        });
    };
    number.times(*per).map_err(|e| match e {
        Inexact::TooLarge => Problem::new(format!("`{text}` is too large")),
        Inexact::Fraction => Problem::new(format!("`{text}` is not a whole number of {smallest}")),
    })
}

/// Whether somebody who wrote `written` may have meant `unit`: `m` is minutes or milliseconds, `KB` is kB or KiB.
fn alike(unit: &str, written: &str) -> bool {
    let written = written.to_ascii_lowercase();
    let long = match unit {
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "B" => "bytes",
        _ => "",
    };
    let lower = unit.to_ascii_lowercase();
    lower == written
        || lower.replace('i', "") == written
        || lower.strip_suffix("ib").or(lower.strip_suffix('b')).is_some_and(|prefix| prefix == written)
        || (unit == "ms" && (written == "m" || written == "msec" || written == "millis"))
        || (unit == "min" && (written == "m" || written == "mins"))
        || (unit == "s" && (written == "sec" || written == "secs"))
        || (unit == "h" && (written == "hr" || written == "hrs"))
        || (!long.is_empty() && (long == written || long.strip_suffix('s') == Some(&written)))
}

/// Reads `"1.5 s"`.
pub(super) fn duration(text: &str) -> Result<Duration, Problem> {
    quantity(text, "duration", TIMES, "nanoseconds", "\"100 us\", \"1.5 s\" or \"2 min\"").map(Duration::from_nanos)
}

/// Reads `"1 MiB"`.
pub(super) fn bytes(text: &str) -> Result<u64, Problem> {
    quantity(text, "size", BYTES, "bytes", "\"1 MiB\" or \"10 kB\"")
}

/// Reads `"100 MB/s"`, in bytes a second.
pub(super) fn bandwidth(text: &str) -> Result<u64, Problem> {
    let wrong =
        || Problem::new(format!("`{text}` is not a bandwidth")).help("write bytes a second, such as \"100 MB/s\"");
    let (amount, per) = text.rsplit_once('/').ok_or_else(wrong)?;
    if per.trim() != "s" {
        return Err(wrong());
    }
    match quantity(amount, "bandwidth", BYTES, "bytes", "\"100 MB/s\"")? {
        0 => Err(Problem::new("a bandwidth of zero delivers nothing").help("leave the key out for no limit")),
        n => Ok(n),
    }
}

/// Reads `"5/s"` or `"300/min"`, in records a kilosecond.
pub(super) fn rate(text: &str) -> Result<u64, Problem> {
    let wrong =
        || Problem::new(format!("`{text}` is not a rate")).help("write records a time, such as \"5/s\" or \"300/min\"");
    let (number, per) = text.split_once('/').ok_or_else(wrong)?;
    if number.trim().starts_with('-') {
        return Err(Problem::new("a rate can't be negative"));
    }
    let number = Decimal::read(number.trim()).ok_or_else(wrong)?;
    let seconds: u32 = match per.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        _ => return Err(wrong()),
    };
    // Division by the seconds first would lose digits, so both factors stay in one fraction.
    let product = number.digits.checked_mul(1_000).ok_or_else(|| Problem::new(format!("`{text}` is too large")))?;
    let divisor = 10_u128.pow(number.scale) * u128::from(seconds);
    let rounded =
        u64::try_from((product + divisor / 2) / divisor).map_err(|_| Problem::new(format!("`{text}` is too large")))?;
    if product == 0 {
        return Err(Problem::new("a rate of zero is no arrival").help("leave `arrival` out"));
    }
    if product % divisor != 0 {
        let problem = Problem::new(format!("`{text}` is not a whole number of records in 1000 s"));
        return Err(problem.help(format!("the nearest is \"{}\"", rate_text(rounded.max(1)))));
    }
    Ok(rounded)
}

/// Reads `4.25`, in thousandths; the caller knows the legal range.
pub(super) fn thousandths(text: &str) -> Option<Result<u64, Problem>> {
    let number = Decimal::read(text.strip_prefix('+').unwrap_or(text))?;
    Some(number.times(1_000).map_err(|_| Problem::new(format!("`{text}` has more than three decimals"))))
}

/// Writes a duration in the largest unit that keeps it whole; [`duration`] reads it back.
pub(super) fn duration_text(d: Duration) -> String {
    let nanos = d.as_nanos();
    let (unit, per) =
        TIMES.iter().find(|(_, per)| nanos != 0 && nanos.is_multiple_of(*per)).copied().unwrap_or(("s", 1));
    format!("{} {unit}", nanos / per)
}

/// Writes records a kilosecond; [`rate`] reads it back.
pub(super) fn rate_text(per_kilosecond: u64) -> String {
    format!("{}/s", thousandths_text(per_kilosecond, false))
}

/// Writes bytes a second; [`bandwidth`] reads it back.
pub(super) fn bandwidth_text(bytes: u64) -> String {
    let decimal = BYTES.iter().filter(|(unit, _)| !unit.contains('i'));
    let (unit, per) = decimal.copied().find(|(_, per)| bytes.is_multiple_of(*per)).unwrap_or(("B", 1));
    format!("{} {unit}/s", bytes / per)
}

/// Writes `n / 1000` as a decimal without trailing zeros; with a point in any case if `point`.
pub(super) fn thousandths_text(n: u64, point: bool) -> String {
    let fraction = format!("{:03}", n % 1_000);
    match (fraction.trim_end_matches('0'), point) {
        ("", true) => format!("{}.0", n / 1_000),
        ("", false) => format!("{}", n / 1_000),
        (fraction, _) => format!("{}.{fraction}", n / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (text, nanos) in [
            ("100 us", 100_000),
            ("1ms", 1_000_000),
            ("1.5 s", 1_500_000_000),
            ("2min", 120_000_000_000),
            (" 0.25 h ", 900_000_000_000),
            ("1_000 ns", 1_000),
            ("3 µs", 3_000),
            ("0 s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn wrong_quantities_say_what_to_write() {
        let said = |p: Problem| format!("{}: {}", p.message, p.help.unwrap_or_default());
        let lines: Vec<String> =
            ["5", "5 m", "5 sec", "1e3 s", "", "s", "-1 s", "0.1 ns", "999999999999 h", "5 parsecs"]
                .iter()
                .map(|t| said(duration(t).expect_err("not a duration")))
                .chain(["1 KB", "1 mb", "5 k", "0.5 B", "1.5"].iter().map(|t| said(bytes(t).expect_err("not a size"))))
                .chain(
                    ["1 MB", "1 MB/min", "0 B/s", "1/s"]
                        .iter()
                        .map(|t| said(bandwidth(t).expect_err("not a bandwidth"))),
                )
                .chain(
                    ["5", "5/d", "1/min", "0/s", "-1/s", "x/s"].iter().map(|t| said(rate(t).expect_err("not a rate"))),
                )
                .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(n in any::<u64>()) {
            prop_assert_eq!(duration(&duration_text(Duration::from_nanos(n))), Ok(Duration::from_nanos(n)));
            prop_assert_eq!(rate(&rate_text(n.max(1))), Ok(n.max(1)));
            prop_assert_eq!(bandwidth(&bandwidth_text(n.max(1))), Ok(n.max(1)));
            prop_assert_eq!(thousandths(&thousandths_text(n, true)), Some(Ok(n)));
        }

        #[test]
        fn nothing_panics(text in ".*") {
            let _ = (duration(&text), bytes(&text), rate(&text), bandwidth(&text), thousandths(&text));
        }
    }
}
