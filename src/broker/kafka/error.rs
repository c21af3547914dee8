//! Why a run on a real backend did not come about, or broke off.

use crate::broker::BrokerError;

/// Why a run on a real backend did not come about, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scenario asks for something that this backend can't do.
    #[error("the {backend} backend can't run scenario `{scenario}`: {reason}")]
    Unsupported {
        /// `kafka` or `mock`.
        backend: &'static str,
        /// The scenario's name.
        scenario: String,
        /// What, why, and what to do instead.
        reason: String,
    },
    /// A property that librdkafka refuses, or that the run depends on.
    #[error("property {key}={value}: {reason}")]
    Property {
        /// The property.
        key: String,
        /// Its value, `***` if it is a secret.
        value: String,
        /// librdkafka's reason.
        reason: String,
    },
    /// What was asked for contradicts itself; says what to write instead.
    #[error("{0}")]
    Contradiction(String),
    /// The cluster can't be reached, or refuses what the run can't do without.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// Interrupted while loading: nothing has been measured.
    #[error("interrupted while loading the backlog")]
    Interrupted,
}

impl Error {
    /// Adds what else went wrong because of it.
    pub(super) fn and(mut self, other: Option<Self>) -> Self {
        if let (Some(other), Self::Broker(BrokerError::Unreachable { reason, .. } | BrokerError::Refused(reason))) =
            (other, &mut self)
        {
            *reason = format!("{reason}; {other}");
        }
        self
    }

    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Broker(BrokerError::Refused(reason.into()))
    }
}
