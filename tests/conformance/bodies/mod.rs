//! The bodies, by theme.

pub(crate) mod delivery;
pub(crate) mod take;
