//! The admin side's answers, one function per path.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use percent_encoding::percent_decode_str;
use rules::openapi;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Admin, cancel, events, log, page, plan, routes, state};
use crate::app::App;
use crate::ingress::split_query;
use crate::metrics::{OPENMETRICS_TYPE, TEXT_TYPE};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const EVENTS: &str = "text/event-stream";

/// An answer: at once, or for as long as somebody reads it.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// What can be read, and what nothing else is done with.
const READS: &str = "GET, HEAD";
const READS_AND_DELETE: &str = "GET, HEAD, DELETE";

/// When a page that found no place may try again, in seconds.
const COME_BACK: &str = "5";

/// One request.
pub(super) struct Asked<'a> {
    pub(super) admin: &'a Arc<Admin>,
    pub(super) app: &'a App,
    pub(super) method: &'a Method,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
}

/// Answers one request. HEAD is answered like GET; the server leaves the body out.
pub(super) fn answer(admin: &Arc<Admin>, method: &Method, uri: &Uri, headers: &HeaderMap) -> Answer {
    let app = &*admin.current.app();
    let asked = Asked { admin, app, method, query: uri.query(), headers };
    let path = uri.path();
    if let Some(id) = path.strip_prefix("/uploads/") {
        return one_upload(&asked, id);
    }
    if path == "/log" {
        return logging(&asked);
    }
    let page: fn(&Asked<'_>) -> Answer = match path {
        "/metrics" => metrics,
        "/healthz" => |_| text(StatusCode::OK, "ok\n"),
        "/readyz" => ready,
        "/routes" => |asked| in_json(StatusCode::OK, &routes::summary(&asked.app.config)),
        "/openapi.json" => |asked| in_json(StatusCode::OK, &openapi::document(&asked.app.config, asked.app.version)),
        "/uploads" => |asked| in_json(StatusCode::OK, &json!({ "uploads": asked.app.uploads.statuses(usize::MAX) })),
        "/status" => |asked| in_json(StatusCode::OK, &state::now(asked.app, &asked.admin.history)),
        "/plan" => plan::of_sample,
        "/events" => watch,
        _ => match page::file(path) {
            Some(file) if asked.reads() => return file,
            Some(_) => only_read,
            None => return text(StatusCode::NOT_FOUND, "there is nothing here\n"),
        },
    };
    if asked.reads() { page(&asked) } else { only_read(&asked) }
}

fn only_read(_: &Asked<'_>) -> Answer {
    with(text(StatusCode::METHOD_NOT_ALLOWED, "this can only be read\n"), ALLOW, READS)
}

impl Asked<'_> {
    fn reads(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    /// What follows the question mark, percent-decoded.
    pub(super) fn query_pairs(&self) -> impl Iterator<Item = (String, String)> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        split_query(self.query).map(move |(name, value)| (decoded(name), decoded(value)))
    }
}

fn one_upload(asked: &Asked<'_>, id: &str) -> Answer {
    let Ok(id) = Uuid::try_parse(id) else { return cancel::not_in_flight() };
    if asked.method == Method::DELETE {
        return cancel::cancel(asked, id);
    }
    if asked.reads() {
        let status = asked.app.uploads.status(id);
        return status.map_or_else(cancel::not_in_flight, |status| in_json(StatusCode::OK, &json!(status)));
    }
    let refusal = text(StatusCode::METHOD_NOT_ALLOWED, "an upload can be read or cancelled\n");
    with(refusal, ALLOW, READS_AND_DELETE)
}

fn logging(asked: &Asked<'_>) -> Answer {
    match *asked.method {
        Method::PUT => log::change(asked),
        Method::DELETE => log::reset(asked),
        _ if asked.reads() => log::show(asked),
        _ => with(
            text(StatusCode::METHOD_NOT_ALLOWED, "this can be read, put and reset\n"),
            ALLOW,
            "GET, HEAD, PUT, DELETE",
        ),
    }
}

/// Events for as long as they are read. Scrapers and probes keep their places however many pages are open.
fn watch(asked: &Asked<'_>) -> Answer {
    let Ok(place) = Arc::clone(&asked.admin.viewers).try_acquire_owned() else {
        let full = text(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open; try again\n");
        return with(full, RETRY_AFTER, COME_BACK);
    };
    if asked.method == Method::HEAD {
        return of(StatusCode::OK, EVENTS, Bytes::new());
    }
    let events = StreamBody::new(events::stream(Arc::clone(asked.admin), place));
    headed(StatusCode::OK, EVENTS, events.boxed_unsync())
}

fn metrics(asked: &Asked<'_>) -> Answer {
    asked.app.uploads.settle();
    let metrics = &asked.app.metrics;
    if wants_openmetrics(asked.headers) {
        return of(StatusCode::OK, OPENMETRICS_TYPE, Bytes::from(metrics.openmetrics()));
    }
    match metrics.text() {
        Ok(exposition) => of(StatusCode::OK, TEXT_TYPE, Bytes::from(exposition)),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written\n")
        }
    }
}

/// Ready once the listeners are bound, which they are before this answers, until drain begins.
fn ready(asked: &Asked<'_>) -> Answer {
    if asked.app.draining.is_cancelled() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    text(StatusCode::OK, "ready\n")
}

/// Whether `Accept` names OpenMetrics with a weight above zero and no smaller than the text format's (RFC 9110 section 12.5.1).
fn wants_openmetrics(headers: &HeaderMap) -> bool {
    let offers =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    let (mut open, mut plain) = (0.0_f64, 0.0_f64);
    for offer in offers {
        let mut parts = offer.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.filter_map(|part| part.strip_prefix("q=")).next().map_or(Some(1.0), |q| q.parse().ok());
        let weight: f64 = weight.unwrap_or(0.0);
        match kind.as_str() {
            "application/openmetrics-text" => open = open.max(weight),
            "text/plain" => plain = plain.max(weight),
            _ => {}
        }
    }
    open > 0.0 && open >= plain
}

pub(super) fn text(status: StatusCode, body: &'static str) -> Answer {
    of(status, TEXT, Bytes::from_static(body.as_bytes()))
}

pub(super) fn in_json(status: StatusCode, body: &Value) -> Answer {
    of(status, JSON, Bytes::from(body.to_string()))
}

pub(super) fn of(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    headed(status, kind, Full::new(body).boxed_unsync())
}

fn headed(status: StatusCode, kind: &'static str, body: UnsyncBoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    let answer = with(answer, CONTENT_TYPE, kind);
    with(answer, CACHE_CONTROL, "no-store")
}

pub(super) fn with(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}
