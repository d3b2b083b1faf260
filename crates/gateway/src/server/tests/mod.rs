#![expect(clippy::disallowed_methods, reason = "answers of a test are small")]

mod reload;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rules::config::{Limits, Listener, ListenerTls, Log, LogFormat, Timeouts};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

use super::*;
use crate::upstream::SystemResolver;

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Longer than anything here takes; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration without routes, listening at chosen ports.
pub(crate) fn config() -> Config {
    Config {
        listeners: vec![Listener { address: LOCAL, tls: None, http2: false }],
        admin: LOCAL,
        limits: Limits {
            memory: 64 << 20,
            connections: 100,
            connections_per_client: None,
            uploads: 100,
            head_size: 32 << 10,
            head_fields: 64,
            head_line: 16 << 10,
            target_size: 8 << 10,
            streams: 64,
            resets: 20,
        },
        clients: rules::config::Clients { remembered: 64, proxies: None },
        timeouts: Timeouts {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            min_rate: 1024,
            min_rate_grace: Duration::from_secs(10),
            keep_alive: Duration::from_secs(60),
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(60),
            drain: Duration::from_secs(30),
        },
        allow_private: Vec::new(),
        log: Log { format: LogFormat::Auto, level: "info".to_owned() },
        access: Vec::new(),
        routes: Vec::new(),
    }
}

/// What a gateway needs when no route is configured.
pub(crate) fn needs() -> Dependencies {
    let (version, revision) = ("0.0.0", "test");
    let (secrets, sockets) = (Arc::default(), Vec::new());
    Dependencies { secrets, resolver: Arc::new(SystemResolver), sockets, log: None, version, revision }
}

/// Starts a gateway whose requests are answered with what is known of their connection.
fn start(config: Config) -> Gateway {
    start_with(config, |_| {
        Arc::new(|connection, _| {
            Box::pin(async move {
                say(&format!("tls={} http2={} listener={}", connection.tls, connection.http2, connection.listener))
            })
        })
    })
}

fn start_with(config: Config, handler: impl FnOnce(Arc<Current>) -> Handler) -> Gateway {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Gateway::start_with(Arc::new(config), needs(), handler).expect("the gateway starts")
}

/// Starts a gateway as users run it.
fn start_whole(config: Config) -> Gateway {
    start_with(config, |current| {
        Arc::new(move |connection, request| Box::pin(pipeline::handle(current.app(), connection, request)))
    })
}

fn say(text: &str) -> Reply {
    Reply::new(Bytes::copy_from_slice(text.as_bytes()))
}

async fn connect(gateway: &Gateway) -> TcpStream {
    connect_to(gateway.addresses()[0]).await
}

async fn connect_to(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the gateway listens")
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n";
const GET_AND_CLOSE: &[u8] = b"GET / HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n";

/// Sends bytes and reads until the gateway closes.
async fn exchange(gateway: &Gateway, bytes: &[u8]) -> String {
    let mut stream = connect(gateway).await;
    stream.write_all(bytes).await.expect("the request can be sent");
    rest(&mut stream).await
}

async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the gateway closes");
    read.expect("the answer can be read");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Reads one answer whose body ends in `end`, and leaves the connection open.
async fn answer(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut piece = [0; 1024];
        let read = timeout(PATIENCE, stream.read(&mut piece)).await.expect("an answer comes");
        let len = read.expect("the answer can be read");
        assert!(len > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&piece[..len]));
    }
    text
}

fn metric(gateway: &Gateway, line: &str) -> bool {
    gateway.app().metrics.text().expect("metrics can be written").lines().any(|found| found == line)
}

async fn eventually(what: impl Fn() -> bool) {
    let becoming = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, becoming).await.expect("it becomes true");
}

#[tokio::test]
async fn serves_http1_and_knows_its_addresses() {
    let gateway = start(config());
    assert_ne!(gateway.addresses()[0].port(), 0);
    assert_ne!(gateway.admin_address().port(), 0);
    let text = exchange(&gateway, GET_AND_CLOSE).await;
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("tls=false http2=false listener=0"), "{text}");
}

