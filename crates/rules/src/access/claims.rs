//! The claims of a token whose signature was verified (RFC 7519, section 4.1), judged at a time that is handed in.

use serde_json::{Map, Value};
use time::OffsetDateTime;

use crate::config::Jwt;
use crate::shown::is_plain_name;

/// Longest subject in bytes: it becomes a fact, a key of tables and a part of log lines.
const MAX_SUBJECT: usize = 256;

/// Why a token with a true signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// `iss` is missing or another's.
    #[error("the token is of another issuer")]
    Issuer,
    /// `aud` is missing or does not name this gateway.
    #[error("the token is for another audience")]
    Audience,
    /// `exp` is missing or no time.
    #[error("the token says no time at which it ends")]
    NoEnd,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is yet to come, or no time.
    #[error("the token is not valid yet")]
    TooEarly,
    /// The claim that names the subject is missing or no plain text.
    #[error("the token names no subject")]
    Subject,
}

/// Checks the claims, and gives the subject.
///
/// # Errors
/// The first claim that does not fit.
pub fn check<'c>(claims: &'c Map<String, Value>, rule: &Jwt, now: OffsetDateTime) -> Result<&'c str, ClaimsError> {
    if claims.get("iss").and_then(Value::as_str) != Some(rule.issuer.as_str()) {
        return Err(ClaimsError::Issuer);
    }
    if !is_for(claims.get("aud"), &rule.audience) {
        return Err(ClaimsError::Audience);
    }
    let leeway = i64::try_from(rule.leeway.as_secs()).unwrap_or(i64::MAX);
    let now = now.unix_timestamp();
    let end = claims.get("exp").and_then(seconds).ok_or(ClaimsError::NoEnd)?;
    if end.saturating_add(leeway) <= now {
        return Err(ClaimsError::Expired);
    }
    if let Some(begin) = claims.get("nbf")
        && seconds(begin).is_none_or(|begin| begin.saturating_sub(leeway) > now)
    {
        return Err(ClaimsError::TooEarly);
    }
    let subject = claims.get(&rule.subject).and_then(Value::as_str).ok_or(ClaimsError::Subject)?;
    if subject.len() > MAX_SUBJECT || !is_plain_name(subject) {
        return Err(ClaimsError::Subject);
    }
    Ok(subject)
}

/// When a token with these claims ends.
#[must_use]
pub fn end_of(claims: &Map<String, Value>) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(claims.get("exp").and_then(seconds)?).ok()
}

/// One audience or a list of them (RFC 7519, section 4.1.3).
fn is_for(claim: Option<&Value>, audience: &[String]) -> bool {
    let named = |value: &Value| value.as_str().is_some_and(|name| audience.iter().any(|known| known == name));
    match claim {
        Some(Value::Array(names)) => names.iter().any(named),
        Some(name) => named(name),
        None => false,
    }
}

/// A `NumericDate`: seconds, perhaps with a fraction.
fn seconds(value: &Value) -> Option<i64> {
    if let Some(whole) = value.as_i64() {
        return Some(whole);
    }
    let seconds = value.as_f64().filter(|seconds| seconds.abs() < 1e15)?;
    #[expect(clippy::cast_possible_truncation, reason = "the bound above leaves 50 bits")]
    Some(seconds as i64)
}
