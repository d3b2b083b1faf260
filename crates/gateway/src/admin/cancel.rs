//! Ending one upload early, at an operator's word.

use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

use super::browser;
use super::respond::{Answer, Asked, in_json, text};

/// Cancels it.
pub(super) fn cancel(asked: &Asked<'_>, id: Uuid) -> Answer {
    if let Some(refusal) = browser::refuse(asked.headers) {
        return refusal;
    }
    if !asked.app.uploads.cancel(id) {
        return not_in_flight();
    }
    tracing::info!(upload_id = %id, "an operator cancelled this upload");
    in_json(StatusCode::ACCEPTED, &json!({ "upload_id": id.to_string(), "cancelled": true }))
}

/// There is no such upload, or it has ended.
pub(super) fn not_in_flight() -> Answer {
    text(StatusCode::NOT_FOUND, "this upload is not in flight\n")
}
