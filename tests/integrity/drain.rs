//! SIGTERM: uploads in flight have their time, after it they are aborted and undone, and nothing new begins.

use std::time::Duration;

use bytes::Bytes;
use harness::{RawConnection, Rig, content};
use sandbox::{Fault, FaultKind, Options, Sandbox, Step, System};

use crate::routes::{CONNECT, FLOWKIWI, SHIPPED, shipped_rules};
use crate::shape::{Client, Protocol, Shape, Upload};
use crate::watch::{Watch, until};

/// Long enough that no test meets it.
const LONG: Duration = Duration::from_secs(60);

/// A sandbox, a gateway with its routes, and a look at it.
async fn start() -> (Sandbox, Rig, Watch) {
    let sandbox = Sandbox::start(Options::default()).await.expect("the sandbox starts");
    let rig = shipped_rules(&sandbox).start();
    let watch = Watch::new(rig.admin());
    (sandbox, rig, watch)
}

/// Sends the first half of an upload, and waits until the gateway has taken it.
async fn begin_half(rig: &Rig, watch: &mut Watch, upload: &Upload) -> Client {
    let mut client = Client::begin(rig.address(), upload).await.expect("a connection");
    let half = upload.file.slice(..upload.file.len() / 2);
    client.send(upload.before()).await.expect("the gateway listens");
    client.send(half.clone()).await.expect("the gateway listens");
    let taken = async || {
        let uploads = watch.uploads().await;
        uploads.iter().any(|entry| is_of(entry, upload, half.len())).then_some(())
    };
    until("half of the file taken", taken).await.expect("it is taken");
    client
}

fn is_of(entry: &serde_json::Value, upload: &Upload, received: usize) -> bool {
    entry["size"] == upload.file.len() && entry["received_bytes"] == received
}

async fn until_draining(watch: &mut Watch) {
    let draining = async || (watch.get("/readyz").await.ok()?.status == 503).then_some(());
    until("/readyz says that the gateway drains", draining).await.expect("it drains");
}

#[tokio::test]
async fn uploads_in_flight_finish_within_the_grace_time() {
    let (sandbox, rig, mut watch) = start().await;
    let mut clients = Vec::new();
    for (number, route) in SHIPPED.into_iter().enumerate() {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let size = 100_000 + 10 * number + usize::from(protocol == Protocol::Http2);
            let upload = route.upload(Shape::put(protocol), "f.mp4", content::bytes(size));
            let client = begin_half(&rig, &mut watch, &upload).await;
            clients.push((client, upload));
        }
    }
    let rest = async {
        until_draining(&mut watch).await;
        let mut answers = Vec::new();
        for (mut client, upload) in clients {
            client.send(upload.file.slice(upload.file.len() / 2..)).await.expect("the gateway still reads");
            client.end().await.expect("the gateway still reads");
            answers.push(client.answer().await.expect("an answer").status);
        }
        answers
    };
    let (aborted, answers) = tokio::join!(rig.drain(LONG), rest);
    assert_eq!((aborted, answers), (0, vec![201; 10]));
    assert_eq!(sandbox.objects().len(), 10);
    assert_eq!(watch.all_ends().await.into_iter().collect::<Vec<_>>(), [("completed none".to_owned(), 10)]);
}

