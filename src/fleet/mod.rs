//! Several instances of one service, which share the work: simulated runs, and what is measured of them.
//!
//! Each instance is a process with consumers, a session and a policy of its own: the same code as in a run of one process
//! ([`crate::run`]). What they have in common is the group coordinator. [`FleetSimulation`] starts, stops and kills them as the
//! scenario says, until every record has been processed, and gives [`FleetMetrics`].

#[cfg(feature = "cli")]
pub use compare::{Ways, compare_fleet};
pub use keys::PlacedKeys;
pub use metrics::{FleetMetrics, FleetTopic, InstanceMetrics, Unowned};
pub use run::{FleetSimulation, Watcher, simulate_fleet};
pub use way::{UnknownWay, Way};

#[cfg(feature = "cli")]
mod compare;
mod config;
mod fold;
mod inputs;
mod keys;
mod logs;
mod metrics;
mod owners;
mod ranges;
mod run;
mod way;
