//! `targets`: every place that a rule may talk to.

use std::sync::Arc;

use ipnet::IpNet;

use super::beside;
use super::destinations::warn_of_wide_networks;
use super::fields::Fields;
use super::main_file::allow_private;
use super::names::Time;
use super::rule::RuleCheck;
use crate::config::{Auth, ErrorRules, FileRefusal, HeaderItem, Target, TextOrSecret};
use crate::expr::Template;
use crate::schema::table::target::{CREDENTIALS, HEADER_AUTH, SIGV4, TARGET};
use crate::schema::values::{boolean, parse_duration, parse_statuses};
use crate::source::{Entry, Node, Span, Style};
use crate::url::{Origin, OriginPattern};

const ALLOW_HINT: &str =
    "write origins such as `https://storage.example.com` or `https://*.example.com`, separated by commas or spaces";

impl RuleCheck<'_> {
    /// Reads the targets; one that cannot be used is left out after it was reported.
    pub(super) fn targets(&mut self, node: Option<&Node>) -> Vec<Arc<Target>> {
        let entries = node.map(Node::entries).unwrap_or_default();
        if let (Some(node), true) = (node, entries.is_empty()) {
            self.problems
                .error(node.span, "there is no target")
                .hint("add the API's URL: `targets: { api: { url: https://… } }`");
        }
        entries.iter().filter_map(|entry| self.target(entry)).map(Arc::new).collect()
    }

    fn target(&mut self, entry: &Entry) -> Option<Target> {
        self.target_name(entry);
        let fields = Fields::new(Some(&entry.value), &TARGET);
        let auth = fields.get("auth").map(|node| self.auth(node));
        let headers = self.headers(fields.get("headers"), Time::AnyRequest);
        self.authorization_once(auth.as_ref().and_then(Option::as_ref), &headers, fields.get("headers"));
        let errors = fields.get("errors").map(|node| self.errors(node)).unwrap_or_default();
        let private = allow_private(fields.get("allow-private"));
        warn_of_wide_networks(fields.get("allow-private"), self.problems);
        let origin = fields.get("url").map(|node| self.origin(node, &private));
        let allow = self.allow(fields.get("allow"), &private);
        if origin.is_none() && fields.get("allow").is_none() {
            let message = format!("target `{}` has neither `url` nor `allow`", entry.key);
            self.problems
                .error(entry.key_span, message)
                .hint("give it a `url` to send paths to, or `allow` for URLs that are learned from answers");
            return None;
        }
        let ca_file = fields.get("tls").and_then(|tls| tls.get("ca")?.get("file")?.text());
        let ca_file = ca_file.map(|path| beside(self.problems.file(), path));
        Some(Target {
            name: entry.key.as_str().into(),
            origin: origin.map_or(Some(None), |origin| origin.map(Some))?,
            allow: allow?,
            auth: auth.map_or(Some(None), |auth| auth.map(Some))?,
            headers,
            errors,
            timeout: fields.read_optional("timeout", parse_duration)?,
            connect_timeout: fields.read_optional("connect-timeout", parse_duration)?,
            ca_file,
            allow_private: private,
            chunked: fields.read("chunked", boolean)?,
        })
    }

    fn target_name(&mut self, entry: &Entry) {
        if let Err(complaint) = crate::schema::Leaf::Name.verify(&entry.key) {
            self.problems.error(entry.key_span, complaint.message).maybe_hint(complaint.hint);
        }
    }

    fn origin(&mut self, node: &Node, private: &[IpNet]) -> Option<Origin> {
        let text = node.text()?.trim();
        match Origin::parse(text) {
            Ok(origin) => {
                self.destination(node, node.span, &origin.host, private);
                Some(origin)
            }
            Err(error) => {
                let path = text
                    .split_once("://")
                    .and_then(|(_, rest)| rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)));
                let hint = match path {
                    Some(path) if path.len() > 1 => {
                        format!("write scheme, host and port alone, and put `{path}` into the steps' `request`")
                    }
                    _ => "write scheme, host and perhaps a port, such as `https://api.example.com`".to_owned(),
                };
                self.origin_problem(node, node.span, "this is no URL of a target", &error.0, &hint);
                None
            }
        }
    }

    fn allow(&mut self, node: Option<&Node>, private: &[IpNet]) -> Option<Vec<OriginPattern>> {
        let mut patterns = Vec::new();
        let mut usable = true;
        for item in node.map(Node::one_or_more).unwrap_or_default() {
            let text = item.text()?;
            for word in text.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()) {
                let place = item.locate(self.text, text.find(word).unwrap_or_default(), word.len());
                match OriginPattern::parse(word) {
                    Ok(pattern) => {
                        self.destination(item, place, &pattern.host, private);
                        patterns.push(pattern);
                    }
                    Err(error) => {
                        self.origin_problem(item, place, "this is no origin that URLs may have", &error.0, ALLOW_HINT);
                        usable = false;
                    }
                }
            }
            if text.trim().is_empty() {
                self.problems.error(item.span, "this allows nothing").hint(ALLOW_HINT);
                usable = false;
            }
        }
        usable.then_some(patterns)
    }

    /// The reason may quote the text, so it is shown only where the text stands in the file.
    fn origin_problem(&mut self, node: &Node, place: Span, message: &str, reason: &str, hint: &str) {
        let computed = node.as_scalar().is_some_and(|scalar| scalar.style == Style::Computed);
        if computed {
            let problem = self.problems.error(node.span, message);
            problem.label("this gives a value that cannot be used").hint("look at the variable's value: scheme, host and perhaps a port, without a path, such as `https://api.example.com`");
        } else {
            self.problems.error(place, message).label(reason).hint(hint);
        }
    }

    fn auth(&mut self, node: &Node) -> Option<Auth> {
        if let Some(secret) = node.get("bearer") {
            return self.secret(secret, false).map(Auth::Bearer);
        }
        if let Some(basic) = node.get("basic") {
            let password = basic.get("password").and_then(|node| self.secret(node, false));
            let username = basic.get("username")?;
            let username = match username.text() {
                Some(text) => TextOrSecret::Text(text.to_owned()),
                None => TextOrSecret::Secret(self.secret(username, false)?),
            };
            return Some(Auth::Basic { username, password: password? });
        }
        if let Some(header) = node.get("header") {
            let fields = Fields::new(Some(header), &HEADER_AUTH);
            let value = fields.get("value").and_then(|node| self.secret(node, false));
            let name = fields.text("name")?;
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                let span = fields.get("name").map(|node| node.span).unwrap_or_default();
                self.problems.error(span, "this is no header name").hint("use letters, digits and `-`");
            }
            return Some(Auth::Header { name, prefix: fields.text("prefix")?, value: value? });
        }
        if let Some(query) = node.get("query") {
            let value = query.get("value").and_then(|node| self.secret(node, false));
            return Some(Auth::Query { name: query.get("name")?.text()?.to_owned(), value: value? });
        }
        self.sigv4(Fields::new(Some(node.get("sigv4")?), &SIGV4))
    }

    fn sigv4(&mut self, fields: Fields<'_>) -> Option<Auth> {
        let credentials = fields.object("credentials", &CREDENTIALS);
        let access_key_id = credentials.get("access-key-id").and_then(|node| self.secret(node, false));
        let secret_access_key = credentials.get("secret-access-key").and_then(|node| self.secret(node, false));
        let session_token = credentials.get("session-token").and_then(|node| {
            let optional = node.get("optional").and_then(Node::text) == Some("true");
            self.secret(node, optional)
        });
        Some(Auth::SigV4 {
            service: fields.text("service")?,
            region: fields.text("region")?,
            access_key_id: access_key_id?,
            secret_access_key: secret_access_key?,
            session_token,
        })
    }

    /// A header that the target's `auth` writes cannot be written by hand as well.
    fn authorization_once(&mut self, auth: Option<&Auth>, headers: &[HeaderItem], node: Option<&Node>) {
        let Some(written) = auth.and_then(auth_header) else { return };
        let clash = headers.iter().any(|item| match item {
            HeaderItem::Written(name, _) | HeaderItem::Secret(name, _) => name.eq_ignore_ascii_case(written),
            HeaderItem::Learned(_) => false,
        });
        if let (true, Some(node)) = (clash, node) {
            self.problems
                .error(node.span, format!("`auth` and `headers` both write `{written}`"))
                .hint("keep `auth` and remove the header");
        }
    }

    fn errors(&mut self, node: &Node) -> ErrorRules {
        ErrorRules {
            code: self.alternatives(node.get("code")),
            detail: self.alternatives(node.get("detail")),
            violations: self.alternatives(node.get("violations")),
            refuses_file: node
                .get("refuses-file")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(refusal)
                .collect(),
        }
    }

    fn alternatives(&mut self, node: Option<&Node>) -> Vec<Template> {
        let nodes = node.map(Node::one_or_more).unwrap_or_default();
        nodes.iter().filter_map(|node| self.template(node, Time::ErrorAnswer)).collect()
    }
}

/// The header that credentials go into.
pub(super) fn auth_header(auth: &Auth) -> Option<&str> {
    match auth {
        Auth::Bearer(_) | Auth::Basic { .. } | Auth::SigV4 { .. } => Some("authorization"),
        Auth::Header { name, .. } => Some(name),
        Auth::Query { .. } => None,
    }
}

/// A status, a code, or both.
fn refusal(node: &Node) -> Option<FileRefusal> {
    if let Some(text) = node.text() {
        return Some(match parse_statuses(text) {
            Ok((status, _)) => FileRefusal { status: Some(status), codes: Vec::new() },
            Err(_) => FileRefusal { status: None, codes: vec![text.to_owned()] },
        });
    }
    let codes = node.get("code").map(Node::one_or_more).unwrap_or_default();
    let codes = codes.iter().filter_map(Node::text).map(ToOwned::to_owned).collect();
    let status = match node.get("status") {
        Some(status) => Some(parse_statuses(status.text()?).ok()?.0),
        None => None,
    };
    Some(FileRefusal { status, codes })
}
