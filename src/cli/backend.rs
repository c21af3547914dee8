//! Where to run: the simulation, librdkafka's in-process mock cluster, or a real cluster.

use std::path::{Path, PathBuf};

use fairdrain::report::Environment;

use super::exit::usage;

/// Where to run.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(next_help_heading = "Where to run")]
pub(crate) struct Args {
    /// The simulation, librdkafka's in-process mock cluster, or a real cluster
    #[arg(long, value_enum, default_value_t = Backend::Sim)]
    backend: Backend,

    /// Brokers of the real cluster, separated by commas
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_server: Option<String>,

    /// A property of librdkafka, for the backends mock and kafka (may be repeated)
    // Not parsed by clap: its errors repeat the value, which may be a password.
    #[arg(short = 'X', value_name = "KEY=VALUE")]
    properties: Vec<String>,

    /// A file of such properties, one KEY=VALUE a line: the place for passwords
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,

    /// Leave the topics on the cluster instead of deleting them
    #[arg(long)]
    keep: bool,

    /// Simulate the same beside the real runs, and show the difference
    #[arg(long)]
    with_simulation: bool,
}

/// Where to run, with all that is needed to do it there.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In the simulation.
    Simulation,
    /// On librdkafka.
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "refused where it would be used"))]
    Real {
        /// The brokers; none: the mock cluster.
        servers: Option<String>,
        /// Properties of librdkafka.
        properties: Vec<(String, String)>,
        /// Whether the topics stay.
        keep: bool,
    },
}

/// A backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backend {
    /// Virtual time, no broker
    Sim,
    /// librdkafka's in-process mock cluster: right in semantics, wrong in timing
    Mock,
    /// A real cluster: needs --bootstrap-server
    Kafka,
}

impl Backend {
    fn name(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Mock => "mock",
            Self::Kafka => "kafka",
        }
    }
}

impl Args {
    /// Where to run. Refuses flags that the backend has no use for.
    pub(crate) fn place(&self) -> anyhow::Result<Place> {
        let Self { backend, bootstrap_server, properties, command_config, keep, with_simulation } = self;
        let all = self.properties()?;
        match (backend, bootstrap_server) {
            (Backend::Sim, _) => {
                let useless = [
                    ("--bootstrap-server", bootstrap_server.is_some()),
                    ("-X", !properties.is_empty()),
                    ("--command-config", command_config.is_some()),
                    ("--keep", *keep),
                    ("--with-simulation", *with_simulation),
                ];
                if let Some((flag, _)) = useless.iter().find(|(_, given)| *given) {
                    usage!(
                        "{flag} has no effect on the simulation: add --backend kafka or --backend mock, or put properties of the \
                         simulated consumer into [consumer] of the scenario"
                    );
                }
                Ok(Place::Simulation)
            }
            (Backend::Kafka, None) => {
                usage!("--backend kafka needs --bootstrap-server HOST:PORT; --backend mock needs nothing")
            }
            (Backend::Mock, Some(_)) => {
                usage!("--backend mock brings its own cluster: leave --bootstrap-server out, or use --backend kafka")
            }
            (_, servers) => Ok(Place::Real { servers: servers.clone(), properties: all, keep: *keep }),
        }
    }

    /// Whether the same is simulated beside real runs.
    pub(crate) fn with_simulation(&self) -> bool {
        self.with_simulation
    }

    fn properties(&self) -> anyhow::Result<Vec<(String, String)>> {
        properties(self.command_config.as_deref(), &self.properties)
    }

    /// The environment block of a report made here.
    pub(crate) fn environment(&self) -> Environment {
        Environment {
            backend: self.backend.name().to_owned(),
            bootstrap_servers: self.bootstrap_server.clone().filter(|_| self.backend == Backend::Kafka),
            ..simulated()
        }
    }
}

/// The environment block of a simulation made here.
pub(crate) fn simulated() -> Environment {
    Environment {
        fairdrain_version: env!("CARGO_PKG_VERSION").to_owned(),
        backend: Backend::Sim.name().to_owned(),
        os: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        librdkafka_version: None,
        bootstrap_servers: None,
    }
}

/// Properties of file and flags, the flags' last.
pub(crate) fn properties(file: Option<&Path>, flags: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    if let Some(path) = file {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => usage!("can't read {}: {error}", path.display()),
        };
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            match property(line) {
                Some(pair) => all.push(pair),
                // Not the line itself: it may be half of a password.
                None => usage!("{}:{}: not of the form key=value", path.display(), i + 1),
            }
        }
    }
    for (i, text) in flags.iter().enumerate() {
        match property(text) {
            Some(pair) => all.push(pair),
            None => {
                usage!("-X number {} is not of the form KEY=VALUE (not repeated here: it may be a secret)", i + 1)
            }
        }
    }
    Ok(all)
}

fn property(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    (!key.trim().is_empty()).then(|| (key.trim().to_owned(), value.trim().to_owned()))
}
