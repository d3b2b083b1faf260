//! A gateway with one plain rule in front of a peer that stores everything.

use harness::{RawConnection, Rig, Rules};
use sandbox::peer::{Reply, ScriptedPeer};
use serde_json::json;

/// The file as the body of one request, chunked where its size is unknown.
const RULE: &str = "
route: files
path: /files
targets:
  api: { url: '{peer}', chunked: true }
steps:
  - id: store
    request: PUT /v1/${ file.name }
    target: api
    body: file
    expect: 201
result: { id: '${ store.json.id }' }
";

pub(crate) struct Stage {
    pub(crate) rig: Rig,
    pub(crate) peer: ScriptedPeer,
}

impl Stage {
    /// A gateway whose upstream takes `uploads` files.
    pub(crate) async fn new(uploads: usize) -> Self {
        Self::with(Rules::default(), uploads).await
    }

    /// The same beside other settings.
    pub(crate) async fn with(rules: Rules, uploads: usize) -> Self {
        let stored = || Reply::json(201, &json!({ "id": "f1" }));
        let peer = ScriptedPeer::start(std::iter::repeat_with(stored).take(uploads)).await.expect("the peer starts");
        let rig = rules.route(&RULE.replace("{peer}", &peer.origin())).start();
        Self { rig, peer }
    }

    pub(crate) async fn open(&self) -> RawConnection {
        RawConnection::open(self.rig.address()).await.expect("the gateway listens")
    }

    /// Targets of the requests that reached the upstream whole, in order.
    pub(crate) fn stored(&self) -> Vec<String> {
        let whole = self.peer.requests().into_iter().filter(|request| request.complete);
        whole.map(|request| request.target).collect()
    }
}
