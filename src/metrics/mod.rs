//! What a run was like: the definitions, and the observer that folds them while the run goes on.
//!
//! Time zero is the scheduler's first action. A record is *delivered* when a poll (or take) returns it, *processed* when the
//! application is done with it. A topic's *lag* is what has been in its log since time zero or arrived since, and has not been
//! delivered; records delivered again don't change it. The run *ends* with the input at which [`Fold`] says that it is done; what
//! happens while the session closes is not measured.
//!
//! | metric | definition |
//! |---|---|
//! | time to first record (topic) | zero to first delivery |
//! | completion (topic) | zero to the processing of its last backlog record |
//! | drain time | the largest completion |
//! | time to complete input, TTCI | per key (station): zero to the moment at which every required topic has had a record of that key processed; reported as first, p50, p95, max over keys, and as *never* where it does not happen within the run. The keys are those of any required topic |
//! | longest service gap (topic) | longest interval with lag and nothing delivered; a gap that the end of the run cuts short counts as far as it went |
//! | wait (topic) | all time with lag |
//! | starvation verdict | a topic with lag that waits longer than the bound in one gap while others are served ([`starvation_bound`]) |
//! | Jain index | over topics with a backlog or arrivals, of service received (records delivered, once each, since time zero) divided by the max-min fair share of the total service so far, limited by each topic's demand (backlog and arrivals so far); evaluated at each poll that delivers, holds until the next; mean over the time after the first delivery in which at least two topics have lag, else n/a |
//! | blame | each nanosecond of a topic's wait attributed to one [`Cause`], by precedence: sums exactly to the wait. What a real run can't observe is `None`, never zero |
//! | buffered | fetched, and not delivered or thrown away: records, value bytes, peak |
//! | in hand | value bytes of batches delivered and not yet processed to their end, peak |
//! | work | polls, empty polls (a failed one is an empty one), fetches, bytes fetched, bytes fetched again |
//! | lower bound | per key: the work of the prefixes that must be processed before its last required record (sum over topics by workers, at least the largest); TTCI bounds are these, sorted; drain: total work by workers ([`LowerBound::of`]) |
//!
//! Order statistics are exact: the p-quantile of n keys is element ⌈p n⌉ of their sorted times, counted from 1.
//!
//! # Causes
//! The backend knows why a topic's records do not come: the local causes, from fetch in flight to idle. What lies in the scheduler or
//! the application comes first, and is seen from outside:
//! - **processing Y**: all workers (or the thread that client and application share) are busy, the longest-running with records of Y.
//!   It holds for every topic, Y included.
//! - **barrier**: under a scheduler that works in rounds ([`Layout::rounds`]), a poll is outstanding, and it is another consumer's
//!   than the topic's own: its own consumer has polled, or waits for its turn.
//! - **backpressure**: batches are in hand, and together with the polls outstanding they use up the session's credit
//!   ([`Layout::credit`]), and the topic's consumer is not polling.
//!
//! A wait for a commit is none of these: it is booked under the local cause, most likely idle.
//!
//! Memory is O(topics² + keys × required topics), and does not depend on the number of polls or records.

pub use fold::{Fold, Layout};
pub use starvation::{fair_guarantee, starvation_bound};

use crate::Duration;

mod blame;
mod bound;
mod fold;
mod gaps;
mod jain;
mod progress;
mod starvation;
#[cfg(test)]
mod tests;