#[tokio::test]
async fn keeps_a_connection_for_further_requests() {
    let gateway = start(config());
    let mut stream = connect(&gateway).await;
    for _ in 0..3 {
        stream.write_all(GET).await.expect("the request can be sent");
        let text = answer(&mut stream, "listener=0").await;
        assert!(!text.to_lowercase().contains("connection: close"), "{text}");
    }
    assert!(metric(&gateway, "tidegate_connections{listener=\"127.0.0.1:0\"} 1"));
}

#[tokio::test]
async fn answers_a_client_that_shut_its_sending_side() {
    let gateway = start(config());
    let mut stream = connect(&gateway).await;
    stream.write_all(GET_AND_CLOSE).await.expect("the request can be sent");
    stream.shutdown().await.expect("the side can be shut");
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn refuses_connections_over_the_limit_with_503_and_closes_them() {
    let gateway = start(Config { limits: Limits { connections: 1, ..config().limits }, ..config() });
    let mut first = connect(&gateway).await;
    first.write_all(GET).await.expect("the request can be sent");
    answer(&mut first, "listener=0").await;
    let text = exchange(&gateway, GET).await;
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("\r\nRetry-After: 1\r\n"), "{text}");
    assert!(text.contains("urn:tidegate:problem:overloaded"), "{text}");
    assert!(metric(&gateway, "tidegate_rejected_requests_total{reason=\"connection-limit\"} 1"));
    drop(first);
    let open = "tidegate_connections{listener=\"127.0.0.1:0\"} 0";
    eventually(|| metric(&gateway, open)).await;
    assert!(exchange(&gateway, GET_AND_CLOSE).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn refuses_connections_that_the_budget_cannot_pay() {
    let gateway = start(Config { limits: Limits { memory: 1000, ..config().limits }, ..config() });
    let text = exchange(&gateway, GET).await;
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert!(metric(&gateway, "tidegate_rejected_requests_total{reason=\"memory-limit\"} 1"));
}

#[tokio::test]
async fn charges_a_connection_and_gives_the_memory_back() {
    let gateway = start(config());
    let mut stream = connect(&gateway).await;
    stream.write_all(GET).await.expect("the request can be sent");
    answer(&mut stream, "listener=0").await;
    assert_eq!(gateway.app().budget.used(), 12 << 10);
    drop(stream);
    eventually(|| gateway.app().budget.used() == 0).await;
}

#[tokio::test]
async fn closes_silent_connections_without_a_word_and_answers_slow_heads_where_the_protocol_is_known() {
    let head = Duration::from_millis(100);
    let gateway = start_whole(Config {
        timeouts: Timeouts { head, ..config().timeouts },
        listeners: vec![
            Listener { address: LOCAL, tls: None, http2: false },
            Listener { address: LOCAL, tls: None, http2: true },
        ],
        ..config()
    });
    for address in gateway.addresses() {
        for said in [&b""[..], b"P", b"PRI * "] {
            let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
            stream.write_all(said).await.expect("it can be sent");
            let answer = rest(&mut stream).await;
            if said.is_empty() || address == gateway.addresses()[1] {
                assert_eq!(answer, "", "{address} {said:?}");
            } else {
                assert!(answer.starts_with("HTTP/1.1 408 "), "{address} {said:?}: {answer}");
            }
        }
    }
    let slow = "tidegate_rejected_requests_total{reason=\"head-too-slow\"} 4";
    eventually(|| metric(&gateway, slow)).await;
}

#[tokio::test]
async fn refuses_heads_over_the_limits_and_counts_them() {
    let limits = Limits { head_fields: 4, head_size: 1000, ..config().limits };
    let gateway = start_whole(Config { limits, ..config() });
    let many = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n".to_owned();
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(1000));
    for head in [many, long] {
        let text = exchange(&gateway, head.as_bytes()).await;
        assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    }
    eventually(|| metric(&gateway, "tidegate_rejected_requests_total{reason=\"head-too-large\"} 2")).await;
    let text = exchange(&gateway, b"GET / HTTP/1.1\r\nno colon\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    eventually(|| metric(&gateway, "tidegate_rejected_requests_total{reason=\"malformed-head\"} 1")).await;
}

async fn over_http2<I>(io: I) -> String
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io))
        .await
        .expect("the gateway speaks HTTP/2");
    let driving = tokio::spawn(connection);
    let request = Request::get("http://gateway/").body(Full::<Bytes>::default()).expect("a sound request");
    let answer = timeout(PATIENCE, client.send_request(request)).await.expect("an answer comes").expect("an answer");
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    driving.abort();
    String::from_utf8_lossy(&body).into_owned()
}

