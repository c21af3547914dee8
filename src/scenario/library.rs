//! Scenarios from the disk, and those that the program brings along.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::Scenario;
use super::error::LoadError;
use super::names::did_you_mean;
use super::parse::Parsed;

/// Larger files are refused unread: no scenario is that long, and what is may be a log.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A scenario within the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundled {
    /// Its name, and that of its file without `.toml`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! bundle {
    (in $folder:literal: $($name:literal)*) => {
        &[$(Bundled {
            name: concat!($folder, $name),
            text: include_str!(concat!("../../sim/scenarios/", $folder, $name, ".toml")),
        }),*]
    };
}

/// All bundled scenarios, the documented ones first.
#[must_use]
pub fn bundled() -> &'static [Bundled] {
    bundle! {
        in "":
        "documented-backlog"
        "documented-500"
        "documented-idle"
        "documented-idle-1000"
        "load-prediction"
        "trickle"
        "large-records"
        "many-partitions"
        "wide"
        "slow-application"
        "live"
        "broker-outage"
        "failing-topic"
        "crash-restart"
        "already-fair"
        "instances-rolling"
        "instances-crash"
        "instances-static"
        "instances-split"
    }
}

/// The scenarios of single clients: how each of them drains, and the settings at which it goes wrong, with what helps. They have the
/// names of their files, `clients/` included; a fix has the name of its cliff and begins with `-by-` there.
#[must_use]
pub fn bundled_of_clients() -> &'static [Bundled] {
    bundle! {
        in "clients/":
        "chunks"
        "aiokafka-idle-stall"
        "aiokafka-idle-stall-by-cap"
        "aiokafka-idle-stall-by-wait"
        "aiokafka-oversize"
        "aiokafka-oversize-by-limit"
        "aiokafka-shuffle"
        "aiokafka-shuffle-by-chunk"
        "aiokafka-shuffle-by-fair"
        "aiokafka-tight-loop"
        "aiokafka-tight-loop-by-timeout"
        "java-async-sleep"
        "java-async-sleep-by-classic"
        "java-async-sleep-by-timeout"
        "java-async-split"
        "java-async-split-by-classic"
        "java-async-split-by-work"
        "java-exact-boundary"
        "java-exact-boundary-by-513"
        "java-names"
        "java-names-by-chunk"
        "java-names-by-fair"
        "java-parked-fetch"
        "java-parked-fetch-by-upgrade"
        "java-parked-fetch-by-wait"
        "java-subscribe"
        "kafka-python-512"
        "kafka-python-512-by-513"
        "kafka-python-512-by-wait"
        "kafka-python-default-cap"
        "kafka-python-default-cap-by-cap"
        "kafka-python-default-cap-by-wait"
        "kafka-python-last-topic"
        "kafka-python-last-topic-by-wait"
        "librdkafka-1854"
        "librdkafka-1854-by-fetch-max"
        "librdkafka-300"
        "librdkafka-300-by-fetch-max"
        "librdkafka-300-by-split-queues"
        "librdkafka-deep-queue"
        "librdkafka-deep-queue-by-shallow"
        "librdkafka-deep-queue-by-split-queues"
        "librdkafka-endless"
        "librdkafka-endless-by-fetch-max"
        "librdkafka-endless-by-split-queues"
        "librdkafka-last-batch"
        "librdkafka-last-batch-by-timeout"
        "librdkafka-names"
        "librdkafka-names-by-chunk"
        "librdkafka-names-by-split-queues"
        "librdkafka-oversize"
        "librdkafka-oversize-by-limit"
        "librdkafka-split-holes"
        "librdkafka-split-holes-by-wait"
        "librdkafka-whole-second"
        "librdkafka-whole-second-by-backoff"
    }
}

impl Bundled {
    /// Its name without the folder.
    fn file_stem(&self) -> &'static str {
        self.name.rsplit('/').next().unwrap_or(self.name)
    }

    /// Reads it.
    ///
    /// # Panics
    /// Never, unless this program was built with a wrong scenario in it, which its tests exclude.
    #[must_use]
    pub fn parsed(&self) -> Parsed {
        let file = format!("sim/scenarios/{}.toml", self.name);
        Scenario::from_toml(self.text, &file).unwrap_or_else(|e| panic!("bundled scenario:\n{e}"))
    }
}

impl Scenario {
    /// Loads a scenario: the file at this path or, where there is none, the bundled scenario of this name.
    ///
    /// # Errors
    /// Neither exists, it is no readable text of at most 1 MiB, or what it says is wrong.
    pub fn load(path: &Path) -> Result<Parsed, LoadError> {
        let all = || bundled().iter().chain(bundled_of_clients());
        let named = path.to_str().and_then(|name| all().find(|b| b.name == name));
        let io = |error: std::io::Error| LoadError::Io { path: path.to_owned(), error };
        let found = match std::fs::metadata(path) {
            Ok(found) => found,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                let asked = path.display().to_string();
                let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or(&asked);
                let near = did_you_mean(stem, all().map(Bundled::file_stem));
                let near = all().find(|b| Some(b.file_stem()) == near).map(|b| b.name.to_owned());
                return named.map(Bundled::parsed).ok_or(LoadError::NotFound { asked, near });
            }
            Err(e) => return Err(io(e)),
        };
        if found.is_dir() {
            // A folder of the name of a bundled scenario, such as one with its results, does not hide it.
            return named.map(Bundled::parsed).ok_or_else(|| LoadError::Directory(path.to_owned()));
        }
        let mut bytes = Vec::new();
        // The length that metadata gives is no bound: a pipe has none.
        File::open(path).and_then(|f| f.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(io)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(LoadError::TooLarge { path: path.to_owned(), limit: FILE_BYTES_MAX });
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let offset = e.utf8_error().valid_up_to();
            let line = 1 + e.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count();
            LoadError::NotUtf8 { path: path.to_owned(), line, offset }
        })?;
        Ok(Self::from_toml(&text, &path.display().to_string())?)
    }
}
