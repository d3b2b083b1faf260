//! A TLS listener speaks HTTP/2 or HTTP/1.1, as ALPN settles it.

use std::sync::Arc;

use harness::client::Http2Upload;
use harness::{Answer, RawConnection, Rules, content};
use http::{Request, Version};
use rcgen::CertifiedKey;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use sandbox::{Options, Sandbox, System};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stored::assert_stored;
use crate::upload::{Form, Protocol, Upload};

/// Connects, and says which protocol was settled.
async fn connect(
    address: std::net::SocketAddr,
    roots: &RootCertStore,
    protocols: &[&[u8]],
) -> (TlsStream<TcpStream>, Option<Vec<u8>>) {
    let mut config = ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await.expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    let settled = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    (stream, settled)
}

async fn send_http1(stream: TlsStream<TcpStream>, upload: &Upload) -> Answer {
    let (head, body) = upload.request().into_parts();
    let mut text =
        format!("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", head.method, head.uri, body.len());
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().expect("plain text")));
    }
    text.push_str("\r\n");
    let mut connection = RawConnection::over(stream);
    connection.send(text).await.expect("the head is sent");
    connection.send(body).await.expect("the body is sent");
    connection.answer().await.expect("an answer")
}

async fn send_http2(stream: TlsStream<TcpStream>, upload: &Upload) -> Answer {
    let (mut head, body) = upload.request().into_parts();
    head.uri = format!("https://localhost{}", head.uri).parse().expect("a target");
    head.version = Version::HTTP_2;
    let mut stream = Http2Upload::begin_over(stream, Request::from_parts(head, ())).await.expect("a stream");
    stream.send(body.into(), true).await.expect("the body is sent");
    stream.answer().await.expect("an answer")
}

#[tokio::test]
async fn alpn_chooses_the_protocol_and_both_carry_uploads() {
    let folder = tempfile::tempdir().expect("a folder");
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (cert_file, key_file) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&cert_file, cert.pem()).expect("the certificate is written");
    std::fs::write(&key_file, signing_key.serialize_pem()).expect("the key is written");
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).expect("a certificate");

    let sandbox = Sandbox::start(Options { keep_objects: true, ..Options::default() }).await.expect("a sandbox");
    let listener = format!(
        "{{ address: \"127.0.0.1:0\", tls: {{ cert: {{ file: \"{}\" }}, key: {{ file: \"{}\" }} }} }}",
        cert_file.display(),
        key_file.display()
    );
    let rig = Rules::shipped(&sandbox).listener(&listener).start();

    for form in [Form::Named, Form::Query, Form::Multipart] {
        for system in System::ALL {
            // HTTP/2's lengths come from Upload-Length here, as no Content-Length is sent.
            let upload = Upload::to(system, content::bytes(70_001)).by(form, Protocol::Http2);
            let announced = upload.clone().header("upload-length", "70001");
            let (stream, settled) = connect(rig.address(), &roots, &[b"h2", b"http/1.1"]).await;
            assert_eq!(settled.as_deref(), Some(b"h2".as_slice()));
            assert_stored(&sandbox, &upload, &send_http2(stream, &announced).await);

            for protocols in [&[b"http/1.1".as_slice()][..], &[]] {
                let (stream, settled) = connect(rig.address(), &roots, protocols).await;
                assert_eq!(settled.as_deref(), protocols.first().copied());
                let upload = upload.clone().by(form, Protocol::Http1);
                assert_stored(&sandbox, &upload, &send_http1(stream, &upload).await);
            }
        }
    }
}
