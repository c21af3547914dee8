//! Numbers with units: how they are stored, and how they are shown.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Duration;

/// A duration in a report: stored as microseconds with up to three decimals, which is exact to the nanosecond for runs of up to 52 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub Duration);

impl Micros {
    /// This length divided by another; `None` if that is zero.
    #[must_use]
    pub fn ratio_to(self, other: Self) -> Option<f64> {
        (!other.0.is_zero()).then(|| self.0.as_nanos() as f64 / other.0.as_nanos() as f64)
    }
}

impl From<Duration> for Micros {
    fn from(d: Duration) -> Self {
        Self(d)
    }
}

impl std::fmt::Display for Micros {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_zero() { f.pad("0 s") } else { self.0.fmt(f) }
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_f64(self.0.as_nanos() as f64 / 1_000.0)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let us = f64::deserialize(d)?;
        Ok(Self(Duration::from_nanos((us * 1_000.0).round() as u64)))
    }
}

/// `15160` as `15 160`: a space between thousands, as the documentation writes them.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A count of bytes in the largest binary unit that fits: `980 B`, `1.00 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    match (unit, value) {
        (0, _) => format!("{n} B"),
        (_, v) if v < 9.995 => format!("{v:.2} {}", UNITS[unit]),
        (_, v) if v < 99.95 => format!("{v:.1} {}", UNITS[unit]),
        (_, v) => format!("{v:.0} {}", UNITS[unit]),
    }
}

/// A ratio: two decimals while they say something.
#[must_use]
pub fn ratio(r: f64) -> String {
    if r < 10.0 {
        format!("{r:.2}")
    } else if r < 100.0 {
        format!("{r:.1}")
    } else {
        grouped(r.round() as u64)
    }
}

/// "one", or the number: for the beginning of "3 topics".
#[must_use]
pub fn counted(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {many}", grouped(n)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_survive_a_round_trip_to_the_nanosecond() {
        for nanos in [0, 1, 999, 1_000, 9_412_345_678, 86_400_000_000_001, (1 << 52) - 1] {
            let json = serde_json::to_string(&Micros(Duration::from_nanos(nanos))).unwrap();
            let back: Micros = serde_json::from_str(&json).unwrap();
            assert_eq!(back.0.as_nanos(), nanos, "{json}");
            assert!(json.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 3), "{json}");
        }
    }

    #[test]
    fn numbers_are_shown_in_groups_and_units() {
        assert_eq!([0, 999, 1_000, 15_160, 1_000_000].map(grouped), ["0", "999", "1 000", "15 160", "1 000 000"]);
        assert_eq!(
            [0, 1023, 1024, 1 << 20, 100 << 20].map(bytes),
            ["0 B", "1023 B", "1.00 KiB", "1.00 MiB", "100 MiB"]
        );
        assert_eq!([1.0, 9.99, 229.4, 1234.5].map(ratio), ["1.00", "9.99", "229", "1 235"]);
    }
}
