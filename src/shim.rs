//! Stand-ins until the branches that own them are merged.
use crate::policy::Name;
use crate::scenario::Client;
impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self { Self::Aiokafka => "aiokafka@0.14", Self::Librdkafka => "librdkafka@2.12", Self::Ideal => "ideal" })
    }
}
impl Client {
    /// All.
    pub fn all() -> impl Iterator<Item = Self> { [Self::Aiokafka, Self::Librdkafka, Self::Ideal].into_iter() }
}
impl std::str::FromStr for Client {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> { Self::all().find(|c| c.to_string().starts_with(s)).ok_or_else(|| format!("no model of a client `{s}`")) }
}
impl Name {
    /// All.
    pub const ALL: [Self; 6] = [Self::Single, Self::MultiGather, Self::MultiSequential, Self::Multi, Self::Fair, Self::CompleteFirst];
}
impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self { Self::Single => "single", Self::MultiGather => "multi-gather", Self::MultiSequential => "multi-sequential", Self::Multi => "multi", Self::Fair => "fair", Self::CompleteFirst => "complete-first" })
    }
}
impl std::str::FromStr for Name {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> { Self::ALL.into_iter().find(|c| c.to_string() == s).ok_or_else(|| format!("no scheduler `{s}`")) }
}
