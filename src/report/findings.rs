//! A comparison in sentences: who starves, which scheduler is best and what it costs, and what speaks against believing it.

use std::cmp::Ordering;

use super::fleet;
use super::model::{Compared, Report, Row};
use super::remarks::{remarks, row_label};
use super::units::{Micros, bytes, counted, grouped, ratio};
use super::view::{by_client, client_label};

/// Up to this factor two results count as equally good: below it, other things decide.
const AS_GOOD: f64 = 1.1;

/// What the words in the tables mean, and what the backend's numbers are worth: a paragraph each.
#[must_use]
pub fn legend(report: &Report) -> Vec<String> {
    let instances: Vec<_> = report.fleets().iter().flat_map(|f| &f.rows).collect();
    let of_instances = if instances.is_empty() { Vec::new() } else { fleet::legend(&instances) };
    if report.results().is_empty() {
        return of_instances;
    }
    let mut words = "TTCI, time to complete input: until a key (a station, an account) has had a record of every required topic \
                     processed; p50, p95 over the keys. Drain: until the whole backlog is processed. / bound: divided by the least \
                     that any scheduler could reach. Starved: waits longer than the scenario's starvation bound while others are \
                     served. Jain index: 1 is an even share. Time 0 is the scheduler's first action."
        .to_owned();
    if report.measured.is_some() {
        words += " n/a: can't be observed on a real client.";
    }
    if report.environment.backend == "mock" {
        words += " The mock cluster is right about what a client does and wrong about how long it takes: don't go by its times.";
    }
    let all = [words, schedulers(report)].into_iter().chain(of_instances);
    all.filter(|paragraph| !paragraph.is_empty()).collect()
}

/// What the schedulers in a report are, each in a clause.
fn schedulers(report: &Report) -> String {
    const MEANINGS: [(&str, &str); 6] = [
        ("single", "one consumer, one cap over all topics"),
        ("multi-gather", "one for each topic, polled in rounds that wait for the slowest poll (the barrier)"),
        ("multi-sequential", "one for each topic, polled one after the other"),
        ("multi", "one for each topic, without rounds"),
        ("fair", "one consumer, takes from each topic's queue in turn"),
        ("complete-first", "the same, topics that block inputs first"),
    ];
    let rows = || report.results().iter().flat_map(|c| &c.rows);
    let shown = MEANINGS.iter().filter(|(name, _)| rows().any(|r| r.scheduler == *name));
    let clauses: Vec<String> = shown.map(|(name, meaning)| format!("{name}, {meaning}")).collect();
    if clauses.is_empty() { String::new() } else { format!("Schedulers: {}.", clauses.join("; ")) }
}

/// All findings of a comparison, in reading order.
#[must_use]
pub fn findings(compared: &Compared) -> Vec<String> {
    let mut findings = Vec::new();
    for (client, rows) in by_client(compared) {
        let client = client_label(client);
        findings.extend(rows.iter().filter_map(|row| starvation(compared, &client, row)));
        findings.extend(verdict(compared, &client, &rows));
        findings.extend(luck(&client, &rows));
    }
    findings.extend(remarks(compared).iter().map(ToString::to_string));
    findings
}

/// The topic that waits longest beyond the bound, and for what.
fn starvation(compared: &Compared, client: &str, row: &Row) -> Option<String> {
    let worst = &row.worst_run;
    let starving = worst.starved.first()?;
    let what = if starving.for_first_record { "for its first record" } else { "for more" };
    let mut sentence = format!(
        "{client}: under {} {} waits {} {what}, while others are served, most of all {} ({})",
        row_label(compared, row),
        starving.topic,
        starving.waited_us,
        starving.served_instead,
        counted(starving.served_records, "record", "records"),
    );
    if let Some(causes) = worst.blame_us.as_ref().and_then(|b| b.get(&starving.topic)) {
        let largest: Vec<String> =
            causes.iter().filter(|(_, d)| !d.0.is_zero()).take(2).map(|(cause, d)| format!("{cause} {d}")).collect();
        if !largest.is_empty() {
            sentence += &format!("; causes of all its waiting: {}", largest.join(", "));
        }
    }
    if row.seeds > 1 && !row.seeds_agree {
        sentence += &format!("; that is seed {}, the worst of {}", worst.seed, row.seeds);
    }
    sentence.push('.');
    let others: Vec<&str> = worst.starved[1..].iter().take(5).map(|s| s.topic.as_str()).collect();
    if !others.is_empty() {
        let more = worst.starved.len() - 1 - others.len();
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        let verb = if others.len() == 1 { "starves" } else { "starve" };
        sentence += &format!(" {}{and} {verb} too (longer than {}).", others.join(", "), worst.starvation_bound_us);
    }
    Some(sentence)
}

/// Which scheduler is best for complete inputs, and what it costs in comparison with `single`.
fn verdict(compared: &Compared, client: &str, rows: &[&Row]) -> Option<String> {
    if rows.len() < 2 {
        return None;
    }
    let best = *rows.iter().min_by(|a, b| better(a, b))?;
    if best.median.ttci_p95_us.is_none() {
        return Some(format!("{client}: no scheduler here completes the inputs."));
    }
    let name = row_label(compared, best);
    let single = rows.iter().find(|r| r.scheduler == "single");
    let soonest = |row: &Row| {
        let slow = slower_drain(compared, row, rows).map_or_else(String::new, |slow| format!(" {slow}"));
        format!("{client}: {name} completes inputs soonest ({}).{slow}", shown(row))
    };
    let Some(single) = single else { return Some(soonest(best)) };
    if as_good(single, best, rows) {
        return Some(format!("{client}: single is as good as anything here: keep what you have."));
    }
    if std::ptr::eq(*single, best) {
        return Some(soonest(single));
    }
    let times = single.median.ttci_p95_us.zip(best.median.ttci_p95_us).and_then(|(s, b)| s.ratio_to(b));
    let times = times.map_or_else(String::new, |r| format!(", {} times as long", ratio(r)));
    let costs = costs(best, single);
    let costs = if costs.is_empty() {
        "It costs nothing that shows here.".to_owned()
    } else {
        format!("It costs {}.", costs.join(", "))
    };
    Some(format!(
        "{client}: {name} completes inputs soonest: {}; under {} {}{times}. {costs}",
        shown(best),
        row_label(compared, single),
        shown(single),
    ))
}

