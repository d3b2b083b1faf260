//! Who may use a route: named ways of showing who one is, and which of them a route takes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::{SecretRef, Target};
use crate::expr::Condition;
use crate::url::{Origin, Url};

/// Who may use a route.
#[derive(Debug, Clone, Default)]
pub enum Access {
    /// The route says nothing: anybody, at loopback listeners only.
    #[default]
    Unsaid,
    /// The route says `public`: anybody.
    Public,
    /// Whoever shows one of these.
    Demanded(Arc<AccessRule>),
}

/// What a route demands of its clients.
#[derive(Debug, Clone)]
pub struct AccessRule {
    /// Any one of these will do; at least one.
    pub any_of: Vec<Arc<Provider>>,
    /// Must hold besides.
    pub that: Option<Condition>,
    /// Claims that the rule uses without a default: a client that lacks one is refused. Each is a path below `client.claims`.
    pub needed_claims: Vec<Vec<String>>,
    /// Every claim that the rule names, by its first segment: what a ticket carries on of its minter's claims.
    pub used_claims: Vec<String>,
}

/// A way of showing who one is.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in the main file.
    pub name: Arc<str>,
    /// Which way.
    pub kind: ProviderKind,
}

/// The ways there are.
#[derive(Debug, Clone)]
pub enum ProviderKind {
    /// A key that the client sends, known here by its hash.
    ApiKeys(ApiKeys),
    /// A token that an issuer signed.
    Jwt(Jwt),
    /// A certificate of the TLS connection.
    Mtls(CertificateName),
    /// A ticket that this gateway signed.
    Tickets(Tickets),
}

/// Where keys are listed.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys {
    /// A file of keys, read again when it changes.
    pub file: Option<String>,
    /// Keys in the main file.
    pub keys: Vec<ApiKey>,
}

/// One key.
#[derive(Clone, PartialEq)]
pub struct ApiKey {
    /// Who has it: `client.subject`.
    pub id: Arc<str>,
    /// SHA-256 of the key.
    pub sha256: [u8; 32],
    /// The key is not accepted from this time on.
    pub not_after: Option<OffsetDateTime>,
    /// `client.claims`.
    pub claims: serde_json::Map<String, serde_json::Value>,
}

impl fmt::Debug for ApiKey {
    /// A hash is no secret, and still nothing that a log needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Which tokens are accepted.
#[derive(Debug, Clone)]
pub struct Jwt {
    /// `iss` must be this.
    pub issuer: String,
    /// `aud` must name one of these.
    pub audience: Vec<String>,
    /// Where the issuer's public keys are.
    pub keys: JwksSource,
    /// The algorithms that are accepted.
    pub algorithms: Vec<JwtAlgorithm>,
    /// How far the issuer's clock may be off.
    pub leeway: Duration,
    /// The claim that becomes `client.subject`.
    pub subject: String,
    /// How long fetched keys are used before they are fetched again.
    pub max_age: Duration,
    /// How much longer they are used while they cannot be fetched.
    pub keep: Duration,
}

/// Where an issuer's public keys are (RFC 7517).
#[derive(Debug, Clone)]
pub enum JwksSource {
    /// Fetched.
    Url {
        /// From here.
        url: Url,
        /// The place as the connector knows it.
        target: Arc<Target>,
    },
    /// Read, again when it changes.
    File(String),
}

/// Signature algorithms (RFC 7518, RFC 8037). Only those with a public key: who can check a shared secret can also forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of RFC 7518")]
pub enum JwtAlgorithm {
    Es256,
    Es384,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    EdDsa,
}

impl JwtAlgorithm {
    /// Every algorithm and its name in a token's head.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Es256, "ES256"),
        (Self::Es384, "ES384"),
        (Self::Rs256, "RS256"),
        (Self::Rs384, "RS384"),
        (Self::Rs512, "RS512"),
        (Self::Ps256, "PS256"),
        (Self::Ps384, "PS384"),
        (Self::Ps512, "PS512"),
        (Self::EdDsa, "EdDSA"),
    ];

    /// By its name in a token's head.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(algorithm, _)| *algorithm)
    }

    /// The name in a token's head.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("", |(_, name)| name)
    }
}

/// Which name of a certificate becomes `client.subject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateName {
    /// The subject's common name.
    CommonName,
    /// The alternative name that is a host name.
    Dns,
    /// The alternative name that is a URI, such as a SPIFFE id.
    Uri,
    /// The alternative name that is a mail address.
    Email,
}

/// Upload tickets: short-lived rights to upload, signed by this gateway.
#[derive(Debug, Clone)]
pub struct Tickets {
    /// The first signs, all verify.
    pub keys: Vec<TicketKey>,
    /// Names of the providers whose clients may mint.
    pub mint: Vec<Arc<str>>,
    /// The longest life that a ticket can have.
    pub max_lifetime: Duration,
    /// The most uploads that a ticket can allow.
    pub max_uses: u32,
    /// Where clients reach this gateway: the beginning of a ticket's `url`.
    pub origin: Option<Origin>,
}

/// A key that signs tickets.
#[derive(Debug, Clone)]
pub struct TicketKey {
    /// Stands in each ticket.
    pub id: Arc<str>,
    /// The secret.
    pub secret: SecretRef,
}

/// The shortest secret that may sign tickets, in bytes: as long as the signature's hash (RFC 2104, section 3).
pub const MIN_TICKET_SECRET: usize = 32;

/// Different bytes that a random secret of that length has at the very least: hexadecimal digits have fewer than these once in a
/// hundred thousand times, blanks and a repeated letter always.
const MIN_VARIETY: usize = 8;

/// Why a secret may not sign tickets, in words; none if it may. A weak one could be found by trying, with any ticket as the proof.
#[must_use]
pub fn weakness_of_ticket_secret(secret: &str) -> Option<String> {
    if secret.len() < MIN_TICKET_SECRET {
        return Some(format!("is too short to sign tickets: it has {} bytes", secret.len()));
    }
    let variety = secret.bytes().collect::<std::collections::BTreeSet<_>>().len();
    (variety < MIN_VARIETY).then(|| "is too weak to sign tickets: it repeats a few characters".to_owned())
}

impl Provider {
    /// The kind's word in the main file.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            ProviderKind::ApiKeys(_) => "api-keys",
            ProviderKind::Jwt(_) => "jwt",
            ProviderKind::Mtls(_) => "mtls",
            ProviderKind::Tickets(_) => "tickets",
        }
    }

    /// What it knows of tickets, if it is of that kind.
    #[must_use]
    pub fn tickets(&self) -> Option<&Tickets> {
        match &self.kind {
            ProviderKind::Tickets(tickets) => Some(tickets),
            _ => None,
        }
    }
}

impl Access {
    /// The rule, if the route demands something.
    #[must_use]
    pub fn rule(&self) -> Option<&AccessRule> {
        match self {
            Self::Unsaid | Self::Public => None,
            Self::Demanded(rule) => Some(rule),
        }
    }

    /// In words, for `explain` and the admin page.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Unsaid => "anybody, at loopback listeners only (the route has no `access`)".to_owned(),
            Self::Public => "anybody (`public`)".to_owned(),
            Self::Demanded(rule) => rule.describe(),
        }
    }
}

impl AccessRule {
    fn describe(&self) -> String {
        let ways = self.any_of.iter().map(|provider| format!("{} ({})", provider.name, provider.kind_name()));
        let ways = ways.collect::<Vec<_>>().join(" or ");
        match &self.that {
            Some(that) => format!("{ways}, and {}", that.source()),
            None => ways,
        }
    }
}
