//! What a request shows of who sent it, taken out of its head.

use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use rules::failure::{Failure, Problem};

use crate::secrets::SecretValue;

/// The field for an API key alone.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The query parameter with a ticket. No rule can have a parameter of this name.
const TICKET: &str = "ticket";

/// A credential. Printing it shows its kind.
#[derive(Debug)]
pub(crate) enum Credential {
    /// An API key.
    Key(SecretValue),
    /// Something of a JSON Web Token's form.
    Token(SecretValue),
    /// An upload ticket.
    Ticket(SecretValue),
    /// A scheme that is not known here, or nothing after its name.
    Other,
}

impl Credential {
    /// The metric label.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Key(_) => "api-key",
            Self::Token(_) => "jwt",
            Self::Ticket(_) => "ticket",
            Self::Other => "other",
        }
    }
}

/// Takes every credential out of a head, also where it is refused.
///
/// # Errors
/// `malformed-request` for more than one: which of them counts would be a guess (RFC 6750, section 2).
pub(crate) fn take(head: &mut Parts) -> Result<Option<Credential>, Failure> {
    let tickets = take_tickets(head);
    let fields = take_field(&mut head.headers, &AUTHORIZATION).into_iter().map(|text| by_scheme(text.as_deref()));
    let keys =
        take_field(&mut head.headers, &X_API_KEY).into_iter().map(|text| masked(text.as_deref(), Credential::Key));
    let tickets = tickets.into_iter().map(|text| masked(Some(&text), Credential::Ticket));
    let mut all = fields.chain(keys).chain(tickets);
    let first = all.next();
    match all.next() {
        None => Ok(first),
        Some(_) => {
            let detail = "a request shows one credential: one `Authorization`, one `X-Api-Key` or one `ticket`";
            Err(Failure::new(Problem::MalformedRequest, detail))
        }
    }
}

/// The values of a field; `None` for one that is no visible text.
fn take_field(headers: &mut HeaderMap, name: &HeaderName) -> Vec<Option<String>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str().ok().map(|text| text.trim().to_owned()));
    let values = values.collect();
    headers.remove(name);
    values
}

fn masked(text: Option<&str>, kind: impl FnOnce(SecretValue) -> Credential) -> Credential {
    text.and_then(SecretValue::new).map_or(Credential::Other, kind)
}

fn by_scheme(text: Option<&str>) -> Credential {
    let Some((scheme, rest)) = text.and_then(|text| text.split_once(' ')) else { return Credential::Other };
    let rest = Some(rest.trim_start());
    match scheme.to_ascii_lowercase().as_str() {
        // A token and a key come under the same word. The form decides alone, so no text is ever tried as both.
        "bearer" if rest.is_some_and(has_form_of_token) => masked(rest, Credential::Token),
        "bearer" => masked(rest, Credential::Key),
        "ticket" => masked(rest, Credential::Ticket),
        _ => Credential::Other,
    }
}

/// Three parts of base64url (RFC 7515, section 7.1). The keys that `tidegate keys new` makes have no dot.
fn has_form_of_token(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').collect();
    let base64url = |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte));
    parts.len() == 3 && parts.iter().all(base64url)
}

/// Takes the tickets out of the query, so that the target can be logged and read by whoever comes next.
fn take_tickets(head: &mut Parts) -> Vec<String> {
    let Some(query) = head.uri.query() else { return Vec::new() };
    let (tickets, others): (Vec<_>, Vec<_>) = query.split('&').partition(|pair| is_ticket(pair));
    if tickets.is_empty() {
        return Vec::new();
    }
    let values = tickets.iter().map(|pair| decoded(pair.split_once('=').map_or("", |(_, value)| value)));
    let values = values.collect();
    let rest = others.join("&");
    let path = head.uri.path();
    let target = if rest.is_empty() { path.to_owned() } else { format!("{path}?{rest}") };
    let mut parts = head.uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(target).ok();
    // What was a target stays one without some of its bytes.
    head.uri = Uri::from_parts(parts).unwrap_or_default();
    values
}

fn is_ticket(pair: &str) -> bool {
    decoded(pair.split_once('=').map_or(pair, |(name, _)| name)) == TICKET
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// Kind and value of the credential, and the target that is left.
    fn taken(target: &str, fields: &[(&str, &str)]) -> (String, String) {
        let mut request = Request::put(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).expect("a request").into_parts();
        let credential = take(&mut head);
        for name in ["authorization", "x-api-key"] {
            assert!(!head.headers.contains_key(name), "{name} is left");
        }
        assert!(!format!("{credential:?} {head:?}").contains("s3cret"), "{credential:?} {head:?}");
        let said = match credential {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(Credential::Other)) => "other".to_owned(),
            Ok(Some(Credential::Key(value))) => format!("key {}", value.expose()),
            Ok(Some(Credential::Token(value))) => format!("token {}", value.expose()),
            Ok(Some(Credential::Ticket(value))) => format!("ticket {}", value.expose()),
            Err(failure) => failure.problem.name().to_owned(),
        };
        (said, head.uri.to_string())
    }

    #[test]
    fn the_form_decides_which_kind_a_bearer_is() {
        for (value, expected) in [
            ("Bearer s3cret", "key s3cret"),
            ("bearer   s3cret", "key s3cret"),
            ("Bearer a.s3cret.c", "token a.s3cret.c"),
            ("Bearer a.s3cret.", "token a.s3cret."),
            ("Bearer a.s3cret.c.d", "key a.s3cret.c.d"),
            ("Bearer a.s3cret.c/", "key a.s3cret.c/"),
            ("Ticket s3cret", "ticket s3cret"),
            ("Basic s3cret", "other"),
            ("s3cret", "other"),
            ("Bearer ", "other"),
            ("", "other"),
        ] {
            assert_eq!(taken("/a", &[("authorization", value)]).0, expected, "{value}");
        }
        assert_eq!(taken("/a", &[("x-api-key", "a.s3cret.c")]).0, "key a.s3cret.c", "its field says what it is");
        assert_eq!(taken("/a?b=c", &[]), ("nothing".to_owned(), "/a?b=c".to_owned()));
    }

    #[test]
    fn a_ticket_leaves_no_trace_in_the_target() {
        for (target, left) in [
            ("/a?ticket=s3cret", "/a"),
            ("/a?x=1&ticket=s3cret&y=2", "/a?x=1&y=2"),
            ("/a?%74icket=s3cret&y", "/a?y"),
            ("/a?ticket=s3%63ret", "/a"),
            ("http://host:1/a?ticket=s3cret&x", "http://host:1/a?x"),
        ] {
            assert_eq!(taken(target, &[]), ("ticket s3cret".to_owned(), left.to_owned()), "{target}");
        }
        assert_eq!(taken("/a?tickets=1&Ticket=2", &[]).0, "nothing");
        assert_eq!(taken("/a?ticket", &[]), ("other".to_owned(), "/a".to_owned()));
    }

    #[test]
    fn two_credentials_are_none() {
        for (target, fields) in [
            ("/a", [("authorization", "Bearer s3cret"), ("x-api-key", "s3cret")]),
            ("/a", [("authorization", "Bearer s3cret"), ("authorization", "Bearer s3cret")]),
            ("/a", [("x-api-key", "s3cret"), ("x-api-key", "s3cret")]),
            ("/a?ticket=s3cret", [("authorization", "Bearer s3cret"), ("accept", "*/*")]),
            ("/a?ticket=s3cret&ticket=s3cret", [("accept", "*/*"), ("accept", "*/*")]),
        ] {
            assert_eq!(taken(target, &fields).0, "malformed-request", "{target} {fields:?}");
        }
    }
}
