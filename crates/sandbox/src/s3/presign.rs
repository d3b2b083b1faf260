//! Presigned URLs: a PUT that anyone may do who has the URL, with exactly the headers that were signed.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use time::{Duration, OffsetDateTime};

use super::error;
use crate::http::{Answer, Head, decode_query};
use crate::sigv4::{self, PathEncoding, Scope, Signable, encode};
use crate::state::{REGION, vendor_credentials};
use crate::system::System;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// URLs from the future are refused beyond this skew.
const SKEW: Duration = Duration::minutes(15);

/// A URL to be signed.
#[derive(Debug)]
pub(crate) struct UrlGrant<'a> {
    pub(crate) system: System,
    /// `http://host:port`.
    pub(crate) origin: &'a str,
    pub(crate) key: &'a str,
    /// The headers that the uploader must send, beside `Host`.
    pub(crate) headers: &'a [(String, String)],
    /// How long it lives, in seconds.
    pub(crate) expires: u64,
    /// When it begins to live.
    pub(crate) from: OffsetDateTime,
}

impl UrlGrant<'_> {
    /// The URL.
    pub(crate) fn sign(&self) -> String {
        let signer = vendor_credentials(self.system);
        let scope = Scope::new(self.from, REGION, "s3");
        let date = sigv4::amz_date(self.from);
        let host = self.origin.split_once("://").map_or(self.origin, |(_, host)| host);
        let mut headers = self.headers.to_vec();
        headers.push(("host".to_owned(), host.to_owned()));
        let mut signed: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        signed.sort();
        let signed: Vec<&str> = signed.iter().map(String::as_str).collect();
        let key: Vec<String> = self.key.split('/').map(encode).collect();
        let path = format!("/{}/{}", self.system.bucket().unwrap_or_default(), key.join("/"));
        let credential = encode(&format!("{}/{}", signer.access_key, scope.name()));
        let mut query = format!(
            "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={date}&X-Amz-Expires={}\
             &X-Amz-SignedHeaders={}",
            self.expires,
            encode(&signed.join(";"))
        );
        if let Some(token) = &signer.session_token {
            query.push_str(&format!("&X-Amz-Security-Token={}", encode(token)));
        }
        let request = Signable {
            method: "PUT",
            path: &path,
            query: &query,
            headers: &headers,
            signed: &signed,
            payload: UNSIGNED,
            encoding: PathEncoding::Once,
        };
        let signature = request.signature(&signer.secret_key, &date, &scope);
        format!("{}{path}?{query}&X-Amz-Signature={signature}", self.origin)
    }
}

/// Verifies a request made with a presigned URL.
pub(super) fn verify(head: &Head, system: System, now: OffsetDateTime) -> Result<(), Answer> {
    let query = decode_query(head.query());
    let parameter = |name: &str| query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let (Some(credential), Some(date), Some(expires), Some(signed), Some(signature)) = (
        parameter("X-Amz-Credential"),
        parameter("X-Amz-Date"),
        parameter("X-Amz-Expires"),
        parameter("X-Amz-SignedHeaders"),
        parameter("X-Amz-Signature"),
    ) else {
        let message = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";
        return Err(error(400, "AuthorizationQueryParametersError", message));
    };
    let signer = vendor_credentials(system);
    let (Some(from), Ok(seconds)) = (sigv4::parse_amz_date(date), expires.parse::<u32>()) else {
        return Err(error(400, "AuthorizationQueryParametersError", "X-Amz-Date or X-Amz-Expires is not readable"));
    };
    let scope = Scope::new(from, REGION, "s3");
    if credential != format!("{}/{}", signer.access_key, scope.name()) {
        let message = "The AWS Access Key Id you provided does not exist in our records.";
        return Err(error(403, "InvalidAccessKeyId", message));
    }
    if parameter("X-Amz-Security-Token") != signer.session_token.as_deref() {
        return Err(error(400, "InvalidToken", "The provided token is malformed or otherwise invalid."));
    }
    if now >= from.saturating_add(Duration::seconds(seconds.into())) || from > now.saturating_add(SKEW) {
        return Err(error(403, "AccessDenied", "Request has expired"));
    }
    let signed: Vec<&str> = signed.split(';').collect();
    headers_are_signed(head, &signed)?;
    let request = Signable {
        method: &head.method,
        path: head.path(),
        query: head.query(),
        headers: &head.headers,
        signed: &signed,
        payload: UNSIGNED,
        encoding: PathEncoding::Once,
    };
    if request.signature(&signer.secret_key, date, &scope) == signature {
        return Ok(());
    }
    let message = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    Err(error(403, "SignatureDoesNotMatch", message))
}

/// The host must be signed, and so must every `x-amz-` header that is sent.
fn headers_are_signed(head: &Head, signed: &[&str]) -> Result<(), Answer> {
    let sent = head.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    let unsigned: Vec<String> = sent
        .filter(|name| name == "host" || name.starts_with("x-amz-"))
        .filter(|name| !signed.contains(&name.as_str()))
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    let message = format!("There were headers present in the request which were not signed: {}", unsigned.join(", "));
    Err(error(403, "AccessDenied", &message))
}
