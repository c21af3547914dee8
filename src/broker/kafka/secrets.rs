//! Secrets stay out of errors, reports, logs and debug output, whoever wrote the text.

use std::fmt;

use super::error::Error;
use crate::broker::BrokerError;
use crate::scenario::is_secret;

/// What stands in a secret's place.
const REDACTED: &str = "***";

/// Values that must not be seen.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Those among these properties. Names of mechanisms, users and files are none, or half of librdkafka's messages about security
    /// would be stars.
    pub(super) fn of(properties: &[(String, String)]) -> Self {
        const OPEN: [&str; 8] =
            ["mechanism", "username", "location", "protocol", "endpoint", "scope", "principal", "service.name"];
        let hidden = |key: &str| is_secret(key) && !OPEN.iter().any(|open| key.contains(open));
        // Too short to be a secret, and in every other word.
        let mut values: Vec<String> =
            properties.iter().filter(|(key, value)| hidden(key) && value.len() > 2).map(|(_, v)| v.clone()).collect();
        values.retain(|value| !matches!(value.as_str(), "true" | "false" | "none" | "https"));
        // The longest first: one may be part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        Self(values)
    }

    /// The text without them.
    pub(super) fn redact(&self, text: String) -> String {
        self.0
            .iter()
            .fold(text, |text, secret| if text.contains(secret) { text.replace(secret, REDACTED) } else { text })
    }

    /// The error without them.
    pub(super) fn redact_error(&self, error: Error) -> Error {
        match error {
            Error::Unsupported { backend, scenario, reason } => {
                Error::Unsupported { backend, scenario, reason: self.redact(reason) }
            }
            Error::Property { key, value, reason } => {
                Error::Property { key, value: self.redact(value), reason: self.redact(reason) }
            }
            Error::Contradiction(reason) => Error::Contradiction(self.redact(reason)),
            Error::Broker(BrokerError::Unreachable { servers, waited, reason }) => {
                BrokerError::Unreachable { servers, waited, reason: self.redact(reason) }.into()
            }
            Error::Broker(BrokerError::Refused(reason)) => BrokerError::Refused(self.redact(reason)).into(),
            Error::Broker(BrokerError::Stuck) | Error::Interrupted => error,
        }
    }
}

/// Properties for a `Debug`: secrets are left out.
pub(super) struct Shown<'a>(pub(super) &'a [(String, String)]);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(key, value)| (key, if is_secret(key) { REDACTED } else { value }));
        f.debug_map().entries(shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties() -> Vec<(String, String)> {
        let all = [
            ("sasl.username", "me"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.password", "hunter2"),
            ("ssl.key.password", "hunter23"),
            ("fetch.wait.max.ms", "500"),
        ];
        all.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn a_text_of_somebody_else_loses_its_secrets_and_nothing_more() {
        let secrets = Secrets::of(&properties());
        let said = secrets.redact("SASL PLAIN: me:hunter2 and hunter23 refused after 500 ms".to_owned());
        assert_eq!(said, "SASL PLAIN: me:*** and *** refused after 500 ms");
    }

    #[test]
    fn debug_output_has_no_secrets() {
        let options = super::super::Options { properties: properties(), ..Default::default() };
        let shown = format!("{options:?}");
        assert!(!shown.contains("hunter") && shown.contains("500"), "{shown}");
    }
}
