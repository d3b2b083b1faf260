//! What the tests of upstreams and of the transfer share: a configuration, targets and requests without a rule behind them.

mod answers;
mod auth;
mod client;
mod connect;
mod pool;
mod secrets;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rules::config::{
    Accept, Auth, Config, ErrorRules, Limits, Listener, Log, LogFormat, NameRules, Needs, PathPattern, Route,
    SizeLimits, Target, Timeouts, Tree,
};
use rules::run::StepRequest;
use rules::url::{Origin, Scheme, Url};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Resolve, Upstreams};
use crate::secrets::Secrets;

/// The limits of these tests: long enough for a busy machine, and exact where the clock is paused.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(3);
pub(crate) const IDLE_LIMIT: Duration = Duration::from_secs(30);
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A name server under the test's control: each call gives the next list, the last one again and again.
#[derive(Debug, Default)]
pub(crate) struct ScriptedResolver {
    answers: Vec<Vec<SocketAddr>>,
    pub(crate) calls: AtomicUsize,
}

impl ScriptedResolver {
    pub(crate) fn new(answers: Vec<Vec<SocketAddr>>) -> Arc<Self> {
        Arc::new(Self { answers, calls: AtomicUsize::new(0) })
    }
}

impl Resolve for ScriptedResolver {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.get(call).or(self.answers.last()).cloned().unwrap_or_default();
        Box::pin(async move { Ok(answer) })
    }
}

/// A target that may reach loopback addresses.
pub(crate) fn target() -> Target {
    Target {
        name: "store".into(),
        origin: None,
        allow: Vec::new(),
        auth: None,
        headers: Vec::new(),
        errors: ErrorRules::default(),
        timeout: None,
        connect_timeout: None,
        ca_file: None,
        allow_private: vec!["127.0.0.0/8".parse().expect("a network")],
        chunked: true,
    }
}

pub(crate) fn config(targets: &[&Arc<Target>]) -> Config {
    let route = Route {
        limits: rules::config::FairUse::default(),
        name: "route".into(),
        path: PathPattern { source: "/".to_owned(), segments: Vec::new() },
        description: None,
        access: rules::config::Access::Unsaid,
        require_digest: false,
        digests: wire::digest::DigestSet::default(),
        params: Vec::new(),
        accept: Accept {
            size: SizeLimits::default(),
            types: rules::config::TypeRules::default(),
            extensions: rules::config::ExtensionRules::default(),
            name: NameRules { max_bytes: 255, pattern: None },
            form: rules::config::FormRules::default(),
        },
        cors: None,
        targets: targets.iter().map(|target| Arc::clone(target)).collect(),
        steps: Vec::new(),
        transfer: 0,
        env: Arc::default(),
        result: Tree::Constant(serde_json::Value::Null),
        needs: Needs::default(),
    };
    Config {
        listeners: Vec::<Listener>::new(),
        admin: SocketAddr::from(([127, 0, 0, 1], 0)),
        limits: Limits {
            memory: 1 << 20,
            connections: 1,
            uploads: 1,
            head_size: 1 << 15,
            head_fields: 64,
            ..crate::server::tests::config().limits
        },
        clients: rules::config::Clients { remembered: 64, proxies: None },
        timeouts: Timeouts {
            head: Duration::from_secs(10),
            idle: IDLE_LIMIT,
            min_rate: 1024,
            min_rate_grace: Duration::from_secs(10),
            keep_alive: Duration::from_secs(60),
            connect: CONNECT_LIMIT,
            answer: ANSWER_LIMIT,
            drain: Duration::from_secs(30),
        },
        allow_private: Vec::new(),
        log: Log { format: LogFormat::Auto, level: "info".to_owned() },
        access: Vec::new(),
        routes: vec![Arc::new(route)],
    }
}

/// The variables that every test sees.
pub(crate) fn variable(name: &str) -> Option<String> {
    let value = match name {
        "TOKEN" => "t0ken/+",
        "BROKEN" => "a\r\nHost: evil",
        "EMPTY" => "",
        "KEY_ID" => "AKIDEXAMPLE",
        "KEY" => "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        _ => return None,
    };
    Some(value.to_owned())
}

pub(crate) fn upstreams_of(targets: &[&Arc<Target>], resolver: Arc<dyn Resolve>) -> Upstreams {
    let config = config(targets);
    let (secrets, _missing) = Secrets::read(&config, &variable);
    Upstreams::new(&config, Arc::new(secrets), resolver).expect("the upstreams are fine")
}

/// Upstreams with one target and no name server.
pub(crate) fn upstreams(target: &Arc<Target>) -> Upstreams {
    upstreams_of(&[target], ScriptedResolver::new(Vec::new()))
}

pub(crate) fn url(scheme: Scheme, host: &str, port: u16, path_and_query: &str) -> Url {
    let origin = Origin { scheme, host: host.to_owned(), port };
    Url { origin, path_and_query: path_and_query.to_owned() }
}

/// A request to a loopback port, or wherever its URL is then pointed.
pub(crate) fn step(target: &Arc<Target>, method: &str, port: u16, path_and_query: &str) -> StepRequest {
    StepRequest {
        step: "step".into(),
        target: Arc::clone(target),
        learned_url: false,
        method: method.parse().expect("a method"),
        url: url(Scheme::Http, "127.0.0.1", port, path_and_query),
        headers: Vec::new(),
        body: None,
        timeout: None,
        attempt: 1,
    }
}

pub(crate) fn with_auth(auth: Auth) -> Arc<Target> {
    Arc::new(Target { auth: Some(auth), ..target() })
}

/// An authority of the test's own, and where a server with a certificate of it listens.
pub(crate) struct Tls {
    pub(crate) ca_pem: String,
    pub(crate) address: SocketAddr,
}

/// A listener and the identity `files.example`, which offers HTTP/2 as well.
pub(crate) async fn tls_listener() -> (Tls, TcpListener, TlsAcceptor) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).expect("a certificate").pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().expect("a key");
    let leaf = CertificateParams::new(vec!["files.example".to_owned()]).expect("parameters");
    let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .expect("a certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (Tls { ca_pem, address }, listener, TlsAcceptor::from(Arc::new(config)))
}

/// A target that trusts these authorities, and a name server that knows this address alone.
pub(crate) fn trusting(pem: &str, address: SocketAddr) -> (Arc<Target>, Upstreams) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pem).expect("written");
    let ca_file = file.path().to_str().map(str::to_owned);
    let target = Arc::new(Target { ca_file, ..target() });
    let upstreams = upstreams_of(&[&target], ScriptedResolver::new(vec![vec![address]]));
    (target, upstreams)
}

pub(crate) fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).expect("text")
}
