//! What a client over a limit is told.

use std::time::Duration;

use crate::config::{Allowance, Quota, RequestRate};
use crate::failure::{Failure, Problem};

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All clients of a route together.
    Route,
    /// Each client.
    Client,
}

/// Which limit, and what it allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Uploads at once.
    Uploads(u32),
    /// Requests per time.
    Requests(RequestRate),
    /// Requests in a window.
    QuotaRequests(u64),
    /// Bytes in a window.
    QuotaBytes(u64),
}

/// A limit that has been reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Whose.
    pub scope: Scope,
    /// Which.
    pub limit: Limit,
    /// How long until the same request may be let in.
    pub wait: Duration,
}

impl Scope {
    /// A metric label, and the key in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Client => "client",
        }
    }
}

impl Limit {
    /// The limits of an allowance that can refuse a request.
    #[must_use]
    pub fn all_of(allowance: &Allowance) -> Vec<Self> {
        let quotas = || allowance.quotas.iter();
        let uploads = allowance.uploads.map(Self::Uploads);
        let limits = uploads.into_iter().chain(allowance.requests.map(Self::Requests));
        let limits = limits.chain(quotas().filter_map(|quota| quota.requests.map(Self::QuotaRequests)));
        limits.chain(quotas().filter_map(|quota| quota.bytes.map(Self::QuotaBytes))).collect()
    }

    /// A metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Uploads(_) => "uploads",
            Self::Requests(_) => "requests",
            Self::QuotaRequests(_) => "quota-requests",
            Self::QuotaBytes(_) => "quota-bytes",
        }
    }
}

impl Refusal {
    /// What the client is told: which limit, and when to come back.
    #[must_use]
    pub fn failure(&self) -> Failure {
        Failure { retry_after: Some(self.wait), ..Failure::new(Problem::RateLimited, self.detail()) }
    }

    /// The text of the answer. How much others have taken is not told.
    #[must_use]
    pub fn detail(&self) -> String {
        let who = match self.scope {
            Scope::Route => "all clients of this route together",
            Scope::Client => "a client of this route",
        };
        match self.limit {
            Limit::Uploads(most) => format!("{who} may have {} under way at once", counted(most.into(), "upload")),
            Limit::Requests(RequestRate { count, per, .. }) => {
                format!("{who} may send {} per {}", counted(count.into(), "request"), time_word(per))
            }
            Limit::QuotaRequests(most) => {
                format!("{who} may send {} until the window of this quota ends", counted(most, "request"))
            }
            Limit::QuotaBytes(most) => {
                format!("{who} may send {} until the window of this quota ends", counted(most, "byte"))
            }
        }
    }
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn time_word(per: Duration) -> &'static str {
    match per.as_secs() {
        0..60 => "second",
        60..3600 => "minute",
        _ => "hour",
    }
}

/// The failure of an upload that announces more than a quota ever has: waiting would not help.
#[must_use]
pub fn never_fits(quotas: &[Quota], announced: u64) -> Option<Failure> {
    let smallest = quotas.iter().filter_map(|quota| quota.bytes).min()?;
    let detail = format!("the request announces {announced} bytes, and this route's quota has room for {smallest}");
    (announced > smallest).then(|| Failure::new(Problem::FileTooLarge, detail))
}
