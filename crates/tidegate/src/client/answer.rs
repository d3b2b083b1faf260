//! The gateway's answer: a receipt or a problem.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

/// Receipts and problems have some KiB at most; what is longer comes from something else.
const MAX_ANSWER_LEN: usize = 1024 * 1024;

/// An answer that is JSON.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// What `Retry-After` says in seconds; the gateway sends no dates.
    pub(crate) retry_after: Option<Duration>,
    /// Its body.
    pub(crate) json: Value,
}

impl Answer {
    /// Reads an answer to its end.
    ///
    /// # Errors
    /// It is cut, too long, or no JSON.
    pub(crate) async fn read(response: Response<Incoming>) -> anyhow::Result<Self> {
        let status = response.status();
        let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = asked.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let mut body = response.into_body();
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.context("the answer was cut")?;
            if let Some(data) = frame.data_ref() {
                whole.extend_from_slice(data);
            }
            if whole.len() > MAX_ANSWER_LEN {
                bail!("the answer ({status}) is longer than {MAX_ANSWER_LEN} bytes");
            }
        }
        let json = serde_json::from_slice(&whole).with_context(|| format!("the answer ({status}) is no JSON"))?;
        Ok(Self { status, retry_after, json })
    }

    /// Whether the file was stored or is being processed.
    pub(crate) fn is_receipt(&self) -> bool {
        matches!(self.status, StatusCode::CREATED | StatusCode::ACCEPTED)
    }

    /// The text at a JSON pointer; empty if there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The problem in one line.
    pub(crate) fn problem(&self) -> String {
        let name = self.text("/type").rsplit(':').next().unwrap_or_default();
        let detail = match self.text("/detail") {
            "" => self.text("/title"),
            detail => detail,
        };
        format!("{} {name}: {detail}", self.status.as_u16())
    }
}
