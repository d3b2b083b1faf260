//! Everything that leaves for an upstream: one connector for all of it, a client for steps, a pool for transfers.
//!
//! Targets that differ in trust, private networks or dialling time share nothing, so a connection that one target was allowed
//! to make never serves another that was not.

mod resolve;

mod connect;

mod tls;

mod stream;

mod auth;

mod sigv4;

mod head;

mod client;

mod fetch;

mod stack;

mod pool;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use ipnet::IpNet;
use rules::config::{Config, JwksSource, ProviderKind, Target};
use rules::failure::Failure;
use rules::run::{Answer, NoAnswer, StepRequest};
use rules::url::Origin;
use rules::withheld::KnowsSecrets;
use tokio_rustls::TlsConnector;
use tower::{Service as _, ServiceExt as _};

use crate::memory::UploadMemory;
use crate::secrets::Secrets;
use client::StepCall;
use connect::Connector;
use pool::TransferPool;
use stack::StepService;

pub use fetch::{FetchError, FetchTerms, Fetched, Fetcher};
pub(crate) use head::{OutgoingHead, Payload};
pub use resolve::{Resolve, SystemResolver};
pub(crate) use stream::UpstreamStream;

/// Bytes of an answer's body: error texts and JSON documents are far smaller.
pub(crate) const MAX_ANSWER_BODY: usize = 1024 * 1024;

/// Header fields of an answer.
const MAX_ANSWER_FIELDS: usize = 100;

/// Bytes of an answer's head.
const MAX_ANSWER_HEAD: usize = 32 * 1024;

/// Interim (1xx) answers to one request; the transfer's own reader has the same bound. Honest upstreams send one or two.
const MAX_INTERIM_ANSWERS: usize = 16;

/// How long a connection may wait in a pool. Common servers close idle ones after 15 s and more; being first avoids the race.
const POOL_IDLE: Duration = Duration::from_secs(10);

/// Idle connections per origin, in each pool. Uploads come in bursts: when as many end at once as have used a connection each, those
/// that are kept are what the next burst need not dial. With 8, 32 clients at once made a third of all uploads dial; a process that
/// carries more than this many small uploads at the same moment is rare, as a core is busy with some 30. Each costs a descriptor, some
/// KiB in the kernel, and with TLS some 20 KiB of memory, for [`POOL_IDLE`] after the burst.
const MAX_IDLE_PER_ORIGIN: usize = 128;

/// Every upstream of one configuration.
pub struct Upstreams {
    /// Few, so that looking through them costs less than hashing what a target says.
    lanes: Vec<(LaneKey, Lane)>,
    secrets: Arc<Secrets>,
    answer_limit: Duration,
    idle_limit: Duration,
}

/// What must be equal for two targets to share connections.
#[derive(Debug)]
struct LaneKey {
    ca_file: Option<String>,
    allow_private: Vec<IpNet>,
    connect_timeout: Option<Duration>,
}

struct Lane {
    connector: Connector,
    steps: StepService,
    pool: Arc<TransferPool>,
}

