//! What an upstream says went wrong: found by the target's alternatives, then in the places that are usual, then sanitised.
//!
//! Known secrets are taken out first: of the answer before a rule looks into it, and of each text as it was found. The patterns after that are for credentials that nobody
//! here knows; one that takes a part of a known secret away would hide the rest.

use std::sync::LazyLock;

use minijinja::Value;
use minijinja::value::ValueKind;
use regex::Regex;

use super::Facts;
use super::learned::KnownSecrets;
use crate::config::ErrorRules;
use crate::expr::{Template, to_text};
use crate::failure::Violation;
use crate::shown::cleaned;

/// Longest text of an upstream's that is passed on, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// Longest code that is passed on, in characters: codes are words.
const MAX_CODE_CHARS: usize = 100;

/// Most complaints that are passed on.
const MAX_VIOLATIONS: usize = 20;

/// What an answer says, sanitised.
#[derive(Debug, Default)]
pub(super) struct ErrorTexts {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) violations: Vec<Violation>,
}

/// Where codes usually are: S3 and other XML, AWS JSON, JSON:API, and the shapes that most APIs share.
const USUAL_CODES: &[&str] = &[
    "xml.Error.Code",
    "headers['x-amzn-errortype']",
    "json.__type",
    "json.errors[0].code",
    "json.error.code",
    "json.error.type",
    "json.code",
    "json.error",
];

/// Where texts usually are: RFC 9457 first, as it is the only standard among them.
const USUAL_MESSAGES: &[&str] = &[
    "json.detail",
    "xml.Error.Message",
    "json.errors[0].detail",
    "json.errors[0].message",
    "json.errors[0].title",
    "json.error.message",
    "json.error_description",
    "json.message",
    "json.Message",
    "json['hydra:description']",
    "json.description",
    "json.title",
    "json.error",
    "json.errors[0]",
];

/// Where complaints about fields usually are.
const USUAL_VIOLATIONS: &[&str] = &["json.violations", "json['invalid-params']", "json.errors", "json.error.errors"];

struct Usual {
    codes: Vec<Template>,
    messages: Vec<Template>,
    violations: Vec<Template>,
}

static USUAL: LazyLock<Usual> = LazyLock::new(|| {
    let compile = |sources: &[&str]| {
        sources.iter().filter_map(|source| Template::parse(&format!("${{ {source} }}")).ok()).collect()
    };
    Usual { codes: compile(USUAL_CODES), messages: compile(USUAL_MESSAGES), violations: compile(USUAL_VIOLATIONS) }
});

impl ErrorTexts {
    /// Looks an answer through; `facts` see it under the bare names.
    pub(super) fn extract(rules: &ErrorRules, facts: &Facts) -> Self {
        let secrets = facts.known_secrets();
        let facts = &facts.masked(&secrets);
        let first =
            |own: &[Template], usual: &[Template]| own.iter().chain(usual).find_map(|template| scalar(template, facts));
        let code =
            first(&rules.code, &USUAL.codes).map(|code| sanitised(bare_code(&secrets.mask(&code)), MAX_CODE_CHARS));
        let message =
            first(&rules.detail, &USUAL.messages).map(|message| sanitised(&secrets.mask(&message), MAX_MESSAGE_CHARS));
        let lists = rules.violations.iter().chain(&USUAL.violations);
        let violations =
            lists.filter_map(|template| template.eval(facts).ok().flatten()).map(|value| complaints(&value, &secrets));
        let violations = violations.into_iter().find(|list| !list.is_empty()).unwrap_or_default();
        let something = |text: String| Some(text).filter(|text| !text.is_empty());
        Self { code: code.and_then(something), message: message.and_then(something), violations }
    }

    pub(super) fn says_something(&self) -> bool {
        self.code.is_some() || self.message.is_some()
    }
}

/// The first scalar that is not empty; numbers are codes as well.
fn scalar(template: &Template, facts: &Facts) -> Option<String> {
    let value = template.eval(facts).ok().flatten()?;
    let wanted = matches!(value.kind(), ValueKind::String | ValueKind::Number);
    to_text(&value).ok().filter(|text| wanted && !text.trim().is_empty())
}

/// AWS writes `Namespace#Code` and `Code:http://…`.
fn bare_code(code: &str) -> &str {
    let code = match code.split_once(":http") {
        Some((code, _)) => code,
        None => code.strip_suffix(':').unwrap_or(code),
    };
    code.rsplit_once('#').map_or(code, |(_, code)| code)
}

/// A list of maps, or a map of texts or lists of texts.
fn complaints(value: &Value, secrets: &KnownSecrets) -> Vec<Violation> {
    let mut found = Vec::new();
    match value.kind() {
        ValueKind::Seq => {
            for item in value.try_iter().into_iter().flatten().take(MAX_VIOLATIONS) {
                found.extend(complaint(&item, secrets));
            }
        }
        ValueKind::Map => {
            for key in value.try_iter().into_iter().flatten().take(MAX_VIOLATIONS) {
                let Ok(texts) = value.get_item(&key) else { continue };
                let texts = if texts.kind() == ValueKind::Seq { texts } else { Value::from(vec![texts]) };
                for text in texts.try_iter().into_iter().flatten().take(MAX_VIOLATIONS) {
                    found.extend(violation(&to_text(&key).unwrap_or_default(), &text, secrets));
                }
            }
        }
        _ => {}
    }
    found.truncate(MAX_VIOLATIONS);
    found
}

