//! Faults, shown on the requests of systems that make them short to write.

use std::io;
use std::time::Duration;

use super::{Client, Reply, sandbox};
use crate::{Exchange, Fault, FaultKind, Sandbox, Step, System};

const AUTH: (&str, &str) = ("Authorization", "Bearer kpt_klinkcx-sandbox-token");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const FILES: &str = "/api/v1/media-manager/files";
const BODY: &[u8] = br#"{"data":"QUJD","fileName":"a","mimeType":"a/b"}"#;

async fn client(sandbox: &Sandbox) -> Client {
    Client::connect(sandbox.origin(System::KlinkCx)).await
}

async fn open(sandbox: &Sandbox, kind: FaultKind, length: usize) -> Client {
    sandbox.script(Fault::once(System::KlinkCx, Step::Store, kind));
    let mut client = client(sandbox).await;
    client.head("POST", FILES, &[AUTH, JSON, ("Content-Length", &length.to_string())]).await;
    client
}

async fn upload(sandbox: &Sandbox, kind: FaultKind) -> io::Result<Reply> {
    let mut client = open(sandbox, kind, BODY.len()).await;
    client.write(BODY).await;
    client.reply().await
}

fn last(sandbox: &Sandbox) -> Exchange {
    sandbox.journal().pop().expect("an exchange")
}

#[tokio::test]
async fn answers_early_and_closes() {
    let sandbox = sandbox().await;
    let kind = FaultKind::AnswerEarly { after: 5, status: 503, keep_reading: false };
    let mut client = open(&sandbox, kind, 1_000_000).await;
    client.write(b"{\"dat").await;
    let reply = client.reply().await.expect("an early answer");
    assert_eq!((reply.status, reply.header("connection")), (503, "close"));
    assert_eq!(client.rest().await.expect("a clean close"), b"");
    let exchange = last(&sandbox);
    assert_eq!((exchange.status, exchange.body_bytes, exchange.body_complete), (Some(503), 5, false));
    assert!(exchange.faulted);
}

#[tokio::test]
async fn answers_early_and_reads_on() {
    let sandbox = sandbox().await;
    let kind = FaultKind::AnswerEarly { after: 0, status: 200, keep_reading: true };
    let mut client = open(&sandbox, kind, BODY.len()).await;
    assert_eq!(client.reply().await.expect("an early answer").status, 200);
    client.write(BODY).await;
    let reply = client.request("POST", FILES, &[AUTH, JSON], BODY).await;
    assert_eq!(reply.status, 200);
    assert_eq!(sandbox.objects().len(), 1, "only the second one counts");
}

#[tokio::test]
async fn resets_and_closes_at_the_byte() {
    let sandbox = sandbox().await;
    let mut client = open(&sandbox, FaultKind::Reset { after: 3 }, 1_000_000).await;
    client.write(b"{\"d").await;
    let error = client.reply().await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!((last(&sandbox).status, last(&sandbox).body_bytes), (None, 3));
    let mut client = open(&sandbox, FaultKind::Close { after: 0 }, 1_000_000).await;
    assert_eq!(client.rest().await.expect("a clean close"), b"");
    assert_eq!(last(&sandbox).body_bytes, 0);
}

#[tokio::test]
async fn stalls_until_the_sandbox_stops_and_pauses_for_a_time() {
    let sandbox = sandbox().await;
    let pause = FaultKind::Stall { after: 1, pause: Some(Duration::from_millis(1)) };
    assert_eq!(upload(&sandbox, pause).await.expect("an answer").status, 200);
    let mut client = open(&sandbox, FaultKind::Stall { after: 1, pause: None }, BODY.len()).await;
    client.write(BODY).await;
    while last(&sandbox).body_bytes != 1 {
        tokio::task::yield_now().await;
    }
    sandbox.stop().await;
    assert!(client.reply().await.is_err(), "nothing was ever answered");
}

#[tokio::test]
async fn fails_as_often_as_told_and_says_when_to_come_back() {
    let sandbox = sandbox().await;
    let kind = FaultKind::Fail { status: 429, retry_after: Some(2) };
    sandbox.script(Fault::once(System::KlinkCx, Step::Store, kind).times(2));
    let mut client = client(&sandbox).await;
    for status in [429, 429, 200] {
        let reply = client.request("POST", FILES, &[AUTH, JSON], BODY).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("retry-after"), if status == 429 { "2" } else { "" });
    }
    assert_eq!(sandbox.objects().len(), 1);
}

#[tokio::test]
async fn spoils_the_answer_after_the_work_was_done() {
    let sandbox = sandbox().await;
    let reply = upload(&sandbox, FaultKind::MalformedJson).await.expect("an answer");
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err());
    let reply = upload(&sandbox, FaultKind::HtmlAnswer).await.expect("an answer");
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/html; charset=UTF-8"));
    let reply = upload(&sandbox, FaultKind::HugeAnswer { bytes: 100_000 }).await.expect("an answer");
    assert!(reply.body.len() > 100_000 && reply.json()["data"]["id"].is_string());
    let reply = upload(&sandbox, FaultKind::SlowAnswer { delay: Duration::from_millis(1) }).await;
    assert_eq!(reply.expect("an answer").status, 200);
    assert!(upload(&sandbox, FaultKind::DropReply).await.is_err());
    assert!(upload(&sandbox, FaultKind::CutAnswer).await.is_err());
    assert_eq!(sandbox.objects().len(), 6, "each was committed");
    let redirect = FaultKind::Redirect { location: "http://elsewhere.invalid/".into() };
    let reply = upload(&sandbox, redirect).await.expect("an answer");
    assert_eq!((reply.status, reply.header("location")), (302, "http://elsewhere.invalid/"));
    assert_eq!(sandbox.objects().len(), 6);
}
