//! SIGINT and SIGTERM: the first asks the stage to stop at its next check, the second ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Exit code after a signal (128 + SIGINT), as shells and make expect.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// A signal asked the stage to stop; what was published stays, what was partial can be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// `Err(Interrupted)` once SIGINT or SIGTERM has arrived. One atomic load: cheap enough for every loop; call it at
/// least every second, so that a stage ends within two.
///
/// # Errors
/// [`Interrupted`], to be passed on with `?` up to [`crate::run`], which turns it into exit code 130.
pub fn check_interrupt() -> Result<(), Interrupted> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        Err(Interrupted)
    } else {
        Ok(())
    }
}

/// Installs the handler; the second signal exits without unwinding (the output lock is released by the system).
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
    })
    .map_err(|error| anyhow::anyhow!("signals: cannot install a handler: {error}"))
}
