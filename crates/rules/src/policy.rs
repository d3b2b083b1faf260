//! The POST policy inside a form: what of it can be checked before the first byte is sent.
//!
//! Storage services check the policy only after they have the whole file; a mismatch found here costs nothing. Where a
//! policy is not understood, nothing is claimed about it: the service has the last word.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use time::OffsetDateTime;

use crate::when;

/// A decoded policy (Amazon S3 "POST policy", also spoken by Google Cloud Storage and others).
#[derive(Debug)]
pub struct PostPolicy {
    expiration: Option<OffsetDateTime>,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
enum Condition {
    Equals { field: String, value: String },
    StartsWith { field: String, prefix: String },
    ContentLength { min: u64, max: u64 },
}

/// A condition that the form about to be sent does not fulfil.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyMismatch {
    /// It ended already, or ends within the margin.
    #[error("the policy ended at {at}")]
    Expired {
        /// RFC 3339.
        at: String,
    },
    /// The file is too large or too small for it.
    #[error("the policy takes files of {min} to {max} bytes (`content-length-range`), this one has {size}")]
    Size {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
        /// The file's.
        size: u64,
    },
    /// A field does not have the value that the policy demands.
    #[error("field `{field}` does not fulfil the policy's `{condition}` condition")]
    Field {
        /// Its name as the policy writes it.
        field: String,
        /// `eq` or `starts-with`.
        condition: &'static str,
    },
    /// A field that the policy does not mention.
    #[error("field `{field}` is not mentioned in the policy")]
    Unlisted {
        /// Its name as the form writes it.
        field: String,
    },
}

/// Fields that need no condition: the policy itself, its signature, and the file.
const EXEMPT: [&str; 8] = [
    "policy",
    "signature",
    "x-amz-signature",
    "x-goog-signature",
    "awsaccesskeyid",
    "googleaccessid",
    "file",
    "submit",
];

/// Longest policy that is decoded, in base64 bytes; S3 takes 20 KB of fields in all.
const MAX_POLICY_LEN: usize = 32 * 1024;

/// When a policy in base64 ends, as RFC 3339 text.
pub(crate) fn expiration(policy: &str) -> Option<String> {
    end_of(&document_of(policy)?).and_then(when::iso8601)
}

impl PostPolicy {
    /// Decodes a policy; none if it is not base64 of JSON with conditions, so that it must be something else.
    pub fn decode(policy: &str) -> Option<Self> {
        let document = document_of(policy)?;
        let expiration = end_of(&document);
        let written = document.get("conditions")?.as_array()?;
        let conditions = written.iter().flat_map(conditions_of).collect();
        Some(Self { expiration, conditions })
    }

    /// Checks the fields about to be sent, in the order of what helps most: expiry, size, fields.
    ///
    /// # Errors
    /// The first condition that is not fulfilled. `soon` is the time at which the policy must still hold.
    pub fn check(
        &self,
        fields: &[(String, String)],
        file_name: &str,
        file_len: Option<u64>,
        soon: OffsetDateTime,
    ) -> Result<(), PolicyMismatch> {
        if let Some(end) = self.expiration.filter(|end| *end <= soon) {
            return Err(PolicyMismatch::Expired { at: when::iso8601(end).unwrap_or_default() });
        }
        let form = Form { fields, file_name };
        for condition in &self.conditions {
            form.fulfils(condition, file_len)?;
        }
        self.check_unlisted(&form)
    }

    /// Amazon and Google refuse fields that their policy does not mention; others do not.
    fn check_unlisted(&self, form: &Form<'_>) -> Result<(), PolicyMismatch> {
        let strict = ["x-amz-signature", "awsaccesskeyid", "x-goog-signature"];
        if !strict.iter().any(|name| form.value(name).is_some()) {
            return Ok(());
        }
        let mentioned = |name: &str| {
            self.conditions.iter().any(|condition| match condition {
                Condition::Equals { field, .. } | Condition::StartsWith { field, .. } => {
                    field.eq_ignore_ascii_case(name)
                }
                Condition::ContentLength { .. } => false,
            })
        };
        let exempt = |name: &str| {
            let name = name.to_ascii_lowercase();
            EXEMPT.contains(&name.as_str()) || name.starts_with("x-ignore-")
        };
        match form.fields.iter().find(|(name, _)| !exempt(name) && !mentioned(name)) {
            Some((name, _)) => Err(PolicyMismatch::Unlisted { field: name.clone() }),
            None => Ok(()),
        }
    }
}

fn document_of(policy: &str) -> Option<Value> {
    if policy.len() > MAX_POLICY_LEN {
        return None;
    }
    let compact: String = policy.split_ascii_whitespace().collect();
    serde_json::from_slice(&BASE64_STANDARD.decode(compact).ok()?).ok()
}

fn end_of(document: &Value) -> Option<OffsetDateTime> {
    document.get("expiration").and_then(Value::as_str).and_then(when::parse_text)
}

struct Form<'a> {
    fields: &'a [(String, String)],
    file_name: &'a str,
}

