//! Parts of a rule as text: known values in their place, `‹names›` for what only an answer can tell.

use percent_encoding::utf8_percent_encode;

use crate::config::{Auth, Body, FormItem, HeaderItem, Poll, RequestRule, Step, TextOrSecret, Tree, UrlRule};
use crate::diagnostics::{is_credential, is_written_credential};
use crate::expr::{COMPONENT, Piece, Reference, Template, to_json};
use crate::run::Facts;

/// What stands for a secret.
const MASK: &str = "***";

/// A template as written.
pub(super) fn source(template: &Template) -> String {
    template.source()
}

/// A template's text, each value through `encode`.
fn text(template: &Template, facts: &Facts, encode: impl Fn(&str) -> String) -> Option<String> {
    let lone = template.pieces().len() == 1;
    let mut shown = String::new();
    for piece in template.pieces() {
        match piece {
            Piece::Text(text) => shown.push_str(text),
            Piece::Stream(_) => shown.push_str("‹the file in base64›"),
            Piece::Expression(expression) if expression.uses_answers() => {
                shown.push_str(&placeholder(expression.source()));
            }
            Piece::Expression(expression) => match (expression.eval(facts), piece.text(facts)) {
                (Ok(None), _) if lone => return None,
                (_, Ok(value)) => shown.push_str(&encode(&value)),
                _ => shown.push_str(&placeholder(expression.source())),
            },
        }
    }
    Some(shown)
}

fn placeholder(source: &str) -> String {
    format!("‹{source}›")
}

fn plain(template: &Template, facts: &Facts) -> Option<String> {
    text(template, facts, ToOwned::to_owned)
}

pub(super) fn url(rule: &RequestRule, facts: &Facts) -> String {
    let component = |value: &str| utf8_percent_encode(value, COMPONENT).to_string();
    let (mut url, template) = match &rule.url {
        UrlRule::Path(template) => (rule.target.origin.as_ref().map(ToString::to_string).unwrap_or_default(), template),
        UrlRule::Learned(template) => (String::new(), template),
    };
    url.push_str(&text(template, facts, component).unwrap_or_default());
    let mut query: Vec<String> = Vec::new();
    for (name, template) in &rule.query {
        if let Some(value) = text(template, facts, component) {
            query.push(format!("{}={value}", component(name)));
        }
    }
    if let Some(Auth::Query { name, .. }) = &rule.target.auth {
        query.push(format!("{}={MASK}", component(name)));
    }
    if !query.is_empty() {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&query.join("&"));
    }
    url
}

pub(super) fn target(rule: &RequestRule) -> String {
    let target = &rule.target;
    let allowed: Vec<_> = target.allow.iter().map(ToString::to_string).collect();
    match (&rule.url, allowed.is_empty()) {
        (UrlRule::Learned(_), false) => format!("{} (a learned URL, allowed at {})", target.name, allowed.join(", ")),
        (UrlRule::Learned(_), true) => format!("{} (a learned URL, allowed at its own origin)", target.name),
        (UrlRule::Path(_), _) => target.name.to_string(),
    }
}

pub(super) fn headers(rule: &RequestRule, facts: &Facts) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = rule.target.auth.iter().filter_map(credentials).collect();
    for item in rule.target.headers.iter().chain(&rule.headers) {
        let (name, value) = match item {
            HeaderItem::Written(name, template) if is_own_credential(name, template) => {
                (name.clone(), Some(MASK.to_owned()))
            }
            HeaderItem::Written(name, template) => (name.clone(), plain(template, facts)),
            HeaderItem::Secret(name, _) => (name.clone(), Some(MASK.to_owned())),
            HeaderItem::Learned(template) => ("‹each of›".to_owned(), plain(template, facts)),
        };
        let repeated = item_repeats(item);
        fields.retain(|(present, _)| repeated || !present.eq_ignore_ascii_case(&name));
        fields.extend(value.map(|value| (name, value)));
    }
    let has_type = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if let Some(media_type) = default_type(&rule.body, facts).filter(|_| !has_type) {
        fields.push(("Content-Type".to_owned(), media_type));
    }
    fields
}

/// Whether a header is a credential that was written out or comes from the environment, and not from the upload or an answer.
fn is_own_credential(name: &str, template: &Template) -> bool {
    let of_environment = |reference: &Reference| reference.path.first().is_some_and(|root| root == "env");
    match template.as_literal() {
        Some(text) => is_written_credential(name, text),
        None => is_credential(name) && template.references().iter().any(of_environment),
    }
}

fn item_repeats(item: &HeaderItem) -> bool {
    matches!(item, HeaderItem::Learned(_))
}

