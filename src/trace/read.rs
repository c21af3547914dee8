//! Reading traces.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{End, FORMAT, Header, Poll};

/// A whole trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// What was run.
    pub header: Header,
    /// What each poll returned, ordered by start time.
    pub polls: Vec<Poll>,
    /// How it ended.
    pub end: End,
}

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file could not be opened or read.
    #[error("{}: {source}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not what the format asks for at this place.
    #[error("{}:{line}: {problem}", file.display())]
    Line {
        /// Which file.
        file: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it, and what it should be.
        problem: String,
    },
}

impl Trace {
    /// Reads a trace file.
    ///
    /// # Errors
    /// [`TraceError`], naming the file and, if it could be read, the line.
    pub fn open(file: &Path) -> Result<Self, TraceError> {
        let input = File::open(file).map_err(|source| TraceError::Io { file: file.to_owned(), source })?;
        Self::read(BufReader::new(input), file)
    }

    /// Reads a trace from anywhere; `file` is what errors call it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(input: impl BufRead, file: &Path) -> Result<Self, TraceError> {
        let at = |line, problem| TraceError::Line { file: file.to_owned(), line, problem };
        let (mut header, mut polls, mut end) = (None, Vec::new(), None);
        let mut last = 0;
        for (i, line) in input.lines().enumerate() {
            last = i + 1;
            let line = line.map_err(|source| TraceError::Io { file: file.to_owned(), source })?;
            if end.is_some() {
                return Err(at(last, "nothing may follow the line with \"end\"".to_owned()));
            }
            if header.is_none() {
                let parsed = parse_header(&line).map_err(|problem| at(last, problem))?;
                check_header(&parsed).map_err(|problem| at(last, problem))?;
                header = Some(parsed);
            } else if parse::<Kind>(&line).map_err(|problem| at(last, problem))?.end {
                end = Some(parse::<End>(&line).map_err(|problem| at(last, problem))?);
            } else {
                let poll: Poll = parse(&line).map_err(|problem| at(last, problem))?;
                if poll.i != polls.len() as u64 {
                    return Err(at(last, format!("poll number {} where {} is due", poll.i, polls.len())));
                }
                check(&poll).map_err(|problem| at(last, problem))?;
                polls.push(poll);
            }
        }
        let header = header.ok_or_else(|| at(1, format!("the file is empty; a {FORMAT} header is due")))?;
        let end =
            end.ok_or_else(|| at(last, "the trace stops short: its last line is not {\"end\":true,..}".to_owned()))?;
        Ok(Self { header, polls, end })
    }
}

/// Beyond that a time, in microseconds, or an offset is a typing error; and sums of them would overflow.
const MICROS_MAX: u64 = 1_000_000_000_000_000;
const OFFSET_MAX: i64 = 1 << 60;

/// Whether logs begin where a log can begin.
fn check_header(header: &Header) -> Result<(), String> {
    for topic in &header.scenario.topics {
        if let Some(offset) = topic.first_offsets.iter().flatten().find(|offset| !(0..=OFFSET_MAX).contains(*offset)) {
            return Err(format!("{}: first_offsets has {offset}, where no log begins", topic.name));
        }
    }
    Ok(())
}

/// Whether a poll's numbers are ones that a run can have.
fn check(poll: &Poll) -> Result<(), String> {
    for (key, micros) in [("t", poll.t), ("d", poll.d), ("commit_us", poll.commit_us.unwrap_or_default())] {
        if micros > MICROS_MAX {
            return Err(format!("{key} is {micros} microseconds, longer than anybody has run"));
        }
    }
    if poll.n == Some(0) {
        return Err("n is 0: a line joins one call or more".to_owned());
    }
    for run in &poll.r {
        if !(0..=OFFSET_MAX).contains(&run.2) || run.3 == 0 {
            return Err(format!("{}/{}: {} records from offset {}", run.0, run.1, run.3, run.2));
        }
    }
    Ok(())
}

/// What kind of line it is.
#[derive(serde::Deserialize)]
struct Kind {
    #[serde(default)]
    end: bool,
}

/// A header, its format checked before its other keys: a later format may have others.
fn parse_header(line: &str) -> Result<Header, String> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: Option<String>,
    }
    match parse::<Format>(line)?.format {
        Some(format) if format == FORMAT => parse(line),
        Some(format) => Err(format!("the format is {format:?}; only {FORMAT:?} can be read")),
        None => Err(format!("not a trace: its first line has no \"format\":{FORMAT:?}")),
    }
}

fn parse<T: DeserializeOwned>(line: &str) -> Result<T, String> {
    // serde_json counts lines within the text it was given, which is always the first.
    serde_json::from_str(line).map_err(|e| e.to_string().replace(" at line 1 column", " at column"))
}
