//! From a configuration to what requests are served under.

use std::sync::Arc;

use rules::config::Config;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Dependencies, StartError};
use crate::access::{Gatekeeper, Means};
use crate::app::App;
use crate::budget::Budget;
use crate::fairuse::{Clock, FairUse};
use crate::ingress::drain::Drains;
use crate::load::LatestLoad;
use crate::metrics::Metrics;
use crate::secrets::Secrets;
use crate::uploads::UploadTable;
use crate::upstream::{Resolve, Upstreams};

/// The first of a process.
pub(super) fn first(config: Arc<Config>, needs: Dependencies) -> Result<App, StartError> {
    let budget = Budget::new(config.limits.memory);
    let metrics = Arc::new(Metrics::new(Arc::clone(&budget), needs.version, needs.revision)?);
    metrics.add_routes(&config.routes);
    let (tasks, aborting) = (TaskTracker::new(), CancellationToken::new());
    let upstreams = Arc::new(Upstreams::new(&config, Arc::clone(&needs.secrets), needs.resolver)?);
    let (secrets, before) = (&needs.secrets, None);
    let means = Means { secrets, upstreams: &upstreams, budget: &budget, metrics: &metrics, tasks: &tasks, before };
    let access = Arc::new(Gatekeeper::new(&config, &means)?);
    metrics.watch_secrets(Arc::clone(&needs.secrets));
    Ok(App {
        version: needs.version,
        generation: 1,
        access,
        fair_use: FairUse::new(&config, &metrics, Clock::default()),
        drains: Drains::default(),
        upstreams,
        loads: Arc::new(LatestLoad::new(Arc::clone(&metrics))),
        problems: Arc::default(),
        metrics,
        budget,
        uploads: UploadTable::new(config.limits.uploads, aborting.clone()),
        tasks,
        draining: CancellationToken::new(),
        aborting,
        config,
    })
}

/// The one after another: what belongs to the process goes on. Nothing has changed when it cannot be.
pub(super) fn next(
    before: &App,
    config: Arc<Config>,
    secrets: &Arc<Secrets>,
    resolver: Arc<dyn Resolve>,
) -> Result<App, StartError> {
    let App { metrics, budget, tasks, .. } = before;
    let upstreams = Arc::new(Upstreams::new(&config, Arc::clone(secrets), resolver)?);
    let means = Means { secrets, upstreams: &upstreams, budget, metrics, tasks, before: Some(&before.access) };
    let access = Arc::new(Gatekeeper::new(&config, &means)?);
    // The handles of limits and uploads are looked up by route.
    metrics.add_routes(&config.routes);
    Ok(App {
        version: before.version,
        generation: before.generation.saturating_add(1),
        access,
        fair_use: before.fair_use.under(&config, metrics),
        drains: before.drains.clone(),
        upstreams,
        metrics: Arc::clone(metrics),
        budget: Arc::clone(budget),
        loads: Arc::clone(&before.loads),
        problems: Arc::clone(&before.problems),
        uploads: Arc::clone(&before.uploads),
        tasks: tasks.clone(),
        draining: before.draining.clone(),
        aborting: before.aborting.clone(),
        config,
    })
}
