//! From recorded runs to what a client costs on the machine that they were recorded on.
//!
//! A recording is replayed by the client's model; what is compared are the [`Moments`] of the run: when the first record, each
//! quarter of all records, the first record of every topic (TTCI) and the last record of each topic had been returned. How each
//! moment moves with each cost is found by replaying with that cost alone changed (the model decides what waits for what, so there is
//! no formula to take it from). The costs are then those with the least sum of relative errors without their sign: least squares,
//! weighted anew until they are that, within bounds, a step at a time, and a step counts only if the replays agree that it is one.
//! The sum of absolute errors, and not of squares: one hiccup of the machine must not move a cost. Nothing is drawn at random.
//!
//! A cost is *told* by the recordings if its effect on the moments is not a mixture of the effects of costs that are told already,
//! and if its standard error is below half of it, or of its default. All others stay what they are by default, and the profile says why.
//!
//! Floats: nothing here decides anything in a simulated run.

use crate::fidelity::{Moments, Replay, ReplayError, model_of};
use crate::profile::{ClientProfile, Parameter, Profile, Source, Told, Values};
use crate::scenario::Client;
use crate::trace::Trace;
use crate::{Duration, profile};

use linear::{Fit, Row};

pub use score::{Miss, Score};

mod linear;
mod score;

/// A recording to fit to.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it is called in a profile.
    pub source: Source,
    /// The recording.
    pub trace: Trace,
    client: Client,
    moments: Moments,
}

impl Recording {
    /// Makes a trace ready. `name` is what a profile calls it, `bytes` the file's.
    ///
    /// # Errors
    /// [`ReplayError`] if there is no model for what was recorded.
    pub fn new(trace: Trace, name: String, bytes: &[u8]) -> Result<Self, ReplayError> {
        let client = model_of(&trace)?;
        let moments = Moments::recorded(&trace);
        // What can't be replayed is found out here, not in the middle of a fit.
        Replay::of(&trace)?;
        Ok(Self { source: Source { name, digest: profile::digest(bytes) }, trace, client, moments })
    }

    /// Whose model it is replayed by.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client
    }

    /// The set-up that repeats of a run share.
    #[must_use]
    pub fn scenario(&self) -> &str {
        &self.trace.header.scenario.name
    }
}

/// How often costs are changed and the recordings replayed anew.
const STEPS: usize = 10;
/// A step that leaves more than this share of the errors is not worth taking.
const IMPROVED: f64 = 0.998;
/// In one step a cost grows or shrinks by this factor at most.
const STEP_FACTOR: f64 = 3.0;
/// By how much a cost is changed to see what follows.
const NUDGE: f64 = 1.25;
/// A cost is told apart from others if so much of its effect is not a mixture of theirs.
const APART: f64 = 0.2;
/// A cost whose standard error is a larger share of it is not told. Of its default, if that is larger: of a cost that is next to
/// nothing it is told much that it is no more.
const UNCERTAINTY_MAX: f64 = 0.5;

/// Fits the costs of one client to recordings, which are all of that client. `None`: there is nothing to fit: the client has no
/// costs, or no recording was drained.
///
/// # Errors
/// [`ReplayError`] if the model could not go on.
pub fn fit(client: Client, recordings: &[&Recording]) -> Result<Option<ClientProfile>, ReplayError> {
    let Some(default) = Values::of(client) else { return Ok(None) };
    let measured: Vec<Measured<'_>> = recordings.iter().filter_map(|recording| Measured::of(recording)).collect();
    if measured.is_empty() {
        return Ok(None);
    }
    let mut values = default;
    let mut candidates: Vec<Parameter> = default.parameters().collect();
    let mut reasons: Vec<(Parameter, String)> = Vec::new();
    let mut errors = Vec::new();
    for step in 0..STEPS {
        let model = replay(&measured, &values)?;
        let effects = effects(&measured, &values, &model, &candidates)?;
        let mut told = tell(&measured, &model, &effects, &candidates, &mut reasons);
        let fit = loop {
            let columns: Vec<usize> = told.iter().filter_map(|p| candidates.iter().position(|c| c == p)).collect();
            let rows = rows(&measured, &model, &effects, &columns);
            let fit = linear::fit(&rows, told.len(), 1.0 / STEP_FACTOR - 1.0, STEP_FACTOR - 1.0);
            errors = uncertainties(&fit, &told, &values, &default);
            // The least certain one goes, and the others are fitted without it. Not at first, when all is off.
            let worst = errors.iter().max_by(|a, b| a.2.total_cmp(&b.2)).copied();
            let Some((parameter, _, error)) = worst.filter(|(_, _, error)| step > 0 && *error > UNCERTAINTY_MAX) else {
                break fit;
            };
            let percent = if error > 10.0 { "more than 1000".to_owned() } else { format!("{:.0}", error * 100.0) };
            let reason = format!("it would be known to {percent} % only; to tell it: {}", parameter.wanted());
            reasons.push((parameter, reason));
            told.retain(|p| *p != parameter);
        };
        let dropped: Vec<Parameter> = candidates.iter().filter(|p| !told.contains(p)).copied().collect();
        candidates = told;
        let was = values;
        for parameter in dropped {
            // Nothing tells it: it goes back to where nobody has put it.
            values.set(parameter, default.get(parameter));
        }
        if candidates.is_empty() {
            break;
        }
        if values != was {
            // What was just replayed was something else.
            continue;
        }
        match improved(&measured, &values, &candidates, &fit.solution, total(&measured, &model))? {
            Some(better) => values = better,
            None => break,
        }
    }
    let mut told = Vec::new();
    for parameter in default.parameters() {
        let fitted = errors.iter().find(|(p, _, _)| *p == parameter);
        told.push((
            parameter,
            match fitted {
                Some((_, nanos, _)) => {
                    Told::Fitted { uncertainty: Duration::from_nanos(nanos.clamp(1.0, 1e15).round() as u64) }
                }
                None => {
                    let reason = reasons.iter().rev().find(|(p, _)| *p == parameter);
                    let reason = reason.map_or_else(|| parameter.wanted().to_owned(), |(_, reason)| reason.clone());
                    Told::Default { reason }
                }
            },
        ));
    }
    let mut recorded: Vec<String> = recordings.iter().map(|r| r.trace.header.client.version.clone()).collect();
    recorded.sort();
    recorded.dedup();
    let residual = score::score(recordings, &values)?.model;
    let traces = recordings.iter().map(|r| r.source.clone()).collect();
    Ok(Some(ClientProfile { client, recorded, values, told, residual, traces }))
}