#[tokio::test]
async fn speaks_cleartext_http2_where_the_listener_says_so_and_http1_beside_it() {
    let gateway = start(Config { listeners: vec![Listener { address: LOCAL, tls: None, http2: true }], ..config() });
    assert_eq!(over_http2(connect(&gateway).await).await, "tls=false http2=true listener=0");
    assert!(exchange(&gateway, GET_AND_CLOSE).await.ends_with("tls=false http2=false listener=0"));
}

#[tokio::test]
async fn takes_the_http2_preface_for_a_bad_request_elsewhere() {
    let gateway = start_whole(config());
    let text = exchange(&gateway, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
}

#[tokio::test]
async fn closes_an_http2_connection_that_asks_nothing() {
    let timeouts = Timeouts { head: Duration::from_millis(100), ..config().timeouts };
    let gateway =
        start(Config { listeners: vec![Listener { address: LOCAL, tls: None, http2: true }], timeouts, ..config() });
    let (_client, connection) = hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(connect(&gateway).await),
    )
    .await
    .expect("the gateway speaks HTTP/2");
    timeout(PATIENCE, connection).await.expect("the gateway closes").expect("it closes properly");
}

/// A certificate for `localhost` in PEM files, and a client that trusts it.
fn certificate(folder: &tempfile::TempDir) -> (ListenerTls, rustls::ClientConfig) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate can be made");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let files = ListenerTls { cert: path("cert.pem"), key: path("key.pem"), client_ca: None };
    std::fs::write(&files.cert, made.cert.pem()).expect("the file can be written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("the file can be written");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("the certificate is sound");
    (files, rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

async fn handshake(
    gateway: &Gateway,
    client: &rustls::ClientConfig,
    protocols: &[&[u8]],
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut client = client.clone();
    client.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let name = rustls_pki_types::ServerName::try_from("localhost").expect("a sound name");
    let stream = connect(gateway).await;
    tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, stream).await.expect("the handshake succeeds")
}

#[tokio::test]
async fn chooses_the_protocol_by_alpn() {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let folder = tempfile::tempdir().expect("a folder");
    let (files, client) = certificate(&folder);
    let gateway =
        start(Config { listeners: vec![Listener { address: LOCAL, tls: Some(files), http2: false }], ..config() });
    let stream = handshake(&gateway, &client, &[b"h2", b"http/1.1"]).await;
    assert_eq!(over_http2(stream).await, "tls=true http2=true listener=0");
    for protocols in [&[&b"http/1.1"[..]][..], &[]] {
        let mut stream = handshake(&gateway, &client, protocols).await;
        stream.write_all(GET_AND_CLOSE).await.expect("the request can be sent");
        let text = rest(&mut stream).await;
        assert!(text.ends_with("tls=true http2=false listener=0"), "{text}");
    }
    exchange(&gateway, b"GET / HTTP/1.1\r\n\r\n").await;
    eventually(|| metric(&gateway, "tidegate_rejected_requests_total{reason=\"tls-handshake\"} 1")).await;
}

#[tokio::test]
async fn does_not_start_with_a_certificate_that_cannot_be_read() {
    let missing = ListenerTls {
        cert: "/nonexistent/cert.pem".to_owned(),
        key: "/nonexistent/key.pem".to_owned(),
        client_ca: None,
    };
    let config = Config { listeners: vec![Listener { address: LOCAL, tls: Some(missing), http2: false }], ..config() };
    let refused = Gateway::start(Arc::new(config), needs()).err().expect("it does not start");
    assert!(matches!(refused, StartError::Tls { source: TlsError::File { .. }, .. }), "{refused:?}");
}

#[tokio::test]
async fn does_not_start_at_an_address_that_is_taken() {
    let gateway = start(config());
    let taken = gateway.addresses()[0];
    let again = Config { listeners: vec![Listener { address: taken, tls: None, http2: false }], ..config() };
    let refused = Gateway::start(Arc::new(again), needs()).err().expect("it does not start");
    assert!(matches!(refused, StartError::Bind { address, .. } if address == taken), "{refused:?}");
}

/// A handler whose requests are uploads: each holds its place until `release`, or until uploads are aborted.
fn holding(release: Arc<Notify>) -> impl FnOnce(Arc<Current>) -> Handler {
    fn answer(app: Arc<App>, release: Arc<Notify>) -> BoxFuture<'static, Reply> {
        Box::pin(async move {
            if app.draining.is_cancelled() {
                return say("draining");
            }
            let _place = app.uploads.enter(Uuid::now_v7(), &app.metrics.unmatched()).expect("there is a place");
            tokio::select! {
                () = release.notified() => say("stored"),
                () = app.aborting.cancelled() => say("aborted"),
            }
        })
    }
    move |current| {
        Arc::new(move |_: Arc<ConnectionInfo>, _: Request<ClientBody>| answer(current.app(), Arc::clone(&release)))
    }
}

