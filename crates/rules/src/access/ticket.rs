//! Upload tickets as text: `tt1.KEY.PAYLOAD.SIGNATURE`, signed with HMAC-SHA256 over everything before the last dot.
//!
//! An attacker would change a bit, take the payload of one ticket and the signature of another, spell the same bytes in a second
//! way, or name another key. The signature covers version and key id too, base64url has one spelling here, and nothing of a
//! ticket is looked at before its signature is verified, but the id of its key.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::Sha256;
use time::OffsetDateTime;
use wire::name::FileName;

use super::{Client, Grant, forbidden};
use crate::config::TypePattern;
use crate::failure::Failure;
use crate::schema::values::media_range;

/// Longest ticket in bytes. It stands in a URL, whose whole target may have 8 KiB.
pub const MAX_TICKET_LEN: usize = 4096;

/// The version of this form.
const VERSION: &str = "tt1";

/// What a ticket binds. Members have one letter, as every byte stands in a URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// Its own id, under which uses are counted.
    #[serde(rename = "i")]
    pub id: String,
    /// The route's name.
    #[serde(rename = "r")]
    pub route: String,
    /// Captures of the route's path, in its order.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub captures: Vec<(String, String)>,
    /// The end, in Unix seconds.
    #[serde(rename = "e")]
    pub expires: i64,
    /// How many uploads.
    #[serde(rename = "u")]
    pub uses: u32,
    /// Largest file in bytes.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u64>,
    /// Types or ranges; empty: any.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// The file's name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Parameters that are fixed.
    #[serde(rename = "q", default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<(String, String)>,
    /// The provider of the client that minted it: while it is used, that provider must still know the client.
    #[serde(rename = "p")]
    pub minter: String,
    /// The subject of the client that minted it.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Those of its claims that the route uses.
    #[serde(rename = "k", default, skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
}

/// Why a text is no ticket that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It has not the form of one.
    #[error("this is no ticket")]
    Malformed,
    /// No key has the id that it names.
    #[error("the ticket names a key that is not known")]
    UnknownKey,
    /// The signature is not that of its key.
    #[error("the ticket's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
}

/// Signs a ticket. `key_id` has no dot in it.
#[must_use]
pub fn seal(ticket: &Ticket, key_id: &str, secret: &[u8]) -> String {
    let payload = serde_json::to_vec(ticket).unwrap_or_default();
    let signed = format!("{VERSION}.{key_id}.{}", BASE64_URL_SAFE_NO_PAD.encode(payload));
    let signature = signature(secret, signed.as_bytes()).finalize().into_bytes();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The id of the key that a ticket says it was signed with.
///
/// # Errors
/// [`TicketError::Malformed`].
pub fn key_id(text: &str) -> Result<&str, TicketError> {
    Ok(split(text)?.key_id)
}

/// Verifies a ticket with the secret of the key that it names; `None`: no such key is known.
///
/// # Errors
/// Why it does not count.
pub fn open(text: &str, secret: Option<&[u8]>, now: OffsetDateTime) -> Result<Ticket, TicketError> {
    let parts = split(text)?;
    let secret = secret.ok_or(TicketError::UnknownKey)?;
    let given = BASE64_URL_SAFE_NO_PAD.decode(parts.signature).map_err(|_| TicketError::Malformed)?;
    // Compares in constant time.
    signature(secret, parts.signed.as_bytes()).verify_slice(&given).map_err(|_| TicketError::Signature)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(parts.payload).map_err(|_| TicketError::Malformed)?;
    let ticket: Ticket = serde_json::from_slice(&payload).map_err(|_| TicketError::Malformed)?;
    if ticket.expires <= now.unix_timestamp() {
        return Err(TicketError::Expired);
    }
    Ok(ticket)
}

struct Parts<'t> {
    /// Everything before the last dot.
    signed: &'t str,
    key_id: &'t str,
    payload: &'t str,
    signature: &'t str,
}

fn split(text: &str) -> Result<Parts<'_>, TicketError> {
    if text.len() > MAX_TICKET_LEN {
        return Err(TicketError::Malformed);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(TicketError::Malformed)?;
    let mut parts = signed.split('.');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(VERSION), Some(key_id), Some(payload), None) => Ok(Parts { signed, key_id, payload, signature }),
        _ => Err(TicketError::Malformed),
    }
}

fn signature(secret: &[u8], signed: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length (RFC 2104)");
    mac.update(signed);
    mac
}

impl Ticket {
    /// What it allows for a request to a route.
    ///
    /// # Errors
    /// `forbidden` for another route or another path of it.
    pub fn grant(&self, route: &str, captures: &[(String, String)]) -> Result<Grant, Failure> {
        if self.route != route || self.captures != captures {
            return Err(forbidden("this ticket is for another place"));
        }
        let types = self.types.iter().map(|text| {
            let (kind, subtype) = media_range(text).ok()?;
            Some(TypePattern { kind, subtype })
        });
        // A type or name of a ticket was checked when it was minted; one that this version cannot read allows nothing.
        let unreadable = || forbidden("this ticket is of another version");
        let name = self.name.as_ref().map(|name| FileName::parse(name).map_err(|_| unreadable()));
        Ok(Grant {
            max_size: self.max_size,
            types: types.collect::<Option<_>>().ok_or_else(unreadable)?,
            name: name.transpose()?,
            params: self.params.clone(),
        })
    }

    /// The client in whose place it uploads, vouched for by a provider of tickets.
    #[must_use]
    pub fn client(&self, provider: &std::sync::Arc<str>) -> Client {
        let subject = self.subject.as_deref().map(Into::into);
        Client { provider: Some(std::sync::Arc::clone(provider)), subject, claims: self.claims.clone() }
    }
}
