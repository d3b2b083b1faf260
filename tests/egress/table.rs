//! Every spelling in every place where a URL can come from.

use std::sync::Arc;
use std::time::Duration;

use gateway::upstream::{FetchError, FetchTerms, Fetcher};
use harness::{Answer, Rig, Rules, client, content};
use http::Request;
use rules::url::Url;
use sandbox::peer::{Reply, ScriptedPeer};
use serde_json::json;

use crate::network::{HostileNetwork, PUBLIC, Trap};
use crate::spellings::{SPELLINGS, Verdict, origins};

/// A step, a transfer to a learned URL, a step after it, and an undo: every way out of an upload.
const RULE: &str = "
route: files
path: /files
targets:
  api: { url: 'http://api.example.net:{port}' }
  storage: { allow: [ 'http://*.example.net:{port}', 'http://*.example.net:{trap}', 'http://*.example.net' ] }
steps:
  - id: ticket
    request: POST /tickets
    target: api
    json: { name: '${ file.name }' }
    expect: 201
    undo: { request: 'DELETE /tickets/7' }
  - id: store
    request: PUT ${ ticket.json.url }
    target: storage
    body: file
    expect: 200
  - id: complete
    request: POST ${ ticket.json.complete }
    target: storage
    body: none
    expect: 200
result: { id: '${ ticket.json.id }' }
";

/// A gateway that permits no private network, its honest upstream, a hostile network, and a trap.
pub(crate) struct Scene {
    pub(crate) rig: Rig,
    pub(crate) peer: ScriptedPeer,
    pub(crate) network: Arc<HostileNetwork>,
    pub(crate) trap: Trap,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let (network, trap) = (HostileNetwork::new(), Trap::set().await);
        let peer = ScriptedPeer::start([]).await.expect("the peer starts");
        for name in ["api.example.net", "store.example.net"] {
            network.answer(name, [vec![PUBLIC]]);
        }
        let port = peer.origin().rsplit(':').next().expect("a port").to_owned();
        let rule = RULE.replace("{port}", &port).replace("{trap}", &trap.port.to_string());
        let rig = Rules::default().network(network.clone()).route(&rule).start();
        Self { rig, peer, network, trap }
    }

    /// A URL at the honest upstream.
    pub(crate) fn honest(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.peer.origin().rsplit(':').next().expect("a port"))
    }

    pub(crate) fn reply(&self, replies: impl IntoIterator<Item = Reply>) {
        replies.into_iter().for_each(|reply| self.peer.push(reply));
    }

    pub(crate) async fn upload(&self) -> Answer {
        let request = Request::put("/files/a.bin").body(content::bytes(3000)).expect("a request");
        client::http1(self.rig.address(), request).await.expect("an answer")
    }

    /// Nothing was dialled but honest peers, and nobody fell into the trap.
    pub(crate) fn assert_untouched(&self, what: &str) {
        assert_eq!(self.network.forbidden_dials(), [], "{what}");
        assert_eq!(self.trap.caught(), 0, "{what}");
    }
}

pub(crate) fn ticket(store: &str, complete: &str) -> Reply {
    Reply::json(201, &json!({ "id": 7, "url": store, "complete": complete })).at("/tickets")
}

/// Undoing a ticket takes one request, or more if it is asked again.
pub(crate) fn undone() -> Reply {
    Reply::empty(204).at("/tickets/7")
}

#[test]
fn the_table_is_long_enough_and_names_each_origin_once() {
    let mut all: Vec<_> = SPELLINGS.iter().map(|(text, _)| *text).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), SPELLINGS.len());
    assert!(all.len() >= 100, "{}", all.len());
}

/// A rule that could send anything to one of them is no rule: literally, and through the environment.
#[tokio::test]
async fn a_rule_that_names_one_is_an_error_of_check() {
    let rule = |url: &str, key: &str| {
        format!(
            "route: files\npath: /files\ntargets: {{ api: {{ {key}: {url} }} }}\nsteps: [{{ id: store, request: {request}, target: api, body: file }}]\n",
            request = "PUT /a"
        )
    };
    for (origin, verdict) in origins(8080) {
        let quoted = serde_json::Value::from(origin.as_str()).to_string();
        let strict = || Rules::default().network(HostileNetwork::new());
        for (way, rules) in [
            ("literally", strict().route(&rule(&quoted, "url"))),
            ("by the environment", strict().route(&rule("'${ env.PLACE }'", "url")).variable("PLACE", &origin)),
        ] {
            let Err(report) = rules.try_check() else { panic!("{origin:?} {way}") };
            let report = report.to_string();
            let expected = match verdict {
                Verdict::NoUrl => ["this is no URL of a target", "control character"],
                Verdict::Address => ["which is not dialled", "which is not dialled"],
            };
            assert!(expected.iter().any(|text| report.contains(text)), "{origin:?} {way}: {report}");
        }
    }
}

