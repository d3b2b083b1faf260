//! What clients may take of a route.

use std::time::Duration;

use ipnet::IpNet;

/// What all clients of a route together, and each of them, may take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FairUse {
    /// All clients together.
    pub route: Allowance,
    /// Each client.
    pub client: Allowance,
}

/// What may be taken; no value means no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Uploads at once.
    pub uploads: Option<u32>,
    /// How often a request may come.
    pub requests: Option<RequestRate>,
    /// Bytes of request bodies per second, at least 1024: what is beyond waits.
    pub bytes_per_second: Option<u64>,
    /// What may be taken in windows of time.
    pub quotas: Vec<Quota>,
}

/// What the process knows of clients for all routes.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    /// How many are remembered for their limits, over all routes.
    pub remembered: usize,
    /// Who says where they come from, if anybody but their connection does.
    pub proxies: Option<Proxies>,
}

/// Proxies of the operator's own before the gateway.
#[derive(Debug, Clone)]
pub struct Proxies {
    /// Where they are.
    pub networks: Vec<IpNet>,
    /// What they write.
    pub field: ForwardedField,
}

/// The field in which proxies name the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedField {
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// How often a request may come: one in each `count`-th part of `per`, and `burst` at once after a quiet time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    /// At least 1.
    pub count: u32,
    /// A second, a minute or an hour.
    pub per: Duration,
    /// At least 1.
    pub burst: u32,
}

/// What may be taken in a window of time; at least one of the two is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests that are let in, at least 1.
    pub requests: Option<u64>,
    /// Bytes of request bodies, at least 1.
    pub bytes: Option<u64>,
    /// At least a second.
    pub per: Duration,
}

impl ForwardedField {
    /// The field's name in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

impl Allowance {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }
}
