//! What a reader should know of the measurement itself before believing it.

use std::fmt;

use super::model::{Compared, Row, Verification};
use super::units::{counted, grouped};
use super::view::client_label;

/// A reservation about a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Runs ended at a limit.
    LimitReached {
        /// Client and scheduler.
        row: String,
        /// `time` or `polls`.
        limit: String,
        /// How many runs of how many.
        runs: (u32, u32),
        /// Records left, in the run that was worst.
        left_records: u64,
    },
    /// Runs failed.
    Failed {
        /// Client and scheduler.
        row: String,
        /// How many runs of how many.
        runs: (u32, u32),
        /// Why, in the run that was worst.
        reason: String,
    },
    /// Records arrived more than once.
    Duplicates {
        /// Client and scheduler.
        row: String,
        /// How many, at worst.
        records: u64,
    },
    /// Records were lost, repeated, out of order or changed.
    NotExact {
        /// Client and scheduler.
        row: String,
        /// What became of them.
        verification: Verification,
    },
    /// Every poll may take the whole backlog.
    BacklogTooShort {
        /// All of it.
        backlog_records: u64,
        /// The smallest cap compared.
        cap_records: u32,
    },
    /// A client that depends on the seed ran with one.
    OneSeed {
        /// Which client.
        client: String,
    },
    /// The application does no work, so that bounds are zero.
    ZeroCost,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitReached { row, limit, runs: (n, of), left_records } => write!(
                f,
                "{row}: the limit of {limit} ended {n} of {} before everything was processed (at worst {} left). \
                 Its numbers say how far it came, not how long it takes; raise [limits] in the scenario.",
                counted(u64::from(*of), "run", "runs"),
                counted(*left_records, "record", "records"),
            ),
            Self::Failed { row, runs: (n, of), reason } => {
                write!(f, "{row}: {n} of {} failed: {reason}", counted(u64::from(*of), "run", "runs"))
            }
            Self::Duplicates { row, records } => {
                write!(f, "{row}: {} delivered more than once.", counted(*records, "record was", "records were"))
            }
            Self::NotExact { row, verification: v } => write!(
                f,
                "{row}: NOT every record arrived exactly once and in order: {} never, {} again, {} skipped, {} not as loaded.",
                grouped(v.undelivered_records),
                grouped(v.duplicate_records),
                grouped(v.skipped_records),
                grouped(v.wrong_records),
            ),
            Self::BacklogTooShort { backlog_records, cap_records } => write!(
                f,
                "The whole backlog ({}) fits into one poll of {}: too short to tell schedulers apart.",
                counted(*backlog_records, "record", "records"),
                grouped(u64::from(*cap_records)),
            ),
            Self::OneSeed { client } => {
                write!(f, "{client} depends on the seed, and this is one seed: a lucky or unlucky run. Use --seeds 25.")
            }
            Self::ZeroCost => f.write_str(
                "Processing costs nothing in this scenario: there is no lower bound to compare with, and times are the client's \
                 and the network's alone.",
            ),
        }
    }
}

/// A row's name in a sentence; the cap is part of it where the scheduler ran with several.
pub(super) fn row_label(compared: &Compared, row: &Row) -> String {
    let caps = compared.rows.iter().filter(|r| r.client == row.client && r.scheduler == row.scheduler).count();
    if caps > 1 {
        format!("{} at cap {}", row.scheduler, grouped(u64::from(row.cap_records)))
    } else {
        row.scheduler.clone()
    }
}

/// Everything there is to say against a comparison.
#[must_use]
pub(super) fn remarks(compared: &Compared) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for row in &compared.rows {
        let name = || format!("{} under {}", client_label(&row.client), row_label(compared, row));
        if row.ends.limit_reached > 0 {
            remarks.push(Remark::LimitReached {
                row: name(),
                limit: row.worst_run.limit.clone().unwrap_or_else(|| "time or polls".into()),
                runs: (row.ends.limit_reached, row.seeds),
                left_records: row.worst().left_records,
            });
        }
        if row.ends.failed > 0 {
            remarks.push(Remark::Failed {
                row: name(),
                runs: (row.ends.failed, row.seeds),
                reason: row.worst_run.failure.clone().unwrap_or_else(|| "see the other formats".into()),
            });
        }
        if row.worst().duplicate_records > 0 {
            remarks.push(Remark::Duplicates { row: name(), records: row.worst().duplicate_records });
        }
        if let Some(verification) = row.verification.filter(|v| !v.exact) {
            remarks.push(Remark::NotExact { row: name(), verification });
        }
        let one_seed = Remark::OneSeed { client: client_label(&row.client) };
        if row.random && row.seeds == 1 && !remarks.contains(&one_seed) {
            remarks.push(one_seed);
        }
    }
    let backlog_records = compared.topics.iter().map(|t| t.backlog_records).sum();
    // With records still arriving there are more polls, and then there is something to tell.
    let few_polls = |r: &Row| r.median.polls - r.median.polls_empty <= 2 * compared.topics.len() as u64;
    if let Some(cap_records) = compared.rows.iter().map(|r| r.cap_records).min()
        && compared.rows.iter().all(few_polls)
        && backlog_records > 0
        && backlog_records <= u64::from(cap_records)
    {
        remarks.push(Remark::BacklogTooShort { backlog_records, cap_records });
    }
    if !compared.rows.is_empty() && compared.rows.iter().all(|r| r.median.drain_bound_us.0.is_zero()) {
        remarks.push(Remark::ZeroCost);
    }
    remarks
}
