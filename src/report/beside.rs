//! Measured beside simulated: the same scenario, client, scheduler and cap, once on real brokers and once in the simulation.

use super::model::{Compared, Measures, Row};
use super::units::{Micros, grouped};
use super::view::{Grid, client_label, shortened};

/// Times below this are start-up and scheduling of the machine's threads; a percentage of them says nothing.
const PERCENT_FROM: crate::Duration = crate::Duration::from_millis(20);

/// One table a client: for each metric what was measured, what was simulated, and the difference; schedulers across. Rows without a
/// partner are left out.
pub(super) fn grids(measured: &Compared, simulated: &[Compared], topics_shown: usize) -> Vec<Grid> {
    let Some(simulated) = simulated.iter().find(|s| s.scenario_digest == measured.scenario_digest) else {
        return Vec::new();
    };
    let partner = |row: &Row| {
        simulated
            .rows
            .iter()
            .find(|s| s.client == row.client && s.scheduler == row.scheduler && s.cap_records == row.cap_records)
    };
    let clients = super::view::by_client(measured);
    let grid = |(client, rows): (&str, Vec<&Row>)| {
        let pairs: Vec<(&Row, &Row)> = rows.into_iter().filter_map(|row| Some((row, partner(row)?))).collect();
        (!pairs.is_empty()).then(|| table(measured, client, &pairs, topics_shown))
    };
    clients.into_iter().filter_map(grid).collect()
}

fn table(compared: &Compared, client: &str, pairs: &[(&Row, &Row)], topics_shown: usize) -> Grid {
    let mut rows = Vec::new();
    let mut count = |label: &str, get: &dyn Fn(&Measures) -> Option<u64>| {
        three(&mut rows, label, pairs, &|m| get(m).map_or_else(|| "never".into(), grouped), &|a, b| match (
            get(a),
            get(b),
        ) {
            (Some(a), Some(b)) => signed(a, b),
            _ => "n/a".into(),
        });
    };
    count("polls", &|m| Some(m.polls));
    count("empty polls", &|m| Some(m.polls_empty));
    for i in 0..compared.topics.len().min(topics_shown) {
        let label = format!("{}: first record in poll", shortened(&compared.topics[i].topic));
        count(&label, &|m| m.topics[i].first_poll);
    }
    let mut time = |label: &str, get: &dyn Fn(&Measures) -> Option<Micros>| {
        three(&mut rows, label, pairs, &|m| get(m).map_or_else(|| "never".into(), |t| t.to_string()), &|a, b| match (
            get(a),
            get(b),
        ) {
            (Some(a), Some(b)) => difference(a, b),
            _ => "n/a".into(),
        });
    };
    time("drain", &|m| m.drain_us);
    time("TTCI first", &|m| m.ttci_first_us);
    time("TTCI p95", &|m| m.ttci_p95_us);
    time("TTCI max", &|m| m.ttci_max_us);
    time("longest gap", &|m| m.gap_max_us);
    Grid {
        caption: format!("{}: measured beside simulated", client_label(client)),
        header: std::iter::once(String::new()).chain(pairs.iter().map(|(row, _)| row.scheduler.clone())).collect(),
        rows,
        notes: vec![
            "Difference: measured minus simulated, of times in percent of the simulated one, or in milliseconds where that is below \
             20 ms."
                .to_owned(),
        ],
    }
}

/// Three lines: measured, simulated, difference.
fn three(
    rows: &mut Vec<Vec<String>>,
    label: &str,
    pairs: &[(&Row, &Row)],
    show: &dyn Fn(&Measures) -> String,
    difference: &dyn Fn(&Measures, &Measures) -> String,
) {
    let line = |label: String, cell: &dyn Fn(&(&Row, &Row)) -> String| {
        std::iter::once(label).chain(pairs.iter().map(cell)).collect::<Vec<_>>()
    };
    rows.push(line(format!("{label}, measured"), &|(row, _)| show(&row.median)));
    rows.push(line("  simulated".into(), &|(_, row)| show(&row.median)));
    rows.push(line("  difference".into(), &|(a, b)| difference(&a.median, &b.median)));
}

/// `+3`, `-2`, `0`.
fn signed(measured: u64, simulated: u64) -> String {
    match measured.checked_sub(simulated) {
        Some(0) => "0".to_owned(),
        Some(more) => format!("+{}", grouped(more)),
        None => format!("-{}", grouped(simulated - measured)),
    }
}

fn difference(measured: Micros, simulated: Micros) -> String {
    let (a, b) = (measured.0.as_nanos() as f64, simulated.0.as_nanos() as f64);
    if simulated.0 < PERCENT_FROM {
        format!("{:+.1} ms", (a - b) / 1e6)
    } else {
        format!("{:+.1} %", (a - b) / b * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Duration;

    #[test]
    fn counts_differ_by_a_signed_number() {
        assert_eq!([signed(31, 31), signed(1_035, 31), signed(96, 100)], ["0", "+1 004", "-4"]);
    }

    #[test]
    fn times_differ_by_percent_unless_they_are_too_short_for_it() {
        let ms = |ms| Micros(Duration::from_millis(ms));
        assert_eq!(difference(ms(2_560), ms(2_520)), "+1.6 %");
        assert_eq!(difference(ms(950), ms(1_000)), "-5.0 %");
        assert_eq!(difference(ms(38), ms(6)), "+32.0 ms");
    }
}
