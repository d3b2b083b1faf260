//! One route behind `access`, a scripted upstream that tells what it was sent, and requests that show something.

use harness::{Answer, Rig, Rules, client};
use http::Request;
use sandbox::peer::{Recorded, Reply, ScriptedPeer};
use serde_json::{Value, json};

/// What every test of a rejection compares: status, problem, and the first word of the challenge.
pub(crate) type Verdict = (u16, String);

/// A key of the provider `teams`, whose holder is of the tenant `acme`.
pub(crate) const KEY: &str = "tk_0123456789abcdef0123456789abcdef0123456789a";

/// The route; `{access}` and `{peer}` are filled in.
const ROUTE: &str = "
route: files
path: /t/{tenant}/files
access: {access}
params: { folder: { required: false } }
accept: { size: { max: 100KiB } }
targets: { api: { url: '{peer}', chunked: true } }
steps:
  - id: store
    request: PUT /store
    target: api
    body: file
    headers:
      X-By: \"${ client.subject | default('nobody') }\"
      X-Via: \"${ client.provider | default('nothing') }\"
      X-Tenant: \"${ client.claims.tenant | default('none') }\"
      X-Folder: \"${ params.folder | default('-') }\"
      X-Name: ${ file.name }
    expect: 201
";

/// A gateway with one route, and its upstream.
pub(crate) struct Stage {
    pub(crate) rig: Rig,
    pub(crate) peer: ScriptedPeer,
}

/// The SHA-256 of a key, in hex.
pub(crate) fn hash(key: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One key of one tenant, in the main file.
pub(crate) fn teams() -> String {
    format!("teams: {{ api-keys: {{ keys: [ {{ id: web, sha256: {}, claims: {{ tenant: acme }} }} ] }} }}", hash(KEY))
}

/// The route with this access.
pub(crate) fn route(access: &str, peer: &ScriptedPeer) -> String {
    ROUTE.replace("{access}", access).replace("{peer}", &peer.origin())
}

impl Stage {
    /// A route with this access, and these providers.
    pub(crate) async fn new(access: &str, providers: &[&str]) -> Self {
        Self::with(Rules::default(), access, providers).await
    }

    pub(crate) async fn with(rules: Rules, access: &str, providers: &[&str]) -> Self {
        crate::log::install();
        let peer = ScriptedPeer::start([]).await.expect("the peer starts");
        let rig = rules.settings(&settings(providers)).route(&route(access, &peer)).start();
        Self { rig, peer }
    }

    /// Sends a file by `PUT`, with this name and query, and shows something.
    pub(crate) async fn put(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.put_bytes(target, fields, b"some bytes").await
    }

    pub(crate) async fn put_bytes(&self, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::put(target);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_vec()).expect("a request");
        client::http1(self.rig.address(), request).await.expect("an answer")
    }

    /// The same with an upstream that takes the file, and what it was sent.
    pub(crate) async fn store(&self, target: &str, fields: &[(&str, &str)]) -> (Answer, Option<Recorded>) {
        let before = self.peer.requests().len();
        self.peer.push(Reply::json(201, &json!({})));
        let answer = self.put(target, fields).await;
        (answer, self.peer.requests().get(before).cloned())
    }

    /// What the upstream was told of who sends a file that is stored.
    pub(crate) async fn sender(&self, target: &str, fields: &[(&str, &str)]) -> String {
        let (answer, recorded) = self.store(target, fields).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let recorded = recorded.expect("the upstream was asked");
        ["X-Via", "X-By", "X-Tenant"].map(|name| recorded.header(name).unwrap_or("?").to_owned()).join(" ")
    }

    /// How a request is refused; the upstream is not asked.
    pub(crate) async fn refused(&self, target: &str, fields: &[(&str, &str)]) -> Verdict {
        let before = self.peer.requests().len();
        let answer = self.put(target, fields).await;
        assert_eq!(self.peer.requests().len(), before, "the upstream was asked");
        assert_eq!(answer.status == 401, answer.header("www-authenticate").is_some(), "{answer:?}");
        (answer.status, answer.problem())
    }

    /// Asks for a ticket.
    pub(crate) async fn ask(&self, body: &Value, fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::post("/-/tickets");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_string().into_bytes()).expect("a request");
        client::http1(self.rig.address(), request).await.expect("an answer")
    }

    /// The text of a page of the admin side.
    pub(crate) async fn admin(&self, path: &str) -> String {
        let request = Request::get(path).body(Vec::new()).expect("a request");
        let answer = client::http1(self.rig.admin(), request).await.expect("an answer");
        String::from_utf8_lossy(&answer.body).into_owned()
    }
}

/// The providers as the main file lists them.
pub(crate) fn settings(providers: &[&str]) -> String {
    format!("access:\n  {}", providers.join("\n  "))
}

/// A refusal as tests write it.
pub(crate) fn verdict(status: u16, problem: &str) -> Verdict {
    (status, problem.to_owned())
}