/// Everything measured in one run. Times count from time zero, the scheduler's first action.
#[derive(Clone, Debug, PartialEq)]
pub struct RunMetrics {
    /// How the run ended.
    pub end: End,
    /// When it ended.
    pub ended_after: Duration,
    /// Per topic, in the scenario's order.
    pub topics: Vec<TopicMetrics>,
    /// Zero to the processing of the last backlog record of any topic; `None` if that did not happen.
    pub drain: Option<Duration>,
    /// Time to complete input.
    pub ttci: Ttci,
    /// The longest service gap of all topics, and the topic (place in the list) it belongs to.
    pub gap_max: Option<(Duration, usize)>,
    /// Mean over time (while two or more topics are backlogged) of the Jain index over topics of service received divided by the
    /// demand-limited max-min fair share; `None` if there was never more than one backlogged topic.
    pub jain: Option<f64>,
    /// Poll and take calls.
    pub polls: u64,
    /// Those that returned nothing.
    pub polls_empty: u64,
    /// Fetch requests; `None` where the backend can't see them.
    pub fetches: Option<u64>,
    /// Bytes fetched, as sent; `None` likewise.
    pub bytes_fetched: Option<u64>,
    /// Value bytes of records fetched more than once; `None` likewise.
    pub bytes_fetched_again: Option<u64>,
    /// Most records fetched and not yet delivered at one time; `None` likewise.
    pub buffered_records_peak: Option<u64>,
    /// Most value bytes fetched and not yet delivered at one time; `None` likewise.
    pub buffered_bytes_peak: Option<u64>,
    /// Most value bytes delivered and not yet processed at one time.
    pub in_hand_bytes_peak: u64,
    /// What no scheduler can beat.
    pub bound: LowerBound,
    /// Starvation verdicts: topics that waited longer than the bound while others were served, worst first.
    pub starved: Vec<Starved>,
    /// The bound used.
    pub starvation_bound: Duration,
    /// Records delivered more than once.
    pub duplicates: u64,
    /// Rolling hash over every event of the run; `None` on a real backend.
    pub fingerprint: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every backlog record has been processed.
    Complete,
    /// A limit was reached first.
    LimitReached {
        /// Which: `time` or `polls`.
        limit: &'static str,
        /// Backlog records not processed, per topic.
        left: Vec<u64>,
    },
    /// The run was interrupted.
    Interrupted {
        /// Backlog records not processed, per topic.
        left: Vec<u64>,
    },
    /// It could not go on.
    Failed(String),
}

/// One topic's part.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicMetrics {
    /// Zero to first delivery.
    pub first_record: Option<Duration>,
    /// Number, from 1, of the poll that delivered the first record.
    pub first_poll: Option<u64>,
    /// Records of this topic in the first poll of the run that returned anything.
    pub first_poll_records: u64,
    /// Zero to the processing of its last backlog record (zero if it has no backlog).
    pub completion: Option<Duration>,
    /// Longest interval with lag and nothing delivered.
    pub gap_max: Duration,
    /// When that interval began.
    pub gap_max_from: Duration,
    /// Records delivered, duplicates not counted.
    pub delivered: u64,
    /// Records that arrived during the run.
    pub arrived: u64,
    /// All the time it had lag.
    pub wait: Duration,
    /// Where that time went, largest first: sums to `wait` exactly. `None` where the backend can't see it.
    pub blame: Option<Vec<(Cause, Duration)>>,
}

/// Why a topic waited; in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The application was busy with records of this topic (place in the list).
    Processing(usize),
    /// A round of the scheduler had to close first.
    Barrier,
    /// The session had no credit to poll with.
    Backpressure,
    /// A fetch was on its way.
    FetchInFlight,
    /// A fetch that lists only drained topics held the connection.
    ParkedFetch,
    /// The client waited before asking again.
    BackOff,
    /// The broker or the topic was unavailable.
    Outage,
    /// The consumer was getting its assignment.
    Join,
    /// None of these.
    Idle,
}

/// Time to complete input: per key, from zero to the moment at which every required topic has had a record of that key processed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ttci {
    /// The first key.
    pub first: Option<Duration>,
    /// Half of the keys; exact order statistic, `None` if that many never completed.
    pub p50: Option<Duration>,
    /// 95 % of the keys, likewise.
    pub p95: Option<Duration>,
    /// The last key, likewise.
    pub max: Option<Duration>,
    /// Keys there are.
    pub keys: u32,
    /// Keys whose input was never complete.
    pub never: u32,
}

impl Ttci {
    /// Order statistics of the times at which keys were complete, of `keys` keys in all. Sorts the times.
    pub(crate) fn of(times: &mut [Duration], keys: u32) -> Self {
        times.sort_unstable();
        // Element ceil(p n), counted from 1, in whole numbers.
        let quantile = |percent: u64| {
            let place = (percent * u64::from(keys)).div_ceil(100).checked_sub(1)?;
            times.get(usize::try_from(place).ok()?).copied()
        };
        let never = keys - times.len() as u32;
        Self { first: times.first().copied(), p50: quantile(50), p95: quantile(95), max: quantile(100), keys, never }
    }
}

/// What no scheduler can beat: the work that has to be done first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LowerBound {
    /// Of `ttci`, by the same order statistics.
    pub ttci: Ttci,
    /// Of the drain: all work divided by the workers.
    pub drain: Duration,
}

/// One starvation verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starved {
    /// Which topic (place in the list).
    pub topic: usize,
    /// How long it waited in one go.
    pub waited: Duration,
    /// The topic (place in the list) that was served most meanwhile.
    pub served_instead: usize,
    /// How many of that topic's records were delivered meanwhile.
    pub served_records: u64,
}
