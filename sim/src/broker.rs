//! The broker's fetch path: sessions (KIP-227), read order, byte limits (KIP-74), long poll.
//!
//! Does: full, incremental and sessionless requests; the response filter and the rotation of incremental ones; `fetch.max.bytes` of
//! client and broker; parking until `fetch.min.bytes` or the wait is over; partition errors. Does not: quotas, session eviction,
//! replication (high watermark = log end), several segments.
//!
//! Source: Apache Kafka 4.x, `KafkaApis.handleFetchRequest`, `FetchSession.scala`, `ReplicaManager.readFromLog`, `DelayedFetch`.

use crate::log::{Log, Slice};
use crate::time::Duration;

/// One partition of a request. A `slot` is a partition's number in the world, counted through all topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which partition.
    pub slot: u32,
    /// From which offset.
    pub offset: i64,
    /// `max.partition.fetch.bytes`.
    pub max_bytes: u32,
}

/// How a request relates to a fetch session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionUse {
    /// None (session id 0, epoch -1): the request lists all that is wanted, the answer lists all of that.
    #[default]
    None,
    /// Epoch 0: begins a session with the partitions listed, in that order.
    Full,
    /// Lists only what has changed since the last request.
    Incremental,
}

/// A fetch request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Partitions, in request order.
    pub asks: Vec<Ask>,
    /// Partitions to take out of the session.
    pub forget: Vec<u32>,
    /// Relation to the session.
    pub session: SessionUse,
    /// `fetch.min.bytes`.
    pub min_bytes: u32,
    /// `fetch.max.bytes`.
    pub max_bytes: u32,
    /// `fetch.max.wait.ms`.
    pub max_wait: Duration,
}

/// One partition of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which partition.
    pub slot: u32,
    /// The offset asked for.
    pub offset: i64,
    /// What was read.
    pub slice: Slice,
    /// The partition could not be read.
    pub failed: bool,
}

/// A fetch session as the broker keeps it, one a connection.
#[derive(Clone, Debug, Default)]
pub struct FetchSession {
    partitions: Vec<Cached>,
}

#[derive(Clone, Copy, Debug)]
struct Cached {
    ask: Ask,
    /// High watermark last reported; -1 if none was.
    high_watermark: i64,
}

impl FetchSession {
    /// Whether it has no partitions: none yet, all forgotten, or the session is gone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }
}

/// What a broker needs to know of the partitions it reads.
pub trait Partitions {
    /// The log of a partition.
    fn log(&self, slot: u32) -> &Log;
    /// Whether the partition can't be read now.
    fn fails(&self, slot: u32) -> bool;
}

/// Brings a session up to date with a request (`FetchSession.update`): known partitions in place, new ones at the tail.
pub fn update_session(session: &mut FetchSession, request: &Request) {
    if request.session == SessionUse::None {
        return;
    }
    if request.session == SessionUse::Full {
        session.partitions.clear();
    }
    for ask in &request.asks {
        match session.partitions.iter_mut().find(|c| c.ask.slot == ask.slot) {
            Some(cached) => cached.ask = *ask,
            None => session.partitions.push(Cached { ask: *ask, high_watermark: -1 }),
        }
    }
    session.partitions.retain(|c| !request.forget.contains(&c.ask.slot));
}

/// Whether a request, with the session it belongs to, reads a partition.
#[must_use]
pub fn concerns(request: &Request, session: &FetchSession, slot: u32) -> bool {
    match request.session {
        SessionUse::None => request.asks.iter().any(|ask| ask.slot == slot),
        SessionUse::Full | SessionUse::Incremental => session.partitions.iter().any(|c| c.ask.slot == slot),
    }
}

/// Reads for a request into `answers`, in session order (without a session: request order). Returns whether the answer may go out
/// now; if not, nothing has been changed and the request is to be parked.
///
/// `expired` answers whatever there is.
pub fn read(
    request: &Request,
    session: &mut FetchSession,
    partitions: &impl Partitions,
    broker_max_bytes: u32,
    expired: bool,
    answers: &mut Vec<Answer>,
) -> bool {
    answers.clear();
    let max_bytes = u64::from(request.max_bytes.min(broker_max_bytes));
    let mut limit = max_bytes;
    let (mut min_one, mut total, mut failed) = (true, 0, false);
    let mut visit = |ask: &Ask| {
        if partitions.fails(ask.slot) {
            failed = true;
            return Answer { slot: ask.slot, offset: ask.offset, slice: Slice::default(), failed: true };
        }
        let slice = partitions.log(ask.slot).read(ask.offset, u64::from(ask.max_bytes).min(limit), min_one);
        min_one &= slice.wire_bytes == 0;
        limit = limit.saturating_sub(slice.wire_bytes);
        total += slice.wire_bytes;
        Answer { slot: ask.slot, offset: ask.offset, slice, failed: false }
    };
    match request.session {
        SessionUse::None => answers.extend(request.asks.iter().map(&mut visit)),
        _ => answers.extend(session.partitions.iter().map(|c| visit(&c.ask))),
    }
    let nothing_asked = request.session != SessionUse::Incremental && request.asks.is_empty();
    let min_bytes = u64::from(request.min_bytes).min(max_bytes);
    if !(expired || failed || nothing_asked || request.max_wait.is_zero() || total >= min_bytes) {
        return false;
    }
    if request.session != SessionUse::None {
        respond(request.session, session, partitions, answers);
    }
    true
}

