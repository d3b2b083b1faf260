//! Where connections go, and where they do not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::future::BoxFuture;
use rules::config::Target;
use rules::run::{NoAnswer, StepRequest};
use rules::url::Scheme;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{CONNECT_LIMIT, ScriptedResolver, Tls, step, target, tls_listener, trusting, upstreams_of, url};
use crate::memory::UploadMemory;
use crate::upstream::{Resolve, Upstreams};

const NO_CONTENT: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

fn get(target: &Arc<Target>, scheme: Scheme, host: &str, port: u16) -> StepRequest {
    let mut request = step(target, "GET", 0, "/");
    request.url = url(scheme, host, port, "/");
    request
}

/// A server that answers one request per connection, for as long as the test runs.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 1024];
            let _read = stream.read(&mut head).await;
            let _written = stream.write_all(NO_CONTENT).await;
        }
    });
    address
}

/// A port at which nobody listens.
async fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    listener.local_addr().expect("an address")
}

fn private(last: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), 80)
}

#[tokio::test]
async fn refuses_a_private_literal_without_asking_the_name_server() {
    let target = Arc::new(target());
    let resolver = ScriptedResolver::new(vec![vec![server().await]]);
    let upstreams = upstreams_of(&[&target], resolver.clone());
    for host in ["169.254.169.254", "10.0.0.1", "::1", "::ffff:10.0.0.1", "0.0.0.0"] {
        let answer = upstreams.send(&get(&target, Scheme::Http, host, 80), None, &UploadMemory::plenty()).await;
        assert!(matches!(answer, Err(NoAnswer::NotAllowed(_))), "{host}: {answer:?}");
    }
    assert_eq!(resolver.calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn refuses_a_name_as_soon_as_one_of_its_addresses_is_refused() {
    let allowed = server().await;
    for addresses in [vec![private(1)], vec![allowed, private(1)], vec![private(1), allowed]] {
        let target = Arc::new(target());
        let upstreams = upstreams_of(&[&target], ScriptedResolver::new(vec![addresses]));
        let answer =
            upstreams.send(&get(&target, Scheme::Http, "files.example", 80), None, &UploadMemory::plenty()).await;
        let Err(NoAnswer::NotAllowed(why)) = answer else { panic!("{answer:?}") };
        assert!(why.contains("files.example") && why.contains("10.0.0.1"), "{why}");
    }
}

#[tokio::test]
async fn resolves_once_per_dial_so_that_a_name_cannot_change_between_check_and_use() {
    let target = Arc::new(target());
    let resolver = ScriptedResolver::new(vec![vec![server().await], vec![private(1)]]);
    let upstreams = upstreams_of(&[&target], resolver.clone());
    let answer = upstreams.send(&get(&target, Scheme::Http, "rebind.example", 80), None, &UploadMemory::plenty()).await;
    assert_eq!(answer.expect("the checked address").status, 204);
    assert_eq!(resolver.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn lets_each_target_reach_only_its_own_private_networks() {
    let address = server().await;
    let inside = Arc::new(target());
    let outside = Arc::new(Target { allow_private: Vec::new(), ..target() });
    let upstreams = upstreams_of(&[&inside, &outside], ScriptedResolver::new(vec![vec![address]]));
    let answer = upstreams.send(&get(&inside, Scheme::Http, "files.example", 80), None, &UploadMemory::plenty()).await;
    assert_eq!(answer.expect("its own network").status, 204);
    let answer = upstreams.send(&get(&outside, Scheme::Http, "files.example", 80), None, &UploadMemory::plenty()).await;
    assert!(matches!(answer, Err(NoAnswer::NotAllowed(_))), "{answer:?}");
    let stranger = Arc::new(Target { allow_private: vec!["::1/128".parse().expect("a network")], ..target() });
    let answer =
        upstreams.send(&get(&stranger, Scheme::Http, "files.example", 80), None, &UploadMemory::plenty()).await;
    assert!(matches!(answer, Err(NoAnswer::NotAllowed(_))), "a target of another configuration: {answer:?}");
}

#[tokio::test]
async fn tries_the_next_address_when_one_does_not_answer() {
    let target = Arc::new(target());
    let addresses = vec![closed_port().await, server().await];
    let upstreams = upstreams_of(&[&target], ScriptedResolver::new(vec![addresses]));
    let answer = upstreams.send(&get(&target, Scheme::Http, "files.example", 80), None, &UploadMemory::plenty()).await;
    assert_eq!(answer.expect("the second address").status, 204);
}

#[tokio::test]
async fn says_unreachable_when_no_address_takes_the_connection_or_there_is_none() {
    for addresses in [vec![closed_port().await], Vec::new()] {
        let target = Arc::new(target());
        let upstreams = upstreams_of(&[&target], ScriptedResolver::new(vec![addresses]));
        let answer =
            upstreams.send(&get(&target, Scheme::Http, "files.example", 80), None, &UploadMemory::plenty()).await;
        assert!(matches!(answer, Err(NoAnswer::Unreachable(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_list_of_addresses_is_bounded() {
    let allowed = server().await;
    for (count, fits) in [(64, true), (65, false)] {
        let target = Arc::new(target());
        let upstreams = upstreams_of(&[&target], ScriptedResolver::new(vec![vec![allowed; count]]));
        let answer =
            upstreams.send(&get(&target, Scheme::Http, "files.example", 80), None, &UploadMemory::plenty()).await;
        assert_eq!(answer.is_ok(), fits, "{count}: {answer:?}");
        assert!(fits || matches!(answer, Err(NoAnswer::Unreachable(_))), "{answer:?}");
    }
}

/// A name server that never answers.
struct Silent;

impl Resolve for Silent {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn gives_up_dialling_after_the_connect_limit() {
    let target = Arc::new(target());
    let upstreams = upstreams_of(&[&target], Arc::new(Silent));
    let began = tokio::time::Instant::now();
    let answer = upstreams.send(&get(&target, Scheme::Http, "files.example", 80), None, &UploadMemory::plenty()).await;
    assert!(matches!(answer, Err(NoAnswer::Unreachable(_))), "{answer:?}");
    assert_eq!(began.elapsed(), CONNECT_LIMIT);
}

/// Answers with the protocol and the name that the client asked for.
async fn tls_server() -> Tls {
    let (tls, listener, acceptor) = tls_listener().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 1024];
            let _read = stream.read(&mut head).await;
            let alpn = stream.get_ref().1.alpn_protocol().unwrap_or_default();
            let name = stream.get_ref().1.server_name().unwrap_or_default();
            let body = format!("{} {name}", String::from_utf8_lossy(alpn));
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _written = stream.write_all(answer.as_bytes()).await;
            let _flushed = stream.flush().await;
        }
    });
    tls
}

#[tokio::test]
async fn trusts_a_target_s_own_authorities_and_asks_for_http_1_1_by_name() {
    let tls = tls_server().await;
    let (target, upstreams) = trusting(&tls.ca_pem, tls.address);
    let answer =
        upstreams.send(&get(&target, Scheme::Https, "files.example", 443), None, &UploadMemory::plenty()).await;
    assert_eq!(super::text(&answer.expect("a trusted server").body), "http/1.1 files.example");
}

#[tokio::test]
async fn refuses_a_certificate_of_another_name() {
    let tls = tls_server().await;
    let (target, upstreams) = trusting(&tls.ca_pem, tls.address);
    let answer =
        upstreams.send(&get(&target, Scheme::Https, "other.example", 443), None, &UploadMemory::plenty()).await;
    let Err(NoAnswer::Unreachable(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("not valid for name"), "{why}");
}

#[tokio::test]
async fn refuses_a_certificate_of_an_authority_that_is_not_trusted() {
    let tls = tls_server().await;
    let (target, upstreams) = trusting(&tls_server().await.ca_pem, tls.address);
    let answer =
        upstreams.send(&get(&target, Scheme::Https, "files.example", 443), None, &UploadMemory::plenty()).await;
    let Err(NoAnswer::Unreachable(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("certificate"), "{why}");
}

#[test]
fn refuses_a_ca_file_without_certificates() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for ca_file in [file.path().to_str().map(str::to_owned), Some("/nowhere/ca.pem".to_owned())] {
        let target = Arc::new(Target { ca_file: ca_file.clone(), ..target() });
        let config = super::config(&[&target]);
        let built = Upstreams::new(&config, Arc::default(), ScriptedResolver::new(Vec::new()));
        let error = built.err().expect("an error").to_string();
        assert!(error.contains(&ca_file.expect("a path")), "{error}");
    }
}

proptest::proptest! {
    /// The rules judge a URL as they read it; hyper's client hands the connector what `http::Uri` reads. If the two could
    /// differ, one origin would be allowed and another one dialled.
    #[test]
    fn the_client_s_parser_reads_the_origin_that_the_rules_read(
        host in "[a-z0-9.\\[\\]:@%\\-_\\\\#? ]{1,24}|[a-zA-Z0-9.-]{1,12}|\\[[0-9a-fA-F:.]{2,20}\\]",
        port in "|:[0-9]{0,6}",
        rest in "(/|\\?)?[a-z0-9/.%@:?&=\\\\|^-]{0,12}",
        scheme in "https?|HTTP|hTTps",
    ) {
        let Ok(url) = rules::url::Url::parse(&format!("{scheme}://{host}{port}{rest}")) else { return Ok(()) };
        let written = format!("{}{}", url.origin, url.path_and_query);
        let Ok(uri) = written.parse::<http::Uri>() else { return Ok(()) };
        let read = crate::upstream::client::origin_of(&uri);
        proptest::prop_assert_eq!(&read, &url.origin, "{}", written);
    }
}
