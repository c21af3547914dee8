//! Tables as data: what table and Markdown have in common.

use super::model::{Compared, Measures, Row};
use super::units::{Micros, bytes, grouped, ratio};

/// A table: a caption, a header, and rows of as many cells (the first column holds labels, the others numbers), and what is to be said
/// below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    pub(super) caption: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) notes: Vec<String>,
}

/// Longest name shown in a cell.
const NAME_SHOWN: usize = 24;
/// Longest name shown in one cell with a number.
const NAME_BESIDE_NUMBER: usize = 8;

/// A client's name and version, for people: `aiokafka 0.14`.
pub(super) fn client_label(client: &str) -> String {
    client.replace('@', " ")
}

/// The rows of each client, in order of first appearance.
pub(super) fn by_client(compared: &Compared) -> Vec<(&str, Vec<&Row>)> {
    let mut clients: Vec<(&str, Vec<&Row>)> = Vec::new();
    for row in &compared.rows {
        match clients.iter_mut().find(|(client, _)| *client == row.client) {
            Some((_, rows)) => rows.push(row),
            None => clients.push((&row.client, vec![row])),
        }
    }
    clients
}

/// What the first poll held, under `single`, for a handful of topics: beside what is documented, where the scenario is made from that.
pub(super) fn first_poll(compared: &Compared) -> Option<Grid> {
    // "2500 of A, 500 of B, nothing of C, D, E": the guide's account of `max_poll_records=3000`.
    const CLAIM: [u64; 5] = [2500, 500, 0, 0, 0];
    const TOPICS_SHOWN: usize = 8;
    if compared.topics.len() > TOPICS_SHOWN {
        return None;
    }
    let cells = |label: String, records: &[u64]| {
        std::iter::once(label).chain(records.iter().map(|n| grouped(*n))).collect::<Vec<String>>()
    };
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    let single: Vec<&Row> = compared.rows.iter().filter(|r| r.scheduler == "single").collect();
    let cap = single.first()?.cap_records;
    if compared.scenario == "documented-backlog" && cap == 3000 {
        rows.push(cells("documented claim".into(), &CLAIM));
        notes.push(
            "documented claim: what an operations guide for consumers of several topics, whose backlog this scenario reproduces, says \
             of this poll. It also says that C, D and E never come and no input is ever complete."
                .to_owned(),
        );
    }
    for row in single.iter().filter(|r| r.cap_records == cap) {
        let Some(first) = &row.first_poll else { continue };
        let client = client_label(&row.client);
        // One composition of many must not look like the one there is.
        let (label, varies) = match first.distinct {
            1 => (client.clone(), String::new()),
            n => (
                format!("{client}, {} of {} seeds", first.seeds, row.seeds),
                format!(
                    "the first poll varies from run to run: {n} different ones in {} seeds, the most frequent is shown; ",
                    row.seeds
                ),
            ),
        };
        rows.push(cells(label, &first.records));
        let last =
            |m: &Measures| m.topics.iter().map(|t| t.first_poll).collect::<Option<Vec<u64>>>()?.into_iter().max();
        let polls = grouped(row.median.polls);
        let shown = match (last(&row.median), last(row.worst())) {
            (Some(1), Some(1)) => "every topic is in it".to_owned(),
            (Some(a), Some(b)) if a == b => format!("every topic has come by poll {} of {polls}", grouped(a)),
            (Some(a), Some(b)) => {
                format!("every topic has come by poll {}, at worst by poll {}, of {polls}", grouped(a), grouped(b))
            }
            _ => "some topics never come".to_owned(),
        };
        notes.push(format!("{client}: {varies}{shown}."));
    }
    Some(Grid {
        caption: format!("First poll under single, cap {}: records of each topic", grouped(u64::from(cap))),
        header: std::iter::once(String::new()).chain(compared.topics.iter().map(|t| shortened(&t.topic))).collect(),
        rows,
        notes,
    })
}

