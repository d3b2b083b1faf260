//! Builds the request of a step: the URL, then what it carries.
//!
//! Values come from clients and from answers; each is encoded for its place, so that none can add a path segment, a query
//! parameter or a header of its own.

use std::sync::Arc;

use percent_encoding::utf8_percent_encode;

use super::body::{self, Payload};
use super::headers::HeaderList;
use super::seed::Seed;
use super::unbuildable::Unbuildable;
use super::{Facts, StepRequest, TransferRequest};
use crate::config::{RequestRule, Step, Target, UrlRule};
use crate::expr::{COMPONENT, Piece, Template, to_text};
use crate::url::Url;

/// What a request is built from.
#[derive(Clone, Copy)]
pub(super) struct Builder<'a> {
    pub(super) facts: &'a Facts,
    pub(super) seed: &'a Seed,
    /// The time at which a POST policy must still hold.
    pub(super) soon: time::OffsetDateTime,
}

/// A request, and the envelope if it carries the file.
pub(super) struct Built {
    pub(super) request: StepRequest,
    pub(super) payload: Payload,
}

impl Builder<'_> {
    /// The request of a step that does not carry the file.
    pub(super) fn step(self, step: &Step, attempt: u32) -> Result<StepRequest, Unbuildable> {
        let Built { mut request, payload } = self.build(step, &step.request, attempt)?;
        match payload {
            Payload::None => {}
            Payload::Bytes(bytes) => request.body = Some(bytes),
            Payload::File(_) => {
                return Err(Unbuildable::Internal("a step beside the transfer holds the file".to_owned()));
            }
        }
        Ok(request)
    }

    /// The request that takes a step back.
    pub(super) fn undo(self, step: &Step, rule: &RequestRule) -> Result<StepRequest, Unbuildable> {
        let Built { mut request, payload } = self.build(step, rule, 1)?;
        if let Payload::Bytes(bytes) = payload {
            request.body = Some(bytes);
        }
        Ok(request)
    }

    /// The request whose body holds the file.
    pub(super) fn transfer(self, step: &Step, attempt: u32) -> Result<TransferRequest, Unbuildable> {
        let Built { request, payload } = self.build(step, &step.request, attempt)?;
        let Payload::File(envelope) = payload else {
            return Err(Unbuildable::Internal("the transfer does not hold the file".to_owned()));
        };
        let file_len = self.facts.file.as_ref().and_then(|file| file.size);
        let body_len = match file_len {
            Some(len) => {
                let total = envelope.body_len(len);
                Some(total.ok_or_else(|| Unbuildable::Internal("the body's length does not fit 64 bits".to_owned()))?)
            }
            None if request.target.chunked => None,
            None => {
                return Err(Unbuildable::Internal(
                    "the size is unknown, and the target takes no chunked body".to_owned(),
                ));
            }
        };
        Ok(TransferRequest { request, envelope, body_len, file_len })
    }

    fn build(self, step: &Step, rule: &RequestRule, attempt: u32) -> Result<Built, Unbuildable> {
        let url = self.url(rule)?;
        let mut headers = HeaderList::default();
        headers.add(&rule.target.headers, self.facts)?;
        headers.add(&rule.headers, self.facts)?;
        let body = body::build(self, &step.id, &rule.body)?;
        let headers = headers.finish(&url, &body, self.body_len(&body.payload))?;
        let request = StepRequest {
            step: Arc::clone(&step.id),
            target: Arc::clone(&rule.target),
            learned_url: matches!(rule.url, UrlRule::Learned(_)),
            method: rule.method.clone(),
            url,
            headers,
            body: None,
            timeout: step.timeout.or(rule.target.timeout),
            attempt,
        };
        Ok(Built { request, payload: body.payload })
    }

    /// The length that `Content-Length` will have; none: unknown.
    fn body_len(self, payload: &Payload) -> Option<u64> {
        match payload {
            Payload::None => Some(0),
            Payload::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
            Payload::File(envelope) => envelope.body_len(self.facts.file.as_ref()?.size?),
        }
    }

    fn url(self, rule: &RequestRule) -> Result<Url, Unbuildable> {
        let query = self.query(&rule.query)?;
        match &rule.url {
            UrlRule::Path(template) => {
                let target = with_query(self.by_place(template.pieces(), String::new())?, &query);
                let origin = rule.target.origin.clone();
                let origin =
                    origin.ok_or_else(|| Unbuildable::Internal("the target has no URL of its own".to_owned()))?;
                Url::at(origin, &target).map_err(|error| Unbuildable::Internal(error.to_string()))
            }
            UrlRule::Learned(template) => {
                let text = with_query(self.learned(template)?, &query);
                let url = Url::parse(&text).map_err(|error| Unbuildable::NotAllowed(error.to_string()))?;
                allowed(&rule.target, &url)?;
                Ok(url)
            }
        }
    }

    fn query(self, query: &[(String, Template)]) -> Result<String, Unbuildable> {
        let mut parameters = Vec::new();
        for (name, template) in query {
            if let Some(value) = template.eval_text(self.facts)? {
                parameters.push(format!("{}={}", component(name), component(&value)));
            }
        }
        Ok(parameters.join("&"))
    }

    /// A URL that begins with an expression: that one is taken as it is, later ones are encoded by place.
    fn learned(self, template: &Template) -> Result<String, Unbuildable> {
        match template.pieces().split_first() {
            Some((first @ Piece::Expression(_), rest)) => self.by_place(rest, first.text(self.facts)?),
            _ => self.by_place(template.pieces(), String::new()),
        }
    }

    /// Expressions before the first `?` become one segment (or a part of one), those after it one value.
    fn by_place(self, pieces: &[Piece], mut url: String) -> Result<String, Unbuildable> {
        // A learned URL's own path is its origin's business.
        let begin = url.rfind('/').unwrap_or_default();
        for piece in pieces {
            match piece {
                Piece::Text(text) => url.push_str(text),
                Piece::Stream(_) => return Err(Unbuildable::Internal("the file cannot stream in a URL".to_owned())),
                Piece::Expression(_) => {
                    let value = piece.text(self.facts)?;
                    // An empty or dotted segment would make it another resource: DELETE /files/ and not /files/1.
                    if !url.contains('?') && matches!(value.as_str(), "" | "." | "..") {
                        let what = "is empty or dots, which no segment of a URL's path may be";
                        return Err(Unbuildable::misplaced(std::slice::from_ref(piece), what));
                    }
                    url.extend(utf8_percent_encode(&value, COMPONENT));
                }
            }
        }
        // Values that are harmless alone can make a dotted segment together, or with the text around them.
        let path = url.get(begin..).unwrap_or_default().split('?').next().unwrap_or_default();
        if pieces.iter().any(|piece| matches!(piece, Piece::Expression(_))) && path.split('/').any(is_dotted) {
            let what = "makes a segment of dots, which no URL's path may have";
            return Err(Unbuildable::misplaced(pieces, what));
        }
        Ok(url)
    }
}

