//! Which client, with which settings. A module of its own, as are the settings of each client: the configuration of a world knows
//! these, and nothing of a running client.

use super::costs::Costs;
use super::{aiokafka, ideal, java, kafka_python, librdkafka};

/// Which client, with which settings.
#[derive(Clone, Debug)]
pub enum Settings {
    /// aiokafka 0.14.
    Aiokafka(aiokafka::settings::Settings),
    /// librdkafka 2.12.
    Librdkafka(librdkafka::settings::Settings),
    /// The Java client.
    Java(java::Settings),
    /// kafka-python 3.0, 2.2 or 2.0.
    KafkaPython(kafka_python::Settings),
    /// A client without a fetch machinery.
    Ideal(ideal::settings::Settings),
}

impl Settings {
    /// Whether client and application share one event loop, so that the client gets on only while the application awaits.
    #[must_use]
    pub const fn is_async(&self) -> bool {
        matches!(self, Self::Aiokafka(_))
    }

    /// What the client's work costs; `None` of the ideal client, which has no costs.
    #[must_use]
    pub const fn costs(&self) -> Option<&Costs> {
        match self {
            Self::Aiokafka(s) => Some(&s.costs),
            Self::Librdkafka(s) => Some(&s.costs),
            Self::Java(s) => Some(&s.costs),
            Self::KafkaPython(s) => Some(&s.costs),
            Self::Ideal(_) => None,
        }
    }

    /// The same, to be changed.
    pub const fn costs_mut(&mut self) -> Option<&mut Costs> {
        match self {
            Self::Aiokafka(s) => Some(&mut s.costs),
            Self::Librdkafka(s) => Some(&mut s.costs),
            Self::Java(s) => Some(&mut s.costs),
            Self::KafkaPython(s) => Some(&mut s.costs),
            Self::Ideal(_) => None,
        }
    }
}