#[tokio::test]
async fn after_the_grace_time_uploads_are_aborted_undone_and_told() {
    for route in SHIPPED {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let (sandbox, rig, mut watch) = start().await;
            let upload = route.upload(Shape::put(protocol), "f.mp4", content::bytes(100_000));
            let client = begin_half(&rig, &mut watch, &upload).await;
            let (aborted, answer) = tokio::join!(rig.drain(Duration::ZERO), client.answer());
            let answer = answer.expect("an answer");
            let json = answer.json();
            let what = format!("{}, {protocol:?}: {json}", route.name);
            assert_eq!(aborted, 1, "{what}");
            assert_eq!((answer.status, answer.problem().as_str()), (503, "draining"), "{what}");
            assert!(answer.header("retry-after").is_some(), "{what}");
            assert_eq!((json["committed"].as_str(), json["blame"].as_str()), (Some("no"), Some("gateway")), "{what}");
            assert_eq!(sandbox.objects(), [], "{what}");
            assert!(!route.undoes || sandbox.announced().is_empty(), "{what}: not undone");
            let ends: Vec<_> = watch.all_ends().await.into_iter().collect();
            assert_eq!(ends, [("failed draining".to_owned(), 1)], "{what}");
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_aborted_after_its_transfer_is_undone_too() {
    let (sandbox, rig, mut watch) = start().await;
    let slow = FaultKind::SlowAnswer { delay: LONG };
    sandbox.script(Fault::once(System::AmazonConnect, Step::Finalize, slow));
    let upload = CONNECT.upload(Shape::put(Protocol::Http1), "f.mp4", content::bytes(70));
    let mut client = Client::begin(rig.address(), &upload).await.expect("a connection");
    client.send(upload.file.clone()).await.expect("the gateway listens");
    watch.until_upload("its last step", |entry| entry["stage"] == "finalize").await.expect("it comes there");
    assert_eq!(sandbox.objects().len(), 1, "the transfer is over");
    let (aborted, answer) = tokio::join!(rig.drain(Duration::ZERO), client.answer());
    let json = answer.expect("an answer").json();
    assert_eq!((aborted, json["committed"].as_str()), (1, Some("no")), "{json}");
    assert_eq!(sandbox.announced(), [], "the object was deleted");
}

#[tokio::test]
async fn new_requests_on_open_connections_are_refused_and_new_connections_too() {
    let (sandbox, rig, mut watch) = start().await;
    let small = FLOWKIWI.upload(Shape::put(Protocol::Http1), "f.mp4", content::bytes(70));
    let mut open = RawConnection::open(rig.address()).await.expect("a connection");
    open.send(small.http1_head(rig.address())).await.expect("the gateway listens");
    open.send(&small.file).await.expect("the gateway listens");
    assert_eq!(open.answer().await.expect("an answer").status, 201);
    let long = FLOWKIWI.upload(Shape::put(Protocol::Http1), "g.mp4", content::bytes(100_000));
    let mut in_flight = begin_half(&rig, &mut watch, &long).await;

    let meanwhile = async {
        until_draining(&mut watch).await;
        open.send(small.http1_head(rig.address())).await.expect("the connection is still open");
        let refusal = open.answer().await.expect("an answer");
        assert_eq!((refusal.status, refusal.problem().as_str()), (503, "draining"));
        assert_eq!(refusal.header("connection"), Some("close"));
        assert!(open.is_closed().await);
        let refused = async || RawConnection::open(rig.address()).await.is_err().then_some(());
        until("the listener is closed", refused).await.expect("it closes");
        in_flight.send(long.file.slice(long.file.len() / 2..)).await.expect("the gateway still reads");
        in_flight.answer().await.expect("an answer").status
    };
    let (aborted, status) = tokio::join!(rig.drain(LONG), meanwhile);
    assert_eq!((aborted, status, sandbox.objects().len()), (0, 201, 2));
    let ends: Vec<_> = watch.all_ends().await.into_iter().collect();
    assert_eq!(ends, [("completed none".to_owned(), 2), ("refused draining".to_owned(), 1)]);
}

/// An interrupted request of a step that can be taken back is awaited: only its answer names what to take back.
#[tokio::test]
async fn an_upload_that_is_aborted_while_it_is_prepared_leaves_nothing() {
    let (sandbox, rig, mut watch) = start().await;
    let slow = FaultKind::SlowAnswer { delay: Duration::from_millis(500) };
    sandbox.script(Fault::once(System::AmazonConnect, Step::Prepare, slow));
    let upload = CONNECT.upload(Shape::put(Protocol::Http1), "f.mp4", content::bytes(70));
    let mut client = Client::begin(rig.address(), &upload).await.expect("a connection");
    client.send(Bytes::from_static(b"x")).await.expect("the gateway listens");
    let begun = async || (sandbox.announced().len() == 1).then_some(());
    until("the object is begun", begun).await.expect("it is begun");
    drop(client);
    assert_eq!(watch.next_end().await.as_deref(), Ok("cancelled client-gone"));
    assert_eq!(sandbox.announced(), []);
    assert_eq!(rig.drain(Duration::ZERO).await, 0);
}
