//! The body of `POST /-/tickets`, and what is wrong with one in the words of JSON.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::mint::shown;

/// The body of `POST /-/tickets`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MintRequest {
    /// The route's name.
    pub route: String,
    /// A value for each capture of the route's path.
    #[serde(default)]
    pub path: BTreeMap<String, String>,
    /// The only name that the file may have.
    pub name: Option<String>,
    /// Types or ranges that the file may have; empty: any that the route takes.
    #[serde(default)]
    pub types: Vec<String>,
    /// Largest file in bytes.
    pub max_size: Option<u64>,
    /// How many uploads; 1 unless said otherwise.
    pub uses: Option<u32>,
    /// Life in seconds; 900 unless said otherwise.
    pub expires_in: Option<u64>,
    /// Parameters to fix.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
}

/// Each member, what it must be, and whether a value is that.
type Member = (&'static str, &'static str, fn(&Value) -> bool);

const MEMBERS: [Member; 8] = [
    ("route", "a text", Value::is_string),
    ("path", "an object of texts", |value| {
        value.as_object().is_some_and(|members| members.values().all(Value::is_string))
    }),
    ("name", "a text", |value| value.is_string() || value.is_null()),
    ("types", "a list of texts", |value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string))),
    ("max_size", "a whole number of bytes", |value| value.is_u64() || value.is_null()),
    ("uses", "a whole number, at most 4294967295", |value| {
        value.is_null() || value.as_u64().is_some_and(|uses| u32::try_from(uses).is_ok())
    }),
    ("expires_in", "a whole number of seconds", |value| value.is_u64() || value.is_null()),
    ("params", "an object", Value::is_object),
];

impl MintRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// What is wrong with it, for whoever sent it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        // A list of values in the order of the members would be read as well.
        let is_object = text.trim_ascii_start().first() == Some(&b'{');
        match serde_json::from_slice(text) {
            Ok(request) if is_object => Ok(request),
            _ => Err(complaint(text)),
        }
    }
}

fn complaint(text: &[u8]) -> String {
    let members = match serde_json::from_slice::<Value>(text) {
        Ok(Value::Object(members)) => members,
        Ok(_) => return "it must be a JSON object".to_owned(),
        Err(error) => return format!("it is no JSON: line {}, column {}", error.line(), error.column()),
    };
    if let Some(unknown) = members.keys().find(|name| MEMBERS.iter().all(|(known, ..)| known != name)) {
        return format!("there is no member `{}`", shown(unknown));
    }
    wrong_kind(&members).unwrap_or_else(|| match members.contains_key("route") {
        true => "a member is there twice".to_owned(),
        false => "the member `route` is missing".to_owned(),
    })
}

fn wrong_kind(members: &Map<String, Value>) -> Option<String> {
    let wrong = |(name, _, fits): &&Member| members.get(*name).is_some_and(|value| !fits(value));
    MEMBERS.iter().find(wrong).map(|(name, what, _)| format!("`{name}` must be {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_json() {
        for (text, expected) in [
            (r#"["r"]"#, "it must be a JSON object"),
            (r#"["r", {}, null, [], null, null, null, {}]"#, "it must be a JSON object"),
            (r#""r""#, "it must be a JSON object"),
            ("", "it is no JSON: line 1, column 0"),
            (r#"{"route": "r""#, "it is no JSON: line 1, column 13"),
            (r#"{"route": "r"} x"#, "it is no JSON: line 1, column 16"),
            ("{}", "the member `route` is missing"),
            (r#"{"route": 7}"#, "`route` must be a text"),
            (r#"{"route": null}"#, "`route` must be a text"),
            (r#"{"route": "r", "path": {"a": 1}}"#, "`path` must be an object of texts"),
            (r#"{"route": "r", "path": []}"#, "`path` must be an object of texts"),
            (r#"{"route": "r", "name": ["a"]}"#, "`name` must be a text"),
            (r#"{"route": "r", "types": "image/png"}"#, "`types` must be a list of texts"),
            (r#"{"route": "r", "max_size": "10"}"#, "`max_size` must be a whole number of bytes"),
            (r#"{"route": "r", "max_size": -1}"#, "`max_size` must be a whole number of bytes"),
            (r#"{"route": "r", "uses": 4294967296}"#, "`uses` must be a whole number, at most 4294967295"),
            (r#"{"route": "r", "expires_in": 1.5}"#, "`expires_in` must be a whole number of seconds"),
            (r#"{"route": "r", "params": null}"#, "`params` must be an object"),
            (r#"{"route": "r", "max-size": 1}"#, "there is no member `max-size`"),
            (r#"{"route": "r", "route": "s"}"#, "a member is there twice"),
        ] {
            let said = MintRequest::parse(text.as_bytes()).err();
            assert_eq!(said.as_deref(), Some(expected), "{text}");
        }
        let whole = br#" {"route": "r", "path": {}, "name": null, "types": [], "max_size": 1, "uses": null, "params": {"a": [1]}}"#;
        assert!(MintRequest::parse(whole).is_ok());
    }
}
