//! Why somebody is not let in: a closed list for metrics and logs, and few words for the client.

use std::sync::Arc;

use rules::access::{Minter, Ticket};
use rules::config::{AccessRule, ProviderKind};
use rules::failure::{Failure, Problem};

/// What somebody showed who was let in.
#[derive(Debug)]
pub(super) enum Shown {
    /// Who they are, and until when.
    Client(Minter),
    /// A ticket that counts; where for is not judged yet.
    Ticket {
        /// The provider that signed it.
        provider: Arc<str>,
        /// What it says.
        ticket: Ticket,
    },
}

/// Why a client was refused: metric labels and log fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Nothing was shown.
    Missing,
    /// A scheme that is not known.
    UnknownScheme,
    /// A kind of credential that the route does not take.
    NotTaken,
    /// Not of the form of its kind, or too long.
    Malformed,
    /// No such key, or no such key id.
    UnknownKey,
    /// An algorithm that is not accepted, or not with this key.
    Algorithm,
    /// A signature that is wrong.
    Signature,
    /// A token of another issuer.
    Issuer,
    /// A token for another audience.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    TooEarly,
    /// It names nobody, or more than one.
    Subject,
    /// The issuer's keys cannot be had.
    KeysUnavailable,
    /// A ticket for another route or path.
    OtherPlace,
    /// A ticket whose minter is not known any more.
    MinterGone,
    /// A ticket whose uses are spent.
    UsedUp,
    /// The route's condition does not hold.
    Forbidden,
}

impl Reason {
    /// The metric label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::UnknownScheme => "unknown-scheme",
            Self::NotTaken => "not-taken",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown-key",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::TooEarly => "too-early",
            Self::Subject => "subject",
            Self::KeysUnavailable => "keys-unavailable",
            Self::OtherPlace => "other-place",
            Self::MinterGone => "minter-gone",
            Self::UsedUp => "used-up",
            Self::Forbidden => "forbidden",
        }
    }
}

/// A refusal before it is worded.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The kind of credential: a metric label.
    pub(super) kind: &'static str,
    /// Why.
    pub(super) reason: Reason,
}

impl Refusal {
    pub(super) fn new(kind: &'static str, reason: Reason) -> Self {
        Self { kind, reason }
    }

    /// What the client is told. Only who holds true credentials learns more than that they are not good enough.
    pub(super) fn into_failure(self, rule: &AccessRule) -> Failure {
        let cause = format!("{}: {}", self.kind, self.reason.label());
        if self.reason == Reason::KeysUnavailable {
            let detail = "the keys with which this token could be verified cannot be fetched at the moment";
            return Failure::new(Problem::UpstreamUnreachable, detail).with_cause(cause);
        }
        let detail = match self.reason {
            Reason::Missing => format!("this route wants to know who you are: show {}", ways(rule)),
            Reason::UnknownScheme => format!("this kind of credential is not known here: show {}", ways(rule)),
            Reason::Expired => "these credentials have expired".to_owned(),
            Reason::TooEarly => "these credentials are not valid yet".to_owned(),
            _ => "these credentials are not valid here".to_owned(),
        };
        let known = !matches!(self.reason, Reason::Missing | Reason::UnknownScheme);
        let challenge = Some(challenge(rule, known));
        Failure { challenge, ..Failure::new(Problem::Unauthenticated, detail).with_cause(cause) }
    }
}

fn has(rule: &AccessRule, kind: fn(&ProviderKind) -> bool) -> bool {
    rule.any_of.iter().any(|provider| kind(&provider.kind))
}

/// What may be shown, in words.
fn ways(rule: &AccessRule) -> String {
    let keys = has(rule, |kind| matches!(kind, ProviderKind::ApiKeys(_)));
    let tokens = has(rule, |kind| matches!(kind, ProviderKind::Jwt(_)));
    let certificates = has(rule, |kind| matches!(kind, ProviderKind::Mtls(_)));
    let tickets = has(rule, |kind| matches!(kind, ProviderKind::Tickets(_)));
    let all = [
        keys.then_some("an API key (`X-Api-Key`, or `Authorization: Bearer`)"),
        tokens.then_some("a token (`Authorization: Bearer`)"),
        certificates.then_some("a client certificate"),
        tickets.then_some("an upload ticket (`?ticket=`, or `Authorization: Ticket`)"),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(", or ")
}

/// `WWW-Authenticate` (RFC 9110, section 11.6.1): a challenge for each way. For bearers it is that of RFC 6750; the others have
/// no registered scheme, and a challenge there must be. Whoever showed nothing, or a scheme that is not known here,
/// hears of no token that would be wrong (RFC 6750, section 3).
fn challenge(rule: &AccessRule, known: bool) -> String {
    let bearer = has(rule, |kind| matches!(kind, ProviderKind::ApiKeys(_) | ProviderKind::Jwt(_)));
    let tickets = has(rule, |kind| matches!(kind, ProviderKind::Tickets(_)));
    let certificates = has(rule, |kind| matches!(kind, ProviderKind::Mtls(_)));
    let error = if known { r#", error="invalid_token""# } else { "" };
    let all = [
        bearer.then(|| format!(r#"Bearer realm="tidegate"{error}"#)),
        tickets.then(|| r#"Ticket realm="tidegate""#.to_owned()),
        certificates.then(|| r#"ClientCertificate realm="tidegate""#.to_owned()),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
