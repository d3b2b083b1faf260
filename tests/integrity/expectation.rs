//! `Expect: 100-continue` and early refusals: what is decided before the body is decided before the 100, a client that sends all
//! the same still hears the answer, and what it sent is never taken for a request.

use bytes::Bytes;
use harness::{Answer, RawConnection, Rig, Rules, content};
use sandbox::peer::{Reply, ScriptedPeer};
use sandbox::{Fault, FaultKind, Options, Sandbox, Step, System};
use serde_json::json;

use crate::routes::{CONNECT, FLOWKIWI, KUSTOMER, Route, peer_rule, shipped_rules};
use crate::shape::{Announced, Form, Protocol, Shape, Upload, send_whole};
use crate::watch::Watch;

/// An upload that waits for the 100.
fn expecting(upload: Upload) -> Upload {
    let mut upload = upload;
    upload.fields.push(("expect".to_owned(), "100-continue".to_owned()));
    upload
}

/// Sends the head alone, and gives the first answer, interim or final.
async fn first_answer(rig: &Rig, upload: &Upload) -> (RawConnection, Answer) {
    let mut connection = RawConnection::open(rig.address()).await.expect("a connection");
    connection.send(upload.http1_head(rig.address())).await.expect("the gateway listens");
    let answer = connection.answer().await.expect("an answer");
    (connection, answer)
}

/// Sends the body, and gives the final answer.
async fn rest(connection: &mut RawConnection, upload: &Upload) -> Answer {
    connection.send(upload.body()).await.expect("the gateway listens");
    connection.answer().await.expect("an answer")
}

async fn shipped() -> (Sandbox, Rig) {
    let sandbox = Sandbox::start(Options::default()).await.expect("the sandbox starts");
    let rig = shipped_rules(&sandbox).start();
    (sandbox, rig)
}

/// A route that prepares at a peer, without anything that needs the file's first bytes.
const PREPARED: &str = "
route: prepared
path: /prepared
targets: { peer: { url: '${ env.PEER_URL }' } }
steps:
  - { id: begin, request: POST /begin, target: peer, json: { size: '${ file.size }' }, expect: 200 }
  - { id: store, request: 'PUT /${ begin.json.id }', target: peer, body: file, expect: 200 }
result: { id: '${ begin.json.id }' }
";

const PREPARED_ROUTE: Route = Route { path: "/prepared", ..FLOWKIWI };

async fn prepared(replies: impl IntoIterator<Item = Reply>) -> (ScriptedPeer, Rig) {
    let peer = ScriptedPeer::start(replies).await.expect("the peer starts");
    let rig = Rules::default().variable("PEER_URL", &peer.origin()).route(PREPARED).start();
    (peer, rig)
}

fn put(route: Route, name: &str, size: usize) -> Upload {
    expecting(route.upload(Shape::put(Protocol::Http1), name, content::bytes(size)))
}

#[tokio::test]
async fn a_refusal_comes_instead_of_the_100() {
    let (sandbox, rig) = shipped().await;
    let unknown_size = Shape { announced: Announced::Nothing, ..Shape::put(Protocol::Http1) };
    let cases = [
        (put(KUSTOMER, "f.exe", 70), 422, "extension-refused"),
        (put(FLOWKIWI, "f.mp4", 101 << 20), 413, "file-too-large"),
        (Upload { query: "?nobody=knows".to_owned(), ..put(FLOWKIWI, "f.mp4", 70) }, 400, "unknown-parameter"),
        (Upload { query: String::new(), ..put(CONNECT, "f.mp4", 70) }, 400, "missing-parameter"),
        (put(CONNECT, "f.mp4", 0), 400, "empty-file"),
        (expecting(KUSTOMER.upload(unknown_size, "f.mp4", content::bytes(70))), 411, "length-required"),
    ];
    for (upload, status, problem) in cases {
        let (mut connection, answer) = first_answer(&rig, &upload).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{problem}");
        assert!(
            upload.file.is_empty() || connection.is_closed().await,
            "{problem}: the body would be taken for a request"
        );
    }
    assert!(sandbox.journal().is_empty());
}

#[tokio::test]
async fn the_100_of_a_raw_upload_follows_the_success_of_the_prepare_step() {
    let begun = Reply::json(200, &json!({ "id": "one" })).at("/begin");
    let (peer, rig) = prepared([begun, Reply::empty(200)]).await;
    let upload = put(PREPARED_ROUTE, "f.bin", 70);
    let (mut connection, interim) = first_answer(&rig, &upload).await;
    assert_eq!(interim.status, 100);
    let asked: Vec<_> = peer.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(asked, ["/begin"], "the prepare step is done when the 100 comes");
    assert_eq!(rest(&mut connection, &upload).await.status, 201);
}

#[tokio::test]
async fn a_failed_prepare_step_is_told_instead_of_the_100() {
    let (peer, rig) = prepared([Reply::json(403, &json!({}))]).await;
    let (mut connection, answer) = first_answer(&rig, &put(PREPARED_ROUTE, "f.bin", 70)).await;
    assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream-refused"));
    assert!(connection.is_closed().await);
    assert_eq!(peer.requests().len(), 1);
}