/// What a server takes for this folder or the one above (RFC 3986, 5.2.4), percent-encoded or not.
fn is_dotted(segment: &str) -> bool {
    if segment.len() > "%2e%2e".len() {
        return false;
    }
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(plain.as_str(), "." | "..")
}

fn component(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

fn with_query(mut url: String, query: &str) -> String {
    if !query.is_empty() {
        let separator = match url.split_once('?') {
            None => "?",
            Some((_, present)) if present.is_empty() || present.ends_with('&') => "",
            Some(_) => "&",
        };
        url.push_str(separator);
        url.push_str(query);
    }
    url
}

/// Whether a learned URL may be used: the target's allow-list, or its own origin.
fn allowed(target: &Target, url: &Url) -> Result<(), Unbuildable> {
    let listed = target.allow.iter().any(|pattern| pattern.matches(&url.origin));
    if listed || target.origin.as_ref() == Some(&url.origin) {
        return Ok(());
    }
    Err(Unbuildable::NotAllowed(format!("`{}` is not among what target `{}` allows", url.origin, target.name)))
}

/// A learned map, or list of `{name, value}` or `{key, value}`, as pairs in the order received; nulls are left out.
pub(super) fn learned_pairs(template: &Template, facts: &Facts) -> Result<Vec<(String, String)>, Unbuildable> {
    let Some(value) = template.eval(facts)? else { return Ok(Vec::new()) };
    let odd = |what: &str| Unbuildable::odd_template(template, facts, what);
    let items = value.try_iter().map_err(|_| odd("a map or a list of pairs was expected"))?;
    let mut pairs = Vec::new();
    for item in items {
        let (name, member) = if value.kind() == minijinja::value::ValueKind::Map {
            (item.clone(), value.get_item(&item).map_err(|_| odd("a map that cannot be read"))?)
        } else {
            let member = |name: &str| item.get_attr(name).ok().filter(|found| !found.is_undefined());
            let name = member("name").or_else(|| member("key"));
            name.zip(member("value")).ok_or_else(|| odd("a list of {name, value} or {key, value} was expected"))?
        };
        let name = name.as_str().ok_or_else(|| odd("a name that is no text"))?.to_owned();
        let member = only_item(member);
        if !member.is_none() {
            pairs.push((name, to_text(&member).map_err(|what| odd(&format!("a value is {what}")))?));
        }
    }
    Ok(pairs)
}

/// Some APIs write each header as a list of one.
fn only_item(value: minijinja::Value) -> minijinja::Value {
    let is_list = value.kind() == minijinja::value::ValueKind::Seq && value.len() == Some(1);
    if is_list { value.get_item_by_index(0).unwrap_or(value) } else { value }
}
