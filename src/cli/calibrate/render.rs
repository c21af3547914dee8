//! What `calibrate` says.

use std::fmt::Write as _;

use fairdrain::calibrate::Score;
use fairdrain::profile::{Profile, Residual, Told};
use fairdrain::report::units::counted;

use super::Calibrated;

/// For a terminal: each cost, and how well times come out.
pub(super) fn summary(profile: &Profile, calibrated: &[Calibrated]) -> String {
    let mut out = String::new();
    for (client, of) in profile.clients.iter().zip(calibrated) {
        let _ = writeln!(
            out,
            "{}: {} of {}",
            client.client,
            counted(of.runs as u64, "run", "runs"),
            counted(of.scenarios as u64, "scenario", "scenarios"),
        );
        for (parameter, told) in &client.told {
            let value = client.values.get(*parameter).to_string();
            let _ = match told {
                Told::Fitted { uncertainty } => {
                    writeln!(out, "  {:<16} {value:>9}  +-{uncertainty}", parameter.name())
                }
                Told::Default { reason } => {
                    writeln!(out, "  {:<16} {value:>9}  default: {reason}", parameter.name())
                }
            };
        }
        for (what, score) in scores(of) {
            let _ = writeln!(out, "  {what}: {}", errors(&score.model));
        }
        let _ = writeln!(out, "  repeats of a run, each guessed from the others: {}", errors(&of.fitted.repeats));
    }
    out
}

fn scores(of: &Calibrated) -> Vec<(&'static str, &Score)> {
    let mut scores = vec![("drain time and TTCI, default costs", &of.by_default), ("fitted", &of.fitted)];
    scores.extend(of.held_out.as_ref().map(|score| ("in scenarios not fitted to", score)));
    scores
}

fn errors(residual: &Residual) -> String {
    if residual.n == 0 {
        return "nothing to compare".to_owned();
    }
    let Residual { n, median_percent, p95_percent } = residual;
    format!("median error {median_percent:.1} %, p95 {p95_percent:.1} % of {n}")
}

/// As a page.
pub(super) fn page(profile: &Profile, calibrated: &[Calibrated]) -> String {
    let mut out = String::from(
        "# Calibration\n\nWhat `fairdrain calibrate` makes of the recordings in `tests/traces`. Errors are those of drain time and \
         TTCI, without their sign, in percent of what was recorded; median and 95th percentile over runs. *Held out*: each \
         scenario predicted at costs fitted to all others. *Repeats*: the floor; each run guessed by the median of the other \
         repeats of the same run. How it is done: [docs/fidelity.md](../docs/fidelity.md).\n\nAim: 5 % at the median, 15 % at \
         p95, held out.\n\n\
         | client | runs | scenarios | default costs | fitted | held out | repeats | drain, held out | TTCI, held out | aim |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n",
    );
    for of in calibrated {
        let cell = |r: &Residual| {
            if r.n == 0 { "-".to_owned() } else { format!("{:.1} / {:.1}", r.median_percent, r.p95_percent) }
        };
        let held_out = of.held_out.as_ref();
        let only = |measure: &str| {
            let misses = held_out.map(|s| s.misses.iter().filter(|m| m.measure == measure).cloned().collect());
            misses.map_or("-".to_owned(), |misses| cell(&Score::of(misses).model))
        };
        let aim = held_out.map_or("-", |s| match (s.model.median_percent <= 5.0, s.model.p95_percent <= 15.0) {
            (true, true) => "met",
            (true, false) => "median met",
            (false, true) => "p95 met",
            (false, false) => "missed",
        });
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {aim} |",
            of.client,
            of.runs,
            of.scenarios,
            cell(&of.by_default.model),
            cell(&of.fitted.model),
            held_out.map_or("-".to_owned(), |s| cell(&s.model)),
            cell(&of.fitted.repeats),
            only("drain"),
            only("ttci"),
        );
    }
    out += "\n## Costs\n\nFitted to all recordings of a client. *default*: the recordings don't tell it, and it is what the model \
            has of itself.\n";
    for client in &profile.clients {
        let _ = write!(
            out,
            "\n### {}\n\nRecorded: {}.\n\n| cost | | value | |\n|---|---|---:|---|\n",
            client.client,
            client.recorded.join(", ")
        );
        for (parameter, told) in &client.told {
            let remark = match told {
                Told::Fitted { uncertainty } => format!("± {uncertainty}"),
                Told::Default { reason } => format!("default: {reason}"),
            };
            let value = client.values.get(*parameter);
            let _ = writeln!(out, "| `{}` | {} | {value} | {remark} |", parameter.name(), parameter.meaning());
        }
    }
    out += "\n## Worst misses\n\nHeld out, each client's five largest errors by scenario: medians over its runs.\n\n\
            | client | scenario, measure | recorded | simulated | error |\n|---|---|---:|---:|---:|\n";
    for of in calibrated {
        for worst in worst(of) {
            let _ = writeln!(out, "| {} | {worst}", of.client);
        }
    }
    out
}

/// The scenarios and measures with the largest errors.
fn worst(of: &Calibrated) -> Vec<String> {
    let Some(score) = &of.held_out else { return Vec::new() };
    let mut groups: Vec<(String, Vec<&fairdrain::calibrate::Miss>)> = Vec::new();
    for miss in &score.misses {
        let scenario = miss.name.split('/').next().unwrap_or(&miss.name);
        let file = miss.name.rsplit_once("-r").map_or(miss.name.as_str(), |(run, _)| run);
        let variant = file.rsplit_once('/').map_or("", |(_, file)| file);
        let key = format!("{scenario} ({variant}), {}", miss.measure);
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, misses)) => misses.push(miss),
            None => groups.push((key, vec![miss])),
        }
    }
    let median = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    let mut lines: Vec<(f64, String)> = groups
        .into_iter()
        .map(|(key, misses)| {
            let error = median(misses.iter().map(|m| m.percent()).collect());
            let recorded = median(misses.iter().map(|m| m.recorded_us).collect()) / 1000.0;
            let model = median(misses.iter().map(|m| m.model_us.unwrap_or_default()).collect()) / 1000.0;
            (error.abs(), format!("{key} | {recorded:.1} ms | {model:.1} ms | {error:+.0} % |"))
        })
        .collect();
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    lines.into_iter().take(5).map(|(_, line)| line).collect()
}