impl Form<'_> {
    fn fulfils(&self, condition: &Condition, file_len: Option<u64>) -> Result<(), PolicyMismatch> {
        match condition {
            Condition::ContentLength { min, max } => match file_len {
                Some(size) if size < *min || size > *max => Err(PolicyMismatch::Size { min: *min, max: *max, size }),
                _ => Ok(()),
            },
            Condition::Equals { field, value } => {
                // The bucket stands in the URL, a form need not repeat it.
                let absent_is_fine = field.eq_ignore_ascii_case("bucket") || value.is_empty();
                let fulfilled = self.value(field).map_or(absent_is_fine, |sent| sent == *value);
                fulfilled.then_some(()).ok_or_else(|| PolicyMismatch::Field { field: field.clone(), condition: "eq" })
            }
            Condition::StartsWith { field, prefix } => {
                let begins = |sent: &str| sent.starts_with(prefix.as_str());
                // Of `Content-Type` the policy may mean a list, each part of which must begin so.
                let list = field.eq_ignore_ascii_case("content-type");
                let fulfilled = self.value(field).map_or(prefix.is_empty(), |sent| {
                    begins(&sent) && (!list || sent.split(',').all(|part| begins(part.trim())))
                });
                let mismatch = || PolicyMismatch::Field { field: field.clone(), condition: "starts-with" };
                fulfilled.then_some(()).ok_or_else(mismatch)
            }
        }
    }

    /// The value as the service sees it: it puts the file's name where `${filename}` stands.
    fn value(&self, name: &str) -> Option<String> {
        let (_, value) = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(value.replace("${filename}", self.file_name))
    }
}

fn conditions_of(written: &Value) -> Vec<Condition> {
    match written {
        Value::Object(pairs) => {
            let equals = |(field, value): (&String, &Value)| {
                Some(Condition::Equals { field: field.clone(), value: text(value)? })
            };
            pairs.iter().filter_map(equals).collect()
        }
        Value::Array(items) => condition_of(items).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn condition_of(items: &[Value]) -> Option<Condition> {
    let [operator, first, second] = items else { return None };
    let field = || Some(first.as_str()?.strip_prefix('$')?.to_owned());
    match operator.as_str()?.to_ascii_lowercase().as_str() {
        "eq" => Some(Condition::Equals { field: field()?, value: text(second)? }),
        "starts-with" => Some(Condition::StartsWith { field: field()?, prefix: text(second)? }),
        "content-length-range" => Some(Condition::ContentLength { min: number(first)?, max: number(second)? }),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Some signers write the bounds as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);

    fn check(conditions: &Value, fields: &[(&str, &str)], size: u64) -> Result<(), PolicyMismatch> {
        let document = json!({ "expiration": "2030-01-01T00:30:00.000Z", "conditions": conditions });
        let policy = PostPolicy::decode(&BASE64_STANDARD.encode(document.to_string())).expect("decodes");
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        policy.check(&fields, "a.png", Some(size), NOW)
    }

    #[test]
    fn a_form_that_fulfils_every_condition_passes() {
        let conditions = json!([
            {"bucket": "b"}, {"acl": "private"}, ["eq", "$Content-Type", "image/png"], ["starts-with", "$key", "up/"],
            ["content-length-range", 70, 70], ["starts-with", "$x-amz-meta-tag", ""], {"success_action_status": 201}
        ]);
        let fields = [
            ("key", "up/${filename}"),
            ("acl", "private"),
            ("content-type", "image/png"),
            ("success_action_status", "201"),
            ("Policy", "…"),
            ("X-Amz-Signature", "…"),
            ("x-ignore-me", "1"),
        ];
        assert_eq!(check(&conditions, &fields, 70), Ok(()));
    }

    #[test]
    fn names_the_condition_that_is_not_fulfilled() {
        let field = |field: &str, condition| Err(PolicyMismatch::Field { field: field.to_owned(), condition });
        let signed = ("x-amz-signature", "s");
        let table = [
            (
                json!([["content-length-range", 1, 69]]),
                vec![signed],
                Err(PolicyMismatch::Size { min: 1, max: 69, size: 70 }),
            ),
            (
                json!([["content-length-range", "71", "99"]]),
                vec![signed],
                Err(PolicyMismatch::Size { min: 71, max: 99, size: 70 }),
            ),
            (json!([["eq", "$key", "a"]]), vec![("key", "b"), signed], field("key", "eq")),
            (json!([{"acl": "private"}]), vec![signed], field("acl", "eq")),
            (json!([["Starts-With", "$key", "up/"]]), vec![("key", "down/"), signed], field("key", "starts-with")),
            (
                json!([["starts-with", "$Content-Type", "image/"]]),
                vec![("Content-Type", "image/png, text/x"), signed],
                field("Content-Type", "starts-with"),
            ),
            (json!([]), vec![("extra", "1"), signed], Err(PolicyMismatch::Unlisted { field: "extra".to_owned() })),
            (json!([]), vec![("extra", "1"), ("signature", "s")], Ok(())),
        ];
        for (conditions, fields, expected) in table {
            assert_eq!(check(&conditions, &fields, 70), expected, "{conditions}");
        }
    }

    #[test]
    fn an_ended_policy_is_refused() {
        let policy =
            PostPolicy::decode(&BASE64_STANDARD.encode(r#"{"expiration":"2029-12-31T23:59:59Z","conditions":[]}"#));
        let outcome = policy.expect("decodes").check(&[], "a", None, NOW);
        assert_eq!(outcome, Err(PolicyMismatch::Expired { at: "2029-12-31T23:59:59Z".to_owned() }));
    }

    #[test]
    fn what_is_no_policy_is_left_alone() {
        for text in ["", "public", "e30=", "bm8=", "{}"] {
            assert!(PostPolicy::decode(text).is_none(), "{text}");
        }
    }
}
