//! The bodies, by theme.

pub(crate) mod delivery;
pub(crate) mod groups;
pub(crate) mod isolation;
pub(crate) mod take;
