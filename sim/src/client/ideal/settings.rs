//! What may be set.

/// The ideal client has no settings.
#[derive(Clone, Debug, Default)]
pub struct Settings {}
