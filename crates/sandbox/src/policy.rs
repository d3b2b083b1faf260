//! S3's POST policy: a signed JSON document that says which form may be sent until when.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>
//!
//! Stand-ins issue policies and the S3 endpoint verifies them from the form alone, as S3 does: nothing is looked up.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One condition of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The field has exactly this value.
    Equal { field: String, value: String },
    /// The field begins with this.
    StartsWith { field: String, prefix: String },
    /// The file has a size in this range, both ends included.
    LengthRange { min: u64, max: u64 },
}

/// A policy that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Policy {
    expiration: OffsetDateTime,
    conditions: Vec<Condition>,
}

/// Why a form is not what the policy allows. The texts are S3's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error("Invalid Policy: Invalid JSON.")]
    Unreadable,
    #[error("Invalid according to Policy: Policy expired.")]
    Expired,
    #[error("Invalid according to Policy: Policy Condition failed: {0}")]
    Condition(String),
    #[error("Invalid according to Policy: Extra input fields: {0}")]
    ExtraField(String),
}

/// Writes a policy document, base64-encoded. `exact` are the fields in order; as pairs they are written `{"k":"v"}`
/// (the AWS SDK for JavaScript does), else `["eq","$k","v"]` (others do).
pub(crate) fn issue(
    expiration: OffsetDateTime,
    range: (u64, u64),
    exact: &[(String, String)],
    as_pairs: bool,
) -> String {
    let mut conditions = vec![json!(["content-length-range", range.0, range.1])];
    for (field, value) in exact {
        conditions.push(if as_pairs { json!({ field: value }) } else { json!(["eq", format!("${field}"), value]) });
    }
    let expiration = expiration.format(&Rfc3339).unwrap_or_default();
    let document = json!({ "expiration": expiration, "conditions": conditions });
    BASE64_STANDARD.encode(document.to_string())
}

impl Policy {
    /// Reads a base64 policy document.
    pub(crate) fn parse(encoded: &str) -> Result<Policy, PolicyError> {
        let document = BASE64_STANDARD.decode(encoded).map_err(|_not_base64| PolicyError::Unreadable)?;
        let document: Value = serde_json::from_slice(&document).map_err(|_not_json| PolicyError::Unreadable)?;
        let read = || {
            let expiration = OffsetDateTime::parse(document.get("expiration")?.as_str()?, &Rfc3339).ok()?;
            let conditions: Option<Vec<Condition>> =
                document.get("conditions")?.as_array()?.iter().map(condition).collect();
            Some(Policy { expiration, conditions: conditions? })
        };
        read().ok_or(PolicyError::Unreadable)
    }

    /// Checks all that can be checked before the file. Field names are compared without case, values exactly.
    pub(crate) fn check(
        &self,
        fields: &[(String, String)],
        bucket: &str,
        now: OffsetDateTime,
    ) -> Result<(), PolicyError> {
        if now >= self.expiration {
            return Err(PolicyError::Expired);
        }
        for condition in &self.conditions {
            if !condition.holds(fields, bucket) {
                return Err(PolicyError::Condition(condition.text()));
            }
        }
        match fields.iter().find(|(name, _)| !self.covers(name)) {
            Some((name, _)) => Err(PolicyError::ExtraField(name.clone())),
            None => Ok(()),
        }
    }

    /// The narrowest range of sizes.
    pub(crate) fn length_range(&self) -> (u64, u64) {
        self.conditions.iter().fold((0, u64::MAX), |(low, high), condition| match condition {
            Condition::LengthRange { min, max } => (low.max(*min), high.min(*max)),
            _ => (low, high),
        })
    }

    /// S3 wants every field covered by a condition, "except x-amz-signature, file, policy, and field names that have
    /// an x-ignore- prefix".
    fn covers(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let exempt = matches!(name.as_str(), "x-amz-signature" | "file" | "policy") || name.starts_with("x-ignore-");
        exempt
            || self.conditions.iter().any(|condition| match condition {
                Condition::Equal { field, .. } | Condition::StartsWith { field, .. } => {
                    field.eq_ignore_ascii_case(&name)
                }
                Condition::LengthRange { .. } => false,
            })
    }
}

