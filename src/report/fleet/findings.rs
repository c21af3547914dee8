//! Runs of several instances in sentences.

use super::super::units::counted;
use super::super::view::client_label;
use super::model::{FleetCompared, FleetRow};
use super::view::shown;
use crate::fleet::Way;

/// What the words in the tables mean.
pub(in crate::report) fn legend(rows: &[&FleetRow]) -> Vec<String> {
    let words = "TTCI, time to complete input: until one instance has processed a record of a key (a station, an account) of every \
                 required topic. Inputs split: complete on no instance, though all records have been processed; apart at the end: their \
                 partitions belong to different instances when the run ends, and no further input would be complete. Stopped: no partition \
                 with records left has an owner, after it had one. Without owner: the same of one partition. Duplicates: records \
                 processed again, after a rebalance or a crash. Time 0 is when the first instance starts."
        .to_owned();
    let ways = Way::ALL.into_iter().filter(|way| rows.iter().any(|r| r.assignment == way.as_str()));
    let ways: Vec<String> = ways.map(|way| format!("{way}, {}", way.description())).collect();
    [words, format!("Assignments: {}.", ways.join("; "))].into()
}

/// All findings, in reading order.
pub(in crate::report) fn findings(compared: &FleetCompared) -> Vec<String> {
    let mut said = Vec::new();
    for row in &compared.rows {
        let who = label(compared, row);
        let worst = row.worst();
        let apart = u64::from(worst.apart_keys);
        if apart > 0 && worst.left_records == 0 {
            said.push(format!(
                "{who}: {} on different instances at the end: from then on they would never be complete.",
                counted(apart, "input was", "inputs were")
            ));
        }
        if worst.split_keys > 0 {
            let keys = worst.split_keys;
            let never = if keys == 1 { "is never complete" } else { "are never complete" };
            said.push(format!(
                "{who}: {} {never}: records of all topics are processed, but on different instances, or before and after a restart.",
                counted(u64::from(keys), "input", "inputs")
            ));
        }
        if worst.left_records > 0 {
            said.push(format!(
                "{who}: {} not processed when the run ended.",
                counted(worst.left_records, "record was", "records were")
            ));
        }
        if worst.committed == Some(false) {
            said.push(format!("{who}: not everything was committed when all instances had closed."));
        }
        said.extend(row.failure.as_ref().map(|why| format!("{who}: failed: {why}.")));
    }
    let mut clients: Vec<&str> = compared.rows.iter().map(|r| r.client.as_str()).collect();
    clients.dedup();
    said.extend(clients.iter().filter_map(|client| verdict(compared, client)));
    said.extend(
        compared
            .refused
            .iter()
            .map(|r| format!("Not run: {} under {}: {}.", r.assignments.join(", "), r.schedulers.join(", "), r.reason)),
    );
    said
}

/// Of one client's assignments that keep inputs whole, which stops least and which most.
fn verdict(compared: &FleetCompared, client: &str) -> Option<String> {
    let rows = compared.rows.iter().filter(|r| r.client == client);
    let mut whole: Vec<&FleetRow> =
        rows.filter(|r| r.copartitioned && keeps_whole(r) && r.ends.complete == r.seeds).collect();
    if whole.len() < 2 {
        return None;
    }
    whole.sort_by_key(|r| (r.median.stopped_us, r.median.unowned_max_us, r.median.ttci_p95_us));
    let (best, last) = (whole[0], whole[whole.len() - 1]);
    if best.median.stopped_us == last.median.stopped_us {
        return None;
    }
    Some(format!(
        "Of the assignments that keep every input whole, {} stops everything {}, {} {}.",
        label(compared, best),
        shown(best.median.stopped_us),
        label(compared, last),
        shown(last.median.stopped_us),
    ))
}

fn keeps_whole(row: &FleetRow) -> bool {
    row.worst().split_keys == 0 && row.worst().apart_keys == 0
}

/// A row in as few words as tell it from the others.
fn label(compared: &FleetCompared, row: &FleetRow) -> String {
    let differs = |get: fn(&FleetRow) -> String| compared.rows.iter().any(|r| get(r) != get(row));
    let mut words = Vec::new();
    if differs(|r| r.client.clone()) {
        words.push(client_label(&row.client));
    }
    if differs(|r| r.scheduler.clone()) {
        words.push(row.scheduler.clone());
    }
    if differs(|r| r.cap_records.to_string()) {
        words.push(format!("cap {}", row.cap_records));
    }
    words.push(row.assignment.clone());
    words.join(" ")
}
