//! An operator ends an upload: its client is told, what it began upstream is taken back, and it counts as cancelled.

use harness::RawConnection;
use http::Request;
use sandbox::peer::{Reply, Then, When};
use serde_json::{Value, json};

use crate::support::{PLAIN, Stage, eventually, stored};
use crate::upstreams::STEPS;

const HALF: &str = "PUT /files/secret-name.png HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234";

/// The id of the one upload in flight, once it is as far as that.
async fn in_flight(stage: &Stage, so_far: impl Fn(&Value) -> bool) -> String {
    let uploads = stage.uploads_until(|uploads| uploads.iter().any(&so_far)).await;
    uploads[0]["upload_id"].as_str().expect("an id").to_owned()
}

async fn cancel(stage: &Stage, id: &str) -> u16 {
    stage.admin_with(Request::delete(format!("/uploads/{id}"))).await.status
}

async fn half_sent(stage: &Stage) -> RawConnection {
    let mut connection = stage.open().await;
    connection.send(HALF).await.expect("it is sent");
    connection
}

#[tokio::test]
async fn an_upload_under_way_is_cancelled_and_its_client_told() {
    let stage = Stage::new(PLAIN, [stored(), stored()]).await;
    let mut client = half_sent(&stage).await;
    let mut other = half_sent(&stage).await;
    let uploads = stage.uploads_until(|uploads| uploads.len() == 2).await;
    let id = uploads[0]["upload_id"].as_str().expect("an id");
    assert_eq!(stage.admin(&format!("/uploads/{id}")).await.json()["upload_id"], id);
    assert_eq!(cancel(&stage, id).await, 202);
    let answer = client.answer().await.expect("an answer");
    assert_eq!(crate::support::upload_id(&answer), id);
    stage.expect("upload-cancelled", &answer);
    stage.uploads_until(|uploads| uploads.len() == 1).await;
    assert_eq!(cancel(&stage, id).await, 404, "it has ended");
    stage.nothing_stored();

    other.send("56789").await.expect("it is sent");
    assert_eq!(other.answer().await.expect("an answer").status, 201, "no other upload is concerned");
    let scrape = stage.scrape().await;
    let counted = "tidegate_uploads_total{outcome=\"cancelled\",reason=\"upload-cancelled\",route=\"files\"} 1\n";
    assert!(scrape.contains(counted), "{scrape}");
    let status = stage.admin("/status").await.json();
    assert_eq!(
        (&status["problems"][0]["problem"], &status["problems"][0]["count"]),
        (&"upload-cancelled".into(), &1.into())
    );
    assert_eq!(status["problems"][0]["example"]["upload_id"], id);
    assert!(!status.to_string().contains("secret-name"), "{status}");
}

#[tokio::test]
async fn what_it_began_upstream_is_taken_back() {
    let stage = Stage::new(STEPS, []).await;
    let store = format!("{}/store", stage.peer.origin());
    stage.peer.push(Reply::json(201, &json!({ "id": 7, "url": store })).at("/tickets"));
    stage.peer.push(Reply::empty(200).at("/store"));
    stage.peer.push(Reply::empty(204).at("/tickets/7"));
    let mut client = half_sent(&stage).await;
    let id = in_flight(&stage, |upload| upload["stage"] == "transfer" && upload["received_bytes"] == 5).await;
    assert_eq!(cancel(&stage, &id).await, 202);
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.problem().as_str(), &answer.json()["committed"]), ("upload-cancelled", &"no".into()));
    let seen: Vec<_> =
        stage.peer.requests().iter().filter(|request| request.complete).map(|request| request.target.clone()).collect();
    assert_eq!(seen, ["/tickets", "/tickets/7"]);
}

#[tokio::test]
async fn an_upload_whose_form_is_still_read_is_cancelled_too() {
    let stage = Stage::new(PLAIN, []).await;
    let mut client = stage.open().await;
    let head = "POST /files HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n";
    client
        .send(format!("{head}--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nnever ends"))
        .await
        .expect("it is sent");
    let id = in_flight(&stage, |upload| upload["stage"] == "admit").await;
    assert_eq!(cancel(&stage, &id).await, 202);
    stage.expect("upload-cancelled.form", &client.answer().await.expect("an answer"));
    stage.uploads_until(<[_]>::is_empty).await;
}

#[tokio::test]
async fn of_a_file_that_was_sent_whole_nobody_can_tell() {
    let stage = Stage::new(PLAIN, [Reply::none(When::BodyComplete, Then::Stall)]).await;
    let mut client = stage.open().await;
    client.send("PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await.expect("it is sent");
    eventually("the whole file", async || stage.peer.requests().iter().any(|request| request.complete).then_some(()))
        .await;
    let id = in_flight(&stage, |upload| upload["sent_bytes"] == 3).await;
    assert_eq!(cancel(&stage, &id).await, 202);
    stage.expect("upload-cancelled.sent", &client.answer().await.expect("an answer"));
}

#[tokio::test]
async fn steps_after_the_transfer_are_given_up() {
    let stage = Stage::new(STEPS, []).await;
    let store = format!("{}/store", stage.peer.origin());
    stage.peer.push(Reply::json(201, &json!({ "id": 7, "url": store })).at("/tickets"));
    stage.peer.push(Reply::empty(200).at("/store"));
    stage.peer.push(Reply::none(When::BodyComplete, Then::Stall).at("/tickets/7/complete"));
    stage.peer.push(Reply::empty(204).at("/tickets/7"));
    let mut client = stage.open().await;
    client.send("PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await.expect("it is sent");
    let id = in_flight(&stage, |upload| upload["stage"] == "finalize").await;
    assert_eq!(cancel(&stage, &id).await, 202);
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.problem().as_str(), &answer.json()["step"]), ("upload-cancelled", &"complete".into()));
    let undone =
        || stage.peer.requests().iter().any(|request| request.method == "DELETE" && request.target == "/tickets/7");
    assert!(undone(), "{:?}", stage.peer.requests());
}

#[tokio::test]
async fn a_page_from_elsewhere_cancels_nothing() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    let mut client = half_sent(&stage).await;
    let id = in_flight(&stage, |upload| upload["received_bytes"] == 5).await;
    let address = stage.rig.admin();
    let own = format!("http://{address}");
    for (origin, host) in [
        ("https://evil.example.com", address.to_string()),
        (&*own, "rebound.example.com".to_owned()),
        ("http://rebound.example.com", "rebound.example.com".to_owned()),
    ] {
        let mut page = RawConnection::open(address).await.expect("the admin side listens");
        let head = format!("DELETE /uploads/{id} HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\n\r\n");
        page.send(head).await.expect("it is sent");
        assert_eq!(page.answer().await.expect("an answer").status, 403, "{origin} {host}");
    }
    client.send("56789").await.expect("it is sent");
    assert_eq!(client.answer().await.expect("an answer").status, 201);
}
