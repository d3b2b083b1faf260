//! Small documents that the gateway needs for itself, such as the keys of a token's issuer: fetched through the same connector
//! as uploads, so the same addresses are refused, no redirect is followed and the answer is bounded in size, fields and time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http_body_util::Full;
use ipnet::IpNet;
use rules::run::NoAnswer;
use rules::url::Url;
use tower::{Service as _, ServiceExt as _};

use super::client::{StepCall, step_client};
use super::connect::Connector;
use super::head::USER_AGENT_TEXT;
use super::resolve::Resolve;
use super::stack::{StepService, step_stack};
use super::{MAX_ANSWER_BODY, UpstreamsError, tls_of};
use crate::budget::Budget;
use crate::memory::UploadMemory;

/// Documents that may be held in memory at once while they are read; more are refused, as in a budget of uploads.
const MAX_DOCUMENTS: usize = 4;

/// Where and how long a [`Fetcher`] may go.
#[derive(Debug, Clone)]
pub struct FetchTerms<'a> {
    /// Private networks that may be dialled.
    pub allow_private: Vec<IpNet>,
    /// PEM file with the certificate authorities to trust in place of the system's.
    pub ca_file: Option<&'a str>,
    /// For resolution, TCP and TLS.
    pub connect_timeout: Duration,
    /// For the whole answer, dialling included.
    pub answer_timeout: Duration,
}

/// Fetches documents.
#[derive(Clone)]
pub struct Fetcher {
    steps: StepService,
    limit: Duration,
    budget: Arc<Budget>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The status. A redirect (3xx) is an answer like any other.
    pub status: u16,
    /// The fields in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body: at most 1 MiB.
    pub body: Bytes,
}

/// Why there is no answer. The text names the host, never the query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The host is, or resolves to, an address that may not be dialled.
    #[error("{0}")]
    NotAllowed(String),
    /// No connection, a connection that broke, or an answer that cannot be used.
    #[error("{0}")]
    Failed(String),
    /// The time was up.
    #[error("no answer in time")]
    Timeout,
}

impl Fetcher {
    /// Prepares a fetcher; no connection is made yet.
    ///
    /// # Errors
    /// The CA file cannot be used.
    pub fn new(terms: &FetchTerms<'_>, resolver: Arc<dyn Resolve>) -> Result<Self, UpstreamsError> {
        let connector = Connector {
            resolver,
            tls: tls_of(terms.ca_file)?,
            allowed: terms.allow_private.as_slice().into(),
            connect_timeout: terms.connect_timeout,
            user_timeout: terms.answer_timeout,
        };
        let bytes = MAX_ANSWER_BODY.saturating_mul(MAX_DOCUMENTS);
        let budget = Budget::new(u64::try_from(bytes).unwrap_or(u64::MAX));
        // Documents are fetched rarely: a pooled connection would be dead when it is wanted.
        let client = step_client(connector, 0);
        Ok(Self { steps: step_stack(client), limit: terms.answer_timeout, budget })
    }

    /// Fetches one document by GET, once.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn get(&self, url: &Url) -> Result<Fetched, FetchError> {
        let request = http::Request::get(format!("{}{}", url.origin, url.path_and_query))
            .header(USER_AGENT, USER_AGENT_TEXT)
            .header(ACCEPT, "application/json")
            .body(Full::default())
            .map_err(|_| FetchError::Failed("the URL cannot be requested".to_owned()))?;
        let memory = UploadMemory::out_of(&self.budget)
            .ok_or_else(|| FetchError::Failed("too many documents are fetched at once".to_owned()))?;
        let call = StepCall { target: "fetch".into(), request, limit: self.limit, memory };
        let mut steps = self.steps.clone();
        let answer = steps.ready().await?.call(call).await?;
        Ok(Fetched { status: answer.status, headers: answer.headers, body: answer.body })
    }
}

impl From<NoAnswer> for FetchError {
    fn from(why: NoAnswer) -> Self {
        match why {
            NoAnswer::NotAllowed(why) => Self::NotAllowed(why),
            NoAnswer::Timeout => Self::Timeout,
            NoAnswer::Unreachable(why) | NoAnswer::Broken(why) | NoAnswer::Misbehaved(why) => Self::Failed(why),
            other => Self::Failed(format!("{other:?}")),
        }
    }
}
