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
            PathSegment::Literal(text) if percent_decode_str(first).eq(text.bytes()) => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{Environment, Source, load};

    struct OneRoute(String);

    impl Source for OneRoute {
        fn read(&self, path: &str) -> Result<String, String> {
            Ok(if path == "main" { "routes: [route]".to_owned() } else { self.0.clone() })
        }
        fn glob(&self, _relative_to: &str, pattern: &str) -> Result<Vec<String>, String> {
            Ok(vec![pattern.to_owned()])
        }
    }

    fn routes(path: &str) -> Vec<Arc<Route>> {
        let yaml = format!(
            "route: r\npath: {path}\ntargets: {{ t: {{ url: https://example.com, chunked: true }} }}\nsteps:\n  - id: s\n    request: PUT /x\n    target: t\n    body: file\n"
        );
        load("main", &OneRoute(yaml), &Environment::default()).unwrap_or_else(|report| panic!("{report}")).config.routes
    }

    /// What a request to `r` comes to: name, captures, or why not.
    fn outcome(pattern: &str, method: &str, path: &str) -> String {
        let method = method.parse().expect("a method");
        match route(&routes(pattern), &method, path) {
            Routing::Found(found) => {
                let captures: Vec<_> = found.captures.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let name = found.name.map(|name| String::from_utf8_lossy(&name).into_owned());
                format!("{} {}", name.unwrap_or_else(|| "-".to_owned()), captures.join(","))
            }
            Routing::NoSuchRoute => "none".to_owned(),
            Routing::WrongMethod { allow, .. } => format!("allow {allow}"),
            Routing::BrokenEncoding => "broken".to_owned(),
        }
    }

    #[test]
    fn routes_by_path_and_method() {
        for (pattern, method, path, expected) in [
            ("/a/b", "POST", "/a/b", "- "),
            ("/a/b", "PUT", "/a/b/red%20pixel.png", "red pixel.png "),
            ("/a/b", "PUT", "/a/b", "allow POST"),
            ("/a/b", "POST", "/a/b/name", "allow PUT"),
            ("/a/b", "GET", "/a/b", "allow POST"),
            ("/a/b", "PUT", "/a/b/", "none"),
            ("/a/b", "POST", "/a/b/", "none"),
            ("/a/b", "PUT", "/a/b/x/y", "none"),
            ("/a/b", "POST", "/a", "none"),
            ("/a/b", "POST", "/a/B", "none"),
            ("/a/b", "POST", "//a/b", "none"),
            ("/a/b", "POST", "/%61/b", "- "),
            ("/a/b", "PUT", "/a/b/%zz", "broken"),
            ("/a/b", "PUT", "/a/b/x%2", "broken"),
            // An encoded slash stays in its segment: the name is refused later.
            ("/a/b", "PUT", "/a/b/x%2Fy", "x/y "),
            ("/{site}/b", "POST", "/acme/b", "- site=acme"),
            ("/{site}/b", "PUT", "/acme/b/n", "n site=acme"),
            ("/{site}/b", "POST", "//b", "none"),
            ("/s/{bucket}/{key...}", "PUT", "/s/b1/x/y/z.bin", "z.bin bucket=b1,key=x/y/z.bin"),
            ("/s/{bucket}/{key...}", "POST", "/s/b1/z.bin", "z.bin bucket=b1,key=z.bin"),
            ("/s/{bucket}/{key...}", "PUT", "/s/b1/", "none"),
            ("/s/{bucket}/{key...}", "GET", "/s/b1/z", "allow PUT, POST"),
        ] {
            assert_eq!(outcome(pattern, method, path), expected, "{method} {path} at {pattern}");
        }
    }

    #[test]
    fn never_panics_on_any_path() {
        proptest::proptest!(|(path in "\\PC*", method in "[A-Z]{1,7}")| {
            let routes = routes("/s/{bucket}/{key...}");
            let _any = route(&routes, &method.parse().expect("letters are a method"), &path);
        });
    }
}
