//! The signals that end a command.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT. One that comes after [`Signals::listen`] is not lost.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGHUP, which would end the process and its uploads if nobody listened.
pub(super) fn hangups() -> anyhow::Result<Signal> {
    of(SignalKind::hangup())
}

fn of(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("signals cannot be listened to")
}

impl Signals {
    pub(super) fn listen() -> anyhow::Result<Self> {
        Ok(Self { terminate: of(SignalKind::terminate())?, interrupt: of(SignalKind::interrupt())? })
    }

    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
