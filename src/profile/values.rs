//! The values of a profile: what they are, what they are by default, and which parameter each one is.

use fairdrain_sim::client::{self, Costs, aiokafka, java, kafka_python, librdkafka};

use crate::Duration;
use crate::scenario::Client;

/// What time a run costs besides what its scenario says: the client's own work, the network, the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// The client's.
    pub costs: Costs,
    /// From the client to the broker and back.
    pub round_trip: Duration,
    /// Of a fetch that can be answered.
    pub service: Duration,
}

impl Default for Values {
    /// Loopback, and a client that costs nothing.
    fn default() -> Self {
        Self { costs: Costs::default(), round_trip: Duration::from_micros(100), service: Duration::from_micros(200) }
    }
}

impl Values {
    /// Those that a model has of itself; `None` for the ideal client, which has no costs.
    #[must_use]
    pub fn of(client: Client) -> Option<Self> {
        Self::of_settings(&match client {
            Client::Aiokafka => client::Settings::Aiokafka(aiokafka::Settings::default()),
            Client::Librdkafka => client::Settings::Librdkafka(librdkafka::Settings::default()),
            Client::Java(version, protocol) => client::Settings::Java(java::Settings::new(version, protocol)),
            Client::KafkaPython(version) => client::Settings::KafkaPython(kafka_python::Settings::of(version)),
            Client::Ideal => return None,
        })
    }

    pub(crate) fn of_settings(settings: &client::Settings) -> Option<Self> {
        settings.costs().map(|costs| Self { costs: *costs, ..Self::default() })
    }

    /// One way.
    #[must_use]
    pub fn latency(&self) -> Duration {
        Duration::from_nanos(self.round_trip.as_nanos() / 2)
    }

    /// One of them.
    #[must_use]
    pub const fn get(&self, parameter: Parameter) -> Duration {
        let costs = &self.costs;
        match parameter {
            Parameter::RoundTrip => self.round_trip,
            Parameter::Service => self.service,
            Parameter::StartAssign => costs.start_assign,
            Parameter::StartGroup => costs.start_group,
            Parameter::Offsets => costs.offsets,
            Parameter::Call => costs.call,
            Parameter::Record => costs.record,
            Parameter::Kilobyte => costs.kilobyte,
            Parameter::Send => costs.send,
            Parameter::Answer => costs.answer,
            Parameter::AnswerKilobyte => costs.answer_kilobyte,
            Parameter::AnswerRecord => costs.answer_record,
            Parameter::Empty => costs.empty,
            Parameter::Commit => costs.commit,
        }
    }

    /// Replaces one of them.
    pub const fn set(&mut self, parameter: Parameter, value: Duration) {
        let costs = &mut self.costs;
        *match parameter {
            Parameter::RoundTrip => &mut self.round_trip,
            Parameter::Service => &mut self.service,
            Parameter::StartAssign => &mut costs.start_assign,
            Parameter::StartGroup => &mut costs.start_group,
            Parameter::Offsets => &mut costs.offsets,
            Parameter::Call => &mut costs.call,
            Parameter::Record => &mut costs.record,
            Parameter::Kilobyte => &mut costs.kilobyte,
            Parameter::Send => &mut costs.send,
            Parameter::Answer => &mut costs.answer,
            Parameter::AnswerKilobyte => &mut costs.answer_kilobyte,
            Parameter::AnswerRecord => &mut costs.answer_record,
            Parameter::Empty => &mut costs.empty,
            Parameter::Commit => &mut costs.commit,
        } = value;
    }

    /// The parameters that a model has: those whose value is not zero.
    pub fn parameters(&self) -> impl Iterator<Item = Parameter> + use<> {
        let values = *self;
        Parameter::ALL.into_iter().filter(move |parameter| !values.get(*parameter).is_zero())
    }
}

/// One of the [`Values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parameter {
    /// From the start to the first fetch request, with manual assignment.
    StartAssign,
    /// From the start to the assignment of a fresh group.
    StartGroup,
    /// In a group, from the assignment to the first start offset.
    Offsets,
    /// A synchronous commit.
    Commit,
    /// By how much a poll that finds nothing outlasts its timeout.
    Empty,
    /// Handing out a record.
    Record,
    /// Reading 1000 bytes of a fetch answer.
    AnswerKilobyte,
    /// Handing out 1000 bytes of values.
    Kilobyte,
    /// A poll that hands out records, besides these.
    Call,
    /// A record of a fetch answer.
    AnswerRecord,
    /// The broker's, of a fetch that can be answered.
    Service,
    /// Reading a fetch answer, besides what is in it.
    Answer,
    /// Building and sending a fetch request.
    Send,
    /// Network, there and back.
    RoundTrip,
}

impl Parameter {
    /// All, in the order of a profile.
    pub const ALL: [Self; 14] = [
        Self::StartAssign,
        Self::StartGroup,
        Self::Offsets,
        Self::Commit,
        Self::Empty,
        Self::Record,
        Self::AnswerKilobyte,
        Self::Kilobyte,
        Self::Call,
        Self::AnswerRecord,
        Self::Service,
        Self::Answer,
        Self::Send,
        Self::RoundTrip,
    ];

    /// Its key in a profile.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round_trip",
            Self::Service => "service",
            Self::StartAssign => "start_assign",
            Self::StartGroup => "start_group",
            Self::Offsets => "offsets",
            Self::Call => "call",
            Self::Record => "record",
            Self::Kilobyte => "kilobyte",
            Self::Send => "send",
            Self::Answer => "answer",
            Self::AnswerKilobyte => "answer_kilobyte",
            Self::AnswerRecord => "answer_record",
            Self::Empty => "empty",
            Self::Commit => "commit",
        }
    }

    /// What it is, in words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::RoundTrip => "network, there and back",
            Self::Service => "broker, a fetch that can be answered",
            Self::StartAssign => "from the start to the first fetch, with manual assignment",
            Self::StartGroup => "from the start to a group's assignment",
            Self::Offsets => "from a group's assignment to the first start offset",
            Self::Call => "a poll that hands out records",
            Self::Record => "handing out a record",
            Self::Kilobyte => "handing out 1000 bytes of values",
            Self::Send => "building and sending a fetch request",
            Self::Answer => "reading a fetch answer",
            Self::AnswerKilobyte => "reading 1000 bytes of a fetch answer",
            Self::AnswerRecord => "a record of a fetch answer",
            Self::Empty => "what an empty poll takes beyond its timeout",
            Self::Commit => "a synchronous commit",
        }
    }

    /// The recording that would tell more about it.
    #[must_use]
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::StartAssign => "record runs with manual assignment",
            Self::StartGroup => "record runs with a fresh group",
            Self::Offsets => "nothing that a client's polls show tells it apart; take it from the client's log",
            Self::Commit => "record runs that commit after each poll",
            Self::Empty => "record a consumer for each topic, polled in turn, some of them without records",
            Self::Record | Self::Kilobyte => "record the same backlog with larger and with smaller values",
            Self::Call => "record the same backlog with a larger and with a smaller max.poll.records",
            Self::AnswerKilobyte | Self::AnswerRecord => {
                "record the same bytes with larger and with smaller values, and with processing between the polls"
            }
            Self::Service | Self::Answer | Self::Send => {
                "record the same backlog with a larger and with a smaller max.partition.fetch.bytes"
            }
            Self::RoundTrip => "measure it by itself (ping), and set network.latency in the scenario",
        }
    }
}