/// The response filter of an incremental answer and the rotation of the partitions that got something
/// (`CachedPartition.maybeUpdateResponseData`, `IncrementalFetchContext.PartitionIterator`; only those with bytes rotate since 3.0,
/// KAFKA-12330). A full answer lists everything and rotates nothing.
fn respond(kind: SessionUse, session: &mut FetchSession, partitions: &impl Partitions, answers: &mut Vec<Answer>) {
    let mut listed = Vec::with_capacity(answers.len());
    for (cached, answer) in session.partitions.iter_mut().zip(answers.iter()) {
        let high_watermark = if answer.failed { -1 } else { partitions.log(answer.slot).end() };
        let changed = cached.high_watermark != high_watermark || answer.failed;
        cached.high_watermark = high_watermark;
        if kind == SessionUse::Full || answer.slice.wire_bytes > 0 || changed {
            listed.push(*answer);
        }
    }
    if kind == SessionUse::Incremental {
        let mut served = Vec::new();
        let mut got = answers.iter().map(|a| a.slice.wire_bytes > 0);
        session.partitions.retain(|cached| {
            let served_now = got.next().unwrap_or_default();
            if served_now {
                served.push(*cached);
            }
            !served_now
        });
        session.partitions.extend(served);
    }
    *answers = listed;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::Sizes;

    struct Logs(Vec<Log>);

    impl Partitions for Logs {
        fn log(&self, slot: u32) -> &Log {
            &self.0[slot as usize]
        }
        fn fails(&self, slot: u32) -> bool {
            slot == 99
        }
    }

    fn logs(backlogs: &[u64]) -> Logs {
        Logs(backlogs.iter().map(|&n| Log::new(n, 100, Sizes::Fixed(1000), 10, 1000, 1)).collect())
    }

    fn request(session: SessionUse, max_bytes: u32, offsets: &[(u32, i64)]) -> Request {
        let asks = offsets.iter().map(|&(slot, offset)| Ask { slot, offset, max_bytes: 1 << 20 }).collect();
        Request { asks, session, max_bytes, min_bytes: 1, max_wait: Duration::from_millis(500), ..Request::default() }
    }

    fn got(answers: &[Answer]) -> Vec<(u32, u32)> {
        answers.iter().map(|a| (a.slot, a.slice.records)).collect()
    }

    /// The trace of broker spec section 2: five topics and a `fetch.max.bytes` of 2 MiB give A,B / A,B / C,D.
    #[test]
    fn incremental_sessions_rotate_what_got_bytes_and_full_ones_do_not() {
        let logs = logs(&[10_000, 5_000, 3_000, 3_000, 100]);
        let (mut session, mut answers) = (FetchSession::default(), Vec::new());
        let mut positions = [0; 5];
        let mut rounds = Vec::new();
        for round in 0..3 {
            let kind = if round == 0 { SessionUse::Full } else { SessionUse::Incremental };
            let offsets: Vec<_> = (0..5).zip(positions).collect();
            let request = request(kind, 2 << 20, &offsets);
            update_session(&mut session, &request);
            assert!(read(&request, &mut session, &logs, 55 << 20, false, &mut answers));
            rounds.push(got(&answers).into_iter().filter(|(_, n)| *n > 0).map(|(slot, _)| slot).collect::<Vec<_>>());
            for answer in answers.iter().filter(|a| a.slice.records > 0) {
                positions[answer.slot as usize] = answer.slice.next;
            }
        }
        assert_eq!(rounds, [[0, 1], [0, 1], [2, 3]]);
    }

    #[test]
    fn a_request_for_drained_partitions_parks_until_it_expires() {
        let logs = logs(&[100]);
        let request = request(SessionUse::None, 50 << 20, &[(0, 100)]);
        let (mut session, mut answers) = (FetchSession::default(), Vec::new());
        assert!(!read(&request, &mut session, &logs, 55 << 20, false, &mut answers));
        assert!(read(&request, &mut session, &logs, 55 << 20, true, &mut answers));
        assert_eq!(got(&answers), [(0, 0)]);
    }

    #[test]
    fn only_the_first_partition_with_data_may_exceed_its_limit() {
        let logs = logs(&[0, 500, 500]);
        let mut request = request(SessionUse::None, 50 << 20, &[(0, 0), (2, 0), (1, 0)]);
        request.asks.iter_mut().for_each(|a| a.max_bytes = 1000);
        let (mut session, mut answers) = (FetchSession::default(), Vec::new());
        assert!(read(&request, &mut session, &logs, 55 << 20, false, &mut answers));
        assert_eq!(got(&answers), [(0, 0), (2, 100), (1, 0)]);
    }

    #[test]
    fn an_unmentioned_session_partition_is_read_again_and_an_unchanged_one_is_not_listed() {
        let logs = logs(&[1500, 100]);
        let (mut session, mut answers) = (FetchSession::default(), Vec::new());
        let full = request(SessionUse::Full, 50 << 20, &[(0, 0), (1, 0)]);
        update_session(&mut session, &full);
        assert!(read(&full, &mut session, &logs, 55 << 20, false, &mut answers));
        assert_eq!(got(&answers), [(0, 1000), (1, 100)]);

        let next = request(SessionUse::Incremental, 50 << 20, &[(0, 1000), (1, 100)]);
        update_session(&mut session, &next);
        assert!(read(&next, &mut session, &logs, 55 << 20, false, &mut answers));
        assert_eq!(got(&answers), [(0, 500)]);
    }

    #[test]
    fn a_failing_partition_is_answered_at_once() {
        let request = request(SessionUse::None, 50 << 20, &[(99, 0)]);
        let mut answers = Vec::new();
        assert!(read(&request, &mut FetchSession::default(), &logs(&[]), 55 << 20, false, &mut answers));
        assert!(answers[0].failed);
    }
}