#[tokio::test]
async fn drain_lets_uploads_finish_and_tells_open_connections() {
    let release = Arc::new(Notify::new());
    let gateway = start_with(config(), holding(Arc::clone(&release)));
    let mut idle = connect(&gateway).await;
    let mut uploading = connect(&gateway).await;
    uploading.write_all(GET).await.expect("the request can be sent");
    eventually(|| gateway.app().uploads.len() == 1).await;

    let drain = gateway.drain(PATIENCE);
    let meanwhile = async {
        gateway.app().draining.cancelled().await;
        idle.write_all(GET).await.expect("the request can be sent");
        let told = rest(&mut idle).await;
        assert!(told.ends_with("draining") && told.to_lowercase().contains("\r\nconnection: close\r\n"), "{told}");
        let refused = async {
            while TcpStream::connect(gateway.addresses()[0]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, refused).await.expect("the listener closes");
        release.notify_one();
        let stored = rest(&mut uploading).await;
        assert!(stored.ends_with("stored") && stored.to_lowercase().contains("\r\nconnection: close\r\n"), "{stored}");
    };
    let (report, ()) = tokio::join!(drain, meanwhile);
    assert_eq!(report, DrainReport { aborted: 0, unfinished: 0 });
    assert!(report.lost_nothing());
}

#[tokio::test]
async fn drain_tells_an_http2_connection_and_sends_it_away() {
    let release = Arc::new(Notify::new());
    let listeners = vec![Listener { address: LOCAL, tls: None, http2: true }];
    let gateway = start_with(Config { listeners, ..config() }, holding(Arc::clone(&release)));
    let mut uploading = connect(&gateway).await;
    uploading.write_all(GET).await.expect("the request can be sent");
    eventually(|| gateway.app().uploads.len() == 1).await;
    let io = TokioIo::new(connect(&gateway).await);
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.expect("the gateway speaks HTTP/2");
    let driving = tokio::spawn(connection);

    let meanwhile = async {
        gateway.app().draining.cancelled().await;
        let request = Request::get("http://gateway/").body(Full::<Bytes>::default()).expect("a sound request");
        let answer =
            timeout(PATIENCE, client.send_request(request)).await.expect("an answer comes").expect("an answer");
        assert!(!answer.headers().contains_key(http::header::CONNECTION), "HTTP/2 knows no such field");
        let told = answer.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(told, "draining");
        timeout(PATIENCE, driving).await.expect("the gateway closes").expect("no panic").expect("it closes properly");
        release.notify_one();
    };
    let (report, ()) = tokio::join!(gateway.drain(PATIENCE), meanwhile);
    assert!(report.lost_nothing(), "{report:?}");
}

#[tokio::test]
async fn drain_aborts_what_outlives_the_grace_time_and_waits_for_what_that_began() {
    let gateway = start_with(config(), holding(Arc::default()));
    let mut uploading = connect(&gateway).await;
    uploading.write_all(GET).await.expect("the request can be sent");
    eventually(|| gateway.app().uploads.len() == 1).await;
    let app = gateway.app();
    let undone = Arc::new(std::sync::atomic::AtomicBool::new(false));
    app.tasks.spawn({
        let (aborting, undone) = (app.aborting.clone(), Arc::clone(&undone));
        async move {
            aborting.cancelled().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            undone.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    });
    let (report, told) = tokio::join!(gateway.drain(Duration::from_millis(50)), rest(&mut uploading));
    assert_eq!(report, DrainReport { aborted: 1, unfinished: 0 });
    assert!(told.ends_with("aborted"), "{told}");
    assert!(undone.load(std::sync::atomic::Ordering::SeqCst));
}

#[tokio::test]
async fn a_second_signal_ends_the_grace_time_at_once() {
    let gateway = start_with(config(), holding(Arc::default()));
    let mut uploading = connect(&gateway).await;
    uploading.write_all(GET).await.expect("the request can be sent");
    eventually(|| gateway.app().uploads.len() == 1).await;
    let drain = timeout(PATIENCE, gateway.drain(Duration::from_secs(3600)));
    let second = async {
        gateway.app().draining.cancelled().await;
        gateway.abort();
    };
    let (report, ()) = tokio::join!(drain, second);
    assert_eq!(report.expect("the drain ends"), DrainReport { aborted: 1, unfinished: 0 });
}

#[tokio::test]
async fn an_idle_gateway_drains_at_once_though_connections_are_open() {
    let gateway = start(config());
    let mut idle = connect(&gateway).await;
    idle.write_all(GET).await.expect("the request can be sent");
    answer(&mut idle, "listener=0").await;
    let report = timeout(Duration::from_secs(4), gateway.drain(Duration::from_secs(3600))).await;
    assert!(report.expect("nothing is waited for").lost_nothing());
    assert_eq!(rest(&mut idle).await, "");
}

/// A socket that is bound, as a service manager holds it, and its address.
fn bound() -> (std::net::TcpListener, SocketAddr) {
    let socket = std::net::TcpListener::bind(LOCAL).expect("a port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}

#[tokio::test]
async fn a_connection_that_waits_in_a_socket_that_was_handed_over_is_the_next_process_s() {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (held, address) = bound();
    let (unwanted, _) = bound();
    let with = || Config { listeners: vec![Listener { address, tls: None, http2: false }], ..config() };
    let start = || {
        let sockets = vec![unwanted.try_clone().expect("a copy"), held.try_clone().expect("a copy")];
        let handler = |_: Arc<Current>| -> Handler { Arc::new(|_, _| Box::pin(async { say("served") })) };
        Gateway::start_with(Arc::new(with()), Dependencies { sockets, ..needs() }, handler).expect("it starts")
    };
    let first = start();
    assert_eq!(first.addresses(), [address]);
    assert!(exchange(&first, GET_AND_CLOSE).await.ends_with("served"));
    assert!(timeout(PATIENCE, first.drain(PATIENCE)).await.expect("it ends").lost_nothing());
    let mut waiting = connect_to(address).await;
    waiting.write_all(GET_AND_CLOSE).await.expect("the request can be sent");
    drop(first);
    let _second = start();
    assert!(rest(&mut waiting).await.ends_with("served"));
}
