//! What operators see.

use harness::{Rules, client};
use http::Request;

use crate::support::{PAGE, Stage};

#[tokio::test]
async fn routes_shows_whose_pages_may_upload() {
    let cors = "cors: { origins: ['${ env.PAGES }', null], max-age: 1m, allow-headers: [X-Team] }";
    let pages = format!("{PAGE}, https://*.example.net");
    let stage = Stage::with(Rules::default().variable("PAGES", &pages), cors, []).await;
    let request = Request::get("/routes").body(Vec::new()).expect("a request");
    let shown = client::http1(stage.rig.admin(), request).await.expect("an answer").json();
    let cors = &shown["routes"][0]["cors"];
    assert_eq!(cors["origins"], serde_json::json!([PAGE, "https://*.example.net", "null"]));
    assert_eq!(cors["max_age_seconds"], 60);
    assert_eq!(cors["credentials"], false);
    assert_eq!(cors["private_network"], false);
    let headers = cors["allow_headers"].as_array().expect("a list");
    assert_eq!(headers.last().and_then(|name| name.as_str()), Some("X-Team"));
}

#[tokio::test]
async fn routes_says_nothing_of_pages_without_cors() {
    let stage = Stage::new("", []).await;
    let request = Request::get("/routes").body(Vec::new()).expect("a request");
    let shown = client::http1(stage.rig.admin(), request).await.expect("an answer").json();
    assert!(shown["routes"][0]["cors"].is_null());
}
