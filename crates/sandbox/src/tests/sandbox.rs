//! What belongs to no system: framing, keep-alive, the environment, starting and stopping.

use super::{Client, sandbox};
use crate::{Options, Sandbox, Step, System};

#[tokio::test]
async fn names_every_variable_of_the_shipped_routes() {
    let sandbox = sandbox().await;
    let names: Vec<String> = sandbox.environment().into_iter().map(|(name, _)| name).collect();
    for name in [
        "KUSTOMER_URL",
        "KUSTOMER_API_KEY",
        "KUSTOMER_STORAGE",
        "FLOWKIWI_URL",
        "FLOWKIWI_TOKEN",
        "FLOWKIWI_ORGANIZATION_ID",
        "KLINKCX_URL",
        "KLINKCX_TOKEN",
        "TEAMWORK_DESK_URL",
        "TEAMWORK_DESK_API_KEY",
        "TEAMWORK_DESK_STORAGE",
        "CONNECT_URL",
        "CONNECT_INSTANCE_ID",
        "CONNECT_STORAGE",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "TIDEGATE_ALLOW_PRIVATE",
    ] {
        assert!(names.iter().any(|found| found == name), "{name} is missing");
    }
    let lines = sandbox.describe();
    assert_eq!(lines.len(), 6);
    assert!(lines.iter().all(|line| line.contains("http://127.0.0.1:")), "{lines:?}");
}

#[tokio::test]
async fn refuses_ambiguous_framing_and_records_names_as_sent() {
    let sandbox = sandbox().await;
    for fields in ["Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n"]
    {
        let mut client = Client::connect(sandbox.origin(System::Kustomer)).await;
        client.write(format!("POST /v1/media HTTP/1.1\r\nhOST: x\r\n{fields}\r\n").as_bytes()).await;
        let reply = client.reply().await.expect("an answer");
        assert_eq!((reply.status, reply.header("connection")), (400, "close"));
    }
    let mut client = Client::connect(sandbox.storage_origin()).await;
    client.write(b"not http at all\r\n\r\n").await;
    assert_eq!(client.reply().await.expect("an answer").status, 400);
    let mut client = Client::connect(sandbox.storage_origin()).await;
    client.write(b"GET / HTTP/1.1\r\nHost: x\n\r\n").await;
    assert_eq!(client.reply().await.expect("an answer").status, 400);
    let journal = sandbox.journal();
    assert_eq!(journal.len(), 2, "what is no request is no exchange");
    assert_eq!((journal[0].headers[0].0.as_str(), journal[0].step), ("hOST", Step::Prepare));
    sandbox.clear();
    assert!(sandbox.journal().is_empty());
}

#[tokio::test]
async fn sends_100_continue_only_when_it_reads() {
    let sandbox = sandbox().await;
    let expect = ("Expect", "100-continue");
    let mut client = Client::connect(sandbox.origin(System::KlinkCx)).await;
    client.head("POST", "/api/v1/media-manager/files", &[expect, ("Content-Length", "2")]).await;
    assert_eq!(client.reply().await.expect("a refusal").status, 401);
    let mut client = Client::connect(sandbox.origin(System::Kustomer)).await;
    client.head("POST", "/v1/media", &[expect, ("Content-Length", "2")]).await;
    assert_eq!(client.reply().await.expect("an interim answer").status, 100);
    client.write(b"{}").await;
    assert_eq!(client.reply().await.expect("a final answer").status, 401);
}

#[tokio::test]
async fn listens_on_loopback_only() {
    let address = Some("0.0.0.0:0".parse().expect("an address"));
    assert!(Sandbox::start(Options { address, ..Options::default() }).await.is_err());
    let address = Some("127.0.0.1:65533".parse().expect("an address"));
    assert!(Sandbox::start(Options { address, ..Options::default() }).await.is_err(), "six ports do not fit");
}
