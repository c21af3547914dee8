//! A file's text to a [`Scenario`]: all errors are collected, nothing of a wrong file is used.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{self, Read};
use super::error::{Diagnostic, ScenarioErrors, Source};
use super::keys::{self, Key, Kind, TABLES};
use super::names::{did_you_mean, expand, short};
use super::properties::CONSUMER;
use super::provenance::{Origin, Provenance};
use super::read::{Findings, Reader};
use super::units::Problem;
use super::{
    Application, Arrival, Brokers, Client, Commit, Consumer, Fault, FaultKind, Limits, Network, Scenario, Scheduler,
    Start, Topic,
};
use crate::Fill;

/// A scenario with what is known about its file.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The scenario.
    pub scenario: Scenario,
    pub(super) provenance: Provenance,
    source: Arc<Source>,
    warnings: Vec<Diagnostic>,
    given: Vec<(&'static Key, std::ops::Range<usize>)>,
}

impl Parsed {
    /// What is legal but may not be what was meant, in the order of the file: among others, properties without effect.
    #[must_use]
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let client = self.scenario.consumer.client;
        let mut warnings = self.warnings.clone();
        for (key, at) in &self.given {
            let instead = match &key.only {
                _ if matches!(key.kind, Kind::Inert) => key.doc.trim_end_matches('.').to_owned(),
                Some(only) if !only.clients.contains(&client) => only.otherwise.to_owned(),
                _ => continue,
            };
            let message = format!("`{}` with client {client}: {}", key.name, lower(&instead));
            warnings.push(Diagnostic::new(&self.source, Some(at.clone()), message));
        }
        warnings.sort_by_key(Diagnostic::position);
        warnings
    }

    /// Name of the file, as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// Where a value comes from. `table` is a table's name, empty for the top of the file; `index` counts topics and faults of the
    /// scenario (after ranges are expanded) and is 0 elsewhere; `key` is Kafka's dotted name or one of its other spellings. `None`:
    /// there is no such value.
    #[must_use]
    pub fn origin(&self, table: &str, index: usize, key: &str) -> Option<Origin> {
        let spec = TABLES.iter().find(|t| t.name == table)?.key(key)?;
        self.provenance.of(table, index)?.get(spec.name).copied()
    }

    /// The same file with another client, checked for that client.
    ///
    /// # Errors
    /// The file is wrong with that client, such as a `fetch.max.bytes` that librdkafka refuses.
    pub fn with_client(&self, client: Client) -> Result<Self, ScenarioErrors> {
        parse(Arc::clone(&self.source), Some(client))
    }
}

impl Scenario {
    /// Reads the text of a scenario file. `file` is its name in errors, and names the scenario if the text does not.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn from_toml(text: &str, file: &str) -> Result<Parsed, ScenarioErrors> {
        parse(Arc::new(Source { file: file.to_owned(), text: text.to_owned() }), None)
    }
}

