//! `/log`: what is logged, and changing it while the process runs.

use http::StatusCode;
use serde_json::json;

use super::browser;
use super::respond::{Answer, Asked, in_json, text};

/// What decides what is logged. The process that starts the gateway owns its log.
pub trait LogFilter: Send + Sync {
    /// The filter in force.
    fn current(&self) -> String;

    /// Puts another one in force, until the next reload or `reset`.
    ///
    /// # Errors
    /// Why it is no filter, in words.
    fn change(&self, filter: &str) -> Result<(), String>;

    /// Puts the configuration's in force again.
    ///
    /// # Errors
    /// The log has ended.
    fn reset(&self) -> Result<(), String>;
}

/// The filter in force.
pub(super) fn show(asked: &Asked<'_>) -> Answer {
    match &asked.admin.log {
        Some(log) => in_json(StatusCode::OK, &json!({ "filter": log.current() })),
        None => text(StatusCode::NOT_FOUND, "this gateway does not own its log\n"),
    }
}

/// `?filter=` takes its place.
pub(super) fn change(asked: &Asked<'_>) -> Answer {
    let filter = asked.query_pairs().find_map(|(name, value)| (name == "filter").then_some(value)).unwrap_or_default();
    if filter.trim().is_empty() {
        return text(StatusCode::BAD_REQUEST, "say which: /log?filter=info,gateway::transfer=debug\n");
    }
    apply(asked, &filter, |log| log.change(&filter))
}

/// The configuration's is in force again.
pub(super) fn reset(asked: &Asked<'_>) -> Answer {
    apply(asked, "as configured", |log| log.reset())
}

fn apply(asked: &Asked<'_>, filter: &str, change: impl FnOnce(&dyn LogFilter) -> Result<(), String>) -> Answer {
    if let Some(refusal) = browser::refuse(asked.headers) {
        return refusal;
    }
    let Some(log) = asked.admin.log.as_deref() else { return show(asked) };
    // Under the filter so far: the next one may hide it.
    tracing::warn!(filter, "an operator changes what is logged");
    if let Err(why) = change(log) {
        return in_json(StatusCode::BAD_REQUEST, &json!({ "error": why, "filter": log.current() }));
    }
    show(asked)
}
