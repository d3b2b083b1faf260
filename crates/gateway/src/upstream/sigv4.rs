//! AWS Signature Version 4, by AWS's own signer.
//!
//! Signed are `Host`, `Content-Type`, `Content-MD5` and every `x-amz-` field: what services demand, and nothing that a proxy
//! may change on the way.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningParams, SigningSettings,
    UriPathNormalizationMode, sign as sign_request,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use rules::run::NoAnswer;
use rules::url::Scheme;

use super::head::{OutgoingHead, Payload};

/// Who signs, and for which service.
pub(super) struct Signer<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) access_key_id: &'a str,
    pub(super) secret_access_key: &'a str,
    pub(super) session_token: Option<&'a str>,
}

/// Signs a head and adds the fields of the signature to it. A streamed body is `UNSIGNED-PAYLOAD`: its hash would have to
/// stand in the head, before the file was seen.
///
/// # Errors
/// [`NoAnswer::NoCredentials`] when the signer refuses the request.
pub(super) fn sign(
    signer: &Signer<'_>,
    head: &mut OutgoingHead,
    payload: Payload<'_>,
    now: SystemTime,
) -> Result<(), NoAnswer> {
    let identity = identity(signer);
    let params = params(signer, &identity, now)?;
    let signable = signable(head, payload)?;
    // The library traces the key's id, what it signs and the signature; no filter of the log may be all that stands between.
    let silent = tracing::Dispatch::none();
    let signed = tracing::dispatcher::with_default(&silent, || sign_request(signable, &params));
    let instructions = signed.map_err(refused)?.into_parts().0;
    let fields: Vec<_> = instructions.headers().map(|(name, value)| (name.to_owned(), value.into())).collect();
    for (name, value) in fields {
        head.set(&name, value);
    }
    Ok(())
}

fn identity(signer: &Signer<'_>) -> Identity {
    let token = signer.session_token.map(str::to_owned);
    Credentials::new(signer.access_key_id, signer.secret_access_key, token, None, "tidegate").into()
}

fn params<'a>(signer: &Signer<'a>, identity: &'a Identity, now: SystemTime) -> Result<SigningParams<'a>, NoAnswer> {
    let mut settings = SigningSettings::default();
    if signer.service == "s3" {
        // S3 signs the path as it is on the wire, dots and double slashes included, and wants the hash in a field.
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = v4::SigningParams::builder()
        .identity(identity)
        .region(signer.region)
        .name(signer.service)
        .time(now)
        .settings(settings)
        .build()
        .map_err(refused)?;
    Ok(params.into())
}

fn signable<'a>(head: &'a OutgoingHead, payload: Payload<'a>) -> Result<SignableRequest<'a>, NoAnswer> {
    let scheme = match head.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let url = format!("{scheme}://{}{}", head.authority, head.target);
    let signed = head.fields.iter().filter(|(name, _)| is_signed(name));
    let fields = signed.map(|(name, value)| Ok((name.as_str(), std::str::from_utf8(value).map_err(refused)?)));
    let fields: Vec<_> = fields.collect::<Result<_, NoAnswer>>()?;
    let body = match payload {
        Payload::Known(bytes) => SignableBody::Bytes(bytes),
        Payload::Streamed => SignableBody::UnsignedPayload,
    };
    SignableRequest::new(head.method.as_str(), url, fields.into_iter(), body).map_err(refused)
}

fn is_signed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "host" | "content-type" | "content-md5") || name.starts_with("x-amz-")
}

fn refused(error: impl std::fmt::Display) -> NoAnswer {
    NoAnswer::NoCredentials(format!("the request cannot be signed: {error}"))
}
