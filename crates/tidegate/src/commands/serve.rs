//! `tidegate serve`: from the configuration to a running gateway, and from a signal to its end.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use gateway::load::{Loaded, load_noting};
use gateway::secrets::MissingSecret;
use gateway::server::{Dependencies, Gateway};
use gateway::upstream::SystemResolver;
use listenfd::ListenFd;
use rules::diagnostics::Report;
use tokio::runtime::{Builder, Runtime};

use super::colours;
use super::open_files;
use super::reload::{Reloads, Watched};
use super::signals::{self, Signals};
use crate::FAILED;
use crate::allocator;
use crate::cli::{REVISION, Serve};
use crate::logging;

/// For blocking work, such as a name that is being resolved, when everything else has ended.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// Serves until a signal, then drains.
pub(crate) fn run(flags: &Serve) -> anyhow::Result<ExitCode> {
    let (loaded, sources) = load_noting(&flags.config);
    let watched = Watched::new(sources);
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(report) => bail!("the configuration cannot be used\n\n{}", report.render(colours(&io::stderr()))),
    };
    let filter = logging::start(&loaded.config.log)?;
    let runtime = runtime().context("no runtime")?;
    let code = runtime.block_on(serve(loaded, Reloads { main: flags.config.clone(), watched, filter }));
    runtime.shutdown_timeout(LEFTOVERS);
    code
}

/// A thread for each core that the process may use. On one core, as a sidecar often has, a queue for several threads serves nobody:
/// without it whoever waits has its turn sooner, which under overload is what a refusal waits for.
fn runtime() -> io::Result<Runtime> {
    let is_one = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    let mut builder = if is_one { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    // The end of a load is when threads fall idle.
    builder.enable_all().on_thread_park(allocator::collect).build()
}

async fn serve(loaded: Loaded, reloads: Reloads) -> anyhow::Result<ExitCode> {
    let Loaded { config, warnings, secrets, missing, .. } = loaded;
    warn_of(&warnings, &missing);
    open_files::allow(&config.limits);
    // Before anything listens: a signal that comes early is not lost.
    let mut signals = Signals::listen()?;
    let hangups = signals::hangups()?;
    let grace = config.timeouts.drain;
    let needs = Dependencies {
        secrets: Arc::new(secrets),
        resolver: Arc::new(SystemResolver),
        sockets: handed_over()?,
        log: Some(Arc::new(reloads.filter.clone())),
        version: env!("CARGO_PKG_VERSION"),
        revision: REVISION,
    };
    let gateway = Gateway::start(config, needs).context("the gateway cannot start")?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), revision = REVISION, "tidegate is ready");

    tokio::select! {
        () = signals.next() => {}
        () = reloads.keep_up(&gateway, hangups) => {}
    }
    let report = tokio::select! {
        report = gateway.drain(grace) => report,
        () = force(&gateway, &mut signals) => return Ok(ExitCode::from(FAILED)),
    };
    if report.lost_nothing() {
        tracing::info!("drained");
        return Ok(ExitCode::SUCCESS);
    }
    tracing::error!(aborted = report.aborted, unfinished = report.unfinished, "drained, with uploads lost");
    Ok(ExitCode::from(FAILED))
}

/// Sockets that the service manager bound (sd_listen_fds(3)): while one process takes the place of another, connections wait in them.
fn handed_over() -> anyhow::Result<Vec<TcpListener>> {
    let mut passed = ListenFd::from_env();
    let sockets = (0..passed.len()).filter_map(|index| passed.take_tcp_listener(index).transpose());
    sockets.collect::<io::Result<_>>().context("LISTEN_FDS: what was handed over is no TCP socket that listens")
}

/// Says what is odd about a configuration that is in force.
pub(super) fn warn_of(warnings: &Report, missing: &[MissingSecret]) {
    if !warnings.is_empty() {
        tracing::warn!("the configuration has {} warnings; `tidegate check` shows them", warnings.warnings());
    }
    for secret in missing {
        tracing::warn!("{secret}");
    }
}

/// The second signal aborts uploads, the third ends this wait.
async fn force(gateway: &Gateway, signals: &mut Signals) {
    signals.next().await;
    tracing::warn!(uploads = gateway.app().uploads.len(), "aborting");
    gateway.abort();
    signals.next().await;
    tracing::error!("ended by a third signal");
}
