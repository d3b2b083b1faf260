//! JSON Web Tokens: the signature by the `jsonwebtoken` library, the claims by `rules::access`.
//!
//! An attacker would write the algorithm of their choice into the head (`none`, or HS256 with the public key as its secret), name a
//! key of their own (`jku`, `jwk`, `x5c`), or ask for an extension that a lax verifier ignores (`crit`). So the algorithm must be
//! one that the provider lists *and* that the key is made for, keys come from the configured set alone, and `crit` is refused.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Validation};
use rules::access::{ClaimsError, check_claims};
use rules::config::{Jwt, JwtAlgorithm};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::jwks::{KeySets, Unavailable};
use super::refusal::Reason;

/// Longest token in bytes. Identity providers keep theirs below 4 KiB, as many servers take no longer header field.
const MAX_TOKEN: usize = 8 * 1024;

/// Longest key id in bytes.
const MAX_KEY_ID: usize = 256;

/// The `typ` of tokens that grant access (RFC 7519, RFC 9068); a logout token, say, is signed by the same keys.
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// Verifies a token, and gives its subject and claims.
///
/// # Errors
/// Why it does not count.
pub(super) async fn verify(
    token: &str,
    rule: &Jwt,
    sets: &Arc<KeySets>,
    now: OffsetDateTime,
) -> Result<(Arc<str>, Map<String, Value>), Reason> {
    if token.len() > MAX_TOKEN {
        return Err(Reason::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(head), Some(claims)) = (parts.next(), parts.next()) else { return Err(Reason::Malformed) };
    // Not verified yet: it only keeps a stranger's token from asking for this issuer's keys.
    if json(claims)?.get("iss").and_then(Value::as_str) != Some(rule.issuer.as_str()) {
        return Err(Reason::Issuer);
    }
    let (algorithm, key_id) = read_head(&json(head)?, rule)?;
    let key = match sets.find(key_id.as_deref(), algorithm).await {
        Ok(key) => key.ok_or(Reason::UnknownKey)?,
        Err(Unavailable) => return Err(Reason::KeysUnavailable),
    };
    let mut validation = Validation::new(library_name(algorithm));
    // Claims are judged below, against the time of this request.
    validation.required_spec_claims.clear();
    (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
    let verified = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation);
    let claims = verified.map_err(|_| Reason::Signature)?.claims;
    let subject = check_claims(&claims, rule, now).map_err(reason)?;
    Ok((subject.into(), claims))
}

fn json(part: &str) -> Result<Map<String, Value>, Reason> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| Reason::Malformed)
}

/// The algorithm and the key's id, from a head that asks for nothing else.
fn read_head(head: &Map<String, Value>, rule: &Jwt) -> Result<(JwtAlgorithm, Option<String>), Reason> {
    let text = |name: &str| match head.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Reason::Malformed),
    };
    // RFC 7515, section 4.1.11: whoever does not understand an extension that is critical must refuse. None is understood here.
    if head.contains_key("crit") || head.contains_key("b64") || head.contains_key("zip") {
        return Err(Reason::Malformed);
    }
    if text("typ")?.is_some_and(|kind| !TYPES.contains(&kind.to_ascii_lowercase().as_str())) {
        return Err(Reason::Malformed);
    }
    let key_id = text("kid")?;
    if key_id.is_some_and(|id| id.len() > MAX_KEY_ID) {
        return Err(Reason::Malformed);
    }
    let algorithm = text("alg")?.and_then(JwtAlgorithm::from_name).ok_or(Reason::Algorithm)?;
    if !rule.algorithms.contains(&algorithm) {
        return Err(Reason::Algorithm);
    }
    Ok((algorithm, key_id.map(ToOwned::to_owned)))
}

fn reason(error: ClaimsError) -> Reason {
    match error {
        ClaimsError::Issuer => Reason::Issuer,
        ClaimsError::Audience => Reason::Audience,
        ClaimsError::NoEnd => Reason::Malformed,
        ClaimsError::Expired => Reason::Expired,
        ClaimsError::TooEarly => Reason::TooEarly,
        ClaimsError::Subject => Reason::Subject,
    }
}

/// The library's name of an algorithm.
fn library_name(algorithm: JwtAlgorithm) -> Algorithm {
    match algorithm {
        JwtAlgorithm::Es256 => Algorithm::ES256,
        JwtAlgorithm::Es384 => Algorithm::ES384,
        JwtAlgorithm::Rs256 => Algorithm::RS256,
        JwtAlgorithm::Rs384 => Algorithm::RS384,
        JwtAlgorithm::Rs512 => Algorithm::RS512,
        JwtAlgorithm::Ps256 => Algorithm::PS256,
        JwtAlgorithm::Ps384 => Algorithm::PS384,
        JwtAlgorithm::Ps512 => Algorithm::PS512,
        JwtAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}
