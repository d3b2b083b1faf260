//! The admin side's answers, one function per path.

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use super::{page, routes};
use crate::app::App;
use crate::metrics::{OPENMETRICS_TYPE, TEXT_TYPE};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// The page has a style sheet of its own and needs nothing else; this keeps it so.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

type Answer = Response<Full<Bytes>>;

/// Answers one request. HEAD is answered like GET; the server leaves the body out.
pub(super) fn answer(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Answer {
    let page: fn(&App, &HeaderMap) -> Answer = match path {
        "/" => index,
        "/metrics" => metrics,
        "/healthz" => |_, _| text(StatusCode::OK, "ok\n"),
        "/readyz" => ready,
        "/routes" => |app, _| of(StatusCode::OK, JSON, Bytes::from(routes::summary(&app.config).to_string())),
        "/uploads" => uploads,
        _ => return text(StatusCode::NOT_FOUND, "there is nothing here\n"),
    };
    if method == Method::GET || method == Method::HEAD {
        return page(app, headers);
    }
    with(text(StatusCode::METHOD_NOT_ALLOWED, "this can only be read\n"), ALLOW, "GET, HEAD")
}

fn index(app: &App, _: &HeaderMap) -> Answer {
    let html = page::render(app);
    with(of(StatusCode::OK, HTML, Bytes::from(html)), CONTENT_SECURITY_POLICY, POLICY)
}

fn metrics(app: &App, headers: &HeaderMap) -> Answer {
    app.uploads.settle();
    let metrics = &app.metrics;
    if wants_openmetrics(headers) {
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
fn ready(app: &App, _: &HeaderMap) -> Answer {
    if app.draining.is_cancelled() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "draining\n");
    }
    text(StatusCode::OK, "ready\n")
}

fn uploads(app: &App, _: &HeaderMap) -> Answer {
    let body = json!({ "uploads": app.uploads.statuses() });
    of(StatusCode::OK, JSON, Bytes::from(body.to_string()))
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

fn text(status: StatusCode, body: &'static str) -> Answer {
    of(status, TEXT, Bytes::from_static(body.as_bytes()))
}

fn of(status: StatusCode, kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let answer = with(answer, CONTENT_TYPE, kind);
    with(answer, CACHE_CONTROL, "no-store")
}

fn with(mut answer: Answer, name: HeaderName, value: &'static str) -> Answer {
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer
}