fn complaint(item: &Value, secrets: &KnownSecrets) -> Option<Violation> {
    let member = |path: &[&str]| {
        let found = path.iter().try_fold(item.clone(), |value, name| value.get_attr(name).ok())?;
        to_text(&found).ok().filter(|text| !text.is_empty())
    };
    let fields: [&[&str]; 8] = [
        &["propertyPath"],
        &["field"],
        &["path"],
        &["name"],
        &["param"],
        &["source", "pointer"],
        &["source", "parameter"],
        // JSON:API says `parameter`; Kustomer's page shows the plural.
        &["source", "parameters"],
    ];
    let messages: [&[&str]; 5] = [&["message"], &["detail"], &["reason"], &["title"], &["description"]];
    // Without a field it is an error of the request: the message, and no violation.
    let field = fields.iter().find_map(|path| member(path))?;
    let message = messages.iter().find_map(|path| member(path))?;
    violation(&field, &message.into(), secrets)
}

fn violation(field: &str, message: &Value, secrets: &KnownSecrets) -> Option<Violation> {
    let message = to_text(message).ok().filter(|_| message.kind() == ValueKind::String)?;
    Some(Violation {
        field: sanitised(&secrets.mask(field), MAX_CODE_CHARS),
        message: sanitised(&secrets.mask(&message), MAX_MESSAGE_CHARS),
    })
}

/// What could be a credential, in the order in which it is blackened.
static SECRETS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let patterns = [
        // User information and query of a URL: signatures live there.
        (r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#@]*@", "$1***@"),
        (r"(?i)\b([a-z][a-z0-9+.-]*://[^\s?#'\x22<>]*)[?#][^\s'\x22<>]*", "$1?***"),
        (r"(?i)\b(bearer|basic|token|apikey|aws4-hmac-sha256)\s+[a-z0-9._~+/=:-]{8,}", "$1 ***"),
        // `name=value` and `"name": "value"` whose name speaks of a secret.
        (
            r"(?i)\b([a-z0-9_.-]*(?:signature|secret|token|credential|password|passwd|api[_-]?key|authorization|session)[a-z0-9_.-]*)([\x22']?\s*[=:]\s*[\x22']?)[^\s\x22'&,;<>]{6,}",
            "$1$2***",
        ),
        // Policies are base64 and long, while S3 writes "according to Policy: Policy Condition failed", which people need.
        (r"(?i)\b([a-z0-9_.-]*policy[a-z0-9_.-]*)([\x22']?\s*[=:]\s*[\x22']?)[a-z0-9+/=_-]{16,}", "$1$2***"),
        (r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b", "***"),
        // JSON Web Tokens, and any run that is too long for a word.
        (r"\beyJ[A-Za-z0-9_-]{8,}[A-Za-z0-9_.=+/-]*", "***"),
        (r"[A-Za-z0-9+/=_]{40,}", "***"),
    ];
    patterns.into_iter().filter_map(|(pattern, with)| Some((Regex::new(pattern).ok()?, with))).collect()
});

/// Text that may be shown: no control characters and no invisible ones, bounded, credentials blackened.
pub(super) fn sanitised(text: &str, max_chars: usize) -> String {
    // Cut first, generously: a regex over a megabyte of HTML is work for nothing.
    let bounded: String = text.chars().take(max_chars.saturating_mul(6)).collect();
    let mut clean = cleaned(&bounded).split_whitespace().collect::<Vec<_>>().join(" ");
    for (pattern, with) in SECRETS.iter() {
        clean = pattern.replace_all(&clean, *with).into_owned();
    }
    if clean.chars().count() > max_chars {
        clean = clean.chars().take(max_chars.saturating_sub(1)).collect();
        clean.push('…');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blackens_whatever_could_be_a_credential() {
        let table = [
            ("plain text stays", "plain text stays"),
            ("read \u{202e}gpj.exe\u{202c} as\u{2028}is", "read gpj.exe as is"),
            ("to\u{200b}ken=abc\u{2066}def123456 rest", "token=*** rest"),
            ("e\u{301}\u{feff} \u{9b}31m red", "e\u{301} 31m red"),
            ("line\r\nbreaks\tand \u{7}bells", "line breaks and bells"),
            (
                "see https://b.s3.amazonaws.com/k?X-Amz-Signature=abc&x=1 now",
                "see https://b.s3.amazonaws.com/k?*** now",
            ),
            ("https://user:pw@host/a", "https://***@host/a"),
            ("Authorization: Bearer kpt_1234567890abc", "Authorization: *** ***"),
            ("token=abcdef123456 rest", "token=*** rest"),
            (r#"{"X-Amz-Signature": "0123456789"}"#, r#"{"X-Amz-Signature": "***"}"#),
            ("key AKIAIOSFODNN7EXAMPLE unknown", "key *** unknown"),
            ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "got ***"),
            ("id 123e4567-e89b-12d3-a456-426614174000", "id 123e4567-e89b-12d3-a456-426614174000"),
            (
                r#"Invalid according to Policy: Policy Condition failed: ["eq", "$key", "a/b.png"]"#,
                r#"Invalid according to Policy: Policy Condition failed: ["eq", "$key", "a/b.png"]"#,
            ),
            ("Policy=YWJjZGVmZ2hpamtsbW5v and", "Policy=*** and"),
            (r#"{"policy": "YWJjZGVmZ2hpamtsbW5v"}"#, r#"{"policy": "***"}"#),
        ];
        for (text, expected) in table {
            assert_eq!(sanitised(text, 300), expected, "{text}");
        }
        assert_eq!(sanitised(&"é ".repeat(1000), 300).chars().count(), 300);
    }

    #[test]
    fn cuts_what_aws_adds_to_codes() {
        let codes = [
            "InvalidRequestException",
            "InvalidRequestException:http://internal/",
            "com.amazonaws#InvalidRequestException",
        ];
        for code in codes {
            assert_eq!(bare_code(code), "InvalidRequestException");
        }
    }
}
