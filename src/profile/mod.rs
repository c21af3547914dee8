//! Profiles: what a client's own work, the network and the broker cost on somebody's machine, as fitted to recorded runs by
//! `fairdrain calibrate`. A model without a profile has the costs of the machine that it was made on.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::Duration;
use crate::scenario::{Client, Scenario};

pub use values::{Parameter, Values};

mod values;

/// The version of the format that is read and written.
pub const SCHEMA_VERSION: u32 = 1;

/// A profile: clients and their costs on one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Each client once.
    pub clients: Vec<ClientProfile>,
}

/// One client's costs.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientProfile {
    /// Whose.
    pub client: Client,
    /// The versions that the recordings are of.
    pub recorded: Vec<String>,
    /// The costs, fitted or not.
    pub values: Values,
    /// What the recordings could tell of each.
    pub told: Vec<(Parameter, Told)>,
    /// By how much drain times and TTCI of the recordings it was fitted to are missed.
    pub residual: Residual,
    /// The recordings.
    pub traces: Vec<Source>,
}

/// What recordings tell of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// It was fitted.
    Fitted {
        /// The standard error.
        uncertainty: Duration,
    },
    /// The recordings don't tell it, and the default stays. Says why, and what recording would.
    Default {
        /// Why, and what would help.
        reason: String,
    },
}

/// Relative errors, without their sign, in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// How many.
    pub n: usize,
    /// Half of them are no larger.
    pub median_percent: f64,
    /// 95 of 100 are no larger.
    pub p95_percent: f64,
}

/// A recording that a profile was fitted to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Scenario and file name.
    pub name: String,
    /// FNV-1a of its bytes, 64 bits.
    pub digest: String,
}

/// Why a profile can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file could not be read.
    #[error("can't read {}: {source}", file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its text is not a profile's.
    #[error("{file}: {problem}")]
    Text {
        /// Which, or what it is called.
        file: String,
        /// What is wrong, and where.
        problem: String,
    },
}

// ---- the format ------------------------------------------------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFormat {
    schema_version: u32,
    clients: Vec<ClientFormat>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientFormat {
    client: String,
    recorded_versions: Vec<String>,
    residual: Residual,
    costs: IndexMap<String, CostFormat>,
    #[serde(default)]
    traces: Vec<Source>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CostFormat {
    ns: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uncertainty_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_because: Option<String>,
}

/// No cost is longer than an hour.
const NANOS_MAX: u64 = 3_600_000_000_000;

impl Profile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn load(file: &Path) -> Result<Self, ProfileError> {
        let text = fs::read_to_string(file).map_err(|source| ProfileError::Io { file: file.to_owned(), source })?;
        Self::from_toml(&text, &file.display().to_string())
    }

    /// Reads a profile's text; `file` is what errors call it.
    ///
    /// # Errors
    /// [`ProfileError::Text`], with line and column where there is one.
    pub fn from_toml(text: &str, file: &str) -> Result<Self, ProfileError> {
        let wrong = |problem: String| ProfileError::Text { file: file.to_owned(), problem };
        let format: FileFormat = toml::from_str(text).map_err(|e| wrong(e.to_string().trim_end().to_owned()))?;
        if format.schema_version != SCHEMA_VERSION {
            return Err(wrong(format!(
                "schema_version = {}: this program reads {SCHEMA_VERSION}",
                format.schema_version
            )));
        }
        let mut clients: Vec<ClientProfile> = Vec::new();
        for one in format.clients {
            let one = ClientProfile::of(one).map_err(&wrong)?;
            if clients.iter().any(|other| other.client == one.client) {
                return Err(wrong(format!("{} is there twice", one.client)));
            }
            clients.push(one);
        }
        if clients.is_empty() {
            return Err(wrong("it has no [[clients]]".to_owned()));
        }
        Ok(Self { clients })
    }

    /// As text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut out =
            String::from("# What clients cost on one machine: written by `fairdrain calibrate`, read by --profile.\n");
        let _ = write!(
            out,
            "# Times in nanoseconds; `default_because`: not fitted, and why.\n\nschema_version = {SCHEMA_VERSION}\n"
        );
        for client in &self.clients {
            client.write(&mut out);
        }
        out
    }

    /// What it says of a client.
    #[must_use]
    pub fn client(&self, client: Client) -> Option<&ClientProfile> {
        self.clients.iter().find(|c| c.client == client)
    }
}

