//! One worked example: its rule in a gateway, and the peer that it talks to.

use harness::{Answer, Rig, Rules, client, forms, told};
use http::Request;
use sandbox::peer::{Recorded, Reply, ScriptedPeer};

/// The file of every upload here: short enough to be read in a snapshot.
pub(crate) const CONTENT: &[u8] = b"It was a dark and stormy night.\n";

/// A gateway with one rule of `config/examples`.
pub(crate) struct Example {
    pub(crate) peer: ScriptedPeer,
    rig: Rig,
}

impl Example {
    /// Starts it; `{peer}` in a variable's value is the peer's origin.
    pub(crate) async fn start(file: &str, variables: &[(&str, &str)]) -> Self {
        let peer = ScriptedPeer::start([]).await.expect("a port");
        let set =
            |rules: Rules, (name, value): &(&str, &str)| rules.variable(name, &value.replace("{peer}", &peer.origin()));
        let rules = variables.iter().fold(Rules::example(file), set);
        let warnings = rules.check().warnings;
        assert!(warnings.is_empty(), "{warnings}");
        Self { rig: rules.start(), peer }
    }

    /// Uploads a text file by named `PUT`.
    pub(crate) async fn put(&self, target: &str) -> Answer {
        let request = Request::put(target).header("content-type", "text/plain").body(CONTENT.to_vec());
        client::http1(self.rig.address(), request.expect("a request")).await.expect("an answer")
    }

    /// Uploads a text file as a form with fields.
    pub(crate) async fn post_form(&self, target: &str, fields: &[(&str, &str)], filename: &str) -> Answer {
        let body = forms::form(fields, filename, "text/plain", CONTENT);
        let request = Request::post(target).header("content-type", forms::content_type()).body(body);
        client::http2(self.rig.address(), request.expect("a request")).await.expect("an answer")
    }

    /// What went out and what came back, without what differs from run to run. Every scripted reply must have been used.
    pub(crate) fn transcript(&self, answer: &Answer) -> String {
        assert_eq!(self.peer.unused(), 0, "replies that nobody asked for");
        let mut text = self.peer.requests().iter().map(shown).collect::<Vec<_>>().concat();
        let mut receipt = answer.json();
        let upload_id = std::mem::replace(&mut receipt["upload_id"], "[upload id]".into());
        assert_eq!(upload_id.as_str(), answer.header("tidegate-upload-id"));
        let receipt = serde_json::to_string_pretty(&receipt).expect("JSON");
        text.push_str(&format!("=> {}\n{receipt}\n", answer.status));
        if let Some(location) = answer.header("location") {
            text.push_str(&format!("Location: {location}\n"));
        }
        text.replace(&self.peer.address().to_string(), "peer")
    }

    /// Uploads once for each of these scripts, and compares what the client is told and how many requests went out.
    pub(crate) async fn fails(&self, target: &str, table: Vec<(Vec<Reply>, &str)>) {
        for (script, expected) in table {
            let before = self.peer.requests().len();
            let scripted = script.len();
            script.into_iter().for_each(|reply| self.peer.push(reply));
            let answer = self.put(target).await;
            assert_eq!(told(&answer), expected);
            assert_eq!(self.peer.unused(), 0, "{expected}: replies that nobody asked for");
            assert_eq!(self.peer.requests().len() - before, scripted, "{expected}: more was asked");
        }
    }
}

/// A reply whose JSON is given as text; `{peer}` in it is the peer's origin.
pub(crate) fn json(example: &Example, status: u16, body: &str) -> Reply {
    let body = body.replace("{peer}", &example.peer.origin());
    Reply::json(status, &serde_json::from_str(&body).expect("JSON"))
}

/// A request as it went out. A carriage return is shown as `␍`.
fn shown(request: &Recorded) -> String {
    assert!(request.complete, "{request:?}");
    let mut text = format!("{} {}\n", request.method, request.target);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).replace("\r\n", "␍\n");
    text.push_str(&format!("\n{body}\n\n"));
    let boundary = request.header("content-type").and_then(|value| value.split_once("boundary="));
    match boundary {
        Some((_, boundary)) => text.replace(boundary, "[boundary]"),
        None => text,
    }
}
