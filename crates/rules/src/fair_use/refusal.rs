//! What a client over a limit is told.

use std::time::Duration;

use crate::config::{Allowance, FairUse, Quota, RequestRate};
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
    QuotaRequests(Quota),
    /// Bytes in a window.
    QuotaBytes(Quota),
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
        let quotas = || allowance.quotas.iter().copied();
        let uploads = allowance.uploads.map(Self::Uploads);
        let limits = uploads.into_iter().chain(allowance.requests.map(Self::Requests));
        let limits = limits.chain(quotas().filter(|quota| quota.requests.is_some()).map(Self::QuotaRequests));
        limits.chain(quotas().filter(|quota| quota.bytes.is_some()).map(Self::QuotaBytes)).collect()
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

    fn detail(&self) -> String {
        sentence(self.scope, self.limit)
    }
}

/// What the limits of a route are, a sentence each.
#[must_use]
pub fn sentences(limits: &FairUse) -> Vec<String> {
    let scopes = [(Scope::Client, &limits.client), (Scope::Route, &limits.route)];
    let of_scope = |(scope, allowance): (Scope, &Allowance)| {
        let refusing = Limit::all_of(allowance).into_iter().map(move |limit| sentence(scope, limit));
        let pace = allowance.bytes_per_second;
        let pace = pace.map(|rate| format!("{} may send {} per second", who(scope), counted(rate, "byte")));
        refusing.chain(pace).collect::<Vec<_>>()
    };
    scopes.into_iter().flat_map(of_scope).collect()
}

/// How much others have taken is not told.
fn sentence(scope: Scope, limit: Limit) -> String {
    let who = who(scope);
    let in_window = |most: Option<u64>, what: &str, quota: Quota| {
        format!("{who} may send {} in {}", counted(most.unwrap_or(0), what), written(quota.per))
    };
    match limit {
        Limit::Uploads(most) => format!("{who} may have {} under way at once", counted(most.into(), "upload")),
        Limit::Requests(RequestRate { count, per, .. }) => {
            format!("{who} may send {} per {}", counted(count.into(), "request"), time_word(per))
        }
        Limit::QuotaRequests(quota) => in_window(quota.requests, "request", quota),
        Limit::QuotaBytes(quota) => in_window(quota.bytes, "byte", quota),
    }
}

fn who(scope: Scope) -> &'static str {
    match scope {
        Scope::Route => "all clients of this route together",
        Scope::Client => "a client of this route",
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

/// A time as the configuration writes it.
fn written(per: Duration) -> String {
    match per.as_millis() {
        millis if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        millis if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        millis if millis.is_multiple_of(1_000) => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

/// The failure of an upload that announces more than a quota ever has: waiting would not help.
#[must_use]
pub fn never_fits(quotas: &[Quota], announced: u64) -> Option<Failure> {
    let smallest = quotas.iter().filter_map(|quota| quota.bytes).min()?;
    let detail = format!("the request announces {announced} bytes, and this route's quota has room for {smallest}");
    (announced > smallest).then(|| Failure::new(Problem::FileTooLarge, detail))
}
