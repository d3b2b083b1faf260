//! Access: who sends this, and may they? Decided from the head and the connection, before a byte of the body is asked for.
//!
//! Credentials are taken out of the head here, whether the route wants them or not, so nothing behind this can log them or send
//! them on. An attacker would try keys by the thousand, tokens that name their own algorithm or key, tickets of another place,
//! and would listen to what the refusals tell: wrong credentials of any kind are told one and the same.

mod api_keys;
mod certificate;
mod credentials;
mod jwks;
mod jwt;
mod refusal;
mod set_file;
mod tickets;
mod uses;
mod watched;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use rules::access::{Grant, Minter, Pass, Ticket, end_of};
use rules::config::{
    Access, AccessRule, CertificateName, Config, JwksSource, Jwt, Provider, ProviderKind, Target, Tickets,
};
use rules::failure::Failure;
use rules::routing::Match;
use rules::run::{HeaderText, StepRequest};
use time::OffsetDateTime;
use tokio_util::task::TaskTracker;

pub use certificate::ClientCertificate;
use credentials::Credential;
pub(crate) use credentials::take as take_credential;
pub use refusal::Reason;
pub use rules::access::Client;
pub(crate) use tickets::{is_mint, mint};
pub(crate) use uses::TicketUse;

use crate::app::{App, ConnectionInfo};
use crate::budget::Budget;
use crate::files::Follower;
use crate::memory::UploadMemory;
use crate::metrics::Metrics;
use crate::secrets::Secrets;
use crate::upstream::Upstreams;
use api_keys::KeyRing;
use jwks::{Fetch, KeySets};
use refusal::{Refusal, Shown};
use set_file::SetFile;
use tickets::TicketKeys;
use uses::UseTable;

/// How long fetching an issuer's keys may take: a client waits for it.
const FETCH_LIMIT: Duration = Duration::from_secs(5);

/// Knows every provider of the configuration, and judges what clients show.
pub struct Gatekeeper {
    keepers: HashMap<Arc<str>, Keeper>,
    /// Whoever may mint tickets; none where no provider gives any.
    minters: Option<Arc<AccessRule>>,
    uses: Arc<UseTable>,
    metrics: Arc<Metrics>,
}

/// What a provider needs to judge.
enum Keeper {
    Keys(KeyRing),
    Tokens(Box<Jwt>, Arc<KeySets>),
    Certificates(CertificateName),
    Tickets(Tickets, TicketKeys),
}

/// What the gatekeeper works with.
pub(crate) struct Means<'m> {
    pub(crate) secrets: &'m Arc<Secrets>,
    pub(crate) upstreams: &'m Arc<Upstreams>,
    pub(crate) budget: &'m Arc<Budget>,
    pub(crate) metrics: &'m Arc<Metrics>,
    pub(crate) tasks: &'m TaskTracker,
    /// The gatekeeper whose place is taken: how often tickets were used, and keys that were fetched, are taken over.
    pub(crate) before: Option<&'m Gatekeeper>,
}

/// A file that a provider needs cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the keys of provider `{provider}` cannot be used: {why}")]
pub struct AccessError {
    provider: Arc<str>,
    why: String,
}

/// A request that may come in.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// Who, and how far a ticket narrows it.
    pub(crate) pass: Pass,
    /// One use of a ticket, held until the upload's end.
    pub(crate) ticket: Option<TicketUse>,
}

impl Entry {
    /// `provider/subject`, for the log.
    pub(crate) fn name(&self) -> Option<Arc<str>> {
        let client = &self.pass.client;
        let subject = client.subject.as_deref().unwrap_or("-");
        client.provider.as_deref().map(|provider| format!("{provider}/{subject}").into())
    }
}

fn have_same_keys(one: &Jwt, other: &Jwt) -> bool {
    let is_same_source = match (&one.keys, &other.keys) {
        (JwksSource::File(one), JwksSource::File(other)) => one == other,
        (JwksSource::Url { url: one, target: from }, JwksSource::Url { url: other, target: of }) => {
            let way = |target: &Target| (target.ca_file.clone(), target.allow_private.clone(), target.connect_timeout);
            one == other && way(from) == way(of)
        }
        _ => false,
    };
    is_same_source && one.max_age == other.max_age && one.keep == other.keep
}

