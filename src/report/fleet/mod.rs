//! Reports of several instances: what they hold, and what can be made of it.

pub use model::{FleetCompared, FleetLoad, FleetMeasures, FleetRow, FleetTopicMeasures, InstanceMeasures, InstancePlan};
pub(super) use csv::render as csv;
pub(super) use findings::{findings, legend};
pub(super) use view::{grids, load, plan};

mod csv;
mod findings;
mod model;
mod reduce;
mod view;
