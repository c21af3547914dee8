//! The registry of schedulers: names, what they are, and what they need.

use core::fmt;
use core::str::FromStr;

use crate::TopicId;

/// The schedulers there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// One consumer, all topics, one cap.
    Single,
    /// A consumer a topic; rounds with a barrier.
    MultiGather,
    /// A consumer a topic, polled in turn by one thread.
    MultiSequential,
    /// A consumer a topic, each polled on its own.
    Multi,
    /// One consumer, deficit round robin over its topics' local queues.
    Fair,
    /// Like `Fair`, topics that block incomplete inputs first.
    CompleteFirst,
}

impl Name {
    /// All of them, in the order in which they are listed and compared.
    pub const ALL: [Self; 6] =
        [Self::Single, Self::MultiGather, Self::MultiSequential, Self::Multi, Self::Fair, Self::CompleteFirst];

    /// The registry: name and description.
    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Single => ("single", "one consumer with all topics and one cap: the baseline"),
            Self::MultiGather => {
                ("multi-gather", "a consumer a topic, polled in rounds that last as long as their slowest poll")
            }
            Self::MultiSequential => ("multi-sequential", "a consumer a topic, polled in turn by one thread"),
            Self::Multi => ("multi", "a consumer a topic, each polled on its own, without a barrier"),
            Self::Fair => ("fair", "one consumer that takes from its topics' local queues by deficit round robin"),
            Self::CompleteFirst => ("complete-first", "like fair, topics that block incomplete inputs first"),
        }
    }

    /// The name as written in scenarios and on the command line, in kebab case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// What it is, in a line.
    #[must_use]
    pub const fn description(self) -> &'static str {
        self.row().1
    }

    /// Whether it has a consumer for each topic, in the topics' order, instead of one for all.
    #[must_use]
    pub const fn has_consumer_a_topic(self) -> bool {
        match self {
            Self::Single | Self::Fair | Self::CompleteFirst => false,
            Self::MultiGather | Self::MultiSequential | Self::Multi => true,
        }
    }

    /// Whether its consumers wait for each other: they are polled in rounds, or in turn.
    #[must_use]
    pub const fn in_rounds(self) -> bool {
        matches!(self, Self::MultiGather | Self::MultiSequential)
    }

    /// Which topics each of its consumers has, given how many topics there are.
    #[must_use]
    pub fn consumers(self, topics: usize) -> Vec<Vec<TopicId>> {
        let all = (0..topics as u32).map(TopicId);
        if self.has_consumer_a_topic() { all.map(|topic| vec![topic]).collect() } else { vec![all.collect()] }
    }

    /// Whether it takes from local queues topic by topic instead of polling.
    #[must_use]
    pub const fn takes(self) -> bool {
        matches!(self, Self::Fair | Self::CompleteFirst)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// No scheduler has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scheduler `{given}`; there are {}", Name::ALL.map(Name::as_str).join(", "))]
pub struct UnknownName {
    /// What was given.
    pub given: String,
}

impl FromStr for Name {
    type Err = UnknownName;

    fn from_str(given: &str) -> Result<Self, UnknownName> {
        let found = Self::ALL.into_iter().find(|name| name.as_str() == given);
        found.ok_or_else(|| UnknownName { given: given.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_as_it_is_written() {
        for name in Name::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_exist() {
        let error = "fare".parse::<Name>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no scheduler `fare`; there are single, multi-gather, multi-sequential, multi, fair, complete-first"
        );
    }

    #[test]
    fn one_consumer_has_all_topics_or_each_has_one() {
        let [a, b] = [TopicId(0), TopicId(1)];
        for name in Name::ALL {
            let multi = name.as_str().starts_with("multi");
            let expected = if multi { vec![vec![a], vec![b]] } else { vec![vec![a, b]] };
            assert_eq!(name.consumers(2), expected, "{name}");
        }
    }
}
