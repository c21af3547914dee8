//! Names: what Kafka takes for a topic, ranges of them, and what somebody may have meant.

use super::units::Problem;

/// Kafka's limit (`Topic.MAX_NAME_LENGTH`).
const TOPIC_NAME_MAX: usize = 249;
/// Topics of one scenario. What each has cost every other is kept, 8 bytes a pair, in each of the runs done side by side: a bound on memory.
pub(super) const TOPICS_MAX: usize = 4_096;

/// The candidate that is most like what was written, if one is like it at all.
pub(super) fn did_you_mean<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let normal = |s: &str| s.to_ascii_lowercase().replace(['_', '.'], "-");
    let written = normal(written);
    // Quadratic in the length, and nobody mistypes at such a length.
    if written.len() > 100 {
        return None;
    }
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&written, &normal(c)), c))
        .filter(|(distance, c)| *distance <= 1 + c.len().min(written.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// Expands `orders[1-40]` to orders1 to orders40 and `orders[01-40]` to orders01 to orders40; any other name to itself. All names
/// returned are names that Kafka takes.
pub(super) fn expand(written: &str) -> Result<Vec<String>, Problem> {
    let names = match written.split_once('[') {
        None => vec![written.to_owned()],
        Some((prefix, rest)) => {
            let wrong = || {
                Problem::new(format!("`{}` is not a range of topics", short(written)))
                    .help("write one range of numbers in brackets, such as orders[1-40] or orders[01-40]")
            };
            let (range, suffix) = rest.split_once(']').ok_or_else(wrong)?;
            let (from, to) = range.split_once('-').ok_or_else(wrong)?;
            let number = |s: &str| {
                s.bytes().all(|b| b.is_ascii_digit()).then(|| s.parse::<u64>().ok()).flatten().ok_or_else(wrong)
            };
            let (first, last) = (number(from)?, number(to)?);
            if first > last {
                return Err(
                    Problem::new(format!("the range {first}-{last} is empty")).help(format!("write {to}-{from}"))
                );
            }
            if last - first >= TOPICS_MAX as u64 {
                return Err(Problem::new(format!("more than {TOPICS_MAX} topics")));
            }
            let width = if from.starts_with('0') && from.len() > 1 { from.len() } else { 0 };
            (first..=last).map(|n| format!("{prefix}{n:0width$}{suffix}")).collect()
        }
    };
    // The numbers are legal and the last is the longest, so one check would do for the rest; but names are few.
    names.iter().try_for_each(|name| check(name))?;
    Ok(names)
}

/// Kafka's rule (`org.apache.kafka.common.internals.Topic.validate`).
fn check(name: &str) -> Result<(), Problem> {
    if name.is_empty() {
        return Err(Problem::new("a topic's name can't be empty"));
    }
    if name == "." || name == ".." {
        return Err(Problem::new(format!("Kafka takes no topic named `{name}`")));
    }
    if let Some(c) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        return Err(Problem::new(format!("Kafka takes no topic name with {c:?} in it: `{}`", short(name)))
            .help("use a-z, A-Z, 0-9, '.', '_' and '-'"));
    }
    if name.len() > TOPIC_NAME_MAX {
        return Err(Problem::new(format!("the name has {} characters; Kafka takes {TOPIC_NAME_MAX}", name.len())));
    }
    Ok(())
}

/// What an error quotes of a name that may be of any length.
pub(super) fn short(name: &str) -> String {
    if name.chars().count() <= 60 { name.to_owned() } else { name.chars().take(57).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(expand("a"), Ok(vec!["a".to_owned()]));
        assert_eq!(expand("a[8-11]"), Ok(["a8", "a9", "a10", "a11"].map(String::from).to_vec()));
        assert_eq!(expand("a[08-11].x"), Ok(["a08.x", "a09.x", "a10.x", "a11.x"].map(String::from).to_vec()));
        assert_eq!(expand("a[0-1]"), Ok(["a0", "a1"].map(String::from).to_vec()));
        assert_eq!(expand("a[1-40]").map(|v| v.len()), Ok(40));
    }

    #[test]
    fn wrong_ranges() {
        for name in [
            "a[",
            "a[]",
            "a[1]",
            "a[2-1]",
            "a[x-y]",
            "a[1-2",
            "a[-1-2]",
            "a[1-2][3-4]",
            "a[1-18446744073709551616]",
            "a[0-99999999]",
        ] {
            assert!(expand(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_that_kafka_takes() {
        for name in ["A", "a.b_c-d", "...", &"x".repeat(249)] {
            assert!(expand(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert!(expand(name).is_err(), "{name}");
        }
    }

    #[test]
    fn meant() {
        assert_eq!(did_you_mean("partitons", ["partitions", "backlog"]), Some("partitions"));
        assert_eq!(did_you_mean("multi_gather", ["multi", "multi-gather"]), Some("multi-gather"));
        assert_eq!(did_you_mean("quantum", ["partitions", "backlog"]), None);
    }
}
