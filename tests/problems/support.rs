//! A gateway with one rule in front of one scripted peer, and answers as snapshots.

use std::time::Duration;

use harness::{Answer, Lines, RawConnection, Rig, Rules, client};
use http::Request;
use http::request::Builder;
use sandbox::peer::{Reply, ScriptedPeer};
use serde_json::json;

/// The plainest rule: the file as the body of one request.
pub(crate) const PLAIN: &str = "
route: files
path: /files
targets:
  api: { url: '{peer}' }
steps:
  - id: store
    request: POST /v1/files
    target: api
    body: file
    expect: 201
result: { id: '${ store.json.id }' }
";

/// How long a state is waited for that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway and what it talks to.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    pub(crate) peer: ScriptedPeer,
}

impl Stage {
    /// One rule; `{peer}` in it is the peer's origin.
    pub(crate) async fn new(rule: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(Rules::default(), rule, replies).await
    }

    /// The same beside other settings.
    pub(crate) async fn with(rules: Rules, rule: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        let peer = ScriptedPeer::start(replies).await.expect("the peer starts");
        let rig = rules.route(&rule.replace("{peer}", &peer.origin())).start();
        Self { rig, peer }
    }

    /// The plainest rule with these keys added.
    pub(crate) async fn plain(more: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::new(&format!("{PLAIN}{more}"), replies).await
    }

    /// Sends a request whose body has a known length.
    pub(crate) async fn send(&self, request: Builder, body: impl Into<Vec<u8>>) -> Answer {
        let request = request.body(body.into()).expect("a request");
        client::http1(self.rig.address(), request).await.expect("an answer")
    }

    /// Sends bytes on a connection of their own.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> (Answer, RawConnection) {
        let mut connection = self.open().await;
        // An early answer may close the connection under what is still being sent.
        let _sent = connection.send(bytes).await;
        (connection.answer().await.expect("an answer"), connection)
    }

    pub(crate) async fn open(&self) -> RawConnection {
        RawConnection::open(self.rig.address()).await.expect("the gateway listens")
    }

    /// What the admin side says.
    pub(crate) async fn admin(&self, path: &str) -> Answer {
        self.admin_with(Request::get(path)).await
    }

    pub(crate) async fn admin_with(&self, request: Builder) -> Answer {
        client::http1(self.rig.admin(), request.body(Vec::new()).expect("a request")).await.expect("an answer")
    }

    pub(crate) async fn scrape(&self) -> String {
        String::from_utf8(self.admin("/metrics").await.body.to_vec()).expect("metrics are text")
    }

    /// Returns when `/uploads` shows what is waited for.
    pub(crate) async fn uploads_until(&self, seen: impl Fn(&[serde_json::Value]) -> bool) -> Vec<serde_json::Value> {
        eventually("uploads", async || {
            let shown = self.admin("/uploads").await.json();
            let uploads = shown["uploads"].as_array().expect("a list of uploads").clone();
            seen(&uploads).then_some(uploads)
        })
        .await
    }

    /// Compares the whole answer with the snapshot `name`, which begins with the problem's name.
    pub(crate) fn expect(&self, name: &str, answer: &Answer) {
        assert_eq!(name.split('.').next(), Some(answer.problem().as_str()), "{name}: {answer:?}");
        let json = answer.json();
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{name}");
        assert_eq!(json["status"], answer.status, "{name}");
        self.show(name, answer);
    }

    /// Compares a receipt with the snapshot `name`.
    pub(crate) fn expect_receipt(&self, name: &str, answer: &Answer) {
        assert!(matches!(answer.status, 201 | 202), "{name}: {answer:?}");
        self.show(name, answer);
    }

    /// No request of the gateway's reached the peer whole: nothing is stored.
    pub(crate) fn nothing_stored(&self) {
        let whole: Vec<_> = self.peer.requests().into_iter().filter(|request| request.complete).collect();
        assert!(whole.is_empty(), "{whole:?}");
    }

    fn show(&self, name: &str, answer: &Answer) {
        let id = upload_id(answer);
        assert_eq!(answer.json()["upload_id"], id, "{name}");
        let mut fields: Vec<_> = answer
            .headers
            .iter()
            .filter(|(field, _)| *field != "date" && *field != "content-length")
            .map(|(field, value)| format!("{field}: {}\n", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        fields.sort();
        let body = serde_json::to_string_pretty(&answer.json()).expect("JSON can be written");
        let text = format!("HTTP {}\n{}\n{body}", answer.status, fields.concat());
        let text = text.replace(&id, "[upload id]").replace(&self.peer.address().to_string(), "[peer]");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, text);
        });
    }
}

/// Everything that the gateway and its libraries log on this thread. A test's runtime has one thread.
pub(crate) fn listen() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::level_filters::LevelFilter::TRACE)
        .with_writer(lines.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

/// The id in the answer's header: a UUIDv7.
pub(crate) fn upload_id(answer: &Answer) -> String {
    let id = answer.header("tidegate-upload-id").unwrap_or_else(|| panic!("no upload id: {answer:?}")).to_owned();
    assert_eq!((id.len(), id.chars().nth(14)), (36, Some('7')), "{id}");
    id
}

/// What the plain rule's upstream says when it stored a file.
pub(crate) fn stored() -> Reply {
    Reply::json(201, &json!({ "id": "f1" }))
}

/// A raw upload with a name.
pub(crate) fn put(name: &str) -> Builder {
    Request::put(format!("/files/{name}"))
}

/// A raw upload without a name.
pub(crate) fn post() -> Builder {
    Request::post("/files")
}

/// Asks until there is a value.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("{what} did not come"))
}
