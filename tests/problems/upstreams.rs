//! What an upstream can do wrong, and what the client is told of it.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use futures::future::BoxFuture;
use gateway::upstream::Resolve;
use harness::{Answer, Rules};
use sandbox::peer::{Reply, Then, When};
use serde_json::json;

use crate::support::{PLAIN, Stage, listen, put, stored, upload_id};

/// A rule with a step before and one after the transfer, and an undo.
pub(crate) const STEPS: &str = "
route: files
path: /files
targets:
  api: { url: '{peer}' }
  storage: { allow: '{peer}' }
steps:
  - id: ticket
    request: POST /tickets
    target: api
    json: { name: '${ file.name }' }
    expect: 201
    retry: idempotent
    undo: { request: 'DELETE /tickets/${ ticket.json.id }' }
  - id: store
    request: PUT ${ ticket.json.url }
    target: storage
    body: file
    expect: 200
  - id: complete
    request: POST /tickets/${ ticket.json.id }/complete
    target: api
    body: none
    expect: 200
    check: ${ complete.json.size == file.size }
result: { id: '${ ticket.json.id }' }
";

/// What the one reply of the plain rule's upstream does to the client's answer.
async fn plain(name: &str, reply: Reply) -> Answer {
    let stage = Stage::new(PLAIN, [reply]).await;
    let answer = stage.send(put("a.png"), "content").await;
    stage.expect(name, &answer);
    answer
}

#[tokio::test]
async fn its_4xx_is_a_refusal_and_its_401_and_403_are_the_operators() {
    let said = json!({ "error": { "code": "quota", "message": "no space left" } });
    plain("upstream-refused.400", Reply::json(400, &said)).await;
    plain("upstream-refused.401", Reply::json(401, &json!({ "message": "bad token" }))).await;
    plain("upstream-refused.403", Reply::json(403, &json!({ "message": "no permission" }))).await;
    plain("upstream-refused.404", Reply::empty(404)).await;
}

#[tokio::test]
async fn its_offence_at_the_file_is_the_clients() {
    let violations = json!({ "detail": "the image is broken", "violations": [{ "propertyPath": "file", "message": "not an image" }] });
    plain("upstream-refused-file.422", Reply::json(422, &violations)).await;
    plain("upstream-refused-file.413", Reply::empty(413)).await;
    plain("upstream-refused-file.415", Reply::empty(415)).await;
    let xml = "<?xml version=\"1.0\"?><Error><Code>EntityTooLarge</Code><Message>Your proposed upload exceeds the maximum allowed size</Message></Error>";
    let s3 = Reply { body: xml.into(), ..Reply::empty(400).with("Content-Type", "application/xml") };
    plain("upstream-refused-file.s3-code", s3).await;
}

#[tokio::test]
async fn a_rule_can_say_which_answers_speak_of_the_file() {
    let rule = PLAIN
        .replace("url: '{peer}'", "url: '{peer}', errors: { refuses-file: [ { status: 400, code: [BAD_NAME] } ] }");
    let said = |code: &str| Reply::json(400, &json!({ "code": code, "message": "as it is" }));
    let stage = Stage::new(&rule, [said("BAD_NAME"), said("OTHER")]).await;
    stage.expect("upstream-refused-file.by-rule", &stage.send(put("a"), "x").await);
    assert_eq!(stage.send(put("a"), "x").await.problem(), "upstream-refused");
}

