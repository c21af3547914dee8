//! Sessions as scripts: what they are told (`<`) and what they must ask for (`>`), in full and in order.
//!
//! A line may begin with a time in milliseconds (`100ms`), which lasts until the next one. Topics are letters, partitions are letters
//! with a number, consumers are numbers, batches have a `#`:
//! ```text
//! < assigned 0 a0 b0          > open                    > discard #1 a0
//! < delivered 0 #0 a0:0-10    > poll 0 cap 10           > commit 0 a0@10
//! < delivered 0 nothing dry a > take 0 a3 b2            > revoke-done 0
//! < processed #0              > process #0              > wake 100ms
//! < failed 0 poll             < revoking 0 by 500ms a0  > close by 10000ms
//! < lost 0 a0                 < committed 0             < ready a     < demand a b     < wake     < stop    < commit
//! ```
#![allow(dead_code, reason = "each test file uses a part")]

use fairdrain::broker::{Action, Failure, Input};
use fairdrain::policy::{AnyPolicy, Name, Settings};
use fairdrain::scenario::Commit;
use fairdrain::session::{Config, Session};
use fairdrain::{BatchId, ConsumerId, Duration, Fill, PartitionId, Run, Time, TopicId};

/// A session to play scripts on.
pub(crate) struct Stage {
    session: Session<AnyPolicy>,
    now_ms: u64,
}

/// A session of this scheduler with so many topics: cap 10, one worker, equal weights, no commits.
pub(crate) fn stage(name: Name, topics: usize) -> Stage {
    with(name, topics, |_| {}, Commit::None)
}

/// The same, committing.
pub(crate) fn committing(name: Name, topics: usize, commit: Commit) -> Stage {
    with(name, topics, |_| {}, commit)
}

/// The same, with changed settings.
pub(crate) fn with(name: Name, topics: usize, change: impl FnOnce(&mut Settings), commit: Commit) -> Stage {
    let wait = Duration::from_millis(100);
    let mut settings = Settings { cap: 10, wait, fill: Fill::First, weights: vec![1; topics], workers: 1 };
    change(&mut settings);
    let config = Config::new(name, &settings, commit);
    Stage { session: Session::new(AnyPolicy::new(name, &settings), config, Time::ZERO), now_ms: 0 }
}

impl Stage {
    /// Plays a script. Panics with what really happened if the session asks for anything else than the script says.
    pub(crate) fn play(mut self, script: &str) -> Self {
        let (mut expected, mut actual) = (String::new(), String::new());
        let mut drained = false;
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut line = line;
            if let Some((time, rest)) = line.split_once("ms ")
                && let Ok(ms) = time.parse()
            {
                self.now_ms = ms;
                line = rest.trim();
            }
            let note = format!("{:>6}ms {line}\n", self.now_ms);
            if let Some(input) = line.strip_prefix("< ") {
                self.drain(&mut actual);
                self.session.handle(self.now(), parse(input));
                actual += &note;
                drained = false;
            } else if !drained {
                self.drain(&mut actual);
                drained = true;
            }
            expected += &note;
        }
        self.drain(&mut actual);
        assert!(actual == expected, "expected\n{expected}\nbut it was\n{actual}");
        self
    }

    fn now(&self) -> Time {
        Time::ZERO + Duration::from_millis(self.now_ms)
    }

    fn drain(&mut self, actual: &mut String) {
        while let Some(action) = self.session.poll_action() {
            *actual += &format!("{:>6}ms > {}\n", self.now_ms, show(&action));
        }
    }
}

