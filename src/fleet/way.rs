//! The ways in which instances can share partitions, as one name each.

use std::fmt;
use std::str::FromStr;

use crate::Duration;
use crate::scenario::{Assignor, Client, GroupProtocol, Scenario, Start};

/// A way to share partitions: a protocol with an assignor, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Classic protocol, `range`.
    Range,
    /// Classic protocol, `roundrobin`.
    RoundRobin,
    /// Classic protocol, `cooperative-sticky`.
    CooperativeSticky,
    /// Consumer protocol (KIP-848), `range`.
    ConsumerRange,
    /// Consumer protocol (KIP-848), `uniform`.
    ConsumerUniform,
    /// Instance i of n has the partitions p with p mod n = i.
    Explicit,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Range,
        Self::RoundRobin,
        Self::CooperativeSticky,
        Self::ConsumerRange,
        Self::ConsumerUniform,
        Self::Explicit,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::CooperativeSticky => "cooperative-sticky",
            Self::ConsumerRange => "consumer:range",
            Self::ConsumerUniform => "consumer:uniform",
            Self::Explicit => "explicit",
        }
    }

    /// What it is, in a clause.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Range => "classic protocol, topic by topic, everything is revoked at each rebalance",
            Self::RoundRobin => "classic protocol, all partitions in turn, everything is revoked",
            Self::CooperativeSticky => "classic protocol, only what moves is revoked",
            Self::ConsumerRange => "group.protocol=consumer, topic by topic, only what moves is revoked",
            Self::ConsumerUniform => "group.protocol=consumer, as few moves as possible",
            Self::Explicit => "no group: instance i of n has each n-th partition",
        }
    }

    /// The one that a scenario says.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        match (scenario.is_explicit(), scenario.group.protocol, scenario.group.assignor) {
            (true, ..) => Self::Explicit,
            (_, GroupProtocol::Consumer, Assignor::Range) => Self::ConsumerRange,
            (_, GroupProtocol::Consumer, _) => Self::ConsumerUniform,
            (_, GroupProtocol::Classic, Assignor::RoundRobin) => Self::RoundRobin,
            (_, GroupProtocol::Classic, Assignor::CooperativeSticky) => Self::CooperativeSticky,
            (_, GroupProtocol::Classic, _) => Self::Range,
        }
    }

    /// Protocol and assignor; `None`: no group.
    #[must_use]
    pub const fn group(self) -> Option<(GroupProtocol, Assignor)> {
        match self {
            Self::Range => Some((GroupProtocol::Classic, Assignor::Range)),
            Self::RoundRobin => Some((GroupProtocol::Classic, Assignor::RoundRobin)),
            Self::CooperativeSticky => Some((GroupProtocol::Classic, Assignor::CooperativeSticky)),
            Self::ConsumerRange => Some((GroupProtocol::Consumer, Assignor::Range)),
            Self::ConsumerUniform => Some((GroupProtocol::Consumer, Assignor::Uniform)),
            Self::Explicit => None,
        }
    }

    /// Whether a client has it.
    #[must_use]
    pub fn is_of(self, client: Client) -> bool {
        self.group().is_none_or(|(protocol, assignor)| client.assignors(protocol).contains(&assignor))
    }

    /// The scenario, shared out in this way.
    #[must_use]
    pub fn applied(self, scenario: &Scenario) -> Scenario {
        let mut it = scenario.clone();
        let Some((protocol, assignor)) = self.group() else {
            it.consumer.start = Start::Assign;
            return it;
        };
        it.consumer.start = Start::Group;
        if it.group.protocol != protocol {
            // What clients set under one protocol, brokers do under the other, with another default.
            it.group.heartbeat_interval = match protocol {
                GroupProtocol::Classic => Duration::from_secs(3),
                GroupProtocol::Consumer => Duration::from_secs(5),
            };
        }
        (it.group.protocol, it.group.assignor) = (protocol, assignor);
        it
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// No way has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no assignment `{given}`; there are {}", Way::ALL.map(Way::as_str).join(", "))]
pub struct UnknownWay {
    /// What was given.
    pub given: String,
}

impl FromStr for Way {
    type Err = UnknownWay;

    fn from_str(given: &str) -> Result<Self, UnknownWay> {
        Self::ALL.into_iter().find(|w| w.as_str() == given).ok_or_else(|| UnknownWay { given: given.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Scenario {
        let text = "schema_version = 1\n[[topics]]\nname = \"A\"\nbacklog = 1\n[consumer]\nclient = \"librdkafka\"\n[[instances]]\n";
        Scenario::from_toml(text, "x.toml").expect("legal").scenario
    }

    #[test]
    fn every_way_is_read_back_as_it_is_written_and_from_a_scenario() {
        for way in Way::ALL {
            assert_eq!(way.to_string().parse(), Ok(way));
            assert_eq!(Way::of(&way.applied(&scenario())), way);
        }
    }

    #[test]
    fn clients_have_the_ways_of_their_protocols() {
        let ways = |client: &str| {
            let client: Client = client.parse().expect("a client");
            Way::ALL.into_iter().filter(|w| w.is_of(client)).map(Way::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ways("aiokafka"), "range roundrobin explicit");
        assert_eq!(ways("java"), "range roundrobin cooperative-sticky explicit");
        assert_eq!(ways("java-async"), "consumer:range consumer:uniform explicit");
        assert_eq!(ways("librdkafka").split(' ').count(), 6);
    }
}
