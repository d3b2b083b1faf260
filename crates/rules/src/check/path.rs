//! Paths of routes: how they are written, and whether two of them take the same request.

use super::structure::report;
use crate::config::{PathPattern, PathSegment};
use crate::diagnostics::Problems;
use crate::schema::Complaint;
use crate::schema::values::is_identifier;
use crate::source::Node;

/// Reads a path pattern; `None` after problems.
pub(super) fn read(node: &Node, text: &str, problems: &mut Problems) -> Option<PathPattern> {
    let source = node.text()?;
    match parse(source) {
        Ok(pattern) => Some(pattern),
        Err(complaint) => {
            report(problems, text, node, complaint, None);
            None
        }
    }
}

/// The captures of a pattern.
pub(super) fn captures(pattern: &PathPattern) -> Vec<String> {
    let name = |segment: &PathSegment| match segment {
        PathSegment::Literal(_) => None,
        PathSegment::Capture(name) | PathSegment::Rest(name) => Some(name.clone()),
    };
    pattern.segments.iter().filter_map(name).collect()
}

fn parse(source: &str) -> Result<PathPattern, Complaint> {
    let Some(path) = source.strip_prefix('/') else {
        return Err(Complaint::new("a path begins with `/`", format!("write `/{}`", source.trim_start_matches("./"))));
    };
    let mut segments: Vec<PathSegment> = Vec::new();
    let mut offset = 1;
    for part in path.split('/') {
        let place = |mut complaint: Complaint| {
            complaint.part = Some((offset, part.len().max(1))).filter(|_| !part.is_empty());
            complaint
        };
        if matches!(segments.last(), Some(PathSegment::Rest(_))) {
            return Err(place(Complaint::new(
                "nothing can follow `{name...}`: it takes all that remains",
                "put it at the end",
            )));
        }
        if segments.is_empty() && part == "-" {
            return Err(place(Complaint::new(
                "paths that begin with `/-/` are the gateway's own",
                "choose another first segment",
            )));
        }
        let segment = segment(part).map_err(place)?;
        if segments.contains(&segment) && !matches!(segment, PathSegment::Literal(_)) {
            return Err(place(Complaint::new("this capture is there twice", "give each capture its own name")));
        }
        segments.push(segment);
        offset += part.len() + 1;
    }
    Ok(PathPattern { source: source.to_owned(), segments })
}

fn segment(part: &str) -> Result<PathSegment, Complaint> {
    if part.is_empty() {
        return Err(Complaint::new(
            "there is an empty segment in this path",
            "write single slashes, and none at the end",
        ));
    }
    if let Some(inner) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let (name, rest) = inner.strip_suffix("...").map_or((inner, false), |name| (name, true));
        if !is_identifier(name) {
            return Err(Complaint::new(
                "this capture has no usable name",
                "use letters, digits and `_`, such as `{folder}`",
            ));
        }
        let name = name.to_owned();
        return Ok(if rest { PathSegment::Rest(name) } else { PathSegment::Capture(name) });
    }
    if part.contains(['{', '}']) {
        return Err(Complaint::new("a capture takes a whole segment", "write `/{name}/` between two slashes"));
    }
    if matches!(part, "." | "..") || part.chars().any(|c| c.is_whitespace() || c.is_control() || "?#%\\".contains(c)) {
        return Err(Complaint::new(
            "this cannot be a segment of a path",
            "use letters, digits and `-`; write no query and no percent-encoding",
        ));
    }
    Ok(PathSegment::Literal(part.to_owned()))
}

/// Whether some request belongs to both paths. `PUT` adds the file's name as one more segment, so a path also takes what is one
/// segment longer.
pub(super) fn overlap(left: &PathPattern, right: &PathPattern) -> bool {
    let forms = |pattern: &PathPattern| {
        let mut named = pattern.segments.clone();
        named.push(PathSegment::Capture(String::new()));
        let ends_open = matches!(pattern.segments.last(), Some(PathSegment::Rest(_)));
        if ends_open { vec![pattern.segments.clone()] } else { vec![pattern.segments.clone(), named] }
    };
    let (left, right) = (forms(left), forms(right));
    left.iter().any(|left| right.iter().any(|right| meet(left, right)))
}

fn meet(left: &[PathSegment], right: &[PathSegment]) -> bool {
    match (left, right) {
        ([], []) => true,
        ([PathSegment::Rest(_)], rest) | (rest, [PathSegment::Rest(_)]) => !rest.is_empty(),
        ([PathSegment::Literal(a), left @ ..], [PathSegment::Literal(b), right @ ..]) => a == b && meet(left, right),
        ([_, left @ ..], [_, right @ ..]) => meet(left, right),
        ([], _) | (_, []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_paths_that_take_the_same_request() {
        let table = [
            ("/a", "/a", true),
            ("/a", "/b", false),
            ("/a", "/a/b", true),
            ("/a/{x}", "/a/b", true),
            ("/a/{x}/c", "/a/b", true),
            ("/a/{x}/c", "/a/b/d", false),
            ("/a/{x...}", "/a/b/c/d", true),
            ("/a/{x...}", "/a", true),
            ("/a/{x...}", "/b/{y...}", false),
            ("/a/b/c", "/a", false),
        ];
        for (left, right, expected) in table {
            let (a, b) = (parse(left).expect("parses"), parse(right).expect("parses"));
            assert_eq!(overlap(&a, &b), expected, "{left} and {right}");
            assert_eq!(overlap(&b, &a), expected, "{right} and {left}");
        }
    }

    #[test]
    fn refuses_paths_that_cannot_be_routed() {
        for path in [
            "",
            "a",
            "/",
            "//",
            "/a//b",
            "/a/",
            "/{x...}/b",
            "/a{x}",
            "/{}",
            "/{x}/{x}",
            "/a?b",
            "/a%20b",
            "/..",
            "/{a-b}",
        ] {
            assert!(parse(path).is_err(), "{path}");
        }
    }
}