/// For each parameter its standard error, in nanoseconds and as a share of the cost.
fn uncertainties(fit: &Fit, told: &[Parameter], values: &Values, default: &Values) -> Vec<(Parameter, f64, f64)> {
    let one = |((parameter, error), change): ((&Parameter, &f64), &f64)| {
        let now = values.get(*parameter).as_nanos() as f64;
        let nanos = error * now;
        (*parameter, nanos, nanos / (now * (1.0 + change)).max(default.get(*parameter).as_nanos() as f64))
    };
    told.iter().zip(&fit.uncertainty).zip(&fit.solution).map(one).collect()
}

/// The values after a step, or after a part of it, that makes the errors smaller by more than can be neglected.
fn improved(
    measured: &[Measured<'_>],
    values: &Values,
    told: &[Parameter],
    changes: &[f64],
    before: f64,
) -> Result<Option<Values>, ReplayError> {
    for share in [1.0, 0.5, 0.25, 0.125] {
        let mut next = *values;
        for (parameter, change) in told.iter().zip(changes) {
            let nanos = values.get(*parameter).as_nanos() as f64 * (1.0 + change * share);
            next.set(*parameter, Duration::from_nanos((nanos.round() as u64).max(1)));
        }
        if total(measured, &replay(measured, &next)?) < before * IMPROVED {
            return Ok(Some(next));
        }
    }
    Ok(None)
}

/// Fits every client that there are recordings of, in the order of their first recording.
///
/// # Errors
/// As [`fit`].
pub fn fit_all(recordings: &[Recording]) -> Result<Profile, ReplayError> {
    let mut clients = Vec::new();
    for client in clients_of(recordings) {
        let own: Vec<&Recording> = recordings.iter().filter(|r| r.client == client).collect();
        clients.extend(fit(client, &own)?);
    }
    Ok(Profile { clients })
}

/// The clients that there are recordings of, each once.
#[must_use]
pub fn clients_of(recordings: &[Recording]) -> Vec<Client> {
    let mut clients = Vec::new();
    for recording in recordings {
        if !clients.contains(&recording.client) {
            clients.push(recording.client);
        }
    }
    clients
}

/// How well a client's times are predicted in a scenario that they were not fitted to.
///
/// # Errors
/// As [`fit`].
pub fn hold_out(client: Client, recordings: &[&Recording], scenario: &str) -> Result<Option<Score>, ReplayError> {
    let (out, rest): (Vec<&Recording>, Vec<&Recording>) = recordings.iter().partition(|r| r.scenario() == scenario);
    match fit(client, &rest)? {
        Some(profile) => score::score(&out, &profile.values).map(Some),
        None => Ok(None),
    }
}

/// How well times come out at given costs.
///
/// # Errors
/// As [`fit`].
pub fn score(recordings: &[&Recording], values: &Values) -> Result<Score, ReplayError> {
    score::score(recordings, values)
}

// ---- from recordings to equations ------------------------------------------------------------------------------------------------

/// A recording with the moments that are fitted to, in microseconds.
struct Measured<'a> {
    recording: &'a Recording,
    moments: Vec<f64>,
}

impl<'a> Measured<'a> {
    /// `None`: not all of it was drained.
    fn of(recording: &'a Recording) -> Option<Self> {
        let moments = list(&recording.moments)?;
        (!moments.is_empty()).then_some(Self { recording, moments })
    }
}

