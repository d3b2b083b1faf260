#![expect(clippy::disallowed_methods, reason = "answers of a test are small")]

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::server::Gateway;
use crate::server::tests::{config, needs};

struct Shown {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

/// A gateway whose admin side is asked without a socket.
fn gateway() -> Gateway {
    Gateway::start(Arc::new(config()), needs()).expect("the gateway starts")
}

async fn ask(gateway: &Gateway, method: Method, path: &str, accept: Option<&'static str>) -> Shown {
    let mut headers = HeaderMap::new();
    if let Some(accept) = accept {
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    }
    let answer = respond::answer(&gateway.app(), &method, path, &headers);
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await;
    let body = String::from_utf8(body.to_bytes().to_vec()).expect("every answer is text");
    Shown { status: head.status, headers: head.headers, body }
}

#[tokio::test]
async fn is_ready_until_drain_begins_and_alive_all_the_time() {
    let gateway = gateway();
    assert_eq!(ask(&gateway, Method::GET, "/readyz", None).await.status, StatusCode::OK);
    gateway.app().draining.cancel();
    assert_eq!(ask(&gateway, Method::GET, "/readyz", None).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask(&gateway, Method::GET, "/healthz", None).await.status, StatusCode::OK);
}

#[tokio::test]
async fn gives_metrics_in_the_format_that_the_scraper_prefers() {
    let gateway = gateway();
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                      text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let cases = [
        (None, false),
        (Some("*/*"), false),
        (Some("text/plain"), false),
        (Some("text/html, text/plain;q=0.9"), false),
        (Some("application/openmetrics-text; version=1.0.0"), true),
        (Some("application/openmetrics-text;q=0"), false),
        (Some("application/openmetrics-text;q=0.2, text/plain;q=0.9"), false),
        (Some(prometheus), true),
    ];
    for (accept, openmetrics) in cases {
        let shown = ask(&gateway, Method::GET, "/metrics", accept).await;
        let kind = shown.headers[header::CONTENT_TYPE].to_str().expect("a text");
        assert_eq!(kind.starts_with("application/openmetrics-text; version=1.0.0"), openmetrics, "{accept:?} {kind}");
        assert_eq!(shown.body.ends_with("# EOF\n"), openmetrics, "{accept:?}");
        assert!(shown.body.contains("tidegate_config_generation 1"), "{accept:?}");
    }
}

#[tokio::test]
async fn metrics_show_uploads_that_are_still_under_way() {
    let gateway = gateway();
    let app = gateway.app();
    let upload = app.uploads.enter(Uuid::now_v7(), &app.metrics.unmatched()).expect("there is a place");
    upload.live().progress().add_received(123);
    let shown = ask(&gateway, Method::GET, "/metrics", None).await;
    assert!(shown.body.contains("tidegate_received_bytes_total{route=\"none\"} 123\n"), "{}", shown.body);
    let listed = ask(&gateway, Method::GET, "/uploads", None).await;
    let listed: Value = serde_json::from_str(&listed.body).expect("it is JSON");
    assert_eq!(listed["uploads"][0]["received_bytes"], 123);
}

#[tokio::test]
async fn only_reads_and_only_what_is_there() {
    let gateway = gateway();
    for path in ["/", "/metrics", "/healthz", "/readyz", "/routes", "/uploads"] {
        assert_eq!(ask(&gateway, Method::HEAD, path, None).await.status, StatusCode::OK, "{path}");
        let refused = ask(&gateway, Method::POST, path, None).await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(refused.headers[header::ALLOW], "GET, HEAD", "{path}");
    }
    for path in ["/nothing", "/metrics/", "/Metrics"] {
        assert_eq!(ask(&gateway, Method::GET, path, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn the_page_needs_no_other_resource() {
    let shown = ask(&gateway(), Method::GET, "/", None).await;
    assert!(shown.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("a text").starts_with("default-src 'none'"));
    assert!(shown.body.contains("<strong>ready</strong>"));
    for outside in ["src=", "http://", "https://", "<script", "@import"] {
        assert!(!shown.body.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn is_served_on_a_listener_of_its_own() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let gateway = gateway();
    let mut stream = TcpStream::connect(gateway.admin_address()).await.expect("it listens");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.expect("it can be sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("it answers");
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("ok\n"), "{text}");
}