/// Why the upstreams of a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamsError {
    /// A CA file cannot be used.
    #[error("cannot use the certificate authorities in `{path}`")]
    CaFile {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The TLS library has no protocol version that is safe.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

impl Upstreams {
    /// Prepares the upstreams of a configuration; no connection is made yet.
    ///
    /// # Errors
    /// A CA file of a target cannot be used.
    #[expect(clippy::needless_pass_by_value, reason = "the caller hands its resolver over, as it does the secrets")]
    pub fn new(config: &Config, secrets: Arc<Secrets>, resolver: Arc<dyn Resolve>) -> Result<Self, UpstreamsError> {
        let mut connectors: HashMap<Option<String>, TlsConnector> = HashMap::new();
        let mut lanes: Vec<(LaneKey, Lane)> = Vec::new();
        let of_routes = config.routes.iter().flat_map(|route| &route.targets);
        for target in of_routes.chain(issuers(config)) {
            if lanes.iter().any(|(key, _)| key.is_of(target)) {
                continue;
            }
            let key = LaneKey::of(target);
            let tls = match connectors.get(&key.ca_file) {
                Some(tls) => tls.clone(),
                None => tls_of(key.ca_file.as_deref())?,
            };
            connectors.insert(key.ca_file.clone(), tls.clone());
            let connector = Connector {
                resolver: Arc::clone(&resolver),
                tls,
                allowed: config.allow_private.iter().chain(&key.allow_private).copied().collect(),
                connect_timeout: key.connect_timeout.unwrap_or(config.timeouts.connect),
                user_timeout: config.timeouts.idle,
            };
            lanes.push((key, Lane::new(connector)));
        }
        Ok(Self { lanes, secrets, answer_limit: config.timeouts.answer, idle_limit: config.timeouts.idle })
    }

    /// Sends a step's request and reads its answer, whose head and body are bounded. The step's time limit holds for all of
    /// it, dialling included.
    ///
    /// # Errors
    /// Why there is no answer; the request was not sent again.
    pub async fn send(
        &self,
        request: &StepRequest,
        traceparent: Option<&str>,
        memory: &Arc<UploadMemory>,
    ) -> Result<Answer, NoAnswer> {
        let payload = Payload::Known(request.body.as_deref().unwrap_or_default());
        let head = self.head(request, payload, traceparent)?;
        let limit = self.answer_limit(request);
        let call = StepCall {
            target: Arc::clone(&request.target.name),
            request: head.into_request(request.body.clone())?,
            limit,
            memory: Arc::clone(memory),
        };
        let mut steps = self.lane(&request.target)?.steps.clone();
        steps.ready().await?.call(call).await
    }

    /// The head of a request, dated and signed now.
    pub(crate) fn head(
        &self,
        request: &StepRequest,
        payload: Payload<'_>,
        traceparent: Option<&str>,
    ) -> Result<OutgoingHead, NoAnswer> {
        OutgoingHead::new(request, payload, traceparent, &self.secrets, SystemTime::now())
    }

    /// A connection for a transfer, and whether it was used before.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        origin: &Origin,
        fresh: bool,
    ) -> Result<(UpstreamStream, bool), NoAnswer> {
        let lane = self.lane(target)?;
        if !fresh && let Some(stream) = lane.pool.take(origin) {
            return Ok((stream, true));
        }
        let stream = lane.connector.dial(origin).boxed().await.map_err(|error| NoAnswer::from(&error))?;
        Ok((stream, false))
    }

    /// Gives a connection back whose last answer was read completely.
    pub(crate) fn give_back(&self, target: &Target, origin: &Origin, stream: UpstreamStream) {
        if let Ok(lane) = self.lane(target) {
            lane.pool.put(origin, stream);
        }
    }

    /// A failure whose texts hold none of the secrets that upstreams were sent.
    pub(crate) fn without_secrets(&self, mut failure: Failure) -> Failure {
        self.secrets.mask_failure(&mut failure);
        failure
    }

    /// Who knows what upstreams were sent.
    pub(crate) fn own_secrets(&self) -> Arc<dyn KnowsSecrets> {
        Arc::<Secrets>::clone(&self.secrets)
    }

    /// How long an answer may take.
    pub(crate) fn answer_limit(&self, request: &StepRequest) -> Duration {
        request.timeout.or(request.target.timeout).unwrap_or(self.answer_limit)
    }

    /// How long an upstream may take no byte.
    pub(crate) fn idle_limit(&self) -> Duration {
        self.idle_limit
    }

    fn lane(&self, target: &Target) -> Result<&Lane, NoAnswer> {
        let unknown = || NoAnswer::NotAllowed(format!("the target `{}` is not of this configuration", target.name));
        self.lanes.iter().find_map(|(key, lane)| key.is_of(target).then_some(lane)).ok_or_else(unknown)
    }
}

impl LaneKey {
    fn is_of(&self, target: &Target) -> bool {
        self.ca_file == target.ca_file
            && self.allow_private == target.allow_private
            && self.connect_timeout == target.connect_timeout
    }

    fn of(target: &Target) -> Self {
        Self {
            ca_file: target.ca_file.clone(),
            allow_private: target.allow_private.clone(),
            connect_timeout: target.connect_timeout,
        }
    }
}

impl Lane {
    fn new(connector: Connector) -> Self {
        let steps = stack::step_stack(client::step_client(connector.clone(), MAX_IDLE_PER_ORIGIN));
        Self { connector, steps, pool: Arc::default() }
    }
}

/// Where the keys of tokens are fetched from: the same checks of addresses and bounds on answers hold there.
fn issuers(config: &Config) -> impl Iterator<Item = &Arc<Target>> {
    config.access.iter().filter_map(|provider| match &provider.kind {
        ProviderKind::Jwt(jwt) => match &jwt.keys {
            JwksSource::Url { target, .. } => Some(target),
            JwksSource::File(_) => None,
        },
        _ => None,
    })
}

fn tls_of(ca_file: Option<&str>) -> Result<TlsConnector, UpstreamsError> {
    let roots = match ca_file {
        Some(path) => tls::roots_from_file(path)?,
        None => tls::system_roots(),
    };
    tls::connector(roots)
}
