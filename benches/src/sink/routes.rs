//! Which requests the sink takes, and what it answers.
//!
//! The policy and the presigned URL are stand-ins: they cost a peer what the real ones do, and the proof compares every field.

use std::net::SocketAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The file as it is.
    Raw,
    /// A form with the file in the part `file`.
    Form,
    /// A form that has the fields of the policy, in their order, before the file.
    PolicyForm,
    /// JSON with the file as base64 in `data`.
    Json,
    /// A call without a file.
    Prepare,
    /// The same, for a presigned URL.
    Start,
    /// A call that ends an upload.
    Complete,
}

impl Wanted {
    /// What belongs to that request line.
    pub(super) fn by(method: &str, target: &str) -> Option<Self> {
        let path = target.split('?').next().unwrap_or_default();
        match (method, path) {
            ("POST", "/form") => Some(Self::Form),
            ("POST", "/json") => Some(Self::Json),
            ("POST", "/policy/bucket") => Some(Self::PolicyForm),
            ("POST", "/policy/prepare") => Some(Self::Prepare),
            ("POST", "/presigned/start") => Some(Self::Start),
            ("POST", "/presigned/7/complete") => Some(Self::Complete),
            ("PUT", "/presigned/put/7") => Some(Self::Raw),
            ("PUT", path) if path.starts_with("/raw/") => Some(Self::Raw),
            // A small object of S3's SDK; larger ones come in parts.
            ("PUT", path) if path.starts_with("/bench/") && !target.contains("uploadId=") => Some(Self::Raw),
            _ => None,
        }
    }

    /// Whether its body holds the file.
    pub(super) fn has_file(self) -> bool {
        !matches!(self, Self::Prepare | Self::Start | Self::Complete)
    }

    /// The status line's end and the body of the answer; `body` is that of a call.
    pub(super) fn answer(self, sink: SocketAddr, body: &[u8]) -> anyhow::Result<(&'static str, Vec<u8>)> {
        let size = || -> anyhow::Result<u64> {
            let request: Value = serde_json::from_slice(body)?;
            request["size"].as_u64().ok_or_else(|| anyhow::anyhow!("the call tells no size"))
        };
        Ok(match self {
            Self::Raw => ("200 OK", b"{}".to_vec()),
            Self::Form | Self::Json => ("201 Created", b"{\"id\":7}".to_vec()),
            Self::PolicyForm => ("204 No Content", Vec::new()),
            Self::Complete => ("200 OK", b"{\"state\":\"ready\"}".to_vec()),
            Self::Prepare => {
                let fields: serde_json::Map<String, Value> =
                    policy_fields(size()?).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
                let answer = json!({ "id": 7, "url": format!("http://{sink}/policy/bucket"), "fields": fields });
                ("201 Created", answer.to_string().into_bytes())
            }
            Self::Start => {
                size()?;
                let url = format!("http://{sink}/presigned/put/7?X-Amz-Expires=300&X-Amz-Signature={SIGNATURE}");
                ("201 Created", json!({ "id": 7, "url": url }).to_string().into_bytes())
            }
        })
    }
}

/// Stands for a signature; nothing here checks one.
const SIGNATURE: &str = "0d2f8c1b5a7e4936c1d0e8f7a6b5c4d30d2f8c1b5a7e4936c1d0e8f7a6b5c4d3";

/// The fields that the form of a file of that size must carry, in order.
pub(super) fn policy_fields(size: u64) -> Vec<(&'static str, String)> {
    let policy = json!({
        "expiration": "2099-01-01T00:00:00Z",
        "conditions": [
            { "bucket": "bench" },
            ["starts-with", "$key", "uploads/"],
            ["content-length-range", size, size],
            { "x-amz-algorithm": "AWS4-HMAC-SHA256" },
            { "x-amz-credential": "AKIDEXAMPLE/20260101/us-east-1/s3/aws4_request" },
            { "x-amz-date": "20260101T000000Z" },
        ],
    });
    vec![
        ("key", "uploads/file.bin".to_owned()),
        ("bucket", "bench".to_owned()),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
        ("X-Amz-Credential", "AKIDEXAMPLE/20260101/us-east-1/s3/aws4_request".to_owned()),
        ("X-Amz-Date", "20260101T000000Z".to_owned()),
        ("Policy", STANDARD.encode(policy.to_string())),
        ("X-Amz-Signature", SIGNATURE.to_owned()),
    ]
}
