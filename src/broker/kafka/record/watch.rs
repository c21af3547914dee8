//! The observer of a recording: it passes everything on to the trace, shows how far it is, and ends it.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration as Wall, Instant};

use super::{Found, Recorded, Recording};
use crate::broker::{Action, Failure, Input, Signal};
use crate::drive::Observer;
use crate::trace::TraceWriter;
use crate::{Duration, Time, TopicSet};

/// After which a drain that gets nothing more counts as stalled.
const STALL: Wall = Wall::from_secs(15);
/// How often progress is shown.
const PROGRESS: Wall = Wall::from_secs(1);

pub(super) struct Watch<W: Write, P> {
    writer: TraceWriter<W>,
    progress: P,
    interrupt: Arc<AtomicBool>,
    limit: u64,
    time: Option<Duration>,
    total: u64,
    records: u64,
    polls: u64,
    /// By topic and partition: where it ends, `None` when it has been drained to there.
    open: Vec<Vec<Option<i64>>>,
    fatal: Option<String>,
    began: Instant,
    /// When the last records came, and progress was shown last.
    moved: Instant,
    shown: Instant,
}

impl<W: Write, P: FnMut(u64, u64)> Watch<W, P> {
    pub(super) fn new(
        writer: TraceWriter<W>,
        recording: &Recording<'_>,
        found: &Found,
        interrupt: Arc<AtomicBool>,
        progress: P,
    ) -> Self {
        let now = Instant::now();
        let open = |bounds: &Vec<(i64, i64)>| bounds.iter().map(|(first, end)| (first < end).then_some(*end)).collect();
        Self {
            writer,
            progress,
            interrupt,
            limit: recording.limit.unwrap_or(u64::MAX),
            time: recording.time,
            total: found.backlog.topics.iter().map(|t| t.records).sum(),
            records: 0,
            polls: 0,
            open: found.bounds.iter().map(open).collect(),
            fatal: None,
            began: now,
            moved: now,
            shown: now,
        }
    }

    /// Why the recording has to end here; `None` if all is drained, or nothing stands in its way.
    fn partial(&self) -> Option<String> {
        if self.is_drained() {
            return None;
        }
        let reasons = [
            (self.interrupt.load(Ordering::Relaxed), "interrupted".to_owned()),
            (self.records >= self.limit, format!("limited to {} records", self.limit)),
            (self.time.is_some_and(|time| super::since(self.began) >= time), "out of time".to_owned()),
            (self.moved.elapsed() >= STALL, format!("nothing came for {} s", STALL.as_secs())),
        ];
        let fatal = self.fatal.clone();
        fatal.or_else(|| reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason))
    }

    fn is_drained(&self) -> bool {
        self.open.iter().flatten().all(Option::is_none)
    }

    pub(super) fn finish(mut self) -> io::Result<(Recorded, W)> {
        let partial = self.partial();
        if let Some(reason) = &partial {
            self.writer.mark_partial(reason);
        }
        let (records, total, polls) = (self.records, self.total, self.polls);
        let took = super::since(self.began);
        let output = self.writer.finish()?;
        Ok((Recorded { polls, records, total, partial, took }, output))
    }
}

impl<W: Write, P: FnMut(u64, u64)> Observer for Watch<W, P> {
    fn on_action(&mut self, now: Time, action: &Action) {
        self.polls += u64::from(matches!(action, Action::Poll { .. } | Action::Take { .. }));
        self.writer.on_action(now, action);
    }

    fn on_signal(&mut self, _: &Signal) {}

    fn on_input(&mut self, now: Time, input: &Input) {
        match input {
            Input::Delivered { runs, .. } => {
                for run in runs {
                    self.records += u64::from(run.records);
                    let end = &mut self.open[run.partition.topic.index()][run.partition.partition as usize];
                    end.take_if(|end| run.next >= *end);
                    self.moved = Instant::now();
                }
            }
            Input::Failed { failure: Failure::Fatal(reason), .. } => self.fatal = Some(reason.clone()),
            _ => {}
        }
        if self.shown.elapsed() >= PROGRESS {
            self.shown = Instant::now();
            (self.progress)(self.records, self.total);
        }
        self.writer.on_input(now, input);
    }

    fn demand(&mut self) -> Option<TopicSet> {
        None
    }

    fn is_done(&self, _: Time) -> bool {
        self.is_drained() || self.partial().is_some()
    }
}