fn shown(row: &Row) -> String {
    let time = |t: Option<Micros>| t.map_or_else(|| "never".to_owned(), |t| t.to_string());
    let (median, worst) = (row.median.ttci_p95_us, row.worst().ttci_p95_us);
    if median == worst {
        format!("TTCI p95 {}", time(median))
    } else {
        format!("TTCI p95 {}, at worst {}", time(median), time(worst))
    }
}

/// Where the best for complete inputs is not the one to finish with: which one is.
fn slower_drain(compared: &Compared, best: &Row, rows: &[&Row]) -> Option<String> {
    let soonest = rows.iter().filter(|r| r.median.drain_us.is_some()).min_by_key(|r| r.median.drain_us)?;
    let (soon, late) = (soonest.median.drain_us?, best.median.drain_us);
    let factor = late.and_then(|late| late.ratio_to(soon));
    let label = row_label(compared, soonest);
    match (late, factor) {
        (Some(late), Some(factor)) if factor > AS_GOOD => {
            Some(format!("But its drain takes {late}, {} times as long as under {label} ({soon}).", ratio(factor)))
        }
        (None, _) => Some(format!("But it does not finish the drain; {label} does ({soon}).")),
        _ => None,
    }
}

/// By TTCI p95, then its worst, then the drain; equally good ones stay in the order in which they were asked for.
fn better(a: &Row, b: &Row) -> Ordering {
    let never_last = |t: Option<Micros>| (t.is_none(), t);
    let key =
        |r: &Row| (never_last(r.median.ttci_p95_us), never_last(r.worst().ttci_p95_us), never_last(r.median.drain_us));
    key(a).cmp(&key(b))
}

fn as_good(single: &Row, best: &Row, rows: &[&Row]) -> bool {
    let near = |mine: Option<Micros>, theirs: Option<Micros>| match (mine, theirs) {
        (Some(mine), Some(theirs)) => mine <= theirs || mine.ratio_to(theirs).is_some_and(|r| r <= AS_GOOD),
        (mine, theirs) => mine.is_some() || theirs.is_none(),
    };
    let soonest = rows.iter().filter_map(|r| r.median.drain_us).min();
    single.worst_run.starved.is_empty()
        && near(single.median.ttci_p95_us, best.median.ttci_p95_us)
        && near(single.worst().ttci_max_us, best.worst().ttci_max_us)
        && near(single.median.drain_us, soonest)
}

/// Where the better scheduler is noticeably worse than `single`.
fn costs(best: &Row, single: &Row) -> Vec<String> {
    let (b, s) = (&best.median, &single.median);
    let mut costs = Vec::new();
    match (b.drain_us, s.drain_us) {
        (Some(mine), Some(theirs)) if mine.ratio_to(theirs).is_some_and(|r| r > 1.01) => {
            costs.push(format!("a drain of {mine} instead of {theirs}"));
        }
        (None, Some(theirs)) => costs.push(format!("the drain ({theirs} under single)")),
        _ => {}
    }
    if b.polls > s.polls {
        costs.push(format!("{} polls instead of {}", grouped(b.polls), grouped(s.polls)));
    }
    if let (Some(mine), Some(theirs)) = (b.buffered_bytes_peak, s.buffered_bytes_peak)
        && mine as f64 > theirs as f64 * AS_GOOD
    {
        costs.push(format!("{} buffered at most instead of {}", bytes(mine), bytes(theirs)));
    }
    if b.in_hand_bytes_peak as f64 > s.in_hand_bytes_peak as f64 * AS_GOOD {
        costs.push(format!(
            "{} in hand at most instead of {}",
            bytes(b.in_hand_bytes_peak),
            bytes(s.in_hand_bytes_peak)
        ));
    }
    costs
}

/// What the topics' names decide, if names were permuted.
fn luck(client: &str, rows: &[&Row]) -> Option<String> {
    let mut factors = Vec::new();
    for row in rows {
        let Some(names) = &row.names else { continue };
        let (Some(best), Some(worst)) = (names.best.ttci_p95_us, names.worst.ttci_p95_us) else {
            return Some(format!(
                "{client}: under {} the topics' names decide whether inputs complete at all.",
                row.scheduler
            ));
        };
        let factor = worst.ratio_to(best).unwrap_or(1.0);
        let span = if factor <= AS_GOOD { "nothing".to_owned() } else { format!("{best} to {worst}") };
        factors.push((factor, format!("{span} under {}", row.scheduler)));
    }
    if factors.is_empty() {
        None
    } else if factors.iter().all(|(factor, _)| *factor <= AS_GOOD) {
        Some(format!("{client}: the topics' names make no difference to the TTCI."))
    } else {
        let spans: Vec<String> = factors.into_iter().map(|(_, span)| span).collect();
        Some(format!("{client}: what the luck of the topics' names makes of TTCI p95: {}.", spans.join(", ")))
    }
}
