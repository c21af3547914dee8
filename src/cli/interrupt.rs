//! Ctrl-C: once to stop with what there is, twice to stop at once.

use std::sync::atomic::{AtomicBool, Ordering};

/// Becomes true when the user wants to stop.
static STOP: AtomicBool = AtomicBool::new(false);

/// Begins to listen, and gives the flag to look at. To be called once.
pub(crate) fn listen() -> anyhow::Result<&'static AtomicBool> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::SeqCst) {
            std::process::exit(super::Exit::Interrupted as i32);
        }
        super::output::note("stopping; what is measured so far follows (again Ctrl-C: stop at once)");
    })?;
    Ok(&STOP)
}
