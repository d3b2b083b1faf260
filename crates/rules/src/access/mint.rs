//! Minting: what an authenticated client asks a ticket for, held against the route and the provider's bounds.

use percent_encoding::utf8_percent_encode;
use serde_json::Value;
use time::OffsetDateTime;
use wire::name::FileName;

use super::{Client, MintRequest, Ticket, forbidden};
use crate::admission::{check_name, check_params};
use crate::config::{PathSegment, Route, Tickets};
use crate::expr::COMPONENT;
use crate::failure::{Failure, Problem, Violation};
use crate::schema::values::media_range;

/// How long a ticket lives unless asked otherwise, in seconds: enough for a person to choose a file.
const DEFAULT_LIFETIME: u64 = 15 * 60;

/// Types that one ticket may list: more would make its URL long.
const MAX_TYPES: usize = 16;

/// Who asks for a ticket.
#[derive(Debug)]
pub struct Minter {
    /// Who.
    pub client: Client,
    /// When what it showed stops counting, if ever.
    pub ends: Option<OffsetDateTime>,
}

/// Binds what was asked for. `id` must be unlike any other ticket's.
///
/// # Errors
/// `invalid-parameter` with every complaint about a member; `forbidden` where the minter's own credentials end now.
pub fn mint(
    asked: &MintRequest,
    route: &Route,
    provider: &Tickets,
    minter: &Minter,
    id: String,
    now: OffsetDateTime,
) -> Result<Ticket, Failure> {
    let mut complaints = Complaints::default();
    let captures = complaints.captures(asked, route);
    let lifetime = complaints.lifetime(asked, provider);
    let uses = complaints.uses(asked, provider);
    complaints.types(asked);
    complaints.size(asked);
    complaints.name(asked, route);
    let params = complaints.params(asked, route);
    complaints.into_result()?;
    let used = route.access.rule().map(|rule| rule.used_claims.as_slice()).unwrap_or_default();
    let expires = now.unix_timestamp().saturating_add(i64::try_from(lifetime).unwrap_or(i64::MAX));
    // Who is no longer let in must not have left a key under the mat.
    let expires = minter.ends.map_or(expires, |ends| expires.min(ends.unix_timestamp()));
    if expires <= now.unix_timestamp() {
        return Err(forbidden("these credentials end now, and a ticket ends with them"));
    }
    let client = &minter.client;
    let claims = client.claims.iter().filter(|(name, _)| used.contains(name));
    Ok(Ticket {
        id,
        route: route.name.to_string(),
        captures,
        expires,
        uses,
        max_size: asked.max_size,
        types: asked.types.iter().map(|text| text.to_ascii_lowercase()).collect(),
        name: asked.name.clone(),
        params,
        minter: client.provider.as_deref().unwrap_or_default().to_owned(),
        subject: client.subject.as_deref().map(ToOwned::to_owned),
        claims: claims.map(|(name, value)| (name.clone(), value.clone())).collect(),
    })
}

