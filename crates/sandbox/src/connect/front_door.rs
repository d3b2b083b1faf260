//! The signature check before everything else: `Authorization: AWS4-HMAC-SHA256 …`.

use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::http::{Answer, Head};
use crate::sigv4::{self, Credentials, PathEncoding, Scope, Signable, hex_sha256};
use crate::state::REGION;

/// How far the caller's clock may be off.
const SKEW: Duration = Duration::minutes(5);

/// What the `Authorization` field says.
struct Authorization<'a> {
    access_key: &'a str,
    scope: &'a str,
    signed: Vec<&'a str>,
    signature: &'a str,
}

/// Verifies the signature of a request with this body.
pub(super) fn verify(head: &Head, body: &[u8], caller: &Credentials, now: OffsetDateTime) -> Result<(), Answer> {
    let Some(authorization) = head.header("authorization") else {
        return Err(refusal("MissingAuthenticationTokenException", "Missing Authentication Token"));
    };
    let authorization = Authorization::parse(authorization).ok_or_else(incomplete)?;
    let date = head.header("x-amz-date").ok_or_else(incomplete)?;
    let at = sigv4::parse_amz_date(date).ok_or_else(incomplete)?;
    let scope = Scope::new(at, REGION, "connect");
    let token = head.header("x-amz-security-token");
    if authorization.access_key != caller.access_key || token != caller.session_token.as_deref() {
        let message = "The security token included in the request is invalid.";
        return Err(refusal("UnrecognizedClientException", message));
    }
    if authorization.scope != scope.name() {
        return Err(mismatch(&format!("Credential should be scoped to {}.", scope.name())));
    }
    if (now - at).abs() > SKEW {
        return Err(mismatch(&format!("Signature expired or not yet current: {date}")));
    }
    signs_enough(head, &authorization.signed)?;
    let request = Signable {
        method: &head.method,
        path: head.path(),
        query: head.query(),
        headers: &head.headers,
        signed: &authorization.signed,
        payload: &hex_sha256(body),
        encoding: PathEncoding::Twice,
    };
    if request.signature(&caller.secret_key, date, &scope) == authorization.signature {
        return Ok(());
    }
    Err(mismatch("The request signature we calculated does not match the signature you provided."))
}

impl<'a> Authorization<'a> {
    fn parse(field: &'a str) -> Option<Authorization<'a>> {
        let parameters = field.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let parameter = |name: &str| {
            let mut pairs = parameters.split(',').filter_map(|part| part.trim().split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let (access_key, scope) = parameter("Credential")?.split_once('/')?;
        let signed = parameter("SignedHeaders")?.split(';').collect();
        Some(Authorization { access_key, scope, signed, signature: parameter("Signature")? })
    }
}

/// "You must include the host header, and any x-amz-* headers in the request"; the list is sorted and lower-case.
fn signs_enough(head: &Head, signed: &[&str]) -> Result<(), Answer> {
    if !signed.is_sorted() || signed.iter().any(|name| name.chars().any(|letter| letter.is_ascii_uppercase())) {
        return Err(mismatch("SignedHeaders must be sorted and in lower case."));
    }
    let names = head.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
    let missing =
        names.filter(|name| name == "host" || name.starts_with("x-amz-")).find(|name| !signed.contains(&name.as_str()));
    match missing {
        Some(name) => Err(mismatch(&format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
        None => Ok(()),
    }
}

fn incomplete() -> Answer {
    let message = "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters, and a date.";
    refusal("IncompleteSignatureException", message)
}

fn mismatch(message: &str) -> Answer {
    refusal("InvalidSignatureException", message)
}

fn refusal(kind: &str, message: &str) -> Answer {
    Answer::json(403, &json!({ "message": message })).with("x-amzn-ErrorType", kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "20260102T030405Z";
    const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/connect/aws4_request, \
        SignedHeaders=host;x-amz-date, Signature=f7aeaa876f9c2afd7fc18c6533da963dd2ee0b5138b23449ee7a3f00cad69935";

    fn caller(session_token: Option<&str>) -> Credentials {
        Credentials {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: session_token.map(str::to_owned),
        }
    }

    fn head(path_end: &str, extra: &[(&str, &str)]) -> Head {
        let fields =
            [("Host", "connect.us-east-1.amazonaws.com"), ("X-Amz-Date", DATE), ("Authorization", AUTHORIZATION)];
        Head {
            method: "POST".into(),
            target: format!(
                "/attached-files/11111111-2222-3333-4444-555555555555/{path_end}?associatedResourceArn=arn%3Aaws%3Acases%3Aus-east-1%3A123456789012%3Adomain%2Fd1%2Fcase%2Fc1"
            ),
            headers: fields.iter().chain(extra).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            keep_alive: true,
        }
    }

    fn now() -> OffsetDateTime {
        sigv4::parse_amz_date(DATE).expect("a date")
    }

    #[test]
    fn accepts_what_botocore_signed() {
        assert_eq!(verify(&head("a%2Fb%20c", &[]), b"", &caller(None), now()), Ok(()));
    }

    #[test]
    fn refuses_another_path_body_time_or_token() {
        let kind = |result: Result<(), Answer>| {
            let answer = result.expect_err("a refusal");
            assert_eq!(answer.status, 403);
            answer.headers.into_iter().find(|(name, _)| name == "x-amzn-ErrorType").map(|(_, kind)| kind)
        };
        let signature = Some("InvalidSignatureException".to_owned());
        let client = Some("UnrecognizedClientException".to_owned());
        assert_eq!(kind(verify(&head("a%252Fb%2520c", &[]), b"", &caller(None), now())), signature);
        assert_eq!(kind(verify(&head("a%2Fb%20c", &[]), b"x", &caller(None), now())), signature);
        assert_eq!(kind(verify(&head("a%2Fb%20c", &[]), b"", &caller(None), now() + Duration::hours(1))), signature);
        assert_eq!(kind(verify(&head("a%2Fb%20c", &[]), b"", &caller(Some("token")), now())), client);
        let unsigned = [("X-Amz-Security-Token", "token")];
        assert_eq!(kind(verify(&head("a%2Fb%20c", &unsigned), b"", &caller(Some("token")), now())), signature);
    }
}
