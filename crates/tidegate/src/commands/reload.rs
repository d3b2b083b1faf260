//! Keeping up with the configuration: at SIGHUP, and when a file changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gateway::load::{Loaded, Look, Sources, load_noting};
use gateway::server::Gateway;
use rules::diagnostics::{Report, Severity};
use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::logging::{self, Filter};

/// Between two looks at the files. A change counts once two looks in a row saw the same, so that no half-written file is read.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Problems of a configuration that are logged one by one; `tidegate check` shows all of them.
const MOST_LOGGED: usize = 10;

/// The last line about a configuration that cannot be used.
const STAYS: &str = "the changed configuration cannot be used; the one before stays";

/// What a configuration hangs on, and how it looked when that was read.
pub(super) struct Watched {
    sources: Sources,
    last: Option<Look>,
}

impl Watched {
    /// Looks at once: what changes from now on is noticed. It may block.
    pub(super) fn new(sources: Sources) -> Self {
        let last = Some(sources.look());
        Self { sources, last }
    }
}

/// What it takes to keep up.
pub(super) struct Reloads {
    /// The main file.
    pub(super) main: PathBuf,
    pub(super) watched: Watched,
    pub(super) filter: Filter,
}

impl Reloads {
    /// Reloads for as long as it is polled.
    pub(super) async fn keep_up(self, gateway: &Gateway, mut hangups: Signal) {
        let Self { main, watched: Watched { mut sources, mut last }, filter } = self;
        loop {
            let why = tokio::select! {
                hangup = hangups.recv() => match hangup {
                    Some(()) => "SIGHUP",
                    None => return std::future::pending().await,
                },
                () = changed(&sources, &last) => "a file changed",
            };
            // From before the files are read: what changes meanwhile is a change of its own.
            last = look(&sources).await;
            let Some((loaded, noted)) = read(&main).await else { continue };
            match loaded {
                Ok(loaded) => put_in_force(gateway, loaded, &filter, why),
                Err(report) => refuse(gateway, &report, why),
            }
            let noted = noted.and(&sources);
            if noted != sources {
                last = look(&noted).await;
                sources = noted;
            }
        }
    }
}

async fn look(sources: &Sources) -> Option<Look> {
    let sources = sources.clone();
    spawn_blocking(move || sources.look()).await.ok()
}

/// Returns when the files look otherwise than they did, and do not change any more.
async fn changed(sources: &Sources, last: &Option<Look>) {
    let mut before = last.clone();
    loop {
        sleep(LOOK_EVERY).await;
        let now = look(sources).await;
        if now != *last && now == before {
            return;
        }
        before = now;
    }
}

async fn read(main: &Path) -> Option<(Result<Loaded, Report>, Sources)> {
    let main = main.to_owned();
    spawn_blocking(move || load_noting(&main)).await.ok()
}

fn put_in_force(gateway: &Gateway, loaded: Loaded, filter: &Filter, why: &'static str) {
    let Loaded { config, warnings, secrets, missing, .. } = loaded;
    let log = config.log.clone();
    let done = logging::Level::of(&log).and_then(|level| {
        let reloaded = gateway.reload(config, &Arc::new(secrets))?;
        filter.configure(level)?;
        Ok(reloaded)
    });
    match done {
        Ok(reloaded) => {
            super::serve::warn_of(&warnings, &missing);
            if !reloaded.needs_restart.is_empty() {
                let keys = reloaded.needs_restart.join(", ");
                tracing::warn!(keys, "some changes take a restart");
            }
            tracing::info!(generation = reloaded.generation, why, "configuration reloaded");
        }
        Err(error) => {
            gateway.app().loads.refused_because(&format!("{error:#}"));
            tracing::error!(error = format!("{error:#}"), why, "{STAYS}");
        }
    }
}

fn refuse(gateway: &Gateway, report: &Report, why: &'static str) {
    let errors = report.problems().iter().filter(|problem| problem.severity == Severity::Error);
    let mut first = None;
    for problem in errors.take(MOST_LOGGED) {
        let (line, column) = report.position(problem);
        let place = format!("{}:{line}:{column}", problem.file);
        tracing::error!(place, hint = problem.hint.as_deref(), "{}", problem.message);
        first.get_or_insert_with(|| format!("{place}: {}", problem.message));
    }
    let problems = report.errors();
    gateway.app().loads.refused_because(&format!("{} ({problems} in all)", first.unwrap_or_default()));
    tracing::error!(problems, why, "{STAYS}");
}
