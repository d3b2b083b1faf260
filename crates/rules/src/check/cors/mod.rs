//! `cors`: which pages may upload from a browser.

mod origin;

use http::HeaderName;

use super::fields::Fields;
use crate::config::{AllowedOrigin, AllowedOrigins, Cors};
use crate::cors::{ALLOWED_HEADERS, EXPOSED_HEADERS};
use crate::diagnostics::Problems;
use crate::schema::table::cors::CORS;
use crate::schema::values::{boolean, parse_duration};
use crate::source::{Node, Span, Style};
use origin::Written;

/// Request headers that browsers write themselves and pages cannot set (Fetch standard, "forbidden request-header").
const WRITTEN_BY_BROWSERS: [&str; 18] = [
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "connection",
    "content-length",
    "cookie",
    "date",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Answer headers that browsers show to no page, exposed or not (Fetch standard, "forbidden response-header name").
const HIDDEN_BY_BROWSERS: [&str; 2] = ["set-cookie", "set-cookie2"];

/// Reads `cors`: `Some(None)` if the route has none, `None` after problems.
pub(super) fn read(node: Option<&Node>, text: &str, problems: &mut Problems) -> Option<Option<Cors>> {
    let Some(node) = node else { return Some(None) };
    let fields = Fields::new(Some(node), &CORS);
    let origins = origins(fields.get("origins"), text, problems);
    let allow_headers = names(fields.get("allow-headers"), &ALLOWED_HEADERS, refusal_of_request_header, problems);
    let expose = names(fields.get("expose"), &EXPOSED_HEADERS, refusal_of_answer_header, problems);
    let cors = Cors {
        origins: origins?,
        credentials: fields.read("credentials", boolean)?,
        max_age: fields.read("max-age", parse_duration)?,
        allow_headers: allow_headers?,
        expose: expose?,
        private_network: fields.read("private-network", boolean)?,
    };
    judge_together(&cors, &fields, problems).then_some(Some(cors))
}

/// What can be right alone and is not together.
fn judge_together(cors: &Cors, fields: &Fields<'_>, problems: &mut Problems) -> bool {
    let span = |key: &str| fields.get(key).map(|node| node.span).unwrap_or_default();
    let any = cors.origins == AllowedOrigins::Any;
    let null = matches!(&cors.origins, AllowedOrigins::Listed(list) if list.contains(&AllowedOrigin::Null));
    if cors.credentials && (any || null) {
        let message = if any {
            "with credentials, `\"*\"` would let every page act as the person before it"
        } else {
            "with credentials, `null` would let every page act as the person before it: anybody can make a page without an origin"
        };
        problems
            .error(span("origins"), message)
            .related(span("credentials"), "credentials are allowed here")
            .hint("list the origins of your pages, or leave `credentials` out: a key or token in a header needs none");
        return false;
    }
    if cors.private_network && any {
        problems
            .error(span("origins"), "every page of the internet could reach into your network")
            .related(span("private-network"), "because of this")
            .hint("list the origins of your pages, or leave `private-network` out");
        return false;
    }
    true
}

fn origins(node: Option<&Node>, text: &str, problems: &mut Problems) -> Option<AllowedOrigins> {
    let mut reading = Reading { text, problems, any: None, listed: Vec::new(), usable: true };
    for item in node?.one_or_more() {
        reading.item(item);
    }
    reading.result(node?)
}

struct Reading<'r> {
    text: &'r str,
    problems: &'r mut Problems,
    any: Option<Span>,
    listed: Vec<AllowedOrigin>,
    usable: bool,
}

impl Reading<'_> {
    fn item(&mut self, item: &Node) {
        let Some(text) = item.text() else {
            self.usable = false;
            return;
        };
        let words: Vec<&str> = text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            self.fault(
                item,
                item.span,
                "this allows no origin",
                "write an origin such as `https://app.example.com`, or an empty list `[]` to refuse every page",
            );
        }
        for word in words {
            let place = item.locate(self.text, text.find(word).unwrap_or_default(), word.len());
            match origin::read(word) {
                Ok(Written::Any) => self.any = self.any.or(Some(place)),
                Ok(Written::One(allowed)) if self.listed.contains(&allowed) => {
                    let message = format!("`{}` is listed twice", allowed.text());
                    self.problems.warning(place, message).hint("keep one of the two");
                }
                Ok(Written::One(allowed)) => self.listed.push(allowed),
                Err(mistake) => self.fault(item, place, mistake.message, &mistake.hint),
            }
        }
    }

    /// The hint may quote the text, so it is shown only where the text stands in the file.
    fn fault(&mut self, item: &Node, place: Span, message: &str, hint: &str) {
        self.usable = false;
        if item.as_scalar().is_some_and(|scalar| scalar.style == Style::Computed) {
            let problem = self.problems.error(item.span, message);
            problem.label("this gives a value that cannot be used").hint("look at the variable's value: origins such as `https://app.example.com`, separated by commas or spaces");
        } else {
            self.problems.error(place, message).hint(hint);
        }
    }

    fn result(self, node: &Node) -> Option<AllowedOrigins> {
        match self.any {
            Some(place) if !self.listed.is_empty() => {
                self.problems
                    .error(place, "`*` allows every origin, so the others say nothing")
                    .related(node.span, "among these")
                    .hint("remove `*`, or the others");
                None
            }
            _ if !self.usable => None,
            Some(_) => Some(AllowedOrigins::Any),
            None => Some(AllowedOrigins::Listed(self.listed)),
        }
    }
}

/// The contract's names, and those of a list that are not among them.
fn names(
    node: Option<&Node>,
    always: &[&str],
    refusal: fn(&str) -> Option<(&'static str, &'static str)>,
    problems: &mut Problems,
) -> Option<Vec<String>> {
    let mut names: Vec<String> = always.iter().map(|name| (*name).to_owned()).collect();
    let mut usable = true;
    for item in node.map(Node::items).unwrap_or_default() {
        let name = item.text()?;
        if let Some((message, hint)) = refusal(&name.to_ascii_lowercase()).or_else(|| refusal_of_any(name)) {
            problems.error(item.span, message).hint(hint);
            usable = false;
        } else if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let hint = "remove it: the contract's headers are always there, and names of headers have no case";
            problems.warning(item.span, format!("`{name}` is there already")).hint(hint);
        } else {
            names.push(name.to_owned());
        }
    }
    usable.then_some(names)
}

fn refusal_of_any(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "*" => Some((
            "`*` is no name",
            "name the headers: `*` leaves out `Authorization`, and does not work with credentials",
        )),
        _ if HeaderName::from_bytes(name.as_bytes()).is_err() => {
            Some(("this is no header name", "use letters, digits and `-`"))
        }
        _ => None,
    }
}

fn refusal_of_request_header(name: &str) -> Option<(&'static str, &'static str)> {
    let written = WRITTEN_BY_BROWSERS.contains(&name) || name.starts_with("sec-") || name.starts_with("proxy-");
    written.then_some(("a page cannot set this header", "remove it: the browser writes it, or leaves it out"))
}

fn refusal_of_answer_header(name: &str) -> Option<(&'static str, &'static str)> {
    HIDDEN_BY_BROWSERS.contains(&name).then_some(("no page can read this header", "remove it: browsers hide it always"))
}