fn credentials(auth: &Auth) -> Option<(String, String)> {
    let authorization = |value: String| Some(("Authorization".to_owned(), value));
    match auth {
        Auth::Bearer(_) => authorization(format!("Bearer {MASK}")),
        Auth::Basic { username: TextOrSecret::Text(user), .. } => authorization(format!("Basic {MASK} (user {user})")),
        Auth::Basic { .. } => authorization(format!("Basic {MASK}")),
        Auth::Header { name, prefix, .. } => Some((name.clone(), format!("{prefix}{MASK}"))),
        Auth::SigV4 { service, region, .. } => authorization(format!("AWS4-HMAC-SHA256 {MASK} ({service}, {region})")),
        Auth::Query { .. } => None,
    }
}

fn default_type(body: &Body, facts: &Facts) -> Option<String> {
    match body {
        Body::None => None,
        Body::File => facts.file.as_ref().map(|file| file.content_type.clone()),
        Body::Json(_) => Some("application/json".to_owned()),
        Body::Form(_) => Some("multipart/form-data; boundary=‹random›".to_owned()),
        Body::Urlencoded(_) => Some("application/x-www-form-urlencoded".to_owned()),
        Body::Text(_) => Some("text/plain; charset=utf-8".to_owned()),
    }
}

pub(super) fn body(body: &Body, facts: &Facts) -> Vec<String> {
    match body {
        Body::None => Vec::new(),
        Body::File => vec!["‹the file›".to_owned()],
        Body::Json(value) => vec![tree(value, facts)],
        Body::Text(template) => plain(template, facts).unwrap_or_default().lines().map(ToOwned::to_owned).collect(),
        Body::Urlencoded(pairs) => {
            pairs.iter().filter_map(|(name, template)| Some(format!("{name} = {}", plain(template, facts)?))).collect()
        }
        Body::Form(items) => items.iter().filter_map(|item| form_item(item, facts)).collect(),
    }
}

fn form_item(item: &FormItem, facts: &Facts) -> Option<String> {
    match item {
        FormItem::Field { name, value, .. } => {
            Some(format!("field {} = {}", plain(name, facts)?, plain(value, facts)?))
        }
        FormItem::Fields { from, .. } => Some(format!("each field of {}", plain(from, facts)?)),
        FormItem::File { part, filename, .. } => {
            let own = || facts.file.as_ref().map(|file| file.name.as_str().to_owned());
            let name = filename.as_ref().map_or_else(own, |template| plain(template, facts));
            let name = name.map(|name| format!(", filename \"{name}\"")).unwrap_or_default();
            Some(format!("file {}{name}: ‹the file›", plain(part, facts)?))
        }
    }
}

/// A tree as JSON, with placeholders where values are not known.
pub(super) fn tree(tree: &Tree, facts: &Facts) -> String {
    tree_text(tree, facts).unwrap_or_default()
}

fn tree_text(tree: &Tree, facts: &Facts) -> Option<String> {
    match tree {
        Tree::Constant(value) => Some(value.to_string()),
        Tree::Leaf(template) => leaf(template, facts),
        Tree::List(items) => {
            let items: Vec<_> = items.iter().filter_map(|item| tree_text(item, facts)).collect();
            Some(format!("[{}]", items.join(",")))
        }
        Tree::Map(members) => {
            let member = |(name, value): &(String, Tree)| {
                Some(format!("{}:{}", serde_json::Value::from(name.as_str()), tree_text(value, facts)?))
            };
            Some(format!("{{{}}}", members.iter().filter_map(member).collect::<Vec<_>>().join(",")))
        }
    }
}

fn leaf(template: &Template, facts: &Facts) -> Option<String> {
    match template.pieces() {
        [Piece::Expression(expression)] if expression.uses_answers() => Some(placeholder(expression.source())),
        [Piece::Expression(expression)] => match expression.eval(facts) {
            Ok(None) => None,
            Ok(Some(value)) => {
                Some(to_json(&value).map_or_else(|_| placeholder(expression.source()), |json| json.to_string()))
            }
            Err(_) => Some(placeholder(expression.source())),
        },
        _ => Some(serde_json::Value::from(plain(template, facts)?).to_string()),
    }
}

pub(super) fn expect(step: &Step) -> String {
    let statuses = statuses(&step.expect.statuses);
    match &step.expect.that {
        Some(that) => format!("{statuses}, and {}", source(that)),
        None => statuses,
    }
}

pub(super) fn statuses(ranges: &[(u16, u16)]) -> String {
    let range = |(low, high): &(u16, u16)| if low == high { low.to_string() } else { format!("{low}–{high}") };
    ranges.iter().map(range).collect::<Vec<_>>().join(", ")
}

pub(super) fn poll(poll: &Poll) -> String {
    let otherwise = if poll.otherwise_processing { "ends as processing (202)" } else { "fails" };
    let fails = poll.fail_when.as_ref().map(|when| format!(", fails when {}", source(when))).unwrap_or_default();
    format!("every {:?} until {}{fails}; after {:?} it {otherwise}", poll.every, source(&poll.until), poll.within)
}