/// Lets a request in, or says why not.
///
/// # Errors
/// `unauthenticated`, `forbidden`, `overloaded` when no use of a ticket can be noted, `upstream-unreachable` when the keys of an
/// issuer cannot be had.
pub(crate) async fn admit(
    app: &App,
    matched: &Match,
    credential: Result<Option<Credential>, Failure>,
    connection: &ConnectionInfo,
) -> Result<Entry, Failure> {
    let route = &matched.route;
    // Two credentials are refused wherever they come: which of them somebody else took for the one is not known.
    let credential = credential?;
    let Access::Demanded(rule) = &route.access else { return Ok(Entry::default()) };
    let keeper = &app.access;
    let now = OffsetDateTime::now_utc();
    let shown = keeper.who(rule, credential, connection, now).await.map_err(|refused| keeper.refuse(rule, refused))?;
    let (client, grant, ticket) = match shown {
        Shown::Client(shown) => (shown.client, None, None),
        Shown::Ticket { provider, ticket } => {
            let grant: Grant = ticket.grant(&route.name, &matched.captures).inspect_err(|_| {
                keeper.metrics.access_refused("ticket", Reason::OtherPlace);
            })?;
            (ticket.client(&provider), Some(grant), Some(ticket))
        }
    };
    let allowed = rules::access::judge(rule, &client, &matched.captures, &route.env);
    let allowed = allowed.and_then(|()| rules::access::fits(route, &client, &matched.captures));
    allowed.inspect_err(|_| {
        keeper.metrics.access_refused(if ticket.is_some() { "ticket" } else { "client" }, Reason::Forbidden);
    })?;
    let ticket = ticket.map(|ticket| {
        keeper.uses.begin(&ticket, now).inspect_err(|_| {
            keeper.metrics.access_refused("ticket", Reason::UsedUp);
        })
    });
    Ok(Entry { pass: Pass { client, grant }, ticket: ticket.transpose()? })
}

impl Gatekeeper {
    /// Prepares every provider. Files are read; nothing is fetched yet.
    ///
    /// # Errors
    /// A file of API keys cannot be used.
    pub(crate) fn new(config: &Config, means: &Means<'_>) -> Result<Self, AccessError> {
        let mut keepers = HashMap::new();
        for provider in &config.access {
            let why = |why| AccessError { provider: Arc::clone(&provider.name), why };
            let keeper = match &provider.kind {
                ProviderKind::ApiKeys(keys) => Keeper::Keys(KeyRing::open(keys).map_err(why)?),
                ProviderKind::Jwt(jwt) => {
                    let sets = means.before.and_then(|before| before.key_sets(&provider.name, jwt));
                    let sets = sets.unwrap_or_else(|| {
                        Arc::new(KeySets::new(&provider.name, jwt, fetch(&jwt.keys, means), means.tasks.clone()))
                    });
                    Keeper::Tokens(Box::new(jwt.clone()), sets)
                }
                ProviderKind::Mtls(name) => Keeper::Certificates(*name),
                ProviderKind::Tickets(tickets) => {
                    Keeper::Tickets(tickets.clone(), TicketKeys::new(tickets, Arc::clone(means.secrets)))
                }
            };
            keepers.insert(Arc::clone(&provider.name), keeper);
        }
        let minters = minters(config);
        let uses = means.before.map(|before| Arc::clone(&before.uses)).unwrap_or_default();
        Ok(Self { keepers, minters, uses, metrics: Arc::clone(means.metrics) })
    }

    /// The keys of a provider, if they come from where this one has them and are kept as long.
    fn key_sets(&self, provider: &str, jwt: &Jwt) -> Option<Arc<KeySets>> {
        match self.keepers.get(provider) {
            Some(Keeper::Tokens(before, sets)) if have_same_keys(before, jwt) => Some(Arc::clone(sets)),
            _ => None,
        }
    }

    /// Who a client is, by what it shows: the credential in its head, else its certificate.
    async fn who(
        &self,
        rule: &AccessRule,
        credential: Option<Credential>,
        connection: &ConnectionInfo,
        now: OffsetDateTime,
    ) -> Result<Shown, Refusal> {
        let Some(credential) = credential else { return self.by_certificate(rule, connection, now) };
        let kind = credential.kind();
        let refused = |reason| Refusal::new(kind, reason);
        let found = match &credential {
            Credential::Key(key) => self.by_key(rule, key.expose(), now).map(Shown::Client),
            Credential::Token(token) => return self.by_token(rule, token.expose(), now).await,
            Credential::Ticket(ticket) => self.by_ticket(rule, ticket.expose(), now),
            Credential::Other => Err(Reason::UnknownScheme),
        };
        found.map_err(refused)
    }

