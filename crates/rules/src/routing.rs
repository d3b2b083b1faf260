//! Routing: which route a request path belongs to, what it captures, and the name that it may carry.
//!
//! Segments are split before they are percent-decoded, so an encoded slash never makes a new segment; a file name that holds
//! one is refused later, when the name is checked.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::config::{PathPattern, PathSegment, Route};

/// A request that belongs to a route.
#[derive(Debug, Clone)]
pub struct Match {
    /// The route.
    pub route: Arc<Route>,
    /// Captures of its path, percent-decoded.
    pub captures: Vec<(String, String)>,
    /// The file's name as the path gives it, percent-decoded bytes.
    pub name: Option<Vec<u8>>,
}

/// What became of a path.
#[derive(Debug, Clone)]
pub enum Routing {
    /// It belongs to a route.
    Found(Match),
    /// No route has this path.
    NoSuchRoute,
    /// A route has it, but takes only these methods there.
    WrongMethod {
        /// The route.
        route: Arc<Route>,
        /// For `Allow`.
        allow: &'static str,
    },
    /// A `%` is not followed by two hexadecimal digits.
    BrokenEncoding,
}

/// Finds the route of a request. `PUT` names the file by one more segment than the route's path; `POST` takes the path itself;
/// a path that ends in `{rest...}` takes both.
pub fn route(routes: &[Arc<Route>], method: &http::Method, path: &str) -> Routing {
    if !is_well_encoded(path) {
        return Routing::BrokenEncoding;
    }
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let mut wrong_method = None;
    for route in routes {
        if let Some(fit) = fits(&route.path, &segments) {
            if fit.takes(method) {
                return Routing::Found(Match { route: Arc::clone(route), captures: fit.captures, name: fit.name });
            }
            wrong_method.get_or_insert(Routing::WrongMethod { route: Arc::clone(route), allow: fit.allow });
        }
    }
    wrong_method.unwrap_or(Routing::NoSuchRoute)
}

/// One way in which a path fits a pattern.
struct Fit {
    captures: Vec<(String, String)>,
    name: Option<Vec<u8>>,
    allow: &'static str,
}

impl Fit {
    fn takes(&self, method: &http::Method) -> bool {
        self.allow.split(", ").any(|allowed| allowed == method.as_str())
    }
}

fn fits(pattern: &PathPattern, segments: &[&str]) -> Option<Fit> {
    let mut captures = Vec::new();
    let mut rest = segments;
    for part in &pattern.segments {
        if let PathSegment::Rest(name) = part {
            let last = rest.last().filter(|last| !last.is_empty())?;
            captures.push((name.clone(), decode_text(&rest.join("/"))?));
            return Some(Fit { captures, name: Some(decode(last)), allow: "PUT, POST" });
        }
        let (first, remaining) = rest.split_first()?;
        match part {
            PathSegment::Literal(text) if decode(first) == text.as_bytes() => {}
            PathSegment::Capture(name) if !first.is_empty() => captures.push((name.clone(), decode_text(first)?)),
            _ => return None,
        }
        rest = remaining;
    }
    match rest {
        [] => Some(Fit { captures, name: None, allow: "POST" }),
        [name] if !name.is_empty() => Some(Fit { captures, name: Some(decode(name)), allow: "PUT" }),
        _ => None,
    }
}

fn decode(segment: &str) -> Vec<u8> {
    percent_decode_str(segment).collect()
}

fn decode_text(segment: &str) -> Option<String> {
    String::from_utf8(decode(segment)).ok()
}

/// Whether each `%` is followed by two hexadecimal digits.
pub fn is_well_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let mut digits = after.bytes();
        digits.next().is_some_and(|digit| digit.is_ascii_hexdigit())
            && digits.next().is_some_and(|digit| digit.is_ascii_hexdigit())
    })
}
