//! A file's text to a [`Scenario`]: all errors are collected, nothing of a wrong file is used.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{self, Read};
use super::error::{Diagnostic, ERRORS_PRINTED, ScenarioErrors, Source};
use super::group_keys::{GROUP, INSTANCES};
use super::group_parse::{read_group, read_instances};
use super::keys::{self, Key, Kind};
use super::names::{did_you_mean, short};
use super::properties::CONSUMER;
use super::provenance::{Origin, Provenance};
use super::read::{Findings, Reader, unknown};
use super::sections::{read_consumer, read_fault, read_topics};
use super::tables::TABLES;
use super::units::Problem;
use super::{Application, Brokers, Client, Limits, Network, Scenario, Scheduler};

/// A scenario with what is known about its file.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The scenario.
    pub scenario: Scenario,
    pub(super) provenance: Provenance,
    source: Arc<Source>,
    warnings: Vec<Diagnostic>,
    /// The keys in the file, for the warnings that depend on the client.
    pub(super) given: Vec<(&'static Key, std::ops::Range<usize>)>,
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
            warnings.push(Diagnostic::new(&self.source, Some(at.clone()), message).warning());
        }
        warnings.sort_by_key(Diagnostic::order);
        warnings
    }

    /// Name of the file, as it was given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.file
    }

    pub(super) fn line(&self, at: &std::ops::Range<usize>) -> usize {
        self.source.line(at.start)
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
        parse(Arc::new(Source::new(file.to_owned(), text.to_owned())), None)
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
    let group = section(&mut out, &GROUP);
    let instances = Reader::sections(&mut out, &INSTANCES, document.get("instances"));
    let topics = Reader::sections(&mut out, &keys::TOPICS, document.get("topics"));
    let faults = Reader::sections(&mut out, &keys::FAULTS, document.get("faults"));

    let (expanded, entry_of_topic) = read_topics(&mut out, &topics);
    let (all_instances, entry_of_instance) = read_instances(&mut out, &instances);
    let client_of = client.unwrap_or_else(|| consumer.client("client"));
    let mut scenario = Scenario {
        name: read_name(&mut out, &root),
        description: root.text("description"),
        seed: root.number("seed"),
        topics: expanded,
        consumer: read_consumer(&consumer, !all_instances.is_empty()),
        group: read_group(&group, client_of),
        instances: all_instances,
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
    scenario.consumer.client = client_of;
    let read = Read {
        topics: &topics,
        topics_given: document.contains_key("topics"),
        entry_of_topic: &entry_of_topic,
        consumer: &consumer,
        scheduler: &scheduler,
        network: &network,
        brokers: &brokers,
        faults: &faults,
        limits: &limits,
        group: &group,
        instances: &instances,
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
        ("group", group),
    ];
    let mut provenance = Provenance {
        tables: sections.into_iter().map(|(name, reader)| (name, reader.origins)).collect(),
        topics: topics.into_iter().map(|t| t.origins).collect(),
        entry_of_topic,
        faults: faults.into_iter().map(|f| f.origins).collect(),
        instances: instances.into_iter().map(|i| i.origins).collect(),
        entry_of_instance,
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
            // Suggestions compare names letter by letter: not for errors that are not printed.
            let hopeless = out.errors.len() >= ERRORS_PRINTED;
            let problem = if hopeless { Problem::new("unknown table") } else { unknown_table(name, value) };
            out.error(Some(key.span()), problem);
            continue;
        }
        top.insert(key.clone(), value.clone());
    }
    Reader::open(out, &keys::ROOT, Some(&top), Some(0..0))
}

fn unknown_table(name: &str, value: &Spanned<DeValue<'_>>) -> Problem {
    // `max.poll.records` before the first table is a table `max` to TOML, and a misplaced property to its author.
    let (mut property, mut value) = (name.to_owned(), value.get_ref());
    while let DeValue::Table(table) = value {
        let Some((key, inner)) = table.iter().next() else { break };
        property = format!("{property}.{}", key.get_ref());
        value = inner.get_ref();
    }
    if CONSUMER.key(&property).is_some() {
        return unknown(&keys::ROOT, &property);
    }
    let problem = Problem::new(format!("unknown table [{}]", short(name)));
    let tables = || TABLES.iter().filter(|t| !t.name.is_empty());
    let near = did_you_mean(name, tables().map(|t| t.name));
    problem.help(match near.and_then(|n| tables().find(|t| t.name == n)) {
        Some(near) => format!("did you mean {}?", bracketed(near)),
        None => format!("the tables are {}", tables().map(bracketed).collect::<Vec<_>>().join(", ")),
    })
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
    if message == "duplicate key" {
        let written = source.text.get(error.span()?)?.trim_matches(['[', ']', ' ']);
        let table = TABLES.iter().find(|t| t.repeated && t.name == written)?;
        return Some(format!("write [[{}]], with double brackets: there may be several", table.name));
    }
    None
}

fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The name given, which may become part of a file's or a topic's name, or the file's own.
fn read_name(out: &mut Findings, root: &Reader) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match root.text_given("name") {
        Some(name) if name.is_empty() || !name.chars().all(legal) => {
            let problem = Problem::new(format!("`{}` can't be the name of a scenario", short(&name)));
            out.error(root.at("name"), problem.help("use a-z, A-Z, 0-9, '.', '_' and '-'"));
            name
        }
        Some(name) => name,
        None => stem(&out.source.file).replace(|c| !legal(c), "-"),
    }
}

/// File name without folders and extension.
fn stem(file: &str) -> String {
    let stem = std::path::Path::new(file).file_stem().and_then(|s| s.to_str());
    stem.filter(|s| !s.is_empty()).unwrap_or("scenario").to_owned()
}