fn show(action: &Action) -> String {
    let name = |p: &PartitionId| format!(" {}{}", letter(p.topic), p.partition);
    let ms = |t: Time| t.as_nanos() / 1_000_000;
    match action {
        Action::Open => "open".into(),
        Action::Poll { consumer, cap, .. } => format!("poll {} cap {cap}", consumer.0),
        Action::Take { consumer, plan } => {
            let plan: String = plan.iter().map(|(topic, n)| format!(" {}{n}", letter(*topic))).collect();
            format!("take {}{plan}", consumer.0)
        }
        Action::Process(batch) => format!("process #{}", batch.0),
        Action::Discard { batch, partitions } => {
            format!("discard #{}{}", batch.0, partitions.iter().map(name).collect::<String>())
        }
        Action::Commit { consumer, offsets } => {
            let offsets: String = offsets.iter().map(|(p, offset)| format!("{}@{offset}", name(p))).collect();
            format!("commit {}{offsets}", consumer.0)
        }
        Action::RevokeDone { consumer } => format!("revoke-done {}", consumer.0),
        Action::Wake(at) => format!("wake {}ms", ms(*at)),
        Action::Close { by } => format!("close by {}ms", ms(*by)),
    }
}

fn letter(topic: TopicId) -> char {
    char::from(b'a' + topic.0 as u8)
}

fn topic(word: &str) -> TopicId {
    TopicId(u32::from(word.as_bytes()[0] - b'a'))
}

fn partition(word: &str) -> PartitionId {
    PartitionId { topic: topic(word), partition: number(&word[1..]) as u32 }
}

fn number(word: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("no number: {word}"))
}

fn parse(line: &str) -> Input {
    let words: Vec<&str> = line.split_whitespace().collect();
    let consumer = || ConsumerId(number(words[1]) as u32);
    let partitions = |from: usize| words[from..].iter().map(|word| partition(word)).collect();
    let batch = |word: &str| BatchId(number(word.trim_start_matches('#')));
    match words[0] {
        "assigned" => Input::Assigned { consumer: consumer(), partitions: partitions(2) },
        "revoking" => {
            let by = Time::ZERO + Duration::from_millis(number(words[3].trim_end_matches("ms")));
            Input::Revoking { consumer: consumer(), partitions: partitions(4), lost: false, by }
        }
        "lost" => Input::Revoking { consumer: consumer(), partitions: partitions(2), lost: true, by: Time::MAX },
        "delivered" => {
            let dry_at = words.iter().position(|word| *word == "dry").unwrap_or(words.len());
            let nothing = words[2] == "nothing";
            let runs = if nothing { &[] } else { &words[3..dry_at] };
            Input::Delivered {
                consumer: consumer(),
                batch: if nothing { BatchId(u64::MAX) } else { batch(words[2]) },
                runs: runs.iter().map(|word| run(word)).collect(),
                dry: words.iter().skip(dry_at + 1).map(|word| topic(word)).collect(),
            }
        }
        "processed" => Input::Processed(batch(words[1])),
        "committed" => Input::Committed { consumer: consumer() },
        "ready" => Input::Ready(topic(words[1])),
        "demand" => Input::Demand(words[1..].iter().map(|word| topic(word)).collect()),
        "failed" => {
            let why = || "because".to_owned();
            let failure = match words[2] {
                "poll" => Failure::Poll(why()),
                "commit" => Failure::Commit(why()),
                "fetch" => Failure::Fetch(why()),
                "fatal" => Failure::Fatal(why()),
                other => panic!("no failure: {other}"),
            };
            Input::Failed { consumer: consumer(), topic: None, failure }
        }
        "wake" => Input::Wake,
        "commit" => Input::Commit,
        "stop" => Input::Stop,
        "closed" => Input::Closed,
        other => panic!("no input: {other}"),
    }
}

/// `a0:5-10` is offsets 5 to 9 of partition 0 of topic a.
fn run(word: &str) -> Run {
    let (name, offsets) = word.split_once(':').expect("partition:first-next");
    let (first, next) = offsets.split_once('-').expect("first-next");
    let (first, next) = (number(first) as i64, number(next) as i64);
    let records = (next - first) as u32;
    Run { partition: partition(name), first, next, records, bytes: u64::from(records) * 200 }
}
