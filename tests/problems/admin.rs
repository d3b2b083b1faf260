//! The admin side over its own socket.

use http::Request;

use crate::support::{PLAIN, Stage, stored};

#[tokio::test]
async fn metrics_come_as_text_and_as_openmetrics() {
    let stage = Stage::new(PLAIN, []).await;
    let text = stage.admin("/metrics").await;
    assert!(text.header("content-type").is_some_and(|kind| kind.starts_with("text/plain; version=0.0.4")), "{text:?}");
    let accept = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.1";
    let open = stage.admin_with(Request::get("/metrics").header("accept", accept)).await;
    assert!(
        open.header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text; version=1.0.0"))
    );
    let open = String::from_utf8_lossy(&open.body).into_owned();
    assert!(open.ends_with("# EOF\n"));
    // OpenMetrics names a counter's family without `_total`, and its sample with it.
    assert!(open.contains("# TYPE tidegate_uploads counter\n") && open.contains("\ntidegate_uploads_total{"), "{open}");
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_cannot_be_changed_405() {
    let stage = Stage::new(PLAIN, []).await;
    for path in ["/nothing", "/metrics/", "/files", "/uploads/1"] {
        assert_eq!(stage.admin(path).await.status, 404, "{path}");
    }
    for path in ["/", "/metrics", "/healthz", "/readyz", "/routes", "/uploads", "/status"] {
        assert_eq!(stage.admin(path).await.status, 200, "{path}");
        let refused = stage.admin_with(Request::post(path)).await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD")), "{path}");
    }
    assert_eq!(stage.send(Request::get("/metrics"), "").await.problem(), "no-such-route", "clients cannot see metrics");
}

#[tokio::test]
async fn routes_tell_what_a_client_must_bring() {
    let more = "params: { owner: {}, pages: { type: integer, required: false } }\naccept: { size: { max: 5MiB } }\n";
    let stage = Stage::plain(more, []).await;
    let shown = stage.admin("/routes").await.json();
    let route = &shown["routes"][0];
    assert_eq!((&route["name"], &route["path"]), (&"files".into(), &"/files".into()));
    assert_eq!(route["needs"]["size"]["step"], "store");
    assert_eq!(route["accept"]["max_bytes"], 5 << 20);
    assert_eq!((&route["params"][0]["name"], &route["params"][0]["required"]), (&"owner".into(), &true.into()));
    assert_eq!(route["steps"][0]["transfers_the_file"], true);
}

#[tokio::test]
async fn an_upload_in_flight_is_seen_with_its_step_its_bytes_and_its_slow_side() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    let mut connection = stage.open().await;
    connection.send("PUT /files/a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123").await.expect("it is sent");
    let uploads = stage.uploads_until(|uploads| uploads.iter().any(|upload| upload["sent_bytes"] == 4)).await;
    let upload = &uploads[0];
    assert_eq!(
        (&upload["route"], &upload["stage"], &upload["step"]),
        (&"files".into(), &"transfer".into(), &"store".into())
    );
    assert_eq!((&upload["size"], &upload["received_bytes"]), (&10.into(), &4.into()));
    assert_eq!(upload["slow_side"], "client");
    assert!(upload["age_seconds"].as_f64().is_some_and(|age| age > 0.0));
    let scrape = stage.scrape().await;
    assert!(scrape.contains("tidegate_uploads_in_flight{route=\"files\"} 1\n"), "{scrape}");
    assert!(scrape.contains("tidegate_received_bytes_total{route=\"files\"} 4\n"), "{scrape}");
    let id = upload["upload_id"].as_str().expect("an id");
    assert_eq!(stage.admin("/status").await.json()["uploads"][0]["upload_id"], id, "people see it too");

    connection.send("456789").await.expect("it is sent");
    assert_eq!(crate::support::upload_id(&connection.answer().await.expect("an answer")), id);
    stage.uploads_until(<[_]>::is_empty).await;
}
