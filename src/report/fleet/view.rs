//! Tables of several instances.

use super::super::units::{Micros, grouped};
use super::super::view::{Grid, client_label, line_of, pair, shortened, time};
use super::model::{FleetCompared, FleetMeasures, FleetRow};

/// What there was to drain, in a line.
pub(in crate::report) fn load(compared: &FleetCompared, at_most: usize) -> String {
    let total: u64 = compared.topics.iter().map(|t| t.backlog_records).sum();
    let shown = compared.topics.iter().take(at_most);
    let shown: Vec<String> =
        shown.map(|t| format!("{} {} in {}", t.topic, grouped(t.backlog_records), t.partitions)).collect();
    let more = if compared.topics.len() > at_most { ", ..." } else { "" };
    format!("backlog, records in partitions: {}{more}; {} records in all", shown.join(", "), grouped(total))
}

/// Who is there when, in a line.
pub(in crate::report) fn plan(compared: &FleetCompared) -> String {
    let mut said: Vec<(String, Vec<usize>)> = Vec::new();
    for (i, it) in compared.instances.iter().enumerate() {
        let mut words = format!("from {}", it.joins_us);
        if let (Some(leaves), Some(how)) = (it.leaves_us, &it.how) {
            let verb = if how == "crash" { "crashes" } else { "stops" };
            words += &format!(", {verb} at {leaves}");
            words += &it.returns_us.map_or_else(String::new, |back| format!(", back at {back}"));
        }
        match said.iter_mut().find(|(known, _)| *known == words) {
            Some((_, who)) => who.push(i + 1),
            None => said.push((words, vec![i + 1])),
        }
    }
    let clauses = said.iter().map(|(words, who)| {
        let numbers: Vec<String> = who.iter().map(ToString::to_string).collect();
        format!("{} {words}", numbers.join(", "))
    });
    format!("instances: {}", clauses.collect::<Vec<_>>().join("; "))
}

/// The tables of a scenario, client by client.
pub(in crate::report) fn grids(compared: &FleetCompared, topics_shown: usize) -> Vec<Grid> {
    let mut clients: Vec<(&str, Vec<&FleetRow>)> = Vec::new();
    for row in &compared.rows {
        match clients.iter_mut().find(|(client, _)| *client == row.client) {
            Some((_, rows)) => rows.push(row),
            None => clients.push((&row.client, vec![row])),
        }
    }
    clients.into_iter().map(|(client, rows)| grid(compared, client, &rows, topics_shown)).collect()
}

fn grid(compared: &FleetCompared, client: &str, rows: &[&FleetRow], topics_shown: usize) -> Grid {
    let one_scheduler = rows.iter().all(|r| r.scheduler == rows[0].scheduler);
    let one_way = rows.iter().all(|r| r.assignment == rows[0].assignment);
    let header = rows.iter().map(|r| match (one_scheduler, one_way) {
        (true, _) => r.assignment.clone(),
        (false, true) => r.scheduler.clone(),
        (false, false) => format!("{}, {}", r.scheduler, r.assignment),
    });
    let common = match (one_scheduler, one_way) {
        (true, _) => format!(" under {}", rows[0].scheduler),
        (false, true) => format!(", {}", rows[0].assignment),
        (false, false) => String::new(),
    };
    let mut lines = vec![line_of("cap, records", rows, |r| grouped(u64::from(r.cap_records)))];
    let mut add = |label: &str, metric: &dyn Fn(&FleetMeasures) -> String| {
        lines.push(line_of(label, rows, |r| pair(metric(&r.median), metric(r.worst()))));
    };
    add("TTCI p50", &|m| time(m.ttci_p50_us));
    add("TTCI p95", &|m| time(m.ttci_p95_us));
    add("TTCI max", &|m| time(m.ttci_max_us));
    add("inputs split", &|m| grouped(u64::from(m.split_keys)));
    add("  apart at the end", &|m| grouped(u64::from(m.apart_keys)));
    add("drain", &|m| time(m.drain_us));
    add("first assignment", &|m| time(m.first_assigned_us));
    add("rebalances", &|m| grouped(m.rebalances));
    add("stopped", &|m| m.stopped_us.to_string());
    add("  longest", &|m| m.stopped_max_us.to_string());
    add("without owner, longest", &|m| m.unowned_max_us.to_string());
    add("duplicates", &|m| grouped(m.duplicate_records));
    add("commits refused", &|m| grouped(m.commits_refused));
    add("all committed", &|m| {
        let said = m.committed.map(|all| if all { "yes" } else { "NO" });
        said.unwrap_or("n/a").to_owned()
    });
    if rows.iter().any(|r| r.worst().left_records > 0) {
        add("left, records", &|m| grouped(m.left_records));
    }
    add("polls", &|m| grouped(m.polls));
    for (i, topic) in compared.topics.iter().enumerate().take(topics_shown) {
        add(&format!("{}: done", shortened(&topic.topic)), &|m| time(m.topics[i].completion_us));
        add("  without owner", &|m| m.topics[i].unowned_us.to_string());
    }
    for i in 0..compared.instances.len() {
        add(&format!("instance {}: records", i + 1), &|m| grouped(m.instances[i].processed_records));
    }
    let seeds = rows.iter().map(|r| r.seeds).max().unwrap_or(0);
    let agree = rows.iter().all(|r| r.worst.is_none());
    let spread = match (seeds, agree) {
        (1, _) => "one seed".to_owned(),
        (n, true) => format!("the same with each of {n} seeds"),
        (n, false) => format!("median / worst of {n} seeds"),
    };
    Grid {
        caption: format!("{}{common}: {spread}", client_label(client)),
        header: std::iter::once(String::new()).chain(header).collect(),
        rows: lines,
        notes: Vec::new(),
    }
}

/// A time that may be zero, for sentences.
pub(super) fn shown(t: Micros) -> String {
    if t.0.is_zero() { "not at all".to_owned() } else { format!("for {t}") }
}
