//! AWS Signature Version 4, written from the description of the algorithm, for checking what clients signed and for
//! signing what the stand-ins hand out. <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
//!
//! It works on what arrived on the wire (path and query as sent), so a client that canonicalises differently from what
//! it sends is found out.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

/// Everything but the unreserved characters of RFC 3986.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// `20260102T030405Z`.
const AMZ_DATE: StaticFormatDescription = format_description!("[year][month][day]T[hour][minute][second]Z");

/// An access key, its secret, and the session token of temporary ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public id.
    pub access_key: String,
    /// The secret.
    pub secret_key: String,
    /// Set for temporary credentials; every request must then carry and sign it.
    pub session_token: Option<String>,
}

/// What a signing key is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `YYYYMMDD`.
    pub date: String,
    /// For example `us-east-1`.
    pub region: String,
    /// For example `s3`.
    pub service: String,
}

impl Scope {
    /// The scope of that moment.
    pub fn new(at: OffsetDateTime, region: &str, service: &str) -> Scope {
        let date = amz_date(at).chars().take(8).collect();
        Scope { date, region: region.to_owned(), service: service.to_owned() }
    }

    /// `date/region/service/aws4_request`.
    pub fn name(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

/// How the path enters the canonical request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEncoding {
    /// S3: the path as sent, in its one normal encoding.
    Once,
    /// Every other service: the path as sent, encoded once more.
    Twice,
}

/// The parts of a request that a signature covers.
#[derive(Debug, Clone)]
pub struct Signable<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as sent.
    pub path: &'a str,
    /// The query as sent, without the question mark. `X-Amz-Signature` is left out of it.
    pub query: &'a str,
    /// All fields of the request; `signed` picks.
    pub headers: &'a [(String, String)],
    /// Lower-case names of the signed fields, sorted.
    pub signed: &'a [&'a str],
    /// Hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
    pub payload: &'a str,
    /// How the path is encoded.
    pub encoding: PathEncoding,
}

impl Signable<'_> {
    /// The canonical request.
    pub fn canonical(&self) -> String {
        let mut headers = String::new();
        for name in self.signed {
            let values: Vec<String> = self
                .headers
                .iter()
                .filter(|(field, _)| field.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            headers.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            self.method,
            canonical_path(self.path, self.encoding),
            canonical_query(self.query),
            self.signed.join(";"),
            self.payload
        )
    }

    /// The signature for this moment and scope, in hex.
    pub fn signature(&self, secret_key: &str, amz_date: &str, scope: &Scope) -> String {
        let canonical = hex_sha256(self.canonical().as_bytes());
        sign(secret_key, scope, &format!("AWS4-HMAC-SHA256\n{amz_date}\n{}\n{canonical}", scope.name()))
    }
}

/// Signs a text (a string to sign, or a base64 POST policy) and gives the signature in hex.
pub fn sign(secret_key: &str, scope: &Scope, text: &str) -> String {
    let date = hmac(format!("AWS4{secret_key}").as_bytes(), &scope.date);
    let region = hmac(&date, &scope.region);
    let service = hmac(&region, &scope.service);
    hex(&hmac(&hmac(&service, "aws4_request"), text))
}

/// `20260102T030405Z`.
pub fn amz_date(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(AMZ_DATE).unwrap_or_default()
}

/// Reads `20260102T030405Z`.
pub fn parse_amz_date(text: &str) -> Option<OffsetDateTime> {
    time::PrimitiveDateTime::parse(text, AMZ_DATE).ok().map(time::PrimitiveDateTime::assume_utc)
}

/// Percent-encodes everything but unreserved characters.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Lower-case hex of the SHA-256.
pub fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn canonical_path(path: &str, encoding: PathEncoding) -> String {
    let encode_segment = |segment: &str| match encoding {
        PathEncoding::Once => encode(&percent_decode_str(segment).decode_utf8_lossy()),
        PathEncoding::Twice => encode(segment),
    };
    let encoded: Vec<String> = path.split('/').map(encode_segment).collect();
    if path.is_empty() { "/".to_owned() } else { encoded.join("/") }
}

