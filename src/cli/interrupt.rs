//! Ctrl-C: once to stop with what there is, twice to stop at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Begins to listen, and gives the flag that becomes true when the user wants to stop. To be called once.
pub(crate) fn listen() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(super::Exit::Interrupted as i32);
        }
        super::output::note("stopping; what is measured so far follows (again Ctrl-C: stop at once)");
    })?;
    Ok(stop)
}
