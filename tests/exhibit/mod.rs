//! What the museum is made of: what is expected of each cliff (museum.toml), what its runs show, and what recordings show.

use serde::Deserialize;

mod recorded;
mod shown;

pub(crate) use shown::Shown;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Museum {
    pub(crate) cliff: Vec<Cliff>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cliff {
    pub(crate) name: String,
    pub(crate) symptoms: Vec<Symptom>,
    pub(crate) gone_with: String,
    #[serde(default)]
    pub(crate) issues: Vec<Issue>,
    #[serde(default)]
    pub(crate) recorded: Vec<Recorded>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Symptom {
    pub(crate) what: String,
    pub(crate) red: AtLeast,
    pub(crate) green: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum AtLeast {
    Number(u64),
    Never(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Issue {
    pub(crate) name: String,
    pub(crate) url: String,
}

/// Recorded runs of a real client that have the cliff, or lack it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    /// Below tests/traces, without the number of the repeat.
    pub(crate) runs: String,
    pub(crate) what: String,
    /// From this number to that, in every repeat.
    pub(crate) each: [u64; 2],
}

/// What stands for a moment that never came.
pub(crate) const NEVER: u64 = u64::MAX;

impl Symptom {
    pub(crate) fn red(&self) -> u64 {
        match &self.red {
            AtLeast::Number(n) => *n,
            AtLeast::Never(word) => {
                assert_eq!(word, "never", "a number or \"never\"");
                NEVER
            }
        }
    }

    pub(crate) fn is_red(&self, shown: &Shown) -> bool {
        shown.worst(&self.what) >= self.red()
    }

    /// A measured value in words.
    pub(crate) fn say(&self, shown: &Shown) -> String {
        let (what, topic) = self.what.split_once(' ').unwrap_or((&self.what, ""));
        let value = shown.worst(&self.what);
        let time = match value {
            NEVER => "never".to_owned(),
            0..1000 => format!("{value} ms"),
            _ => format!("{}.{:02} s", value / 1000, value % 1000 / 10),
        };
        match what {
            "first_poll" => format!("{topic} first in poll {value}"),
            "wait_ms" => format!("{topic} after {time}").replace("after never", "never"),
            "gap_ms" => format!("{topic} waits {time}"),
            "drain_ms" => format!("drain {time}"),
            "parked_ms" => format!("parked {time}"),
            "backoff_ms" => format!("back-off {time}"),
            "empty_ms" => format!("empty polls {time}"),
            "stalls" if value == 1 => "1 stall".to_owned(),
            "stalls" | "fetches" | "polls" => format!("{value} {what}"),
            _ => panic!("no words for {what}"),
        }
    }
}