impl Condition {
    fn holds(&self, fields: &[(String, String)], bucket: &str) -> bool {
        let value = |wanted: &str| match fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)) {
            Some((_, value)) => Some(value.as_str()),
            // The bucket is in the URL; the form need not repeat it.
            None => wanted.eq_ignore_ascii_case("bucket").then_some(bucket),
        };
        match self {
            Condition::Equal { field, value: wanted } => value(field) == Some(wanted.as_str()),
            Condition::StartsWith { field, prefix } => value(field).is_some_and(|value| value.starts_with(prefix)),
            Condition::LengthRange { .. } => true,
        }
    }

    fn text(&self) -> String {
        match self {
            Condition::Equal { field, value } => json!(["eq", format!("${field}"), value]).to_string(),
            Condition::StartsWith { field, prefix } => json!(["starts-with", format!("${field}"), prefix]).to_string(),
            Condition::LengthRange { min, max } => json!(["content-length-range", min, max]).to_string(),
        }
    }
}

fn condition(value: &Value) -> Option<Condition> {
    if let Some(pair) = value.as_object() {
        let (field, value) = pair.iter().next()?;
        let single = pair.len() == 1;
        return single.then_some(Condition::Equal { field: field.clone(), value: value.as_str()?.to_owned() });
    }
    let [kind, first, second] = value.as_array()?.as_slice() else { return None };
    let field = || first.as_str()?.strip_prefix('$').map(str::to_owned);
    let text = || second.as_str().map(str::to_owned);
    match kind.as_str()? {
        "eq" => Some(Condition::Equal { field: field()?, value: text()? }),
        "starts-with" => Some(Condition::StartsWith { field: field()?, prefix: text()? }),
        "content-length-range" => Some(Condition::LengthRange { min: first.as_u64()?, max: second.as_u64()? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn read(as_pairs: bool) -> (Policy, OffsetDateTime) {
        let now = OffsetDateTime::now_utc();
        let exact = fields(&[("key", "a/b"), ("Content-Type", "image/png"), ("bucket", "b")]);
        let policy = issue(now + Duration::minutes(30), (3, 3), &exact, as_pairs);
        (Policy::parse(&policy).expect("our own policy"), now)
    }

    #[test]
    fn accepts_the_form_it_was_made_for_in_either_notation() {
        for as_pairs in [true, false] {
            let (policy, now) = read(as_pairs);
            let form = fields(&[("KEY", "a/b"), ("content-type", "image/png"), ("policy", "…"), ("x-ignore-me", "1")]);
            assert_eq!(policy.check(&form, "b", now), Ok(()));
            assert_eq!(policy.length_range(), (3, 3));
        }
    }

    #[test]
    fn names_the_condition_that_failed() {
        let (policy, now) = read(true);
        let form = fields(&[("key", "a/B"), ("Content-Type", "image/png")]);
        assert_eq!(policy.check(&form, "b", now), Err(PolicyError::Condition(r#"["eq","$key","a/b"]"#.into())));
        let form = fields(&[("key", "a/b")]);
        assert!(matches!(policy.check(&form, "b", now), Err(PolicyError::Condition(_))));
        let form = fields(&[("key", "a/b"), ("Content-Type", "image/png")]);
        assert!(matches!(policy.check(&form, "other", now), Err(PolicyError::Condition(_))));
    }

    #[test]
    fn refuses_a_field_that_no_condition_covers_and_a_late_form() {
        let (policy, now) = read(false);
        let form = fields(&[("key", "a/b"), ("Content-Type", "image/png"), ("acl", "private")]);
        assert_eq!(policy.check(&form, "b", now), Err(PolicyError::ExtraField("acl".into())));
        assert_eq!(policy.check(&form, "b", now + Duration::minutes(30)), Err(PolicyError::Expired));
    }
}
