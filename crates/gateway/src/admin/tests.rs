#![expect(clippy::disallowed_methods, reason = "answers of a test are small")]

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::time::Instant;
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

/// What is asked here are no uploads.
fn no_uploads() -> Handler {
    Arc::new(|_, _| Box::pin(async { http::Response::new(bytes::Bytes::new()) }))
}

fn admin(gateway: &Gateway) -> Arc<Admin> {
    Arc::new(Admin::new(Arc::new(Current::new(gateway.app())), None, no_uploads()))
}

async fn ask(gateway: &Gateway, method: Method, path: &str, accept: Option<&'static str>) -> Shown {
    let mut headers = HeaderMap::new();
    if let Some(accept) = accept {
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
    }
    let uri = path.parse().expect("a path");
    let answer = respond::answer(&admin(gateway), &method, &uri, &headers);
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
    for path in [
        "/",
        "/page.js",
        "/metrics",
        "/healthz",
        "/readyz",
        "/routes",
        "/uploads",
        "/status",
        "/events",
        "/api",
        "/openapi.json",
    ] {
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
async fn the_page_needs_nothing_from_elsewhere() {
    let gateway = gateway();
    let page = ask(&gateway, Method::GET, "/", None).await;
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("a text");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let mut waiting = vec![page.body, ask(&gateway, Method::GET, "/api", None).await.body];
    let mut files = 0;
    while let Some(text) = waiting.pop() {
        for outside in ["http:", "https:", "src=\"/", "href=\"/", "@import", " url(", ":url("] {
            let found = text.replace("http://www.w3.org/2000/svg", "").replace("http://GATEWAY", "");
            assert!(!found.contains(outside), "{outside} in {text}");
        }
        let named = text.split(['"', '\'']).map(|name| name.strip_prefix("./").unwrap_or(name));
        let files_of_it: Vec<_> = named.filter(|name| name.ends_with(".js") || name.ends_with(".css")).collect();
        for name in files_of_it {
            let file = ask(&gateway, Method::GET, &format!("/{name}"), None).await;
            assert_eq!(file.status, StatusCode::OK, "{name}");
            assert_eq!(file.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            files += 1;
            // Names form no circle, but `parts.js` is named by all.
            if name != "parts.js" {
                waiting.push(file.body);
            }
        }
    }
    assert!(files >= 9, "{files} files");
}

#[tokio::test]
async fn the_status_tells_what_the_page_shows() {
    let gateway = gateway();
    let app = gateway.app();
    let upload = app.uploads.enter(Uuid::now_v7(), &app.metrics.unmatched()).expect("there is a place");
    upload.live().progress().add_received(123);
    app.loads.refused_because("main.yaml:1:1: wrong");
    let status: Value =
        serde_json::from_str(&ask(&gateway, Method::GET, "/status", None).await.body).expect("it is JSON");
    assert_eq!((&status["state"], &status["in_flight"]["uploads"]), (&"ready".into(), &1.into()));
    assert_eq!((&status["received_bytes"], &status["uploads"][0]["received_bytes"]), (&123.into(), &123.into()));
    assert_eq!(status["configuration"]["generation"], 1);
    assert_eq!(status["configuration"]["refused"]["why"], "main.yaml:1:1: wrong");
    assert_eq!(status["memory"]["limit_bytes"], app.budget.limit());
    let unmatched = status["routes"].as_array().and_then(|routes| routes.last()).expect("there are routes");
    assert_eq!(
        (&unmatched["route"], &unmatched["in_flight"], &unmatched["failed"]),
        (&"none".into(), &1.into(), &0.into())
    );
}

#[tokio::test]
async fn an_upload_is_read_and_cancelled_by_its_id() {
    let gateway = gateway();
    let app = gateway.app();
    let id = Uuid::now_v7();
    let path = format!("/uploads/{id}");
    assert_eq!(ask(&gateway, Method::DELETE, &path, None).await.status, StatusCode::NOT_FOUND);
    let upload = app.uploads.enter(id, &app.metrics.unmatched()).expect("there is a place");
    let shown: Value = serde_json::from_str(&ask(&gateway, Method::GET, &path, None).await.body).expect("it is JSON");
    assert_eq!(shown["upload_id"], id.to_string());
    let refused = ask(&gateway, Method::POST, &path, None).await;
    assert_eq!(
        (refused.status, &refused.headers[header::ALLOW]),
        (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD, DELETE".parse().expect("a value"))
    );
    assert!(futures::FutureExt::now_or_never(upload.live().interrupted()).is_none());
    assert_eq!(ask(&gateway, Method::DELETE, &path, None).await.status, StatusCode::ACCEPTED);
    assert!(futures::FutureExt::now_or_never(upload.live().interrupted()).is_some());
    for path in ["/uploads/", "/uploads/1", "/uploads/../metrics"] {
        assert_eq!(ask(&gateway, Method::DELETE, path, None).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_get_the_status_every_second_and_the_history_when_it_grew() {
    let admin = admin(&gateway());
    let answer = respond::answer(&admin, &Method::GET, &Uri::from_static("/events"), &HeaderMap::new());
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = answer.into_body();
    let mut next = async || {
        let Ok(frame) = body.frame().await.expect("it does not end");
        String::from_utf8(frame.into_data().expect("bytes").to_vec()).expect("a text")
    };
    let begun = Instant::now();
    let first = next().await;
    assert!(first.starts_with("retry: ") && first.contains("event: history\n"), "{first}");
    let second = next().await;
    assert!(second.starts_with("event: status\ndata: {"), "{second}");
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    let keeping = tokio::spawn(async move { admin.history.keep(&admin.current).await });
    let third = next().await;
    assert!(third.contains("event: history\n") && third.contains("event: status\n"), "{third}");
    keeping.abort();
}

/// A log whose filter is a text.
#[derive(Default)]
struct Noted(std::sync::Mutex<String>);

impl LogFilter for Noted {
    fn current(&self) -> String {
        self.0.lock().expect("nobody panics with it").clone()
    }
    fn change(&self, filter: &str) -> Result<(), String> {
        if filter.contains('!') {
            return Err("`!` is no filter".to_owned());
        }
        filter.clone_into(&mut self.0.lock().expect("nobody panics with it"));
        Ok(())
    }
    fn reset(&self) -> Result<(), String> {
        self.change("info")
    }
}

#[tokio::test]
async fn what_is_logged_is_shown_changed_and_reset() {
    let gateway = gateway();
    let current = Arc::new(Current::new(gateway.app()));
    let log: Arc<dyn LogFilter> = Arc::new(Noted::default());
    let admin = Arc::new(Admin::new(current, Some(Arc::clone(&log)), no_uploads()));
    let ask = |method: Method, uri: &'static str, origin: Option<&'static str>| {
        let origin = origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin)));
        let headers = HeaderMap::from_iter(origin);
        respond::answer(&admin, &method, &Uri::from_static(uri), &headers).status()
    };
    assert_eq!(ask(Method::PUT, "/log?filter=info,gateway%3A%3Atransfer=debug", None), StatusCode::OK);
    assert_eq!(log.current(), "info,gateway::transfer=debug");
    for bad in ["/log?filter=!", "/log?filter=", "/log", "/log?level=info"] {
        assert_eq!(ask(Method::PUT, bad, None), StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(ask(Method::PUT, "/log?filter=trace", Some("https://evil.example.com")), StatusCode::FORBIDDEN);
    assert_eq!(log.current(), "info,gateway::transfer=debug", "none of these changed it");
    assert_eq!(ask(Method::DELETE, "/log", None), StatusCode::OK);
    assert_eq!((log.current(), ask(Method::GET, "/log", None)), ("info".to_owned(), StatusCode::OK));
    assert_eq!(ask(Method::POST, "/log", None), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn open_pages_leave_places_to_scrapers() {
    let admin = admin(&gateway());
    let watch = || respond::answer(&admin, &Method::GET, &Uri::from_static("/events"), &HeaderMap::new());
    let mut open: Vec<_> = (0..VIEWERS).map(|_| watch()).collect();
    assert!(open.iter().all(|answer| answer.status() == StatusCode::OK));
    let refused = watch();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    open.pop();
    assert_eq!(watch().status(), StatusCode::OK, "a page was closed");
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
