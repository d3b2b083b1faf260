//! CORS on the wire: the answer to a preflight, and the fields of every other answer (Fetch standard, "CORS protocol").
//!
//! A form that a page of any site posts is sent without asking and takes effect before the browser hides the answer, so hiding
//! answers protects nothing. A page that is not allowed is therefore refused before its body is read.

use std::sync::Arc;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderName, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use rules::config::{Cors, Route};
use rules::cors::OriginVerdict;
use rules::failure::{Failure, Problem};
use rules::routing::Routing;

/// A page of a public site asks to reach a private network (WICG, "Private Network Access").
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
/// The consent to it.
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// What the answer to a preflight hangs on: one that was kept must not be taken for another question.
const PREFLIGHT_VARY: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
/// What any other answer hangs on.
const ANSWER_VARY: HeaderValue = HeaderValue::from_static("Origin");

/// A browser's question before the request itself. It is no upload, and needs neither key nor place: browsers send no
/// credentials with it.
#[derive(Debug)]
pub(crate) struct Preflight {
    /// The route that was asked about.
    pub(crate) route: Arc<str>,
    /// What the answer says to the browser: consent, or no more than what it hangs on.
    pub(crate) fields: HeaderMap,
    /// Why there is no consent.
    pub(crate) refusal: Option<Failure>,
}

/// The preflight that a request is: `OPTIONS` with an origin and the method asked for, at the path of a route with `cors`.
pub(crate) fn preflight(routes: &[Arc<Route>], head: &Parts) -> Option<Preflight> {
    if !asks(head) {
        return None;
    }
    let Routing::WrongMethod { route, allow } = rules::routing::route(routes, &head.method, head.uri.path()) else {
        return None;
    };
    let cors = route.cors.as_ref()?;
    let consent = consent(cors, allow, &head.headers);
    let refusal = consent.is_none().then(|| refusal(&route.name));
    let mut fields = consent.unwrap_or_default();
    fields.insert(VARY, PREFLIGHT_VARY);
    Some(Preflight { route: Arc::clone(&route.name), fields, refusal })
}

/// Whether a request is a preflight by its form (Fetch standard, "CORS-preflight request").
pub(crate) fn asks(head: &Parts) -> bool {
    head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a preflight is told of a place that takes these methods; `None` if the page may not send there.
pub(crate) fn consent(cors: &Cors, methods: &str, headers: &HeaderMap) -> Option<HeaderMap> {
    let OriginVerdict::Allowed(origin) = cors.judge(origin(headers)) else { return None };
    let mut fields = HeaderMap::new();
    allow_origin(&mut fields, cors, origin);
    insert(&mut fields, ACCESS_CONTROL_ALLOW_METHODS, methods);
    insert(&mut fields, ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers.join(", "));
    fields.insert(ACCESS_CONTROL_MAX_AGE, cors.max_age.as_secs().into());
    if cors.private_network && headers.get(REQUEST_PRIVATE_NETWORK).is_some_and(|asked| asked == "true") {
        fields.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
    }
    Some(fields)
}

/// The fields of every answer to a request at this path, refusals included; none where no route with `cors` has it.
pub(crate) fn answer_fields_at(routes: &[Arc<Route>], head: &Parts) -> HeaderMap {
    match rules::routing::route(routes, &head.method, head.uri.path()) {
        Routing::Found(matched) => answer_fields(matched.route.cors.as_ref(), &head.headers),
        Routing::WrongMethod { route, .. } => answer_fields(route.cors.as_ref(), &head.headers),
        Routing::NoSuchRoute | Routing::BrokenEncoding => HeaderMap::new(),
    }
}

/// The fields of every answer of a place with this `cors`: what the page may read, or no more than that origins matter.
pub(crate) fn answer_fields(cors: Option<&Cors>, headers: &HeaderMap) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let Some(cors) = cors else { return fields };
    fields.insert(VARY, ANSWER_VARY);
    if let OriginVerdict::Allowed(origin) = cors.judge(origin(headers)) {
        allow_origin(&mut fields, cors, origin);
        insert(&mut fields, ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose.join(", "));
    }
    fields
}

/// Refuses what a page sends that is not allowed here.
///
/// # Errors
/// `forbidden`.
pub(crate) fn check_origin(route: &Route, headers: &HeaderMap) -> Result<(), Failure> {
    match route.cors.as_ref().map(|cors| cors.judge(origin(headers))) {
        Some(OriginVerdict::Refused) => Err(refusal(&route.name)),
        Some(OriginVerdict::NoPage | OriginVerdict::Allowed(_)) | None => Ok(()),
    }
}

fn refusal(route: &str) -> Failure {
    let detail = format!("route `{route}` takes nothing from pages of this origin; its `cors` says from which it does");
    Failure::new(Problem::Forbidden, detail)
}

/// The one origin of a request. Two, or bytes that are no text, are some origin that no rule allows.
fn origin(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(ORIGIN).iter();
    let first = values.next()?;
    Some(if values.next().is_some() { "" } else { first.to_str().unwrap_or_default() })
}

fn allow_origin(fields: &mut HeaderMap, cors: &Cors, origin: &str) {
    insert(fields, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if cors.credentials {
        fields.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
}

/// Sets a field whose value was checked or came in a field itself.
fn insert(fields: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        fields.insert(name, value);
    }
}