/// The moments that are fitted to. TTCI and drain time count double: they are what is wanted.
fn list(moments: &Moments) -> Option<Vec<f64>> {
    let mut list = vec![moments.started()?, moments.ttci()?, moments.ttci()?, moments.drain()?, moments.drain()?];
    list.extend(moments.quarters.iter().take(3).copied().collect::<Option<Vec<_>>>()?);
    for topic in moments.topics.iter().filter(|t| t.records > 0) {
        list.push(topic.completed?.1);
    }
    Some(list.into_iter().map(|at| at.as_nanos() as f64 / 1000.0).collect())
}

/// The model's moments for each recording; `None`: at these costs it does not drain.
fn replay(measured: &[Measured<'_>], values: &Values) -> Result<Vec<Option<Vec<f64>>>, ReplayError> {
    measured.iter().map(|m| Ok(list(&Replay::with(&m.recording.trace, Some(values))?.moments))).collect()
}

/// How the moments of each recording move when a parameter becomes twice as large, from a smaller change.
type Effects = Vec<Vec<Option<Vec<f64>>>>;

fn effects(
    measured: &[Measured<'_>],
    values: &Values,
    model: &[Option<Vec<f64>>],
    parameters: &[Parameter],
) -> Result<Effects, ReplayError> {
    let mut effects = Vec::new();
    for parameter in parameters {
        let mut nudged = *values;
        let from = values.get(*parameter).as_nanos();
        let to = ((from as f64 * NUDGE).round() as u64).max(from + 1);
        nudged.set(*parameter, Duration::from_nanos(to));
        let share = (to - from) as f64 / from as f64;
        let moved = replay(measured, &nudged)?;
        let effect = |(model, moved): (&Option<Vec<f64>>, Option<Vec<f64>>)| {
            Some(model.as_ref()?.iter().zip(moved?).map(|(a, b)| (b - a) / share).collect())
        };
        effects.push(model.iter().zip(moved).map(effect).collect());
    }
    Ok(effects)
}

/// One equation a moment, divided by what was recorded: errors are relative. Recordings weigh alike, however many topics they have.
fn rows(measured: &[Measured<'_>], model: &[Option<Vec<f64>>], effects: &Effects, columns: &[usize]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (i, one) in measured.iter().enumerate() {
        let Some(model) = &model[i] else { continue };
        let Some(own) = columns.iter().map(|c| effects[*c][i].as_ref()).collect::<Option<Vec<_>>>() else { continue };
        for (k, recorded) in one.moments.iter().enumerate() {
            let scale = recorded.max(1.0);
            rows.push(Row {
                effects: own.iter().map(|effect| effect[k] / scale).collect(),
                missing: (recorded - model[k]) / scale,
                weight: 1.0 / one.moments.len() as f64,
            });
        }
    }
    rows
}

/// Which parameters the recordings tell apart. The one that moves times most comes first, then the one that does so most in ways that
/// those before it do not.
fn tell(
    measured: &[Measured<'_>],
    model: &[Option<Vec<f64>>],
    effects: &Effects,
    candidates: &[Parameter],
    reasons: &mut Vec<(Parameter, String)>,
) -> Vec<Parameter> {
    let all: Vec<usize> = (0..candidates.len()).collect();
    let rows = rows(measured, model, effects, &all);
    let (mut told, mut left): (Vec<usize>, Vec<usize>) = (Vec::new(), all);
    while !left.is_empty() {
        let mut largest: Option<(f64, usize)> = None;
        for k in core::mem::take(&mut left) {
            let (parameter, wanted) = (candidates[k], candidates[k].wanted());
            let apart = linear::apart(&rows, k, &told);
            if linear::reach(&rows, k) < REACH_MIN {
                let reason = format!("it has no effect on these runs that could be seen; to tell it: {wanted}");
                reasons.push((parameter, reason));
            } else if let Some(other) = apart.nearest.filter(|_| apart.left < APART * apart.whole) {
                let other = candidates[other].name();
                reasons.push((parameter, format!("these runs can't tell it from {other}; to tell it: {wanted}")));
            } else {
                if largest.is_none_or(|(size, _)| apart.left > size) {
                    largest = Some((apart.left, k));
                }
                left.push(k);
            }
        }
        if let Some((_, k)) = largest {
            told.push(k);
            left.retain(|other| *other != k);
        }
    }
    told.sort_unstable();
    told.into_iter().map(|k| candidates[k]).collect()
}

/// A parameter that, made twice as large, moves no time by more than this share of it has no effect.
const REACH_MIN: f64 = 0.005;

/// The sum of relative errors without their sign; a recording that does not come to its end counts like one that is off by all.
fn total(measured: &[Measured<'_>], model: &[Option<Vec<f64>>]) -> f64 {
    let one = |(measured, model): (&Measured<'_>, &Option<Vec<f64>>)| match model {
        None => 1.0,
        Some(model) => {
            let errors = measured.moments.iter().zip(model).map(|(a, b)| (a - b).abs() / a.max(1.0));
            errors.sum::<f64>() / measured.moments.len() as f64
        }
    };
    measured.iter().zip(model).map(one).sum()
}
