//! A gateway with limits in front of one scripted peer, and clients at addresses of their own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use harness::client::Http2Upload;
use harness::{Answer, RawConnection, Rig, Rules};
use http::Request;
use sandbox::peer::{Reply, ScriptedPeer};
use tokio::net::{TcpSocket, TcpStream};

const RULE: &str = "
route: files
path: /files
targets:
  api: { url: '{peer}', chunked: true }
steps:
  - { id: store, request: POST /v1/files, target: api, body: file, expect: 201 }
";

/// How long a state is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(30);
/// More than any test uploads.
const REPLIES: usize = 100;

/// The protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

/// A gateway and what it talks to.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    pub(crate) peer: ScriptedPeer,
}

/// An upload whose head was sent, and perhaps a part of its body.
pub(crate) enum Open {
    Http1(RawConnection),
    Http2(Box<Http2Upload>),
}

impl Stage {
    /// A route with these `limits`.
    pub(crate) async fn limited(limits: &str) -> Self {
        Self::with(Rules::default(), &format!("limits: {limits}\n")).await
    }

    /// A route with more keys, beside other settings.
    pub(crate) async fn with(rules: Rules, more: &str) -> Self {
        let replies = std::iter::repeat_n(Reply::json(201, &serde_json::json!({})), REPLIES);
        let peer = ScriptedPeer::start(replies).await.expect("the peer starts");
        let rule = RULE.replace("{peer}", &peer.origin()) + more;
        Self { rig: rules.route(&rule).start(), peer }
    }

    /// Begins an upload from the loopback address `127.0.0.CLIENT`, of an announced size or of none.
    pub(crate) async fn open(&self, protocol: Protocol, client: u8, announced: Option<usize>) -> Open {
        let stream = connect(self.rig.address(), client).await.expect("the gateway listens");
        match protocol {
            Protocol::Http1 => {
                let framing = match announced {
                    Some(size) => format!("Content-Length: {size}"),
                    None => "Transfer-Encoding: chunked".to_owned(),
                };
                let mut connection = RawConnection::over(stream);
                let head = format!("PUT /files/a HTTP/1.1\r\nHost: gateway\r\n{framing}\r\n\r\n");
                connection.send(head).await.expect("it is sent");
                Open::Http1(connection)
            }
            Protocol::Http2 => {
                let request = Request::put("http://gateway/files/a");
                let request = match announced {
                    Some(size) => request.header("content-length", size),
                    None => request,
                };
                let request = request.body(()).expect("a request");
                Open::Http2(Box::new(Http2Upload::begin_over(stream, request).await.expect("the gateway speaks it")))
            }
        }
    }

    /// A connection from `127.0.0.CLIENT`.
    pub(crate) async fn connect(&self, client: u8) -> RawConnection {
        RawConnection::over(connect(self.rig.address(), client).await.expect("the gateway listens"))
    }

    /// One upload of an announced size, sent whole.
    pub(crate) async fn upload(&self, protocol: Protocol, client: u8, content: &[u8]) -> Answer {
        let mut open = self.open(protocol, client, Some(content.len())).await;
        // An early answer may stop it.
        let _sent = open.send(content, true).await;
        open.answer().await
    }

    /// Begins an upload of ten bytes that stays in the middle, and waits until it is under way.
    pub(crate) async fn half(&self, protocol: Protocol, client: u8) -> Open {
        let before = self.uploads().await.len();
        let mut open = self.open(protocol, client, Some(10)).await;
        open.send(b"01234", false).await.expect("it is sent");
        self.uploads_until(|uploads| {
            uploads.len() > before && uploads.iter().all(|upload| upload["received_bytes"] == 5)
        })
        .await;
        open
    }

    pub(crate) async fn uploads(&self) -> Vec<serde_json::Value> {
        self.admin("/uploads").await.json()["uploads"].as_array().expect("a list of uploads").clone()
    }

    /// Returns when `/uploads` shows what is waited for.
    pub(crate) async fn uploads_until(&self, seen: impl Fn(&[serde_json::Value]) -> bool) {
        let search = async {
            while !seen(&self.uploads().await) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, search).await.expect("it comes");
    }

    /// Returns when so many uploads are under way.
    pub(crate) async fn until(&self, count: usize) {
        self.uploads_until(|uploads| uploads.len() == count).await;
    }

    /// The value of a series, which exists.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let scrape = String::from_utf8(self.admin("/metrics").await.body.to_vec()).expect("metrics are text");
        let line = scrape.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in\n{scrape}")).parse().expect("a number")
    }

    async fn admin(&self, path: &str) -> Answer {
        let request = Request::get(path).body(Vec::new()).expect("a request");
        harness::client::http1(self.rig.admin(), request).await.expect("an answer")
    }
}

impl Open {
    /// Sends a part of the body. A body of unknown size is ended by an empty last part on HTTP/1.1.
    pub(crate) async fn send(&mut self, bytes: &[u8], end: bool) -> io::Result<()> {
        match self {
            Self::Http1(connection) => connection.send(bytes).await,
            Self::Http2(upload) => upload.send(Bytes::copy_from_slice(bytes), end).await,
        }
    }

    pub(crate) async fn answer(self) -> Answer {
        match self {
            Self::Http1(mut connection) => connection.answer().await,
            Self::Http2(upload) => upload.answer().await,
        }
        .expect("an answer")
    }

    /// Goes away in the middle.
    pub(crate) fn vanish(self) {
        match self {
            Self::Http1(connection) => connection.reset().expect("it can be reset"),
            Self::Http2(upload) => upload.drop_connection(),
        }
    }
}

/// Connects from `127.0.0.CLIENT`.
async fn connect(to: SocketAddr, client: u8) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, client), 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A refusal by a limit: its `Retry-After`.
#[track_caller]
pub(crate) fn refused(answer: &Answer, says: &str) -> u64 {
    assert_eq!((answer.status, answer.problem().as_str()), (429, "rate-limited"), "{answer:?}");
    let json = answer.json();
    assert!(json["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{says}: {json}");
    assert_eq!(
        (&json["blame"], &json["retryable"], &json["committed"]),
        (&"client".into(), &true.into(), &"no".into())
    );
    assert_eq!(answer.header("tidegate-upload-id"), json["upload_id"].as_str());
    let told = answer.header("retry-after").and_then(|told| told.parse().ok()).expect("Retry-After in seconds");
    assert!(told >= 1);
    told
}