fn canonical_query(query: &str) -> String {
    let decode = |text: &str| encode(&percent_decode_str(text).decode_utf8_lossy());
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| *name != "X-Amz-Signature")
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const DATE: &str = "20260102T030405Z";
    const ARN: &str = "associatedResourceArn=arn%3Aaws%3Acases%3Aus-east-1%3A123456789012%3Adomain%2Fd1%2Fcase%2Fc1";
    const INSTANCE: &str = "/attached-files/11111111-2222-3333-4444-555555555555";

    fn fields() -> Vec<(String, String)> {
        [("Host", "connect.us-east-1.amazonaws.com"), ("X-Amz-Date", DATE), ("Content-Type", "application/json")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }

    fn scope() -> Scope {
        Scope::new(parse_amz_date(DATE).expect("a date"), "us-east-1", "connect")
    }

    #[test]
    fn signs_a_start_request_as_botocore_does() {
        let body = br#"{"FileName":"a.pdf","FileSizeInBytes":3,"FileUseCaseType":"ATTACHMENT","ClientToken":"t-1"}"#;
        let payload = hex_sha256(body);
        assert_eq!(payload, "679907844bc79608911db2e5f0d9777e7542bbf1ed37c2521288d67b6fe481a3");
        let request = Signable {
            method: "PUT",
            path: INSTANCE,
            query: ARN,
            headers: &fields(),
            signed: &["content-type", "host", "x-amz-date"],
            payload: &payload,
            encoding: PathEncoding::Twice,
        };
        let canonical = hex_sha256(request.canonical().as_bytes());
        assert_eq!(canonical, "10f3d87001dfc00c810e144ac6da290bb3fdbd4ef40fb6f513999cc01f7b5e94");
        let signature = request.signature(SECRET, DATE, &scope());
        assert_eq!(signature, "121754823be4c050f71dde444d8542e4479ab056c7379e2af210ab3d237fbb65");
    }

    #[test]
    fn encodes_the_path_twice_for_services_other_than_s3() {
        let request = Signable {
            method: "POST",
            path: &format!("{INSTANCE}/a%2Fb%20c"),
            query: ARN,
            headers: &fields(),
            signed: &["host", "x-amz-date"],
            payload: &hex_sha256(b""),
            encoding: PathEncoding::Twice,
        };
        assert!(request.canonical().contains("/a%252Fb%2520c\n"));
        let signature = request.signature(SECRET, DATE, &scope());
        assert_eq!(signature, "f7aeaa876f9c2afd7fc18c6533da963dd2ee0b5138b23449ee7a3f00cad69935");
    }

    /// The presigned GET of the S3 documentation ("Authenticating Requests: Using Query Parameters").
    #[test]
    fn signs_a_presigned_url_as_the_s3_documentation_does() {
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
            &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
        let headers = [("Host".to_owned(), "examplebucket.s3.amazonaws.com".to_owned())];
        let request = Signable {
            method: "GET",
            path: "/test.txt",
            query,
            headers: &headers,
            signed: &["host"],
            payload: "UNSIGNED-PAYLOAD",
            encoding: PathEncoding::Once,
        };
        let scope = Scope { date: "20130524".into(), region: "us-east-1".into(), service: "s3".into() };
        let signature = request.signature("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524T000000Z", &scope);
        assert_eq!(signature, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
    }

    /// The POST policy of the S3 documentation ("Examples: Browser-Based Upload using HTTP POST").
    #[test]
    fn signs_a_post_policy_as_the_s3_documentation_does() {
        let scope = Scope { date: "20151229".into(), region: "us-east-1".into(), service: "s3".into() };
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let signature = sign("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &scope, policy);
        assert_eq!(signature, "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
    }
}
