//! `--profile`: costs from files, in place of those that models have of themselves.

use std::path::PathBuf;

use fairdrain::profile::{ClientProfile, Profile, Values};
use fairdrain::scenario::{Client, Origin, Parsed};

use super::exit::{Usage, usage};

/// Where costs come from.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// What clients cost on a machine of yours: a file that `fairdrain calibrate` has written. May be given more than once
    #[arg(long = "profile", value_name = "FILE", help_heading = "What to run")]
    files: Vec<PathBuf>,
}

/// The clients of all profiles given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profiles(Vec<ClientProfile>);

impl Args {
    /// Whether there is any.
    pub(crate) fn is_given(&self) -> bool {
        !self.files.is_empty()
    }

    /// Reads the files.
    pub(crate) fn load(&self) -> anyhow::Result<Profiles> {
        let mut all: Vec<ClientProfile> = Vec::new();
        for file in &self.files {
            for one in Profile::load(file).map_err(|e| Usage(e.to_string()))?.clients {
                if all.iter().any(|other| other.client == one.client) {
                    usage!("{} is in two of the profiles given", one.client);
                }
                all.push(one);
            }
        }
        Ok(Profiles(all))
    }
}

impl Profiles {
    /// What they say of a client.
    pub(crate) fn values(&self, client: Client) -> Option<&Values> {
        self.0.iter().find(|one| one.client == client).map(|one| &one.values)
    }

    /// The clients that they say something of.
    pub(crate) fn clients(&self) -> impl Iterator<Item = Client> {
        self.0.iter().map(|one| one.client)
    }

    /// Refuses profiles of none of these clients: nothing would come of them.
    pub(crate) fn check(&self, clients: &[Client]) -> anyhow::Result<()> {
        if !self.0.is_empty() && !self.clients().any(|client| clients.contains(&client)) {
            let list =
                |all: &mut dyn Iterator<Item = Client>| all.map(|c| c.to_string()).collect::<Vec<_>>().join(", ");
            usage!(
                "the profile is of {}; nothing of that is run, but {}",
                list(&mut self.clients()),
                list(&mut clients.iter().copied())
            );
        }
        Ok(())
    }

    /// Gives a scenario the costs of its client. What its file says of network and brokers stays.
    pub(crate) fn apply(&self, parsed: &mut Parsed) {
        let client = parsed.scenario.consumer.client;
        if let Some(profile) = self.0.iter().find(|one| one.client == client) {
            let is_default = |table, key| parsed.origin(table, 0, key) == Some(Origin::Default);
            let (network, brokers) = (is_default("network", "latency"), is_default("brokers", "service"));
            profile.apply(&mut parsed.scenario, network, brokers);
        }
    }
}