fn parse(source: Arc<Source>, client: Option<Client>) -> Result<Parsed, ScenarioErrors> {
    let (document, syntax) = DeTable::parse_recoverable(&source.text);
    if !syntax.is_empty() {
        // Keys and values of a text that is no TOML are guesses; errors about them would be noise.
        let errors =
            syntax.iter().map(|e| Diagnostic::new(&source, e.span(), e.message()).help(syntax_help(&source, e)));
        return Err(ScenarioErrors::new(errors.collect()));
    }
    let mut out = Findings { source: Arc::clone(&source), errors: Vec::new(), warnings: Vec::new(), given: Vec::new() };
    let document = document.get_ref();
    let root = root(&mut out, document);
    let section = |out: &mut Findings, spec: &'static keys::Table| Reader::section(out, spec, document.get(spec.name));
    let consumer = section(&mut out, &CONSUMER);
    let scheduler = section(&mut out, &keys::SCHEDULER);
    let application = section(&mut out, &keys::APPLICATION);
    let network = section(&mut out, &keys::NETWORK);
    let brokers = section(&mut out, &keys::BROKERS);
    let limits = section(&mut out, &keys::LIMITS);
    let topics = Reader::sections(&mut out, &keys::TOPICS, document.get("topics"));
    let faults = Reader::sections(&mut out, &keys::FAULTS, document.get("faults"));

    let (expanded, entry_of_topic) = read_topics(&mut out, &topics);
    let mut scenario = Scenario {
        name: root.text_given("name").unwrap_or_else(|| stem(&source.file)),
        description: root.text("description"),
        seed: root.number("seed"),
        topics: expanded,
        consumer: read_consumer(&consumer),
        scheduler: Scheduler {
            names: scheduler.schedulers("names"),
            max_poll_records: scheduler.small_given("max.poll.records"),
            starvation_bound: scheduler.duration_given("starvation_bound"),
        },
        application: Application {
            per_record: application.duration("processing_per_record"),
            per_batch: application.duration("processing_per_batch"),
            workers: application.small("workers"),
            blocking: application.flag("blocking"),
        },
        network: Network {
            latency: network.duration("latency"),
            jitter: network.duration("jitter"),
            bandwidth: network.number_given("bandwidth"),
        },
        brokers: Brokers {
            count: brokers.small("count"),
            service: brokers.duration("service"),
            fetch_max_bytes: brokers.small("fetch.max.bytes"),
        },
        faults: Vec::new(),
        limits: Limits { time: limits.duration("time"), polls: limits.number("polls") },
    };
    scenario.faults = faults.iter().filter_map(|f| read_fault(&mut out, f, &scenario.topics)).collect();
    if let Some(client) = client {
        scenario.consumer.client = client;
    }
    let read = Read {
        topics: &topics,
        entry_of_topic: &entry_of_topic,
        consumer: &consumer,
        scheduler: &scheduler,
        brokers: &brokers,
        faults: &faults,
        limits: &limits,
    };
    check::check(&mut out, &scenario, &read);
    if !out.errors.is_empty() {
        return Err(ScenarioErrors::new(out.errors));
    }

    let sections = [
        ("", root),
        ("consumer", consumer),
        ("scheduler", scheduler),
        ("application", application),
        ("network", network),
        ("brokers", brokers),
        ("limits", limits),
    ];
    let mut provenance = Provenance {
        tables: sections.into_iter().map(|(name, reader)| (name, reader.origins)).collect(),
        topics: topics.into_iter().map(|t| t.origins).collect(),
        entry_of_topic,
        faults: faults.into_iter().map(|f| f.origins).collect(),
    };
    if client.is_some() {
        provenance.tables["consumer"].insert("client", Origin::Given);
    }
    Ok(Parsed { scenario, provenance, source, warnings: out.warnings, given: out.given })
}

/// The keys at the top of the file; a table there that no table of the format is called is an error.
fn root(out: &mut Findings, document: &DeTable<'_>) -> Reader {
    let mut top = DeTable::new();
    for (key, value) in document {
        let name = key.get_ref().as_ref();
        if TABLES.iter().any(|t| t.name == name && !name.is_empty()) {
            continue;
        }
        if is_table(value) {
            let problem = Problem::new(format!("unknown table [{}]", short(name)));
            let near = did_you_mean(name, TABLES.iter().map(|t| t.name).filter(|n| !n.is_empty()));
            let list = || TABLES.iter().filter(|t| !t.name.is_empty()).map(bracketed).collect::<Vec<_>>().join(", ");
            let help = match near.and_then(|n| TABLES.iter().find(|t| t.name == n)) {
                Some(near) => format!("did you mean {}?", bracketed(&near)),
                None => format!("the tables are {}", list()),
            };
            out.error(Some(key.span()), problem.help(help));
            continue;
        }
        top.insert(key.clone(), value.clone());
    }
    Reader::open(out, &keys::ROOT, Some(&top), Some(0..0))
}

fn bracketed(table: &&keys::Table) -> String {
    if table.repeated { format!("[[{}]]", table.name) } else { format!("[{}]", table.name) }
}

fn is_table(value: &Spanned<DeValue<'_>>) -> bool {
    match value.get_ref() {
        DeValue::Table(_) => true,
        DeValue::Array(items) => items.iter().any(|i| matches!(i.get_ref(), DeValue::Table(_))),
        _ => false,
    }
}

fn read_topics(out: &mut Findings, entries: &[Reader]) -> (Vec<Topic>, Vec<usize>) {
    let (mut topics, mut entry_of_topic) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let names = match entry.sound(&["name"]).then(|| expand(&entry.text("name"))) {
            Some(Ok(names)) => names,
            Some(Err(problem)) => {
                out.error(entry.at("name"), problem);
                continue;
            }
            None => continue,
        };
        let topic = Topic {
            name: String::new(),
            partitions: entry.small("partitions"),
            backlog: entry.number("backlog"),
            value_bytes: entry.sizes("value_bytes"),
            key_bytes: entry.small("key_bytes"),
            batch_records: entry.small("batch_records"),
            compression_millis: entry.small("compression_ratio"),
            arrival: read_arrival(out, entry),
            keys: entry.small("keys"),
            weight: entry.small("weight"),
            required: entry.flag("required"),
            leader: entry.small("leader"),
            processing_per_record: entry.duration_given("processing_per_record"),
        };
        for name in names {
            topics.push(Topic { name, ..topic.clone() });
            entry_of_topic.push(index);
        }
    }
    (topics, entry_of_topic)
}

