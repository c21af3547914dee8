//! What goes wrong: answers that do not come, brokers that are gone, errors of topics and of the client.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t as Code;

use super::super::{Event, Topic};
use super::{COMMIT_TIMEOUT, Consumer};
use crate::broker::Failure;

const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the thread may be held up by asking.
const PROBE_WAIT: Duration = Duration::from_millis(100);

/// All brokers are gone, or seem to be.
pub(super) struct Down {
    since: Instant,
    probed: Instant,
    reason: String,
}

impl Consumer {
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        if self.revocation.as_ref().is_some_and(|r| now >= r.by) {
            self.give_back();
        }
        if self.commits_sent.front().is_some_and(|&sent| now >= sent + COMMIT_TIMEOUT) {
            self.commits_sent.pop_front();
            self.commits_given_up += 1;
            self.fail(None, Failure::Commit(format!("no answer within {} s", COMMIT_TIMEOUT.as_secs())));
        }
        let Some(down) = &mut self.down else { return };
        if now < down.probed + PROBE_INTERVAL {
            return;
        }
        // Nothing else tells that a broker is back: what is delivered may have been in the client already.
        if self.client.probe(PROBE_WAIT).is_ok() {
            self.down = None;
        } else if now >= down.since + self.setup.outage_max {
            let (servers, reason) = (self.setup.servers.clone(), self.setup.secrets.redact(down.reason.clone()));
            self.down = None;
            drop(self.events.send(Event::Unreachable { servers, waited: self.setup.outage_max, reason }));
        } else {
            down.probed = Instant::now();
        }
    }

    fn handle_error(&mut self, code: Code, reason: String) {
        let now = Instant::now();
        match code {
            Code::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN
            | Code::RD_KAFKA_RESP_ERR__TRANSPORT
            | Code::RD_KAFKA_RESP_ERR__RESOLVE => {
                let down = self.down.get_or_insert_with(|| Down { since: now, probed: now, reason: reason.clone() });
                // A failed connection says more than "1/1 brokers are down", which comes first.
                if code == Code::RD_KAFKA_RESP_ERR__TRANSPORT {
                    down.reason = reason;
                }
            }
            Code::RD_KAFKA_RESP_ERR__AUTHENTICATION
            | Code::RD_KAFKA_RESP_ERR__SSL
            | Code::RD_KAFKA_RESP_ERR__FATAL
            | Code::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED
            | Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED => self.fail(None, Failure::Fatal(reason)),
            // librdkafka retries by itself; the reason is worth keeping.
            _ => self.setup.log.lock().unwrap_or_else(PoisonError::into_inner).push(reason),
        }
    }

    pub(super) fn handle_topic_error(&mut self, name: &str, code: Code, reason: String) {
        // Some errors of a partition carry its topic in their text only (rdkafka_partition.c: rd_kafka_toppar_enq_error).
        let names = |t: &Topic| t.name == name || reason.strip_prefix(&*t.name).is_some_and(|r| r.starts_with(" ["));
        let Some(place) = self.setup.topics.iter().position(names) else {
            return self.handle_error(code, reason);
        };
        if !std::mem::replace(&mut self.failing[place], true) {
            let name = &self.setup.topics[place].name;
            let reason = if reason.contains(name) { reason } else { format!("{name}: {reason}") };
            self.fail(Some(self.setup.topics[place].id), Failure::Fetch(reason));
        }
    }
}
