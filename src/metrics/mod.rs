//! What a run was like: the definitions, and the observer that folds them while the run goes on.

use crate::Duration;

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
