//! What of the runs of a row is measured: polls until each topic's first and last record, drain time and TTCI.

use fairdrain::fidelity::Moments;
use serde::Serialize;

use super::Row;

/// One topic.
#[derive(Debug, Serialize)]
pub(super) struct Topic {
    pub(super) name: String,
    /// The poll of its consumer that returned its first record, counted from 1 among those compared.
    pub(super) first_poll: Range,
    /// Likewise its last record.
    pub(super) completed_poll: Range,
}

/// Least and most over the runs of a row. `None`: in one of the runs never.
#[derive(Debug, Default, Serialize)]
pub(super) struct Range {
    pub(super) recorded: Option<[u64; 2]>,
    pub(super) model: Option<[u64; 2]>,
    #[serde(skip)]
    seen: bool,
}

/// A time.
#[derive(Debug, Default, Serialize)]
pub(super) struct Times {
    /// Medians over the runs, in microseconds.
    pub(super) recorded_us: Option<u64>,
    pub(super) model_us: Option<u64>,
    /// Of the model, in percent of the same run's recorded time: the median over the runs, and the largest.
    pub(super) error_percent: Option<f64>,
    pub(super) worst_error_percent: Option<f64>,
    #[serde(skip)]
    runs: Vec<(u64, u64)>,
}

impl Row {
    /// Takes in a run, recorded and by the model.
    pub(super) fn measure(&mut self, recorded: &Moments, model: &Moments) {
        // Repeats of one set-up have the same topics; if files of different ones come under one name, the first one's are shown.
        if self.topics.is_empty() {
            let topic = |name: &String| Topic {
                name: name.clone(),
                first_poll: Range::default(),
                completed_poll: Range::default(),
            };
            self.topics = recorded.topics.iter().filter(|t| t.records > 0).map(|t| topic(&t.name)).collect();
        }
        for topic in &mut self.topics {
            let of = |moments: &Moments| {
                let own = moments.topics.iter().find(|t| t.name == topic.name);
                own.map_or((None, None), |t| (t.first.map(|f| f.0), t.completed.map(|c| c.0)))
            };
            let ((first, completed), (first_model, completed_model)) = (of(recorded), of(model));
            topic.first_poll.add(first, first_model);
            topic.completed_poll.add(completed, completed_model);
        }
        self.drain.add(recorded.drain(), model.drain());
        self.ttci.add(recorded.ttci(), model.ttci());
    }

    /// All runs are in.
    pub(super) fn finish(&mut self) {
        self.drain.finish();
        self.ttci.finish();
    }
}

impl Range {
    fn add(&mut self, recorded: Option<u64>, model: Option<u64>) {
        let wider = |range: Option<[u64; 2]>, poll: Option<u64>| match (range, poll) {
            (Some([least, most]), Some(poll)) => Some([least.min(poll), most.max(poll)]),
            (None, Some(poll)) if !self.seen => Some([poll, poll]),
            _ => None,
        };
        (self.recorded, self.model) = (wider(self.recorded, recorded), wider(self.model, model));
        self.seen = true;
    }
}

impl Times {
    fn add(&mut self, recorded: Option<fairdrain::Duration>, model: Option<fairdrain::Duration>) {
        let micros = |time: fairdrain::Duration| time.as_nanos() / 1000;
        if let (Some(recorded), Some(model)) = (recorded, model) {
            self.runs.push((micros(recorded), micros(model)));
        }
    }

    fn finish(&mut self) {
        let middle = |mut all: Vec<u64>| {
            all.sort_unstable();
            all.get(all.len().saturating_sub(1) / 2).copied()
        };
        self.recorded_us = middle(self.runs.iter().map(|run| run.0).collect());
        self.model_us = middle(self.runs.iter().map(|run| run.1).collect());
        let percent = |run: &(u64, u64)| (run.1 as f64 - run.0 as f64) * 100.0 / (run.0.max(1)) as f64;
        let mut errors: Vec<f64> = self.runs.iter().map(percent).collect();
        errors.sort_by(f64::total_cmp);
        self.error_percent = errors.get(errors.len().saturating_sub(1) / 2).copied();
        self.worst_error_percent = errors.into_iter().max_by(|a, b| a.abs().total_cmp(&b.abs()));
    }
}
