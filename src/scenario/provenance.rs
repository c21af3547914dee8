//! Where each value of a scenario comes from.

use std::fmt;

use indexmap::IndexMap;

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It stands in this line of the file, counted from 1.
    File(usize),
    /// It is the format's default.
    Default,
    /// It follows from something else: from what, in words.
    Derived(&'static str),
    /// It was given in place of the file's, such as on a command line.
    Given,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(line) => write!(f, "line {line}"),
            Self::Default => f.write_str("default"),
            Self::Derived(how) => write!(f, "derived: {how}"),
            Self::Given => f.write_str("given instead of the file's"),
        }
    }
}

/// The origins of all values of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Provenance {
    /// By table, without the topics and faults.
    pub(super) tables: IndexMap<&'static str, IndexMap<&'static str, Origin>>,
    /// By `[[topics]]` of the file.
    pub(super) topics: Vec<IndexMap<&'static str, Origin>>,
    /// For each topic of the scenario, its `[[topics]]`.
    pub(super) entry_of_topic: Vec<usize>,
    /// By `[[faults]]`.
    pub(super) faults: Vec<IndexMap<&'static str, Origin>>,
    /// By `[[instances]]` of the file.
    pub(super) instances: Vec<IndexMap<&'static str, Origin>>,
    /// For each instance of the scenario, its `[[instances]]`.
    pub(super) entry_of_instance: Vec<usize>,
}

impl Provenance {
    /// Origins of one table; of topic or fault `index`, if the table is a repeated one.
    pub(super) fn of(&self, table: &str, index: usize) -> Option<&IndexMap<&'static str, Origin>> {
        match table {
            "topics" => self.topics.get(*self.entry_of_topic.get(index)?),
            "faults" => self.faults.get(index),
            "instances" => self.instances.get(*self.entry_of_instance.get(index)?),
            _ => self.tables.get(table),
        }
    }
}
