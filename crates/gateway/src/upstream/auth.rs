//! Credentials: the only code that reads a secret's value.
//!
//! A request carries the credentials of its own target and no others; whether a learned URL may be called at all was decided
//! before. Nothing here puts a value into an error.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rules::config::{Auth, SecretRef, TextOrSecret};
use rules::run::{HeaderText, NoAnswer};

use super::head::{OutgoingHead, Payload};
use super::sigv4::{self, Signer};
use crate::secrets::{SecretValue, Secrets, describe};

/// All but the unreserved characters of RFC 3986.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The bytes of a header's value.
///
/// # Errors
/// [`NoAnswer::NoCredentials`] when it is a secret without a value.
pub(super) fn field_value(value: &HeaderText, secrets: &Secrets) -> Result<Vec<u8>, NoAnswer> {
    match value {
        HeaderText::Plain(text) => Ok(text.clone().into_bytes()),
        HeaderText::Secret(secret) => Ok(required(secret, secrets)?.expose().as_bytes().to_vec()),
    }
}

/// Puts a target's credentials into a head. A field of the same name that the rule wrote gives way.
///
/// # Errors
/// [`NoAnswer::NoCredentials`] when a secret has no value, or none that a header can carry.
pub(super) fn authorize(
    auth: &Auth,
    head: &mut OutgoingHead,
    payload: Payload<'_>,
    secrets: &Secrets,
    now: SystemTime,
) -> Result<(), NoAnswer> {
    match auth {
        Auth::Bearer(token) => {
            let token = required(token, secrets)?;
            head.set("Authorization", format!("Bearer {}", token.expose()).into_bytes());
        }
        Auth::Basic { username, password } => {
            let user = match username {
                TextOrSecret::Text(text) => text.clone(),
                TextOrSecret::Secret(secret) => required(secret, secrets)?.expose().to_owned(),
            };
            let password = required(password, secrets)?;
            let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
            head.set("Authorization", format!("Basic {pair}").into_bytes());
        }
        Auth::Header { name, prefix, value } => {
            let value = required(value, secrets)?;
            head.set(name, format!("{prefix}{}", value.expose()).into_bytes());
        }
        Auth::Query { name, value } => {
            let value = required(value, secrets)?;
            add_query(&mut head.target, name, value.expose());
        }
        Auth::SigV4 { service, region, access_key_id, secret_access_key, session_token } => {
            let session_token = session_token.as_ref().and_then(|token| secrets.get(token));
            let access_key_id = required(access_key_id, secrets)?;
            let secret_access_key = required(secret_access_key, secrets)?;
            let signer = Signer {
                service,
                region,
                access_key_id: access_key_id.expose(),
                secret_access_key: secret_access_key.expose(),
                session_token: session_token.as_ref().map(SecretValue::expose),
            };
            sigv4::sign(&signer, head, payload, now)?;
        }
    }
    Ok(())
}

fn required(secret: &SecretRef, secrets: &Secrets) -> Result<SecretValue, NoAnswer> {
    let value =
        secrets.get(secret).ok_or_else(|| NoAnswer::NoCredentials(format!("{} has no value", describe(secret))))?;
    if value.expose().bytes().any(|byte| byte.is_ascii_control()) {
        return Err(NoAnswer::NoCredentials(format!("{} holds a control character", describe(secret))));
    }
    Ok(value)
}

fn add_query(target: &mut String, name: &str, value: &str) {
    target.push(if target.contains('?') { '&' } else { '?' });
    target.extend(utf8_percent_encode(name, QUERY_VALUE));
    target.push('=');
    target.extend(utf8_percent_encode(value, QUERY_VALUE));
}