/// The main table of one client: metrics down, schedulers across.
pub(super) fn client(compared: &Compared, client: &str, rows: &[&Row], topics_shown: usize) -> Grid {
    let mut lines = vec![line("cap, records", rows, |r| grouped(u64::from(r.cap_records)))];
    let mut add = |label: &str, metric: &dyn Fn(&Measures) -> String| {
        lines.push(line(label, rows, |r| pair(metric(&r.median), metric(r.worst()))));
    };
    add("TTCI first", &|m| time(m.ttci_first_us));
    add("TTCI p50", &|m| time(m.ttci_p50_us));
    add("TTCI p95", &|m| time(m.ttci_p95_us));
    add("TTCI max", &|m| time(m.ttci_max_us));
    add("TTCI p95 / bound", &|m| number(m.ttci_p95_bound_ratio));
    add("drain", &|m| time(m.drain_us));
    add("drain / bound", &|m| number(m.drain_bound_ratio));
    let gap_topic = |m: &Measures| m.gap_max_topic.as_deref().map_or_else(|| "-".into(), shortened);
    if compared.topics.iter().all(|t| t.topic.len() <= NAME_BESIDE_NUMBER) {
        lines.push(line("longest gap, topic", rows, |r| {
            let worst = r.worst();
            format!("{} {}", pair(time(r.median.gap_max_us), time(worst.gap_max_us)), gap_topic(worst))
        }));
    } else {
        add("longest gap", &|m| time(m.gap_max_us));
        add("  of topic", &gap_topic);
    }
    let mut add = |label: &str, metric: &dyn Fn(&Measures) -> String| {
        lines.push(line(label, rows, |r| pair(metric(&r.median), metric(r.worst()))));
    };
    add("starved topics", &|m| m.starved_topics.to_string());
    add("Jain index", &|m| m.jain.map_or_else(|| "n/a".into(), |j| format!("{j:.2}")));
    lines.push(line("polls (empty)", rows, |r| {
        let metric = |get: fn(&Measures) -> u64| pair(grouped(get(&r.median)), grouped(get(r.worst())));
        format!("{} ({})", metric(|m| m.polls), metric(|m| m.polls_empty))
    }));
    let mut add = |label: &str, metric: &dyn Fn(&Measures) -> String| {
        lines.push(line(label, rows, |r| pair(metric(&r.median), metric(r.worst()))));
    };
    add("peak buffered", &|m| optional(m.buffered_bytes_peak, bytes));
    if rows.len() == 1 {
        add("peak in hand", &|m| bytes(m.in_hand_bytes_peak));
        add("fetches", &|m| optional(m.fetches, grouped));
        add("fetched", &|m| optional(m.bytes_fetched, bytes));
        add("  again", &|m| optional(m.bytes_fetched_again, bytes));
    }
    if rows.iter().any(|r| r.worst().left_records > 0) {
        add("left, records", &|m| grouped(m.left_records));
    }
    if rows.iter().any(|r| r.worst().duplicate_records > 0) {
        add("duplicates", &|m| grouped(m.duplicate_records));
    }
    if rows.iter().any(|r| r.verification.is_some()) {
        lines.push(line("once, in order", rows, |r| match &r.verification {
            None => "n/a".into(),
            Some(v) if v.exact => "all records".into(),
            Some(_) => "NO".into(),
        }));
    }
    let mut add = |label: &str, metric: &dyn Fn(&Measures) -> String| {
        lines.push(line(label, rows, |r| pair(metric(&r.median), metric(r.worst()))));
    };
    for i in topics_worth_showing(compared, rows, topics_shown) {
        let name = shortened(&compared.topics[i].topic);
        add(&format!("{name}: first record"), &|m| time(m.topics[i].first_record_us));
        add("  done", &|m| time(m.topics[i].completion_us));
    }
    Grid {
        caption: format!("{}: {}", client_label(client), seeds(rows)),
        header: std::iter::once(String::new()).chain(rows.iter().map(|r| r.scheduler.clone())).collect(),
        rows: lines,
        notes: Vec::new(),
    }
}

/// How much of the result is the luck of the topics' names, best to worst over the permutations.
pub(super) fn names(compared: &Compared, client: &str, rows: &[&Row], topics_shown: usize) -> Option<Grid> {
    let permutations = rows.iter().find_map(|r| r.names.as_ref())?.permutations;
    let mut lines = Vec::new();
    let mut add = |label: &str, metric: &dyn Fn(&Measures) -> String| {
        lines.push(line(label, rows, |r| match &r.names {
            None => "-".into(),
            Some(n) if metric(&n.best) == metric(&n.worst) => metric(&n.best),
            Some(n) => format!("{} .. {}", metric(&n.best), metric(&n.worst)),
        }));
    };
    add("TTCI p95", &|m| time(m.ttci_p95_us));
    add("TTCI max", &|m| time(m.ttci_max_us));
    add("drain", &|m| time(m.drain_us));
    add("longest gap", &|m| time(m.gap_max_us));
    add("starved topics", &|m| m.starved_topics.to_string());
    for i in topics_worth_showing(compared, rows, topics_shown) {
        // Whatever it was called this time, it is the place in the list that has the backlog.
        let label = format!("backlog of {}: first", shortened(&compared.topics[i].topic));
        add(&label, &|m| time(m.topics[i].first_record_us));
    }
    Some(Grid {
        caption: format!("{}: luck of the names, best .. worst of {permutations} permutations", client_label(client)),
        header: std::iter::once(String::new()).chain(rows.iter().map(|r| r.scheduler.clone())).collect(),
        rows: lines,
        notes: Vec::new(),
    })
}

