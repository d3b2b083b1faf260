//! `/status`: the whole gateway at one moment, as the page shows it. It names no client and no file.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::history::{Ended, History};
use crate::app::App;
use crate::metrics::Outcome;

/// Uploads that are shown one by one: more would neither be read nor fit.
const MOST_UPLOADS: usize = 200;

/// The gateway now.
pub(super) fn now(app: &App, history: &History) -> Value {
    app.uploads.settle();
    let totals = app.metrics.totals();
    json!({
        "at": rfc3339(SystemTime::now()),
        "state": if app.draining.is_cancelled() { "draining" } else { "ready" },
        "version": app.version,
        "configuration": configuration(app),
        "memory": { "used_bytes": app.budget.used(), "limit_bytes": app.budget.limit() },
        "in_flight": { "uploads": app.uploads.len(), "limit": app.config.limits.uploads },
        // Since the start of the process: the difference of two looks tells the rate.
        "received_bytes": totals.iter().map(|(_, totals)| totals.received).sum::<u64>(),
        // The oldest first: a stuck one is among them.
        "uploads": app.uploads.statuses(MOST_UPLOADS),
        "routes": routes(app, history.last_hour(totals)),
        "problems": app.problems.groups(),
    })
}

fn configuration(app: &App) -> Value {
    let known = app.loads.known();
    let refused = known.refused.map(|(at, why)| json!({ "at": rfc3339(at), "why": why }));
    json!({ "generation": app.generation, "in_force_since": rfc3339(known.in_force_since), "refused": refused })
}

/// How each route's uploads ended in the last hour, in the order of their names; what matched no route is called `none`.
fn routes(app: &App, last_hour: Vec<(Arc<str>, Ended)>) -> Value {
    let of_route = |(route, ended): (Arc<str>, Ended)| {
        let mut shown = json!({ "route": &*route, "in_flight": app.metrics.route(&route).in_flight().get() });
        for (outcome, count) in Outcome::ALL.iter().zip(ended) {
            shown[outcome.label()] = json!(count);
        }
        shown
    };
    last_hour.into_iter().map(of_route).collect()
}

fn rfc3339(at: SystemTime) -> String {
    OffsetDateTime::from(at).format(&Rfc3339).unwrap_or_default()
}