impl ClientProfile {
    fn of(format: ClientFormat) -> Result<Self, String> {
        let client = Client::from_str(&format.client).map_err(|e| e.to_string())?;
        let default = Values::of(client).ok_or_else(|| format!("{client} has no costs"))?;
        let (mut values, mut told) = (default, Vec::new());
        for (name, cost) in format.costs {
            let parameter = Parameter::ALL.into_iter().find(|p| p.name() == name);
            let parameter = parameter.ok_or_else(|| {
                let all = Parameter::ALL.map(Parameter::name).join(", ");
                format!("unknown cost `{name}` of {client}; there are {all}")
            })?;
            if default.get(parameter).is_zero() {
                return Err(format!("the model of {client} has no cost `{name}`"));
            }
            if cost.ns > NANOS_MAX {
                return Err(format!("{client}: `{name}` is {} ns, longer than an hour", cost.ns));
            }
            values.set(parameter, Duration::from_nanos(cost.ns));
            told.push((
                parameter,
                match (cost.uncertainty_ns, cost.default_because) {
                    (Some(_), Some(_)) => {
                        return Err(format!(
                            "{client}: `{name}` has both an uncertainty and a reason not to be fitted"
                        ));
                    }
                    (uncertainty, None) => {
                        Told::Fitted { uncertainty: Duration::from_nanos(uncertainty.unwrap_or_default()) }
                    }
                    (None, Some(reason)) => Told::Default { reason },
                },
            ));
        }
        // TOML's tables have no order.
        told.sort_by_key(|(parameter, _)| Parameter::ALL.iter().position(|p| p == parameter));
        let ClientFormat { recorded_versions: recorded, residual, traces, .. } = format;
        Ok(Self { client, recorded, values, told, residual, traces })
    }

    fn write(&self, out: &mut String) {
        let text = |s: &str| toml::Value::String(s.to_owned()).to_string();
        let recorded: Vec<String> = self.recorded.iter().map(|v| text(v)).collect();
        let Residual { n, median_percent, p95_percent } = self.residual;
        let _ = write!(
            out,
            "\n[[clients]]\nclient = {}\nrecorded_versions = [{}]\n# Of drain times and TTCI of the runs below, after the fit.\n\
             residual = {{ n = {n}, median_percent = {median_percent:.1}, p95_percent = {p95_percent:.1} }}\n\n[clients.costs]\n",
            text(&self.client.to_string()),
            recorded.join(", "),
        );
        for (parameter, told) in &self.told {
            let (name, ns) = (parameter.name(), self.values.get(*parameter).as_nanos());
            let _ = match told {
                Told::Fitted { uncertainty } => {
                    writeln!(out, "{name} = {{ ns = {ns}, uncertainty_ns = {} }}", uncertainty.as_nanos())
                }
                Told::Default { reason } => {
                    writeln!(out, "{name} = {{ ns = {ns}, default_because = {} }}", text(reason))
                }
            };
        }
        for Source { name, digest } in &self.traces {
            let _ = write!(out, "\n[[clients.traces]]\nname = {}\ndigest = {}\n", text(name), text(digest));
        }
    }

    /// Gives a scenario these costs. `network` and `brokers`: whether the scenario leaves latency and service time to its defaults.
    pub fn apply(&self, scenario: &mut Scenario, network: bool, brokers: bool) {
        scenario.consumer.costs = Some(self.values.costs);
        if network {
            scenario.network.latency = self.values.latency();
        }
        if brokers {
            scenario.brokers.service = self.values.service;
        }
    }
}

/// The digest of a recording.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{fnv:016x}")
}
