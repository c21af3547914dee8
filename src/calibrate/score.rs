//! How well times come out, and how well they could.

use super::Recording;
use crate::fidelity::{Replay, ReplayError};
use crate::profile::{Residual, Values};

/// Errors of drain times and TTCI, relative to what was recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// The model's.
    pub model: Residual,
    /// The floor: those of a guess by somebody who has seen the other repeats of the same set-up, and takes their median.
    pub repeats: Residual,
    /// All of them, one a recording and measure.
    pub misses: Vec<Miss>,
}

/// One time.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// Scenario, and file name.
    pub name: String,
    /// `drain` or `ttci`.
    pub measure: &'static str,
    /// What was recorded, in microseconds.
    pub recorded_us: f64,
    /// What the model says; `None`: it did not come to its end.
    pub model_us: Option<f64>,
    /// The median of the other repeats; `None`: there are none.
    pub repeats_us: Option<f64>,
}

impl Miss {
    /// Of the model, in percent of what was recorded; all of it if the model did not come to its end.
    #[must_use]
    pub fn percent(&self) -> f64 {
        self.model_us.map_or(-100.0, |model| (model - self.recorded_us) * 100.0 / self.recorded_us.max(1.0))
    }

    fn floor_percent(&self) -> Option<f64> {
        self.repeats_us.map(|guess| (guess - self.recorded_us) * 100.0 / self.recorded_us.max(1.0))
    }
}

impl Score {
    /// That of several scores together.
    #[must_use]
    pub fn of(misses: Vec<Miss>) -> Self {
        let model = residual(misses.iter().map(Miss::percent));
        let repeats = residual(misses.iter().filter_map(Miss::floor_percent));
        Self { model, repeats, misses }
    }
}

/// Median and 95th percentile, without signs: exact order statistics.
fn residual(percents: impl Iterator<Item = f64>) -> Residual {
    let mut sizes: Vec<f64> = percents.map(f64::abs).collect();
    sizes.sort_by(f64::total_cmp);
    let at = |percent: usize| sizes.get((sizes.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Residual { n: sizes.len(), median_percent: at(50).unwrap_or_default(), p95_percent: at(95).unwrap_or_default() }
}

pub(super) fn score(recordings: &[&Recording], values: &Values) -> Result<Score, ReplayError> {
    let mut misses = Vec::new();
    for (i, recording) in recordings.iter().enumerate() {
        let model = Replay::with(&recording.trace, Some(values))?.moments;
        let own = &recording.moments;
        for (measure, of) in [("drain", 0), ("ttci", 1)] {
            let time = |m: &crate::fidelity::Moments| {
                let at = if of == 0 { m.drain() } else { m.ttci() };
                at.map(|at| at.as_nanos() as f64 / 1000.0)
            };
            let Some(recorded_us) = time(own).filter(|us| *us > 0.0) else { continue };
            let alike = recordings.iter().enumerate().filter(|(k, other)| *k != i && is_repeat(recording, other));
            let mut others: Vec<f64> = alike.filter_map(|(_, other)| time(&other.moments)).collect();
            others.sort_by(f64::total_cmp);
            misses.push(Miss {
                name: recording.source.name.clone(),
                measure,
                recorded_us,
                model_us: time(&model),
                repeats_us: others.get(others.len() / 2).copied(),
            });
        }
    }
    Ok(Score::of(misses))
}

/// Whether two recordings are of one set-up.
fn is_repeat(one: &Recording, other: &Recording) -> bool {
    let (a, b) = (&one.trace.header, &other.trace.header);
    a.client == b.client && a.scenario.name == b.scenario.name && a.mode == b.mode && a.subscribe == b.subscribe
}
