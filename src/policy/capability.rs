//! Which client can do which scheduler, and by what means.

use fairdrain_sim::client::java;

use super::Name;
use crate::scenario::Client;

/// The Java client hands out what it likes; what an application polls ahead it can queue by topic, and pause where it has enough.
const PAUSE: &str = "a queue per topic, paused when full";

/// A client that can't do a scheduler.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client {client} can't do the scheduler `{scheduler}`: it offers no way to take from one topic at a time")]
pub struct Incapable {
    /// The client's name.
    pub client: &'static str,
    /// The scheduler.
    pub scheduler: Name,
}

impl Name {
    /// How a client does this scheduler.
    ///
    /// # Errors
    /// [`Incapable`] if it can't.
    pub fn means(self, client: Client) -> Result<&'static str, Incapable> {
        // A consumer a topic is something that every client can be. `multi-gather` has its name from asyncio.gather; elsewhere
        // threads do the same.
        let (client_name, takes_by) = match client {
            Client::Aiokafka => ("aiokafka", Some("getmany(*partitions)")),
            Client::Librdkafka => ("librdkafka", Some("split partition queues")),
            Client::Java(_, java::Protocol::Classic) => ("java", Some(PAUSE)),
            Client::Java(_, java::Protocol::Consumer) => ("java-async", Some(PAUSE)),
            // `poll` takes no topics. An application can queue by topic all that each poll hands out, as docs/apply.md does; that is
            // recorded and not modelled. With polls of a cap it would be no better than `single`.
            Client::KafkaPython(_) => ("kafka-python", None),
            Client::Ideal => ("ideal", Some("a queue per topic")),
        };
        match (self.takes(), takes_by) {
            (false, _) => Ok("ordinary polls"),
            (true, Some(means)) => Ok(means),
            (true, None) => Err(Incapable { client: client_name, scheduler: self }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_but_kafka_python_does_every_scheduler() {
        for client in Client::all() {
            for name in Name::ALL {
                let can = !name.takes() || client.name() != "kafka-python";
                assert_eq!(name.means(client).is_ok(), can, "{client:?} {name}");
            }
        }
    }

    #[test]
    fn the_refusal_names_the_client_and_the_scheduler() {
        let error = Incapable { client: "some-client", scheduler: Name::Fair }.to_string();
        assert_eq!(
            error,
            "the client some-client can't do the scheduler `fair`: it offers no way to take from one topic at a time"
        );
    }
}