/// Where the waiting time of each topic went, for a single run.
pub(super) fn blame(row: &Row, topics_shown: usize) -> Option<Grid> {
    let blame = row.worst_run.blame_us.as_ref()?;
    let mut rows = Vec::new();
    for (topic, causes) in blame.iter().take(topics_shown) {
        let total: u64 = causes.values().map(|d| d.0.as_nanos()).sum();
        for (i, (cause, d)) in causes.iter().filter(|(_, d)| !d.0.is_zero()).enumerate() {
            let topic = if i == 0 { shortened(topic) } else { String::new() };
            let percent = format!("{:.1} %", d.0.as_nanos() as f64 * 100.0 / total as f64);
            rows.push(vec![topic, cause.clone(), d.to_string(), percent]);
        }
    }
    let seed = if row.seeds > 1 { format!(", seed {} (the worst)", row.worst_run.seed) } else { String::new() };
    Some(Grid {
        caption: format!("{} under {}{seed}: what each topic waited for", client_label(&row.client), row.scheduler),
        header: ["", "cause", "time", "share"].map(str::to_owned).to_vec(),
        rows,
        notes: Vec::new(),
    })
}

/// The topics that wait longest for their first record under any of the rows; in the scenario's order.
fn topics_worth_showing(compared: &Compared, rows: &[&Row], at_most: usize) -> Vec<usize> {
    let mut topics: Vec<usize> = (0..compared.topics.len()).collect();
    if topics.len() > at_most {
        let wait = |i: usize| {
            let firsts = rows.iter().map(|r| r.worst().topics[i].first_record_us);
            firsts.map(|t| (t.is_none(), t)).max()
        };
        topics.sort_by_key(|&i| std::cmp::Reverse(wait(i)));
        topics.truncate(at_most);
        topics.sort_unstable();
    }
    topics
}

fn seeds(rows: &[&Row]) -> String {
    let Some(n) = rows.iter().map(|r| r.seeds).max() else { return String::new() };
    if rows.iter().any(|r| r.is_measured()) {
        return if n == 1 { "measured, one run each".into() } else { format!("measured, median / worst of {n} runs") };
    }
    match (rows.iter().any(|r| r.random), n) {
        (true, 1) => "one seed only, of a client that depends on it".into(),
        (true, n) if rows.iter().all(|r| r.seeds_agree) => format!("the same with each of {n} seeds"),
        (true, n) => format!("median / worst of {n} seeds"),
        (false, _) => "nothing in it is random".into(),
    }
}

fn line(label: &str, rows: &[&Row], cell: impl Fn(&Row) -> String) -> Vec<String> {
    line_of(label, rows, cell)
}

/// A label, and a cell for each row of whatever kind.
pub(super) fn line_of<R>(label: &str, rows: &[&R], cell: impl Fn(&R) -> String) -> Vec<String> {
    std::iter::once(label.to_owned()).chain(rows.iter().map(|r| cell(r))).collect()
}

/// Both, if they differ; a common unit is said once: `50.0 / 52.0 ms`.
pub(super) fn pair(median: String, worst: String) -> String {
    if median == worst {
        return median;
    }
    let unit =
        |s: &str| s.rsplit_once(' ').map(|(_, unit)| unit.to_owned()).filter(|u| u.chars().all(char::is_alphabetic));
    match (unit(&median), unit(&worst)) {
        (Some(mine), Some(theirs)) if mine == theirs => {
            format!("{} / {worst}", &median[..median.len() - mine.len() - 1])
        }
        _ => format!("{median} / {worst}"),
    }
}

pub(super) fn time(t: Option<Micros>) -> String {
    t.map_or_else(|| "never".into(), |t| t.to_string())
}

fn optional(n: Option<u64>, show: fn(u64) -> String) -> String {
    n.map_or_else(|| "n/a".into(), show)
}

fn number(x: Option<f64>) -> String {
    x.map_or_else(|| "n/a".into(), ratio)
}

/// A name that fits a cell: the middle goes, because names of topics differ at both ends.
pub(super) fn shortened(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= NAME_SHOWN {
        return name.to_owned();
    }
    let half = (NAME_SHOWN - 2) / 2;
    let head: String = chars[..half].iter().collect();
    let tail: String = chars[chars.len() - half..].iter().collect();
    format!("{head}..{tail}")
}
