//! Names and versions of the clients that have a model.

use std::fmt;
use std::str::FromStr;

use fairdrain_sim::client::java::{Protocol, Version};
use fairdrain_sim::client::kafka_python;

use super::Client;
use super::names::did_you_mean;

/// A client model: the name and the version it was made from.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) client: Client,
    pub(super) name: &'static str,
    /// `None`: not a model of anything that has versions.
    pub(super) version: Option<&'static str>,
    /// Further versions that behave alike.
    pub(super) alike: &'static [&'static str],
}

/// All of them. The newest version of a client comes first.
pub(super) static MODELS: &[Model] = &[
    Model { client: Client::Aiokafka, name: "aiokafka", version: Some("0.14"), alike: &[] },
    Model { client: Client::Librdkafka, name: "librdkafka", version: Some("2.12"), alike: &[] },
    java("4.3", &["4.2"], Version::V4_2, Protocol::Classic),
    java("4.1", &["4.0"], Version::V4_0, Protocol::Classic),
    java("3.9", &["3.8", "3.7"], Version::V3_7, Protocol::Classic),
    java("3.6", &["3.5", "3.4", "3.3", "3.2", "3.1", "3.0"], Version::V3_0, Protocol::Classic),
    java("4.3", &["4.2"], Version::V4_2, Protocol::Consumer),
    java("4.1", &["4.0"], Version::V4_0, Protocol::Consumer),
    kafka_python("3.0", &["3.1"], kafka_python::Version::V3_0),
    kafka_python("2.2", &["2.3", "2.1"], kafka_python::Version::V2_2),
    kafka_python("2.0", &[], kafka_python::Version::V2_0),
    Model { client: Client::Ideal, name: "ideal", version: None, alike: &[] },
];

const fn java(newest: &'static str, alike: &'static [&'static str], version: Version, protocol: Protocol) -> Model {
    let name = match protocol {
        Protocol::Classic => "java",
        Protocol::Consumer => "java-async",
    };
    Model { client: Client::Java(version, protocol), name, version: Some(newest), alike }
}

const fn kafka_python(version: &'static str, alike: &'static [&'static str], rules: kafka_python::Version) -> Model {
    Model { client: Client::KafkaPython(rules), name: "kafka-python", version: Some(version), alike }
}

/// Packages that hand out what librdkafka fetches.
const BINDINGS: &[&str] = &[
    "rdkafka",
    "rust-rdkafka",
    "confluent-kafka",
    "confluent-kafka-python",
    "confluent-kafka-go",
    "confluent-kafka-dotnet",
    "node-rdkafka",
    "php-rdkafka",
    "rdkafka-ruby",
];

impl Client {
    /// All clients that have a model.
    pub fn all() -> impl Iterator<Item = Self> {
        MODELS.iter().map(|m| m.client)
    }

    /// Name without version, as in a scenario file.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.model().name
    }

    /// The version modelled, such as `0.14`; `None` for `ideal`.
    #[must_use]
    pub fn version(self) -> Option<&'static str> {
        self.model().version
    }

    fn model(self) -> &'static Model {
        // Our bug if it is missing; the tests go through all variants.
        MODELS.iter().find(|m| m.client == self).expect("every client is in the list of models")
    }
}

impl fmt::Display for Client {
    /// `aiokafka@0.14`, as a scenario file may say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version() {
            Some(version) => f.pad(&format!("{}@{version}", self.name())),
            None => f.pad(self.name()),
        }
    }
}

/// A client that has no model, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct UnknownClient {
    pub(super) message: String,
    pub(super) help: String,
}

impl FromStr for Client {
    type Err = UnknownClient;

    /// Reads `aiokafka` or `aiokafka@0.14`; a patch level (`0.14.0`) may follow.
    ///
    /// # Errors
    /// No model of this client, or none of this version; the error lists those that exist.
    fn from_str(written: &str) -> Result<Self, UnknownClient> {
        let (name, version) = match written.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (written, None),
        };
        let of_name: Vec<&Model> = MODELS.iter().filter(|m| m.name == name).collect();
        let fits =
            |m: &&&Model| match (version, m.version) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(v), Some(modelled)) => m.alike.iter().chain([&modelled]).any(|modelled| {
                    v.strip_prefix(modelled).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                }),
            };
        if let Some(model) = of_name.iter().find(fits) {
            return Ok(model.client);
        }
        let list = |models: &[&Model]| models.iter().map(|m| m.client.to_string()).collect::<Vec<_>>().join(", ");
        if let Some(version) = version.filter(|_| !of_name.is_empty()) {
            return Err(UnknownClient {
                message: format!("no model of version `{version}` of {name}"),
                help: format!("there is {}", list(&of_name)),
            });
        }
        let there_are = format!("there are {}", list(&MODELS.iter().collect::<Vec<_>>()));
        let message = format!("no model of a client `{name}`");
        Err(if BINDINGS.contains(&name.to_ascii_lowercase().as_str()) {
            UnknownClient {
                message,
                help: format!("it is a binding of librdkafka: write \"librdkafka\" ({there_are})"),
            }
        } else if let Some(near) = did_you_mean(name, MODELS.iter().map(|m| m.name)) {
            UnknownClient { message, help: format!("did you mean `{near}`? ({there_are})") }
        } else {
            UnknownClient { message, help: there_are }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_reads_back() {
        for client in Client::all() {
            assert_eq!(client.to_string().parse(), Ok(client));
            assert_eq!(client.name().parse::<Client>().map(Client::name), Ok(client.name()));
        }
        assert_eq!("librdkafka@2.12.1".parse(), Ok(Client::Librdkafka));
        assert!("librdkafka@2.121".parse::<Client>().is_err());
        assert_eq!("java".parse(), Ok(Client::Java(Version::V4_2, Protocol::Classic)));
        assert_eq!("java@3.8.1".parse(), Ok(Client::Java(Version::V3_7, Protocol::Classic)));
        assert_eq!("java-async@4.0".parse(), Ok(Client::Java(Version::V4_0, Protocol::Consumer)));
        assert_eq!("kafka-python@2.3.1".parse(), Ok(Client::KafkaPython(kafka_python::Version::V2_2)));
        assert!("java-async@3.9".parse::<Client>().is_err());
        assert!("ideal@1".parse::<Client>().is_err());
    }
}
