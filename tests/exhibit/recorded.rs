//! What recordings of the real clients show of a cliff.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Recorded;

impl Recorded {
    /// The measure in each repeat.
    pub(crate) fn measured(&self) -> Vec<u64> {
        let (folder, client) = self.runs.split_once('/').expect("a scenario and a client");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(folder);
        let files = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("an entry").path()).collect();
        files.retain(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.strip_prefix(client).is_some_and(|rest| rest.starts_with("-r"))
        });
        files.sort();
        assert!(!files.is_empty(), "no recording of {}", self.runs);
        files.iter().map(|path| self.count(&fs::read_to_string(path).expect("a recording"))).collect()
    }

    fn count(&self, text: &str) -> u64 {
        // Duration in microseconds, and whether anything came: each line but the header and the last is a poll.
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON"));
        let polls: Vec<(u64, bool)> =
            lines.filter_map(|line| Some((line.get("d")?.as_u64()?, !line.get("r")?.as_array()?.is_empty()))).collect();
        let empty = polls.iter().take_while(|(_, any)| !any).count();
        match self.what.as_str() {
            // As in the simulated runs: after the first records, polls that took a quarter of a second or more.
            "stalls" => polls[empty + 1..].iter().filter(|(took, _)| *took >= 250_000).count() as u64,
            // Polls before the first records.
            "leading_empty" => empty as u64,
            _ => panic!("no measure {} of recordings", self.what),
        }
    }
}
