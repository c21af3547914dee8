//! fairdrain predicts, explains and fixes how a Kafka consumer drains several backlogged topics.
//!
//! A [`Scenario`](scenario::Scenario) says what there is to drain; a [`Simulation`](run::Simulation) drains it with the model of one
//! client under one scheduler, in virtual time, exactly and repeatably; [`RunMetrics`](metrics::RunMetrics) says how it went.
//!
//! ```
//! use std::path::Path;
//!
//! use fairdrain::policy::Name;
//! use fairdrain::run::{RunSpec, Simulation};
//! use fairdrain::scenario::{Client, Scenario};
//!
//! // A file, or the name of a bundled scenario.
//! let scenario = Scenario::load(Path::new("documented-backlog"))?.scenario;
//! let first_complete_input = |scheduler, cap| {
//!     let spec = RunSpec { client: Client::Librdkafka, scheduler, cap, seed: scenario.seed };
//!     // Built once; runs with any number of seeds.
//!     let simulation = Simulation::new(&scenario, &spec)?;
//!     Ok::<_, fairdrain::run::RunError>(simulation.run(spec.seed).ttci.first.expect("every input is completed"))
//! };
//!
//! let single = first_complete_input(Name::Single, 3000)?;
//! let fair = first_complete_input(Name::Fair, 500)?;
//! assert!(single > fair.times(20), "{single} under single, {fair} under fair");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The parts
//! - [`scenario`]: files, parsed and checked.
//! - [`policy`]: the schedulers, state machines without I/O; [`session`]: what they share.
//! - [`broker`]: the seam between a session and a backend; [`drive`]: the one loop.
//! - [`metrics`]: definitions, and the observer that folds a run; [`assemble`]: which inputs are complete.
//! - [`copartition`]: whether the records of a key stay together when several instances share the work.
//! - [`trace`]: runs poll by poll; [`fidelity`]: recordings of real clients, replayed; [`profile`]: what clients cost on a machine,
//!   and [`calibrate`]: how that is found out from recordings.
//! - With the feature `cli`: `compare` and `report`. With `kafka`: the real backend, `broker::kafka`.
//!
//! The simulated world itself is the crate [`fairdrain_sim`].

pub use fairdrain_sim::{BatchId, ConsumerId, Duration, Fill, Keys, LocalCause, PartitionId, Run, Time, TopicId};
pub use topic_set::TopicSet;

pub mod assemble;
pub mod broker;
pub mod calibrate;
#[cfg(feature = "cli")]
pub mod compare;
pub mod copartition;
pub mod drive;
pub mod fidelity;
pub mod fleet;
pub mod metrics;
pub mod policy;
pub mod profile;
#[cfg(feature = "cli")]
pub mod report;
pub mod run;
pub mod scenario;
pub mod session;
mod topic_set;

pub mod trace;
pub mod tuning;