/// The path and query at which a ticket is used, and the method: `PUT` with the bound name in the path, else `POST`.
#[must_use]
pub fn url_of(route: &Route, ticket: &Ticket, sealed: &str) -> (&'static str, String) {
    let component = |text: &str| utf8_percent_encode(text, COMPONENT).to_string();
    let value = |name: &String| {
        let found = ticket.captures.iter().find(|(capture, _)| capture == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let mut path = String::new();
    let mut ends_open = false;
    for segment in &route.path.segments {
        path.push('/');
        match segment {
            PathSegment::Literal(text) => path.push_str(&component(text)),
            PathSegment::Capture(name) => path.push_str(&component(value(name))),
            PathSegment::Rest(name) => {
                ends_open = true;
                path.push_str(&value(name).split('/').map(component).collect::<Vec<_>>().join("/"));
            }
        }
    }
    let named = ticket.name.as_ref().filter(|_| !ends_open);
    if let Some(name) = named {
        path.push('/');
        path.push_str(&component(name));
    }
    let method = if named.is_some() || ends_open { "PUT" } else { "POST" };
    // A ticket's alphabet needs no encoding.
    (method, format!("{path}?ticket={sealed}"))
}

#[derive(Default)]
struct Complaints(Vec<Violation>);

impl Complaints {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(Violation { field: field.to_owned(), message: message.into() });
    }

    fn captures(&mut self, asked: &MintRequest, route: &Route) -> Vec<(String, String)> {
        let names = route.path.segments.iter().filter_map(|segment| match segment {
            PathSegment::Literal(_) => None,
            PathSegment::Capture(name) => Some((name, false)),
            PathSegment::Rest(name) => Some((name, true)),
        });
        let names: Vec<_> = names.collect();
        for given in asked.path.keys().filter(|given| !names.iter().any(|(name, _)| name == given)) {
            self.add(&format!("path.{}", shown(given)), "is no part of this route's path");
        }
        let mut captures = Vec::new();
        for (name, rest) in names {
            let field = format!("path.{name}");
            match asked.path.get(name) {
                None => self.add(&field, "is required: a ticket is for one place"),
                Some(value) if value.chars().any(char::is_control) => self.add(&field, "has control characters"),
                // Clients and servers on the way take these for another path, and the ticket would not be for that.
                Some(value) if parts(value, rest).any(|part| matches!(part, "" | "." | "..")) => {
                    self.add(&field, "has a part that is empty or dots");
                }
                Some(value) => captures.push((name.clone(), value.clone())),
            }
        }
        captures
    }

    fn lifetime(&mut self, asked: &MintRequest, provider: &Tickets) -> u64 {
        let max = provider.max_lifetime.as_secs().max(1);
        let lifetime = asked.expires_in.unwrap_or(DEFAULT_LIFETIME.min(max));
        if lifetime == 0 || lifetime > max {
            self.add("expires_in", format!("must be from 1 to {max} seconds"));
        }
        lifetime
    }

    fn uses(&mut self, asked: &MintRequest, provider: &Tickets) -> u32 {
        let uses = asked.uses.unwrap_or(1);
        if uses == 0 || uses > provider.max_uses {
            self.add("uses", format!("must be from 1 to {}", provider.max_uses));
        }
        uses
    }

    fn types(&mut self, asked: &MintRequest) {
        if asked.types.len() > MAX_TYPES {
            self.add("types", format!("lists more than {MAX_TYPES} types"));
        } else if asked.types.iter().any(|text| media_range(text).is_err()) {
            self.add("types", "must list media types without parameters, such as image/png or image/*");
        }
    }

    fn size(&mut self, asked: &MintRequest) {
        if asked.max_size == Some(0) {
            self.add("max_size", "must be at least 1");
        }
    }

    /// Where the route's path ends openly, its last part is the file's name.
    fn name(&mut self, asked: &MintRequest, route: &Route) {
        let open = match route.path.segments.last() {
            Some(PathSegment::Rest(capture)) => asked.path.get(capture).map(|value| (capture, value)),
            _ => None,
        };
        let last = open.map(|(capture, value)| (capture, parts(value, true).last().unwrap_or_default()));
        if let (Some((capture, last)), Some(name)) = (last, &asked.name)
            && last != name
        {
            self.add("name", format!("must be the last part of `path.{capture}`, or be left out"));
        }
        if let (Some((capture, last)), None) = (last, &asked.name) {
            return self.file_name(&format!("path.{capture}"), last, route);
        }
        if let Some(name) = &asked.name {
            self.file_name("name", name, route);
        }
    }

    fn file_name(&mut self, field: &str, name: &str, route: &Route) {
        let checked = FileName::parse(name).map_err(|error| error.to_string());
        let checked = checked.and_then(|name| check_name(route, &name).map_err(|failure| failure.detail));
        if let Err(why) = checked {
            self.add(field, why);
        }
    }

    fn params(&mut self, asked: &MintRequest, route: &Route) -> Vec<(String, String)> {
        let mut params = Vec::new();
        for (name, value) in &asked.params {
            match value {
                Value::String(text) => params.push((name.clone(), text.clone())),
                Value::Bool(_) | Value::Number(_) => params.push((name.clone(), value.to_string())),
                _ => self.add(&format!("params.{}", shown(name)), "must be text, a number, true or false"),
            }
        }
        self.0.extend(check_params(route, &params));
        params
    }

    fn into_result(self) -> Result<(), Failure> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let detail = format!("`{}` {}", first.field, first.message);
        Err(Failure::new(Problem::InvalidParameter, detail).with_violations(self.0))
    }
}

/// The segments of a capture's value: a slash in one that is no rest stays in its segment, percent-encoded.
fn parts(value: &str, rest: bool) -> impl Iterator<Item = &str> {
    value.split(move |c| rest && c == '/')
}

/// A member's name as it is said back.
pub(super) fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}
