//! One example through a whole gateway.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gateway::secrets::Secrets;
use gateway::server::{Dependencies, Gateway};
use rules::config::Example;
use rules::diagnostics::Report;

use super::authority::Authority;
use super::compare::{Difference, compare, recognizes};
use super::sent::{self, Credentials};
use super::upstream::Upstream;
use crate::cli::REVISION;
use crate::client::{Answer, Connection, Protocol};

/// For what an upload has left behind to be taken back, after its client was answered.
const GRACE: Duration = Duration::from_secs(30);

/// What became of an example.
pub(super) enum Verdict {
    /// Everything was as expected, or not.
    Compared(Vec<Difference>),
    /// The rule cannot be used in the example's environment.
    Unusable(Report),
    /// It could not be run.
    Broken(anyhow::Error),
}

impl Verdict {
    /// Whether the example passed.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Compared(differences) if differences.is_empty())
    }
}

/// Runs one example of a route's file.
pub(super) async fn run(file: &str, example: &Example, authority: &Arc<Authority>) -> Verdict {
    match run_or_break(file, example, authority).await {
        Ok(verdict) => verdict,
        Err(error) => Verdict::Broken(error),
    }
}

async fn run_or_break(file: &str, example: &Example, authority: &Arc<Authority>) -> anyhow::Result<Verdict> {
    let credentials = Credentials::new()?;
    let keys = credentials.known_for(&example.request);
    let config = match gateway::load::load_for_example(file, example, keys) {
        Ok(config) => authority.trusted_by(config),
        Err(report) => return Ok(Verdict::Unusable(report)),
    };
    let upstream = Upstream::start(&example.exchanges, recognizes, Arc::clone(authority)).await?;
    let needs = Dependencies {
        secrets: Arc::new(Secrets::stand_ins(&config, &|name| example.env.get(name).map(ToOwned::to_owned))),
        resolver: upstream.network(),
        sockets: Vec::new(),
        log: None,
        version: env!("CARGO_PKG_VERSION"),
        revision: REVISION,
    };
    let gateway = Gateway::start(Arc::new(config), needs).context("the gateway cannot start")?;
    let content = sent::content(&example.request.content);
    let answer = ask(&gateway, example, &content, &credentials).await;
    gateway.drain(GRACE).await;
    let record = upstream.stop().await;
    Ok(Verdict::Compared(compare(example, &content, &record, &answer?)))
}

async fn ask(
    gateway: &Gateway,
    example: &Example,
    content: &bytes::Bytes,
    credentials: &Credentials,
) -> anyhow::Result<Answer> {
    let address = *gateway.addresses().first().context("the gateway listens nowhere")?;
    let request = sent::request(&example.request, content, credentials, address)?;
    Connection::open(request.uri(), Protocol::Http1).await?.send(request).await
}