#[tokio::test]
async fn the_100_comes_before_the_prepare_step_where_the_first_bytes_are_needed() {
    let (sandbox, rig) = shipped().await;
    let form = Shape { form: Form::Multipart, ..Shape::put(Protocol::Http1) };
    let expiring = put(CONNECT, "f.mp4", 70);
    let in_form = expecting(KUSTOMER.upload(form, "f.mp4", content::bytes(70)));
    for upload in [expiring, in_form] {
        sandbox.clear();
        let (mut connection, interim) = first_answer(&rig, &upload).await;
        assert_eq!(interim.status, 100);
        assert_eq!(sandbox.journal(), [], "{}: nothing is begun for a client that sent nothing", upload.path);
        assert_eq!(rest(&mut connection, &upload).await.status, 201);
    }
    assert_eq!(sandbox.objects().len(), 1);

    let peer = ScriptedPeer::start([Reply::empty(200)]).await.expect("the peer starts");
    let detecting = peer_rule("detecting", "/detecting", "", "body: file")
        .replace("steps:", "accept: { types: { detect: must-match } }\nsteps:");
    let rig = Rules::default().variable("PEER_URL", &peer.origin()).route(&detecting).start();
    let upload = put(Route { path: "/detecting", ..FLOWKIWI }, "f.bin", 70);
    let (mut connection, interim) = first_answer(&rig, &upload).await;
    assert_eq!((interim.status, peer.requests().len()), (100, 0));
    assert_eq!(rest(&mut connection, &upload).await.status, 201);
}

#[tokio::test]
async fn a_prepare_step_that_fails_after_the_100_is_heard() {
    let (sandbox, rig) = shipped().await;
    sandbox.script(Fault::once(
        System::AmazonConnect,
        Step::Prepare,
        FaultKind::Fail { status: 403, retry_after: None },
    ));
    let upload = put(CONNECT, "f.mp4", 70);
    let (mut connection, interim) = first_answer(&rig, &upload).await;
    assert_eq!(interim.status, 100);
    let answer = rest(&mut connection, &upload).await;
    assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream-refused"));
}

/// More than the buffers of both sockets hold, less than what is read of a refused body.
const BIG: usize = 7 << 20;

#[tokio::test]
async fn an_early_refusal_is_heard_by_a_client_that_sends_all_the_same() {
    let (sandbox, rig) = shipped().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        for announced in [Announced::ContentLength, Announced::UploadLength] {
            let shape = Shape { protocol, form: Form::Put, announced };
            let upload = KUSTOMER.upload(shape, "f.exe", content::bytes(BIG));
            let answer = send_whole(rig.address(), &upload).await;
            let answer = answer.unwrap_or_else(|error| panic!("{shape}: heard nothing: {error}"));
            assert_eq!((answer.status, answer.problem().as_str()), (422, "extension-refused"), "{shape}");
        }
    }
    assert!(sandbox.journal().is_empty());
}

#[tokio::test]
async fn an_early_answer_of_the_upstream_is_heard_by_a_client_that_sends_all_the_same() {
    let (sandbox, rig) = shipped().await;
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let early = FaultKind::AnswerEarly { after: 100_000, status: 413, keep_reading: false };
        sandbox.script(Fault::once(System::Flowkiwi, Step::Store, early));
        let upload = FLOWKIWI.upload(Shape::put(protocol), "f.mp4", content::bytes(BIG));
        let answer = send_whole(rig.address(), &upload).await;
        let answer = answer.unwrap_or_else(|error| panic!("{protocol:?}: heard nothing: {error}"));
        assert_eq!((answer.status, answer.problem().as_str()), (422, "upstream-refused-file"), "{protocol:?}");
    }
    assert_eq!(sandbox.objects(), []);
}

/// The rest of a refused body is another request, word for word; so is what follows a whole one too long.
#[tokio::test]
async fn bytes_after_a_refusal_are_never_a_request() {
    let (sandbox, rig) = shipped().await;
    let hidden = FLOWKIWI.upload(Shape::put(Protocol::Http1), "hidden.mp4", content::bytes(70));
    let hidden = [hidden.http1_head(rig.address()).as_bytes(), &hidden.file].concat();
    for shape in [
        Shape::put(Protocol::Http1),
        Shape { announced: Announced::UploadLength, ..Shape::put(Protocol::Http1) },
        Shape { form: Form::Multipart, ..Shape::put(Protocol::Http1) },
    ] {
        let file = Bytes::from([hidden.as_slice(), &hidden, &hidden].concat());
        let upload = Upload { file, ..KUSTOMER.upload(shape, "f.exe", Vec::new()) };
        let mut connection = RawConnection::open(rig.address()).await.expect("a connection");
        connection.send(upload.http1_head(rig.address())).await.expect("the gateway listens");
        // A form's refusal needs its file's name.
        connection.send(upload.before()).await.expect("the gateway listens");
        let answer = connection.answer().await.expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (422, Some("close")), "{shape}");
        // The gateway may have closed already.
        let _sent = connection.send(&upload.file).await;
        assert!(connection.is_closed().await, "{shape}: a second answer came");
    }
    assert!(sandbox.journal().is_empty());
    let ends: Vec<_> = Watch::new(rig.admin()).all_ends().await.into_iter().collect();
    assert_eq!(ends, [("refused extension-refused".to_owned(), 3)]);
}
