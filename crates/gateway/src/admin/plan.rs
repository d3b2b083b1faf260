//! `/plan`: what would be done with an upload, before anybody sends it.

use http::StatusCode;
use rules::explain::{Sample, explain};
use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::respond::{Answer, Asked, in_json, text};

/// In front of the names of parameters, which could be the names of ours.
const PARAM: &str = "param.";

/// `?route=NAME`, and of the file `name`, `type` and `size`; each parameter, or part of the path, is `param.NAME`.
pub(super) fn of_sample(asked: &Asked<'_>) -> Answer {
    let mut sample = Sample::default();
    let mut name = None;
    for (key, value) in asked.query_pairs() {
        match key.as_str() {
            "route" => name = Some(value),
            "name" => sample.name = Some(value),
            "type" => sample.media_type = Some(value),
            "size" => match value.parse() {
                Ok(size) => sample.size = Some(size),
                Err(_) => return text(StatusCode::BAD_REQUEST, "the size is a number of bytes\n"),
            },
            _ => match key.strip_prefix(PARAM) {
                Some(param) => sample.given.push((param.to_owned(), value)),
                None => return text(StatusCode::BAD_REQUEST, "known are route, name, type, size and param.NAME\n"),
            },
        }
    }
    let Some(route) = asked.app.config.routes.iter().find(|route| name.as_deref() == Some(&*route.name)) else {
        return text(StatusCode::NOT_FOUND, "say which route: /plan?route=NAME\n");
    };
    let upload_id = Uuid::now_v7();
    let offer = match sample.offer(route, upload_id, OffsetDateTime::now_utc()) {
        Ok(offer) => offer,
        Err(error) => return in_json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": error.to_string() })),
    };
    match explain(route, offer) {
        Ok(explanation) => in_json(StatusCode::OK, &json!(explanation)),
        Err(failure) => {
            let problem = failure.problem_json(&upload_id, Some(&route.name));
            in_json(StatusCode::UNPROCESSABLE_ENTITY, &json!(problem))
        }
    }
}