#[tokio::test]
async fn its_5xx_and_a_connection_that_breaks_are_failures() {
    plain("upstream-failed.500", Reply::json(500, &json!({ "message": "out of order" }))).await;
    plain("upstream-failed.closed", Reply::none(When::BodyComplete, Then::Close)).await;
    plain("upstream-failed.reset-after-the-head", Reply::none(When::Head, Then::Reset)).await;
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_misbehaviour() {
    plain("upstream-misbehaved.redirect", Reply::empty(307).with("Location", "http://127.0.0.1:1/elsewhere?secret=1"))
        .await;
    plain("upstream-misbehaved.another-success", Reply::empty(200)).await;
    plain("upstream-misbehaved.result-is-not-there", Reply::json(201, &json!({ "other": 1 }))).await;
    plain("upstream-misbehaved.no-json", Reply { body: "<html>".into(), ..Reply::empty(201) }).await;
    plain("upstream-misbehaved.malformed-head", Reply::empty(201).with("Content-Length", "x")).await;
}

#[tokio::test]
async fn an_early_answer_reaches_the_client_as_its_problem() {
    let stage =
        Stage::new(PLAIN, [Reply::json(403, &json!({ "message": "no" })).after(When::Head).then(Then::Close)]).await;
    // The rest of the body is never sent: the answer must not wait for it.
    let (answer, _) = stage.raw("PUT /files/a.png HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc").await;
    stage.expect("upstream-refused.early", &answer);
    let stage = Stage::new(PLAIN, [stored().after(When::Head).then(Then::Close)]).await;
    let (answer, _) = stage.raw("PUT /files/a.png HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc").await;
    stage.expect("upstream-misbehaved.early-success", &answer);
}

#[tokio::test]
async fn a_busy_upstream_says_when_to_come_back() {
    plain("upstream-busy.429", Reply::empty(429).with("Retry-After", "7")).await;
    plain("upstream-busy.503", Reply::empty(503)).await;
    // A pause beyond the rule's patience is not slept through: the client is told at once.
    let stage = Stage::new(STEPS, [Reply::empty(429).with("Retry-After", "60")]).await;
    stage.expect("upstream-busy.too-long-to-wait", &stage.send(put("a"), "x").await);
    assert_eq!(stage.peer.requests().len(), 1);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_timeout() {
    let settings = Rules::default().settings("timeouts: { answer: 200ms }");
    let stage = Stage::with(settings, PLAIN, [Reply::none(When::BodyComplete, Then::Stall)]).await;
    stage.expect("upstream-timeout.answer", &stage.send(put("a"), "x").await);
}

#[tokio::test]
async fn an_upstream_that_takes_nothing_for_too_long_is_a_timeout() {
    let settings = Rules::default().settings("timeouts: { idle: 300ms }");
    let stage = Stage::with(settings, PLAIN, [Reply::none(When::Head, Then::Stall)]).await;
    // More than the sockets between can hold.
    let answer = stage.send(put("a"), vec![0; 32 << 20]).await;
    stage.expect("upstream-timeout.no-progress", &answer);
}

#[tokio::test]
async fn an_upstream_that_does_not_listen_is_unreachable() {
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let stage = Stage::new(&PLAIN.replace("{peer}", &format!("http://{closed}")), []).await;
    stage.expect("upstream-unreachable.refused", &stage.send(put("a"), "x").await);
}

/// A name server that leads everybody to this machine.
struct Inside;

impl Resolve for Inside {
    fn resolve<'a>(&'a self, _: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::from((Ipv6Addr::LOCALHOST, port))]) })
    }
}

#[tokio::test]
async fn an_address_that_is_private_is_not_dialled() {
    let rules = Rules::default().network(Arc::new(Inside));
    let stage = Stage::with(rules, &PLAIN.replace("{peer}", "http://files.example.com:9"), []).await;
    stage.expect("upstream-not-allowed.address", &stage.send(put("a"), "x").await);
}

fn ticket(url: &str) -> Reply {
    Reply::json(201, &json!({ "id": 7, "url": url })).at("/tickets")
}

#[tokio::test]
async fn a_learned_url_that_the_rule_does_not_allow_is_not_called_and_the_step_is_undone() {
    let stage = Stage::new(STEPS, [Reply::empty(204).at("/tickets/7")]).await;
    for (name, url) in [
        ("upstream-not-allowed.host", "http://169.254.169.254/latest?token=abc"),
        ("upstream-not-allowed.port", "http://127.0.0.1:1/x"),
        ("upstream-not-allowed.scheme", "file:///etc/passwd"),
        ("upstream-not-allowed.user", "http://u:p@127.0.0.1:1/x"),
    ] {
        stage.peer.push(ticket(url));
        stage.peer.push(Reply::empty(204).at("/tickets/7"));
        let answer = stage.send(put("a"), "x").await;
        if answer.problem() == "upstream-not-allowed" {
            stage.expect(name, &answer);
        } else {
            panic!("{name}: {answer:?}");
        }
        let last = stage.peer.requests().pop().expect("a request");
        assert_eq!((last.method.as_str(), last.target.as_str()), ("DELETE", "/tickets/7"));
    }
}