fn read_arrival(out: &mut Findings, entry: &Reader) -> Option<Arrival> {
    // Without an end the run would have none either.
    for (one, other, help) in [
        ("arrival.rate", "arrival.until", "arrivals have to end: write until = \"10 s\""),
        ("arrival.until", "arrival.rate", "write rate = \"5/s\""),
        ("arrival.batch_records", "arrival.rate", "write rate = \"5/s\""),
    ] {
        if entry.has(one) && !entry.has(other) {
            out.error(entry.at(one), Problem::new(format!("`{one}` without `{other}`")).help(help));
            return None;
        }
    }
    Some(Arrival {
        records_per_kilosecond: entry.number_given("arrival.rate")?,
        batch_records: entry.small("arrival.batch_records"),
        until: entry.duration_given("arrival.until")?,
    })
}

fn read_consumer(r: &Reader) -> Consumer {
    Consumer {
        client: r.client("client"),
        max_poll_records: r.small("max.poll.records"),
        poll_timeout: r.duration("poll.timeout.ms"),
        fill: r.text_given("fill").map(|fill| if fill == "full" { Fill::Full } else { Fill::First }),
        start: if r.text("start") == "group" { Start::Group } else { Start::Assign },
        commit: match r.text("commit").as_str() {
            "per-batch" => Commit::PerBatch,
            "on-stop" => Commit::OnStop,
            _ => Commit::None,
        },
        fetch_min_bytes: r.small("fetch.min.bytes"),
        fetch_max_bytes: r.small_given("fetch.max.bytes"),
        max_partition_fetch_bytes: r.small("max.partition.fetch.bytes"),
        fetch_max_wait: r.duration_given("fetch.max.wait.ms"),
        queued_min_messages: r.small_given("queued.min.messages"),
        queued_max_messages_kbytes: r.small_given("queued.max.messages.kbytes"),
        fetch_queue_backoff: r.duration_given("fetch.queue.backoff.ms"),
    }
}

fn read_fault(out: &mut Findings, r: &Reader, topics: &[Topic]) -> Option<Fault> {
    if !r.sound(&["kind"]) {
        return None;
    }
    let kind = r.text("kind");
    // What each kind needs, and what makes no sense with it.
    let wanted = match kind.as_str() {
        "broker-down" => Some("broker"),
        "topic-fails" => Some("topic"),
        "latency-spike" => Some("add"),
        _ => None,
    };
    for key in ["broker", "topic", "add"] {
        if wanted == Some(key) && !r.has(key) {
            out.error(r.at("kind"), Problem::new(format!("kind = \"{kind}\" needs `{key}`")));
        } else if wanted != Some(key) && r.has(key) {
            out.error(
                r.at(key),
                Problem::new(format!("`{key}` means nothing with kind = \"{kind}\"")).help("take it out"),
            );
        }
    }
    let kind = match kind.as_str() {
        "broker-down" => FaultKind::BrokerDown(r.small_given("broker")?),
        "topic-fails" => {
            let name = r.text_given("topic")?;
            let Some(place) = topics.iter().position(|t| t.name == name) else {
                let problem = Problem::new(format!("no topic `{}` in this scenario", short(&name)));
                let near = did_you_mean(&name, topics.iter().map(|t| t.name.as_str()));
                out.error(
                    r.at("topic"),
                    near.map_or(problem.clone(), |near| problem.help(format!("did you mean `{near}`?"))),
                );
                return None;
            };
            FaultKind::TopicFails(u32::try_from(place).expect("the number of topics is bounded"))
        }
        "latency-spike" => FaultKind::LatencySpike(r.duration_given("add")?),
        _ => FaultKind::Crash,
    };
    r.sound(&["from", "until"]).then(|| Fault { from: r.duration("from"), until: r.duration("until"), kind })
}

/// What to write instead of the commonest mistakes; the parser's own words name the token, not the remedy.
fn syntax_help(source: &Source, error: &toml::de::Error) -> Option<String> {
    let message = error.message();
    if message.starts_with("string values must be quoted") {
        let span = error.span()?;
        let written = source.text.get(span)?.trim();
        return Some(if written.is_empty() {
            "a value is missing".to_owned()
        } else {
            format!("write \"{}\"", short(written))
        });
    }
    if message.contains("cannot extend value") {
        return Some("put the whole name in quotes, such as \"client.id\" = ...".to_owned());
    }
    None
}

fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// File name without folders and extension.
fn stem(file: &str) -> String {
    let stem = std::path::Path::new(file).file_stem().and_then(|s| s.to_str());
    stem.filter(|s| !s.is_empty()).unwrap_or("scenario").to_owned()
}
