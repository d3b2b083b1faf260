//! Lists of API keys: in the main file, and in files of their own that a running gateway reads again.

use std::sync::Arc;

use super::fields::Fields;
use super::structure;
use super::variables::{Missing, Variables};
use crate::config::{ApiKey, Environment};
use crate::diagnostics::{Problems, Report};
use crate::schema::Shape;
use crate::schema::table::access::API_KEY;
use crate::schema::values::{key_hash, moment};
use crate::source::{self, Node, Value};

/// A file of keys: a list, without a key above it.
pub(super) static KEY_FILE: Shape = Shape::List(&Shape::Object(&API_KEY));

/// Reads a file of keys.
///
/// # Errors
/// Every problem in it.
pub fn key_file(path: &str, text: &str) -> Result<Vec<ApiKey>, Report> {
    let mut problems = Problems::new(path.into());
    let nothing = Environment::default();
    let variables = Variables::new(&nothing, Missing::Refused);
    let keys = source::parse(text, &mut problems).and_then(|mut root| {
        structure::walk(&mut root, &KEY_FILE, text, &variables, &mut problems);
        read_keys(root.items(), &mut problems)
    });
    let broken = problems.has_errors();
    match keys {
        Some(keys) if !broken => Ok(keys),
        _ => Err(Report::hiding(vec![(path.into(), text.into())], problems.into_vec(), &[path.into()])),
    }
}

/// Reads a list of keys; `None` after problems.
pub(super) fn read_keys(items: &[Node], problems: &mut Problems) -> Option<Vec<ApiKey>> {
    let mut keys: Vec<ApiKey> = Vec::new();
    let mut usable = true;
    for item in items {
        let Some(key) = read_key(item, problems) else {
            usable = false;
            continue;
        };
        let span = |name: &str| item.get(name).map(|node| node.span).unwrap_or_default();
        if keys.iter().any(|other| other.id == key.id) {
            problems
                .error(span("id"), "two keys have this id")
                .hint("give each its own, such as `web-team-2`: it says in logs and limits whose key was used");
        }
        if keys.iter().any(|other| other.sha256 == key.sha256) {
            problems.error(span("sha256"), "this key is listed twice").hint("remove one of the two entries");
        }
        keys.push(key);
    }
    usable.then_some(keys)
}

fn read_key(item: &Node, problems: &mut Problems) -> Option<ApiKey> {
    let fields = Fields::new(Some(item), &API_KEY);
    let claims = match fields.get("claims") {
        None => serde_json::Map::new(),
        Some(node) => match plain(node) {
            Some(serde_json::Value::Object(claims)) => claims,
            _ => {
                problems
                    .error(node.span, "claims are a map of plain values")
                    .hint("write `claims: { tenant: acme }`, without expressions");
                return None;
            }
        },
    };
    Some(ApiKey {
        id: Arc::from(fields.text("id")?),
        sha256: fields.read("sha256", key_hash)?,
        not_after: fields.read_optional("not-after", moment)?,
        claims,
    })
}

/// A tree without expressions, typed as in `json:` bodies.
fn plain(node: &Node) -> Option<serde_json::Value> {
    match &node.value {
        Value::Unusable => None,
        Value::List(items) => items.iter().map(plain).collect::<Option<Vec<_>>>().map(Into::into),
        Value::Map(entries) => {
            let members = entries.iter().map(|entry| Some((entry.key.clone(), plain(&entry.value)?)));
            members.collect::<Option<serde_json::Map<_, _>>>().map(Into::into)
        }
        Value::Scalar(scalar) if scalar.text.contains("${") => None,
        Value::Scalar(scalar) if scalar.style == source::Style::Plain => {
            let typed = serde_json::from_str(&scalar.text).ok().filter(|value: &serde_json::Value| !value.is_string());
            Some(typed.unwrap_or_else(|| scalar.text.clone().into()))
        }
        Value::Scalar(scalar) => Some(scalar.text.clone().into()),
    }
}
