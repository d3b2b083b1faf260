//! A gateway with one rule in front of one scripted peer, spoken to in both protocols.

use harness::{Answer, RawConnection, Rig, Rules, client};
use http::Request;
use http::request::Builder;
use sandbox::peer::{Reply, ScriptedPeer};
use serde_json::json;

/// A page that the rule allows.
pub(crate) const PAGE: &str = "https://app.example.com";
/// A page that it does not.
pub(crate) const STRANGER: &str = "https://app.example.com.evil.example";

/// The rule's pages, where a test does not say otherwise.
pub(crate) const CORS: &str = "cors: { origins: [https://app.example.com, 'https://*.example.net'] }";

/// Every protocol that a browser speaks to a gateway.
pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::Http1, Protocol::Http2];

#[derive(Debug, Clone, Copy)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

pub(crate) struct Stage {
    pub(crate) rig: Rig,
    pub(crate) peer: ScriptedPeer,
}

impl Stage {
    /// A rule with these keys beside those that it needs.
    pub(crate) async fn new(keys: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(Rules::default(), keys, replies).await
    }

    /// The same beside other settings.
    pub(crate) async fn with(rules: Rules, keys: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        let peer = ScriptedPeer::start(replies).await.expect("the peer starts");
        let rule = format!(
            "route: files\npath: /files\n{keys}\ntargets: {{ api: {{ url: '{}' }} }}\nsteps:\n  - {{ id: store, request: POST /v1/files, target: api, body: file, expect: 201 }}\nresult: {{ id: '${{ store.json.id }}' }}\n",
            peer.origin()
        );
        Self { rig: rules.route(&rule).start(), peer }
    }

    /// Sends a request with a body of known length.
    pub(crate) async fn send(&self, protocol: Protocol, request: Builder, body: &str) -> Answer {
        let request = request.body(body.as_bytes().to_vec()).expect("a request");
        let sent = match protocol {
            Protocol::Http1 => client::http1(self.rig.address(), request).await,
            Protocol::Http2 => client::http2(self.rig.address(), request).await,
        };
        sent.expect("an answer")
    }

    /// Sends bytes on a connection of their own.
    pub(crate) async fn raw(&self, bytes: &str) -> (Answer, RawConnection) {
        let mut connection = RawConnection::open(self.rig.address()).await.expect("the gateway listens");
        // An early answer may close the connection under what is still being sent.
        let _sent = connection.send(bytes).await;
        (connection.answer().await.expect("an answer"), connection)
    }

    /// A series' value; 0 if it does not exist.
    pub(crate) async fn count(&self, series: &str) -> u64 {
        let request = Request::get("/metrics").body(Vec::new()).expect("a request");
        let answer = client::http1(self.rig.admin(), request).await.expect("an answer");
        let text = String::from_utf8(answer.body.to_vec()).expect("metrics are text");
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse::<f64>().ok());
        format!("{:.0}", value.unwrap_or_default()).parse().expect("a count")
    }

    /// The upstream heard nothing.
    pub(crate) fn nothing_sent(&self) {
        let requests = self.peer.requests();
        assert!(requests.is_empty(), "{requests:?}");
    }
}

/// What the upstream says when it stored a file.
pub(crate) fn stored() -> Reply {
    Reply::json(201, &json!({ "id": "f1" }))
}

/// A browser's question about a request from a page.
pub(crate) fn question(path: &str, page: &str, method: &str) -> Builder {
    Request::options(path).header("origin", page).header("access-control-request-method", method)
}

/// Every field of an answer that speaks to browsers, in alphabetical order.
pub(crate) fn told(answer: &Answer) -> Vec<String> {
    let speaks = |name: &str| name.starts_with("access-control-") || name == "vary";
    let fields = answer.headers.iter().filter(|(name, _)| speaks(name.as_str()));
    let mut fields: Vec<_> =
        fields.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))).collect();
    fields.sort();
    fields
}

/// What every answer to an allowed page says.
pub(crate) fn readable_by(page: &str) -> Vec<String> {
    vec![
        format!("access-control-allow-origin: {page}"),
        "access-control-expose-headers: Tidegate-Upload-Id, Location, Repr-Digest, Retry-After, X-Request-Id"
            .to_owned(),
        "vary: Origin".to_owned(),
    ]
}