    /// The providers of a rule with what they work with.
    fn of<'k>(&'k self, rule: &'k AccessRule) -> impl Iterator<Item = (&'k Arc<Provider>, &'k Keeper)> {
        rule.any_of.iter().filter_map(|provider| Some((provider, self.keepers.get(&provider.name)?)))
    }

    fn by_key(&self, rule: &AccessRule, key: &str, now: OffsetDateTime) -> Result<Minter, Reason> {
        let mut reason = Reason::NotTaken;
        for (provider, keeper) in self.of(rule) {
            let Keeper::Keys(ring) = keeper else { continue };
            match ring.find(key, now) {
                Ok(found) => {
                    let client = Client {
                        provider: Some(Arc::clone(&provider.name)),
                        subject: Some(Arc::clone(&found.id)),
                        claims: found.claims.clone(),
                    };
                    return Ok(Minter { client, ends: found.not_after });
                }
                Err(why) => reason = why,
            }
        }
        Err(reason)
    }

    async fn by_token(&self, rule: &AccessRule, token: &str, now: OffsetDateTime) -> Result<Shown, Refusal> {
        let mut refusal = Refusal::new("jwt", Reason::NotTaken);
        for (provider, keeper) in self.of(rule) {
            let Keeper::Tokens(jwt, sets) = keeper else { continue };
            match jwt::verify(token, jwt, sets, now).await {
                Ok((subject, claims)) => {
                    let (provider, ends) = (Some(Arc::clone(&provider.name)), end_of(&claims));
                    let client = Client { provider, subject: Some(subject), claims };
                    return Ok(Shown::Client(Minter { client, ends }));
                }
                // Another provider of the route may be the token's; its own says most about it.
                Err(Reason::Issuer) if refusal.reason != Reason::NotTaken => {}
                Err(why) => refusal = Refusal::new("jwt", why),
            }
        }
        Err(refusal)
    }

    fn by_ticket(&self, rule: &AccessRule, text: &str, now: OffsetDateTime) -> Result<Shown, Reason> {
        let mut reason = Reason::NotTaken;
        for (provider, keeper) in self.of(rule) {
            let Keeper::Tickets(tickets, keys) = keeper else { continue };
            match keys.open(text, now) {
                Ok(ticket) if !self.knows_minter(tickets, &ticket, now) => reason = Reason::MinterGone,
                Ok(ticket) => return Ok(Shown::Ticket { provider: Arc::clone(&provider.name), ticket }),
                Err(why) => reason = why,
            }
        }
        Err(reason)
    }

    /// Whether the minter could still mint, as far as that can be known without what it showed: its provider mints for these
    /// tickets, and an API key has not been taken out. Tokens and certificates are not asked for again.
    fn knows_minter(&self, tickets: &Tickets, ticket: &Ticket, now: OffsetDateTime) -> bool {
        tickets.mint.iter().any(|provider| **provider == *ticket.minter)
            && match self.keepers.get(ticket.minter.as_str()) {
                Some(Keeper::Keys(ring)) => ticket.subject.as_deref().is_some_and(|id| ring.knows(id, now)),
                other => other.is_some(),
            }
    }

    fn by_certificate(&self, rule: &AccessRule, on: &ConnectionInfo, now: OffsetDateTime) -> Result<Shown, Refusal> {
        let Some(certificate) = &on.certificate else { return Err(Refusal::new("none", Reason::Missing)) };
        let mut reason = Reason::Missing;
        for (provider, keeper) in self.of(rule) {
            let Keeper::Certificates(name) = keeper else { continue };
            match certificate.subject(*name, now) {
                Ok(subject) => {
                    let (provider, subject) = (Some(Arc::clone(&provider.name)), Some(subject));
                    let client = Client { provider, subject, claims: certificate.claims() };
                    return Ok(Shown::Client(Minter { client, ends: certificate.ends() }));
                }
                Err(why) => reason = why,
            }
        }
        Err(Refusal::new("mtls", reason))
    }

    /// Counts a refusal and words it.
    fn refuse(&self, rule: &AccessRule, refused: Refusal) -> Failure {
        self.metrics.access_refused(refused.kind, refused.reason);
        refused.into_failure(rule)
    }
}

fn minters(config: &Config) -> Option<Arc<AccessRule>> {
    let may_mint = |provider: &Arc<Provider>| {
        config.access.iter().filter_map(|other| other.tickets()).any(|tickets| tickets.mint.contains(&provider.name))
    };
    let any_of: Vec<_> = config.access.iter().filter(|provider| may_mint(provider)).cloned().collect();
    let rule = AccessRule { any_of, that: None, needed_claims: Vec::new(), used_claims: Vec::new() };
    (!rule.any_of.is_empty()).then(|| Arc::new(rule))
}

/// How the keys of an issuer are had: through the connector of all upstreams, with its checks of addresses and its bounds.
fn fetch(source: &JwksSource, means: &Means<'_>) -> Fetch {
    match source {
        JwksSource::File(path) => {
            let file = Follower::new(SetFile::new(path), Duration::ZERO, None);
            Arc::new(move || Box::pin(std::future::ready(file.with(Instant::now(), SetFile::text))))
        }
        JwksSource::Url { url, target } => {
            let request = StepRequest {
                step: "jwks".into(),
                target: Arc::clone(target),
                learned_url: false,
                method: Method::GET,
                url: url.clone(),
                headers: vec![(
                    "Accept".to_owned(),
                    HeaderText::Plain("application/jwk-set+json, application/json".to_owned()),
                )],
                body: None,
                timeout: Some(FETCH_LIMIT),
                attempt: 1,
            };
            let (upstreams, budget) = (Arc::clone(means.upstreams), Arc::clone(means.budget));
            Arc::new(move || {
                let (request, upstreams, budget) = (request.clone(), Arc::clone(&upstreams), Arc::clone(&budget));
                Box::pin(async move {
                    let memory = UploadMemory::nothing_yet(&budget).ok_or("no memory is left")?;
                    match upstreams.send(&request, None, &memory).await {
                        Ok(answer) if answer.status == 200 => Ok(answer.body),
                        Ok(answer) => Err(format!("the issuer answered {}", answer.status)),
                        Err(error) => Err(format!("{error:?}")),
                    }
                })
            })
        }
    }
}