#[tokio::test]
async fn a_failure_after_the_transfer_says_whether_the_file_exists() {
    let stage = Stage::new(STEPS, []).await;
    let script = |complete: Reply, undo: u16| {
        stage.peer.push(ticket(&format!("{}/store", stage.peer.origin())));
        stage.peer.push(Reply::empty(200).at("/store"));
        stage.peer.push(complete.at("/tickets/7/complete"));
        stage.peer.push(Reply::empty(undo).at("/tickets/7"));
    };
    script(Reply::json(400, &json!({ "message": "no" })), 204);
    stage.expect("upstream-refused.after-the-transfer-and-undone", &stage.send(put("a"), "x").await);
    script(Reply::json(200, &json!({ "size": 2 })), 204);
    stage.expect("upstream-misbehaved.check", &stage.send(put("a"), "x").await);
}

#[tokio::test]
async fn an_undo_that_fails_is_logged_with_its_upload() {
    let (log, _listening) = listen();
    let stage = Stage::new(STEPS, []).await;
    stage.peer.push(ticket(&format!("{}/store", stage.peer.origin())));
    stage.peer.push(Reply::empty(403).at("/store"));
    // As often as it is tried.
    (0..3).for_each(|_| stage.peer.push(Reply::empty(500).at("/tickets/7")));
    let answer = stage.send(put("a"), "x").await;
    assert_eq!(answer.status, 502);
    let text = log.text();
    let line = text.lines().find(|line| line.contains("undo failed")).expect("it is logged");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    assert_eq!(line["span"]["id"], upload_id(&answer));
}

/// The plain rule with a header made of a parameter.
fn with_header(value: &str) -> String {
    let headers = format!("    body: file\n    headers: {{ X-Note: '{value}' }}\n");
    format!("{}params: {{ note: {{}} }}\n", PLAIN.replace("    body: file\n", &headers))
}

#[tokio::test]
async fn a_parameter_that_would_break_a_header_is_the_clients() {
    let stage = Stage::new(&with_header("${ params.note }"), []).await;
    stage.expect("invalid-parameter.header-value", &stage.send(put("a?note=one%0D%0AX-Two:%20two"), "x").await);
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn an_expression_that_fails_on_nothing_of_the_upstreams_is_internal() {
    let stage = Stage::new(&with_header("${ params.note | int }"), []).await;
    stage.expect("internal.expression", &stage.send(put("a?note=word"), "x").await);
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn the_clients_trace_goes_to_the_api_and_never_to_a_learned_url() {
    let stage = Stage::new(STEPS, []).await;
    stage.peer.push(ticket(&format!("{}/store", stage.peer.origin())));
    stage.peer.push(Reply::empty(200).at("/store"));
    stage.peer.push(Reply::json(200, &json!({ "size": 1 })).at("/tickets/7/complete"));
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(stage.send(put("a").header("traceparent", trace), "x").await.status, 201);
    let continued: Vec<_> = stage
        .peer
        .requests()
        .iter()
        .map(|request| {
            request.header("traceparent").is_some_and(|value| value.contains("4bf92f3577b34da6a3ce929d0e0e4736"))
        })
        .collect();
    assert_eq!(continued, [true, false, true]);
    assert!(stage.peer.requests()[1].header("traceparent").is_none());
}

#[tokio::test]
async fn an_idempotency_key_is_passed_on_or_made_up_and_stays_over_retries() {
    let rule = STEPS.replace("json: { name: '${ file.name }' }", "json: { key: '${ upload.idempotency_key }' }");
    let stage = Stage::new(&rule, []).await;
    let script = || {
        stage.peer.push(Reply::empty(500).at("/tickets"));
        stage.peer.push(ticket(&format!("{}/store", stage.peer.origin())));
        stage.peer.push(Reply::empty(200).at("/store"));
        stage.peer.push(Reply::json(200, &json!({ "size": 1 })).at("/tickets/7/complete"));
    };
    script();
    assert_eq!(stage.send(put("a").header("idempotency-key", "mine"), "x").await.status, 201);
    script();
    assert_eq!(stage.send(put("a"), "x").await.status, 201);
    let asked = stage.peer.requests().into_iter().filter(|request| request.target == "/tickets");
    let keys: Vec<_> = asked.map(|request| request.body.unwrap_or_default()).collect();
    assert_eq!((&keys[0], &keys[1]), (&r#"{"key":"mine"}"#.into(), &r#"{"key":"mine"}"#.into()));
    assert_eq!(keys[2], keys[3], "the same key for the same upload");
    assert!(keys[2] != keys[0] && keys[2].len() > r#"{"key":""}"#.len() + 16, "{keys:?}");
}
