//! Certificates of clients, by real handshakes.

use std::net::SocketAddr;
use std::sync::Arc;

use harness::client::Http2Upload;
use harness::{Answer, RawConnection, Rules};
use http::{Request, Version};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sandbox::peer::Reply;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stage::{KEY, Stage, teams};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A certificate and its key.
type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// A client's certificate with these common names and alternative names.
fn identity(
    authority: &Authority,
    common_names: &[&str],
    names: Vec<SanType>,
    change: impl FnOnce(&mut CertificateParams),
) -> Identity {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    params.distinguished_name = rcgen::DistinguishedName::new();
    // A second common name needs a second kind in rcgen, which keeps one name of each; it is the same kind on the wire.
    let kinds = [DnType::CommonName, DnType::CustomDnType(vec![2, 5, 4, 3])];
    for (kind, name) in kinds.into_iter().zip(common_names) {
        params.distinguished_name.push(kind, *name);
    }
    params.subject_alt_names = names;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
}

struct Site {
    stage: Stage,
    roots: RootCertStore,
    clients: Authority,
    _folder: TempDir,
}

impl Site {
    async fn new(access: &str, provider: &str, listener: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let clients = authority();
        for (name, text) in
            [("cert", server.cert.pem()), ("key", server.signing_key.serialize_pem()), ("ca", clients.pem())]
        {
            std::fs::write(folder.path().join(name), text).expect("it is written");
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let listener = format!(
            "{{ address: \"127.0.0.1:0\", tls: {{ cert: {{ file: '{}' }}, key: {{ file: '{}' }}, client-ca: {{ file: '{}' }}{listener} }} }}",
            path("cert"),
            path("key"),
            path("ca")
        );
        let stage = Stage::with(Rules::default().listener(&listener), access, &[provider, &teams()]).await;
        let mut roots = RootCertStore::empty();
        roots.add(server.cert.der().clone()).expect("a certificate");
        Self { stage, roots, clients, _folder: folder }
    }

    async fn connect(&self, identity: Option<Identity>, http2: bool) -> std::io::Result<TlsStream<TcpStream>> {
        let builder = ClientConfig::builder().with_root_certificates(self.roots.clone());
        let mut config = match identity {
            Some((certificate, key)) => {
                builder.with_client_auth_cert(vec![certificate], key).expect("they belong together")
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = if http2 { vec![b"h2".to_vec()] } else { Vec::new() };
        let address: SocketAddr = self.stage.rig.address();
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").expect("a name"), stream).await
    }

    async fn put(&self, identity: Option<Identity>, field: &str) -> std::io::Result<Answer> {
        let mut connection = RawConnection::over(self.connect(identity, false).await?);
        connection
            .send(format!("PUT /t/acme/files/a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n{field}\r\nx"))
            .await?;
        connection.answer().await
    }

    /// Who the upstream was told it is, or the refusal.
    async fn sender(&self, identity: Identity) -> String {
        let before = self.stage.peer.requests().len();
        self.stage.peer.push(Reply::json(201, &json!({})));
        let answer = self.put(Some(identity), "").await.expect("an answer");
        match self.stage.peer.requests().get(before) {
            Some(asked) => asked.header("x-by").unwrap_or("?").to_owned(),
            None => format!("{} {}", answer.status, answer.problem()),
        }
    }
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("a name"))
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().expect("a URI"))
}

#[tokio::test]
async fn a_name_of_the_certificate_is_the_subject() {
    let mail = || SanType::Rfc822Name("dev@example.com".try_into().expect("an address"));
    for (kind, expected) in [
        ("common-name", "device-7"),
        ("dns", "device-7.example.com"),
        ("uri", "spiffe://example.com/device/7"),
        ("email", "dev@example.com"),
    ] {
        let site = Site::new("devices", &format!("devices: {{ mtls: {{ subject: {kind} }} }}"), "").await;
        let names = || vec![dns("device-7.example.com"), uri("spiffe://example.com/device/7"), mail()];
        let good = identity(&site.clients, &["device-7"], names(), |_| {});
        assert_eq!(site.sender(good).await, expected);
        let none = identity(&site.clients, &[], Vec::new(), |_| {});
        assert_eq!(site.sender(none).await, "401 unauthenticated", "{kind}: no such name");
        let two = [names(), vec![dns("other.example.com"), uri("spiffe://example.com/root"), mail()]].concat();
        let two = identity(&site.clients, &["device-7", "root"], two, |_| {});
        assert_eq!(site.sender(two).await, "401 unauthenticated", "{kind}: which of the two?");
    }
}

#[tokio::test]
async fn http2_carries_the_certificate_as_well() {
    let site = Site::new("devices", "devices: { mtls: {} }", "").await;
    let stream = site
        .connect(Some(identity(&site.clients, &["device-7"], Vec::new(), |_| {})), true)
        .await
        .expect("a handshake");
    site.stage.peer.push(Reply::json(201, &json!({})));
    let request =
        Request::put("https://localhost/t/acme/files/a.txt").version(Version::HTTP_2).header("content-length", "1");
    let mut upload = Http2Upload::begin_over(stream, request.body(()).expect("a request")).await.expect("a stream");
    upload.send("x".into(), true).await.expect("the body is sent");
    assert_eq!(upload.answer().await.expect("an answer").status, 201);
    assert_eq!(site.stage.peer.requests()[0].header("x-by"), Some("device-7"));
}

#[tokio::test]
async fn a_certificate_of_another_authority_ends_the_handshake() {
    let site = Site::new("devices", "devices: { mtls: {} }", "").await;
    let expired = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let server_only =
        |params: &mut CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let wrong = [
        ("of another authority", identity(&authority(), &["device-7"], Vec::new(), |_| {})),
        ("expired", identity(&site.clients, &["device-7"], Vec::new(), expired)),
        ("for servers", identity(&site.clients, &["device-7"], Vec::new(), server_only)),
    ];
    for (what, identity) in wrong {
        // With TLS 1.3 a client hears of it when it reads.
        assert!(site.put(Some(identity), "").await.is_err(), "{what}");
    }
    assert!(site.stage.peer.requests().is_empty());
}

#[tokio::test]
async fn without_a_certificate_other_ways_are_open_and_nothing_else() {
    let site = Site::new("[devices, teams]", "devices: { mtls: {} }", "").await;
    let answer = site.put(None, "").await.expect("an answer");
    assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"));
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, Some("Bearer realm=\"tidegate\", ClientCertificate realm=\"tidegate\""));
    site.stage.peer.push(Reply::json(201, &json!({})));
    assert_eq!(site.put(None, &format!("X-Api-Key: {KEY}\r\n")).await.expect("an answer").status, 201);
    // A wrong key is wrong, whatever certificate comes with it.
    let good = identity(&site.clients, &["device-7"], Vec::new(), |_| {});
    let answer = site.put(Some(good), "X-Api-Key: wrong\r\n").await.expect("an answer");
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_listener_can_demand_a_certificate_of_everybody() {
    let site = Site::new("devices", "devices: { mtls: {} }", ", client-certificate: required").await;
    assert!(site.put(None, "").await.is_err());
    let good = identity(&site.clients, &["device-7"], Vec::new(), |_| {});
    assert_eq!(site.sender(good).await, "device-7");
}
