//! What can be wrong with a scenario, and how it is said: file, line, column, the line itself with a caret, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::keys;

/// At most this many errors of one file are printed; the rest are counted.
pub(super) const ERRORS_PRINTED: usize = 50;
/// At most this many characters of a source line are printed.
const LINE_PRINTED: usize = 110;

/// A text and its name, for positions.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: String,
    /// Where each line starts; the first at 0.
    lines: Vec<usize>,
}

/// A place in a file. Both count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One thing that is wrong with a file, or at least remarkable.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    level: &'static str,
    source: Arc<Source>,
    span: Option<Range<usize>>,
    also: Option<(Range<usize>, String)>,
    message: String,
    help: Option<String>,
}

/// All that is wrong with one file; at least one error, in the order of the file.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.render())]
pub struct ScenarioErrors(Vec<Diagnostic>);

/// Why a scenario could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Neither a file nor a bundled name.
    #[error("no scenario `{asked}`: no such file, and no bundled scenario of that name{}", hint(.near))]
    NotFound {
        /// What was asked for.
        asked: String,
        /// The bundled name that is most like it.
        near: Option<String>,
    },
    /// A directory.
    #[error("{} is a directory; name one scenario file", .0.display())]
    Directory(PathBuf),
    /// Larger than any scenario.
    #[error("{} is larger than {limit} bytes: that is no scenario", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How large it may be.
        limit: u64,
    },
    /// Not text.
    #[error("{}:{line}: not UTF-8 (byte {offset} of the file); save it as UTF-8", .path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Line of the first wrong byte, from 1.
        line: usize,
        /// Place of the first wrong byte, from 0.
        offset: usize,
    },
    /// The operating system refused.
    #[error("can't read {}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// Read, and wrong.
    #[error(transparent)]
    Invalid(#[from] ScenarioErrors),
}

fn hint(near: &Option<String>) -> String {
    near.as_ref().map_or_else(|| "; `scenario list` shows them".to_owned(), |near| format!("; did you mean `{near}`?"))
}

impl Source {
    pub(super) fn new(file: String, text: String) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, text, lines }
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = self.floor(offset);
        let line = self.line(offset);
        Position { line, column: 1 + self.text[self.lines[line - 1]..offset].chars().count() }
    }

    /// The line that contains the offset, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset)
    }

    /// Start of the line that contains the offset.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.lines[self.line(offset) - 1]
    }

    /// The nearest character boundary at or before the offset: a parser may point into the middle or behind the end.
    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

impl Diagnostic {
    pub(super) fn new(source: &Arc<Source>, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self { level: "error", source: Arc::clone(source), span, also: None, message: message.into(), help: None }
    }

    pub(super) fn warning(self) -> Self {
        Self { level: "warning", ..self }
    }

    pub(super) fn help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into);
        self
    }

    pub(super) fn also(mut self, span: Range<usize>, what: impl Into<String>) -> Self {
        self.also = Some((span, what.into()));
        self
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.file
    }

    /// Where in the file, if it is about one place.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.span.as_ref().map(|span| self.source.position(span.start))
    }

    /// For sorting: places in the file, what concerns all of it last.
    pub(super) fn order(&self) -> usize {
        self.span.as_ref().map_or(usize::MAX, |span| span.start)
    }

    /// What is wrong, without place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to write instead.
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// One line: `file:line:column: message; suggestion`. It shows no source, so nothing secret.
    #[must_use]
    pub fn one_line(&self) -> String {
        let place = self.position().map_or_else(String::new, |p| format!("{}:{}:", p.line, p.column));
        let help = self.help.as_ref().map_or_else(String::new, |h| format!("; {h}"));
        format!("{}:{place} {}{help}", printable(self.file()), printable(&self.message))
    }

    fn excerpt(&self, out: &mut String, span: &Range<usize>, width: usize) {
        let source = &self.source;
        let start = source.line_start(span.start);
        let from = source.floor(span.start);
        let end = source.text[start..].find(['\n', '\r']).map_or(source.text.len(), |n| start + n).max(from);
        let line = &source.text[start..end];
        let secret = line.split_once('=').is_some_and(|(key, _)| keys::is_secret(key));
        let column = line[..from - start].chars().count();
        let marked = source.text[from..source.floor(span.end).clamp(from, end)].chars().count().max(1);
        // A window of the line that has the caret in it.
        let skip = if column < LINE_PRINTED * 3 / 4 { 0 } else { column - LINE_PRINTED / 4 };
        let shown: String = line.chars().skip(skip).take(LINE_PRINTED).map(visible).collect();
        let shown = if secret {
            shown.split_once('=').map_or("***".to_owned(), |(key, _)| format!("{key}= ***"))
        } else {
            shown
        };
        let number = source.position(span.start).line;
        *out += &format!("{number:>width$} | {}\n", shown.trim_end());
        let carets = "^".repeat(marked.min(LINE_PRINTED.saturating_sub(column - skip).max(1)));
        *out += &format!("{:width$} | {}{carets}\n", "", " ".repeat(column - skip));
    }

    fn render(&self) -> String {
        let lines = [self.span.as_ref(), self.also.as_ref().map(|a| &a.0)];
        let numbers = lines.iter().flatten().map(|span| self.source.position(span.start).line);
        let width = numbers.max().unwrap_or(0).to_string().len();
        let mut out = format!("{}: {}\n", self.level, printable(&self.message));
        let file = printable(self.file());
        match self.position() {
            None => out += &format!("{:width$}--> {file}\n", ""),
            Some(p) => out += &format!("{:width$}--> {file}:{}:{}\n", "", p.line, p.column),
        }
        if let Some(span) = &self.span {
            out += &format!("{:width$} |\n", "");
            self.excerpt(&mut out, span, width);
        }
        if let Some((span, what)) = &self.also {
            let p = self.source.position(span.start);
            out += &format!("{:width$}::: {file}:{}:{}: {what}\n", "", p.line, p.column);
            self.excerpt(&mut out, span, width);
        }
        if let Some(help) = &self.help {
            out += &format!("{:width$} = help: {}\n", "", printable(help));
        }
        out
    }
}

impl fmt::Display for Diagnostic {
    /// Several lines, with the source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

impl ScenarioErrors {
    /// Sorted by place; `errors` is not empty.
    pub(super) fn new(mut errors: Vec<Diagnostic>) -> Self {
        errors.sort_by_key(Diagnostic::order);
        Self(errors)
    }

    /// All of them.
    #[must_use]
    pub fn errors(&self) -> &[Diagnostic] {
        &self.0
    }

    fn render(&self) -> String {
        let mut out: String = self.0.iter().take(ERRORS_PRINTED).map(|e| format!("{e}\n")).collect();
        let file = self.0.first().map_or("", |e| e.file());
        out += &match self.0.len() {
            1 => format!("1 error in {}", printable(file)),
            n if n > ERRORS_PRINTED => format!("{n} errors in {}, the first {ERRORS_PRINTED} shown", printable(file)),
            n => format!("{n} errors in {}", printable(file)),
        };
        out
    }
}

/// Control characters of a file must not reach the terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { ' ' } else { visible(c) }).collect()
}
