//! Reports of several instances: what they hold, and what can be made of it.

pub(super) use csv::render as csv;
pub(super) use findings::{findings, legend};
pub use model::{
    FleetCompared, FleetLoad, FleetMeasures, FleetRow, FleetTopicMeasures, InstanceMeasures, InstancePlan, Refused,
};
pub(super) use view::{grids, load, plan};

mod csv;
mod findings;
mod model;
mod reduce;
mod view;
