//! Peers live in process groups of their own, so a signal that ends this program would leave them running.

use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};

/// Leaders of the groups that run.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// The exit code of a program that a signal ended, by the custom of shells: 128 and the number of SIGTERM.
const ENDED: i32 = 128 + 15;

/// From now on, SIGINT and SIGTERM end the peers as well.
///
/// # Errors
/// Signals cannot be listened to.
pub fn end_with_signals() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _guard = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        // Held until the end: no peer starts meanwhile.
        let groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
        for group in groups.iter() {
            let _ = kill_process_group(*group, Signal::KILL);
        }
        #[expect(clippy::disallowed_methods, reason = "everything that was begun has just been ended")]
        std::process::exit(ENDED);
    });
    Ok(())
}

/// Starts a group and remembers it, as one step.
pub(crate) fn started<T>(start: impl FnOnce() -> anyhow::Result<(Pid, T)>) -> anyhow::Result<T> {
    let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    let (group, started) = start()?;
    groups.push(group);
    Ok(started)
}

/// Ends a group.
pub(crate) fn end(group: Pid) {
    let mut groups = GROUPS.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = kill_process_group(group, Signal::KILL);
    groups.retain(|other| *other != group);
}