/// The connector itself, without rules in front of it.
#[tokio::test]
async fn the_connector_dials_none_of_them() {
    let (network, trap) = (HostileNetwork::new(), Trap::set().await);
    let terms = FetchTerms {
        allow_private: Vec::new(),
        ca_file: None,
        connect_timeout: Duration::from_secs(3),
        answer_timeout: Duration::from_secs(3),
    };
    let fetcher = Fetcher::new(&terms, network.clone()).expect("a fetcher");
    for (origin, verdict) in origins(trap.port) {
        match Url::parse(&format!("{origin}/keys?a=b")) {
            Err(_) => assert_eq!(verdict, Verdict::NoUrl, "{origin:?}"),
            Ok(url) => {
                assert_eq!(verdict, Verdict::Address, "{origin:?} is read as {url}");
                let fetched = fetcher.get(&url).await;
                assert!(matches!(fetched, Err(FetchError::NotAllowed(_))), "{origin:?}: {fetched:?}");
            }
        }
    }
    assert_eq!(network.forbidden_dials(), []);
    assert_eq!(trap.caught(), 0);
    // The trap works: a permitted address is dialled, and somebody comes.
    let terms = FetchTerms { allow_private: vec!["127.0.0.0/8".parse().expect("a network")], ..terms };
    let permissive = Fetcher::new(&terms, network.clone()).expect("a fetcher");
    let _no_http = permissive.get(&Url::parse(&format!("http://127.0.0.1:{}/", trap.port)).expect("a URL")).await;
    assert_eq!(network.forbidden_dials().len(), 1);
    assert_eq!(trap.caught(), 1);
}

#[tokio::test]
async fn a_learned_url_that_spells_one_is_not_called() {
    let scene = Scene::set().await;
    for (origin, _) in origins(scene.trap.port) {
        // For the transfer, then for a step after it.
        scene.reply([ticket(&format!("{origin}/store"), ""), undone()]);
        let answer = scene.upload().await;
        assert_eq!(answer.problem(), "upstream-not-allowed", "{origin:?}: {answer:?}");
        let store = scene.honest("store.example.net", "/store");
        scene.reply([ticket(&store, &format!("{origin}/complete")), Reply::empty(200).at("/store"), undone()]);
        let answer = scene.upload().await;
        assert_eq!(answer.problem(), "upstream-not-allowed", "{origin:?} after the transfer: {answer:?}");
    }
    scene.assert_untouched("learned URLs");
    assert!(scene.network.honest_dials() > 0, "the honest ones were dialled");
}

#[tokio::test]
async fn a_redirect_to_one_is_not_followed_by_any_kind_of_request() {
    let scene = Scene::set().await;
    let store = scene.honest("store.example.net", "/store");
    let complete = scene.honest("store.example.net", "/complete");
    for (index, (origin, _)) in origins(scene.trap.port).enumerate() {
        // A header cannot hold some of them; they are told as far as they go.
        let location: String = format!("{origin}/x").chars().filter(|c| !c.is_control()).collect();
        let status = [301, 302, 303, 307, 308][index % 5];
        let moved = |path: &str| Reply::empty(status).with("Location", &location).at(path);
        scene.reply([moved("/tickets")]);
        let answer = scene.upload().await;
        assert_eq!(answer.problem(), "upstream-misbehaved", "{origin:?} in prepare: {answer:?}");
        // An undo that is redirected is tried again after pauses, so only some of them are.
        let undo = if index % 16 == 0 { moved("/tickets/7") } else { undone() };
        scene.reply([ticket(&store, &complete), moved("/store"), undo]);
        let answer = scene.upload().await;
        assert_eq!(answer.problem(), "upstream-misbehaved", "{origin:?} in the transfer: {answer:?}");
        scene.reply([ticket(&store, &complete), Reply::empty(200).at("/store"), moved("/complete"), undone()]);
        let answer = scene.upload().await;
        assert_eq!(answer.problem(), "upstream-misbehaved", "{origin:?} in finalize: {answer:?}");
    }
    scene.assert_untouched("redirects");
}
