//! Credentials that upstreams handed out for this upload: signatures in URLs, policies, tokens of forms.
//!
//! An upstream's error may repeat what it was sent. Such values are known from the answer that they came in, so they are taken
//! out of later texts exactly, whether or not they look like a credential there.

use std::borrow::Cow;
use std::sync::LazyLock;

use minijinja::Value;
use minijinja::value::ValueKind;
use percent_encoding::percent_decode_str;
use regex::Regex;

use super::Answer;
use crate::withheld::{MAX_SEARCHED, Withheld};

/// Shorter values are words, and a text without its words says nothing.
const MIN_LEN: usize = 8;

/// Values that are remembered; a form has a dozen.
const MAX_SECRETS: usize = 128;

/// Members that are looked at, so that a large document of a hostile upstream costs no more than an honest one.
const MAX_NODES: usize = 4096;

/// Documents nest less; the parser's own bound is far higher.
const MAX_DEPTH: usize = 16;

static SECRET_NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)signature|secret|token|credential|policy|passw|api[_-]?key|authorization|session").ok()
});

/// What must not be repeated: the operator's secrets and the upload's.
#[derive(Debug, Default)]
pub(super) struct KnownSecrets {
    all: Withheld,
}

impl KnownSecrets {
    pub(super) fn new(own: Withheld, learned: &LearnedSecrets) -> Self {
        Self { all: own.and(learned.withheld()) }
    }

    /// The text without them.
    pub(super) fn mask(&self, text: &str) -> String {
        self.all.mask(text)
    }

    /// The answer without them. A body that is too long to be searched as a whole stays; its texts are searched one by one.
    pub(super) fn mask_answer(&self, answer: &Answer) -> Answer {
        let headers =
            answer.headers.iter().map(|(name, value)| (name.clone(), self.mask_bytes(value).into())).collect();
        Answer { status: answer.status, headers, body: self.mask_bytes(&answer.body).into_owned().into() }
    }

    fn mask_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if bytes.len() > MAX_SEARCHED {
            return Cow::Borrowed(bytes);
        }
        let text = String::from_utf8_lossy(bytes);
        let masked = self.mask(&text);
        if masked == text { Cow::Borrowed(bytes) } else { Cow::Owned(masked.into_bytes()) }
    }
}

/// What upstreams handed out for this upload.
#[derive(Debug, Default)]
pub(super) struct LearnedSecrets {
    values: Vec<String>,
    nodes: usize,
}

impl LearnedSecrets {
    /// Remembers what a document says: members whose name speaks of a secret, and the query values of URLs.
    pub(super) fn read(&mut self, document: &Value) {
        self.walk(document, 0);
        self.values.sort_unstable();
        self.values.dedup();
    }

    /// How to find them.
    fn withheld(&self) -> Withheld {
        Withheld::new(self.values.iter().map(String::as_str))
    }

    fn walk(&mut self, value: &Value, depth: usize) {
        self.nodes = self.nodes.saturating_add(1);
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return;
        }
        match value.kind() {
            ValueKind::String => self.url(value.as_str().unwrap_or_default()),
            ValueKind::Seq => value.try_iter().into_iter().flatten().for_each(|item| self.walk(&item, depth + 1)),
            ValueKind::Map => self.map(value, depth),
            _ => {}
        }
    }

    /// A member, or a pair that is written as `{name, value}` or `{key, value}`.
    fn map(&mut self, map: &Value, depth: usize) {
        let member = |name: &str| map.get_attr(name).ok().filter(|found| !found.is_undefined());
        if let Some((name, value)) = member("name").or_else(|| member("key")).zip(member("value")) {
            self.named(&name, &value);
        }
        for name in map.try_iter().into_iter().flatten() {
            let Ok(value) = map.get_item(&name) else { continue };
            self.named(&name, &value);
            self.walk(&value, depth + 1);
        }
    }

    fn named(&mut self, name: &Value, value: &Value) {
        let is_secret = |name: &str| SECRET_NAME.as_ref().is_some_and(|pattern| pattern.is_match(name));
        if name.as_str().is_some_and(is_secret) {
            self.keep(value.as_str().unwrap_or_default());
        }
    }

    fn url(&mut self, text: &str) {
        let Some((_, query)) = text.split_once('?').filter(|(before, _)| before.contains("://")) else { return };
        for pair in query.split('&') {
            let (_, value) = pair.split_once('=').unwrap_or(("", pair));
            self.keep(value);
            self.keep(&percent_decode_str(value).decode_utf8_lossy());
        }
    }

    fn keep(&mut self, value: &str) {
        if value.len() >= MIN_LEN && self.values.len() < MAX_SECRETS {
            self.values.push(value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::parse_json;

    #[test]
    fn finds_signatures_of_urls_and_secrets_of_forms_wherever_they_lie() {
        let document = serde_json::json!({
            "url": "https://s.example.com/k?sig=short1%2Fenough&x=1",
            "upload": { "fields": [ { "name": "X-Amz-Signature", "value": "0a1b2c3d4e" }, { "key": "a", "value": "harmless-words" } ],
                        "headers": { "x-amz-security-token": "t0k3n-value" } },
        });
        let document = parse_json(document.to_string().as_bytes()).expect("JSON");
        let mut learned = LearnedSecrets::default();
        learned.read(&document);
        let text = "got short1/enough or short1%2Fenough, 0a1b2c3d4e, t0k3n-value and harmless-words";
        assert_eq!(learned.withheld().mask(text), "got *** or ***, ***, *** and harmless-words");
    }
}
