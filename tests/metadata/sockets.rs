//! Chosen values through a gateway over sockets: what the peer read, what the log, the metrics and the admin side say.

use std::collections::BTreeSet;

use harness::{Answer, Lines, RawConnection, Rig, client, forms};
use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sandbox::peer::{Recorded, Reply, ScriptedPeer};
use sandbox::reading;
use sandbox::sigv4::{PathEncoding, Scope, Signable};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;
use wire::name::FileName;

use crate::attacks::{ATTACKS, TYPES};
use crate::routes;

const CONTENT: &[u8] = b"content";

struct Stage {
    rig: Rig,
    peer: ScriptedPeer,
}

impl Stage {
    async fn new() -> Self {
        let peer = ScriptedPeer::start([]).await.expect("the peer starts");
        Self { rig: routes::all(&peer.origin()).start(), peer }
    }

    /// Sends, and gives the answer with what the peer saw of it; its answers are all 200.
    async fn send(&self, request: http::request::Builder, body: impl Into<Vec<u8>>) -> (Answer, Vec<Recorded>) {
        let before = self.peer.requests().len();
        for _ in 0..4 - self.peer.unused() {
            self.peer.push(Reply::json(200, &json!({})));
        }
        let request = request.body(body.into()).expect("a request");
        let answer = client::http1(self.rig.address(), request).await.expect("an answer");
        let seen = self.peer.requests().split_off(before);
        assert!(
            answer.status == 201 || answer.header("content-type") == Some("application/problem+json"),
            "{answer:?}"
        );
        assert!(answer.json().is_object(), "{answer:?}");
        (answer, seen)
    }

    async fn admin(&self, path: &str) -> String {
        let request = Request::get(path).body(Vec::new()).expect("a request");
        let answer = client::http1(self.rig.admin(), request).await.expect("an answer");
        String::from_utf8(answer.body.to_vec()).expect("text")
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What a file name that is none is refused with; an empty one is not found at all where the path has to give it.
const NAME_PROBLEMS: [&str; 3] = ["name-refused", "malformed-request", "malformed-form"];

#[tokio::test]
async fn a_name_arrives_as_it_was_meant_or_nothing_is_sent() {
    let stage = Stage::new().await;
    for name in ATTACKS.iter().copied().filter(|name| !name.is_empty()) {
        let query = format!("a=x&b=y&filename={}", encoded(name));
        let star = format!("attachment; filename*=UTF-8''{}", encoded(name));
        let part = format!("filename*=UTF-8''{}", encoded(name));
        let form = forms::form_of(&[("a", "x"), ("b", "y")], &forms::file_head_named(&part, "image/png"), CONTENT);
        let ways = [
            (Request::put(format!("/json/{}?a=x&b=y", encoded(name))), CONTENT.to_vec()),
            (Request::post(format!("/json?{query}")), CONTENT.to_vec()),
            (Request::post("/json?a=x&b=y").header("content-disposition", star), CONTENT.to_vec()),
            (Request::post("/json").header("content-type", forms::content_type()), form),
        ];
        for (request, body) in ways {
            let place = format!("{name:?} by {:?}", request.uri_ref().map(ToString::to_string));
            let (answer, seen) = stage.send(request, body).await;
            if FileName::parse(name).is_ok() {
                assert_eq!((answer.status, &answer.json()["file"]["name"]), (201, &name.into()), "{place}: {answer:?}");
                let sent: Value = serde_json::from_slice(seen[0].body.as_ref().expect("short")).expect("JSON");
                assert_eq!(sent["name"], name, "{place}");
            } else {
                assert!(NAME_PROBLEMS.contains(&answer.problem().as_str()), "{place}: {answer:?}");
                assert!(seen.is_empty(), "{place}");
            }
        }
    }
}

#[tokio::test]
async fn a_parameter_arrives_as_it_was_meant_or_nothing_is_sent() {
    let stage = Stage::new().await;
    for value in ATTACKS.iter().copied() {
        // Control characters and white space at the ends cannot stand in a header, dots not in a path: all are refused before
        // anything is sent.
        let query = format!("a={}&b={}", encoded(value), encoded(value));
        let (answer, seen) = stage.send(Request::put(format!("/raw/a.png?{query}")), CONTENT).await;
        match answer.status {
            201 => {
                let target = reading::target(&seen[0].target).expect("a target");
                assert_eq!(target.segments, ["v1", value, "x-a.png", &format!("{value}.bin")], "{value:?}");
                assert_eq!(target.query, [("t".to_owned(), value.to_owned()), ("q".to_owned(), value.to_owned())]);
                assert_eq!(seen[0].header("x-b").expect("a field"), value, "{value:?}");
                assert!(seen[0].headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("x-evil")));
            }
            _ => {
                let refusable = value.chars().any(|c| c.is_control() && c != '\t')
                    || ["", ".", ".."].contains(&value)
                    || value.trim_matches([' ', '\t']) != value;
                assert!(refusable, "{value:?}: {answer:?}");
                assert_eq!((answer.problem().as_str(), seen.len()), ("invalid-parameter", 0), "{value:?}");
            }
        }

        let form = forms::form(&[("a", value), ("b", value)], "a.png", "image/png", CONTENT);
        let (answer, seen) =
            stage.send(Request::post("/form").header("content-type", forms::content_type()), form).await;
        if answer.status == 201 {
            let content_type = seen[0].header("content-type").expect("a type");
            let parts = reading::form(content_type, seen[0].body.as_ref().expect("short")).expect("a form");
            let name = format!("m[{value}]").replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
            assert_eq!(
                (parts.len(), &parts[0].name, parts[0].content.as_slice()),
                (3, &name, value.as_bytes()),
                "{value:?}"
            );
            assert_eq!((parts[2].filename.as_deref(), parts[2].content.as_slice()), (Some("a.png"), CONTENT));
        } else {
            let refusable = value.chars().any(|c| c == '\\' || (c.is_control() && c != '\r' && c != '\n'));
            assert!(refusable, "{value:?}: {answer:?}");
            assert_eq!((answer.problem().as_str(), seen.len()), ("invalid-parameter", 0), "{value:?}");
        }
    }
}

#[tokio::test]
async fn a_type_arrives_as_it_was_meant_or_nothing_is_sent() {
    let stage = Stage::new().await;
    for media_type in TYPES.iter().copied() {
        let form = forms::form(&[("a", "x"), ("b", "y")], "a.png", media_type, CONTENT);
        let (answer, seen) =
            stage.send(Request::post("/form").header("content-type", forms::content_type()), form).await;
        if answer.status == 201 {
            let parts =
                reading::form(seen[0].header("content-type").expect("a type"), seen[0].body.as_ref().expect("short"));
            // What follows a line break is another header of the client's part, which nobody reads.
            let meant = media_type.split("\r\n").next();
            assert_eq!(parts.expect("a form")[2].content_type.as_deref(), meant);
        } else {
            let problems = ["malformed-request", "malformed-form", "type-refused"];
            assert!(problems.contains(&answer.problem().as_str()), "{media_type:?}: {answer:?}");
            assert!(seen.is_empty(), "{media_type:?}");
        }
        let Ok(value) = http::HeaderValue::from_str(media_type) else { continue };
        let (answer, seen) =
            stage.send(Request::put("/raw/a.png?a=x&b=y").header("content-type", value), CONTENT).await;
        match answer.status {
            201 => assert_eq!(seen[0].header("content-type"), Some(media_type)),
            _ => assert!(["malformed-request", "type-refused"].contains(&answer.problem().as_str()) && seen.is_empty()),
        }
    }
}

/// SigV4 encodes a path twice (once for S3): what is signed must be what is sent, whatever stands in it.
#[tokio::test]
async fn a_signed_path_is_signed_as_it_is_sent() {
    for (service, encoding) in [("execute-api", PathEncoding::Twice), ("s3", PathEncoding::Once)] {
        let peer = ScriptedPeer::start([]).await.expect("the peer starts");
        let rules = routes::signed(&peer.origin(), service).variable("KEY", "AKIDEXAMPLE").variable("SECRET", SECRET);
        let stage = Stage { rig: rules.start(), peer };
        let mut signed = 0;
        for value in ATTACKS.iter().copied() {
            let query = format!("a={}&b={}", encoded(value), encoded(value));
            let (answer, seen) = stage.send(Request::put(format!("/signed/a.png?{query}")), CONTENT).await;
            if answer.status != 201 {
                assert!(["", ".", ".."].contains(&value), "{value:?}: {answer:?}");
                assert_eq!((answer.problem().as_str(), seen.len()), ("invalid-parameter", 0), "{value:?}");
                continue;
            }
            let target = reading::target(&seen[0].target).expect("a target");
            assert_eq!((target.segments[1].as_str(), &target.query[0].1), (value, &value.to_owned()), "{value:?}");
            assert_signed(&seen[0], service, encoding);
            signed += 1;
        }
        assert_eq!(signed, ATTACKS.len() - 3, "all but the dots");
    }
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn assert_signed(request: &Recorded, service: &str, encoding: PathEncoding) {
    let authorization = request.header("authorization").expect("it is signed");
    let parameter = |name: &str| {
        let mut found = authorization.split([',', ' ']).filter_map(|part| part.split_once('='));
        found.find(|(key, _)| *key == name).map(|(_, value)| value).expect("a parameter")
    };
    let signed: Vec<_> = parameter("SignedHeaders").split(';').collect();
    let date = request.header("x-amz-date").expect("a date");
    let (path, query) = request.target.split_once('?').expect("a query");
    // A streamed body has no hash yet when its head is written.
    let payload = "UNSIGNED-PAYLOAD";
    let headers = &request.headers;
    let signable = Signable { method: &request.method, path, query, headers, signed: &signed, payload, encoding };
    let scope =
        Scope { date: date.chars().take(8).collect(), region: "eu-west-1".to_owned(), service: service.to_owned() };
    assert_eq!(signable.signature(SECRET, date, &scope), parameter("Signature"), "{}", request.target);
}

/// Overlong UTF-8, lone surrogates as WTF-8 writes them, and bytes that are none.
#[tokio::test]
async fn bytes_that_are_no_utf_8_are_refused_in_every_place() {
    let stage = Stage::new().await;
    for bytes in
        ["%C0%AF", "%C0%80", "%E0%80%AF", "%ED%A0%80", "%ED%A0%BD%ED%B8%80", "%F4%90%80%80", "%FF", "%80", "a%E2%82"]
    {
        let star = format!("attachment; filename*=UTF-8''{bytes}");
        let raw: Vec<u8> = percent_encoding::percent_decode_str(bytes).collect();
        let [before, after] = [forms::file_head_named("filename=\"", "image/png"), String::new()];
        let head = before.split_once("filename=\"").map(|(before, _)| before.to_owned()).expect("as written") + &after;
        let named = [head.as_bytes(), b"filename=\"", &raw, b"\"\r\n\r\nx", forms::closing().as_bytes()].concat();
        let field = |name: &[u8], value: &[u8]| {
            let head =
                [b"--", forms::BOUNDARY.as_bytes(), b"\r\nContent-Disposition: form-data; name=\"", name].concat();
            let rest = forms::form(&[("b", "y")], "a.png", "image/png", b"x");
            [head.as_slice(), b"\"\r\n\r\n", value, b"\r\n", &rest].concat()
        };
        let multipart = || Request::post("/json").header("content-type", forms::content_type());
        let ways = [
            (Request::put(format!("/json/{bytes}?a=x&b=y")), Vec::new()),
            (Request::put(format!("/json/a?a={bytes}&b=y")), Vec::new()),
            (Request::post(format!("/json?a=x&b=y&filename={bytes}")), Vec::new()),
            (Request::post("/json?a=x&b=y").header("content-disposition", star), Vec::new()),
            (Request::post("/json?a=x&b=y").header("content-type", forms::content_type()), named),
            (multipart(), field(b"a", &raw)),
            (multipart(), field(&raw, b"x")),
        ];
        for (at, (request, body)) in ways.into_iter().enumerate() {
            let (answer, seen) = stage.send(request, body).await;
            assert!(NAME_PROBLEMS.contains(&answer.problem().as_str()), "{bytes} by {at}: {answer:?}");
            assert!(seen.is_empty(), "{bytes} by {at}");
        }
    }
}

#[tokio::test]
async fn names_longer_than_255_bytes_are_refused_and_shorter_ones_arrive() {
    let stage = Stage::new().await;
    for (name, status) in [("\u{e9}".repeat(127) + "x", 201), ("\u{e9}".repeat(128), 422), ("x".repeat(4097), 422)] {
        let (answer, seen) = stage.send(Request::put(format!("/json/{}?a=x&b=y", encoded(&name))), CONTENT).await;
        assert_eq!((answer.status, seen.len()), (status, usize::from(status == 201)), "{answer:?}");
    }
}

#[tokio::test]
async fn neither_log_nor_metrics_take_a_value_for_more_than_a_value() {
    let (as_json, for_people) = (Lines::default(), Lines::default());
    // The layout for people as the program sets it up, and the one that the JSON of the program is held to, byte for byte, by its
    // own tests.
    let subscriber = tracing_subscriber::registry()
        .with(tracing_subscriber::filter::LevelFilter::INFO)
        .with(
            tracing_subscriber::fmt::layer()
                .json()
                .flatten_event(true)
                .with_span_list(false)
                .with_writer(as_json.clone()),
        )
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(for_people.clone()));
    // With one subscriber alone, tracing asks the thread that comes first by a log statement whether anybody listens, and
    // remembers the answer for all; the other tests' threads would say no.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _guard = tracing::subscriber::set_default(subscriber);

    let stage = Stage::new().await;
    let mut sent = 0;
    for value in ATTACKS.iter().copied() {
        let text = encoded(value);
        let form =
            forms::form(&[("a", value), (&value.replace(['"', '\r', '\n'], "_"), "y")], "a.png", "image/png", CONTENT);
        let requests = [
            (Request::put(format!("/json/{text}?a={text}&b={text}")), CONTENT.to_vec()),
            (Request::put(format!("/raw/a?{text}=x&a={text}&b={text}")), CONTENT.to_vec()),
            (Request::put(format!("/{text}/{text}")), CONTENT.to_vec()),
            (Request::post("/form").header("content-type", forms::content_type()), form),
        ];
        for (request, body) in requests {
            let request = match http::HeaderValue::from_str(value) {
                Ok(header) => request.header("x-request-id", header.clone()).header("idempotency-key", header),
                Err(_) => request,
            };
            stage.send(request, body).await;
            sent += 1;
        }
    }

    let lines: Vec<Value> =
        as_json.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert!(!lines.is_empty(), "the log was heard: {}", as_json.text());
    let ended: Vec<_> = lines.iter().filter(|line| line["message"] == "upload ended").collect();
    assert_eq!(ended.len(), sent, "one line for each upload");
    let names: BTreeSet<_> = ended.iter().flat_map(|line| line.as_object().expect("an object").keys()).collect();
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')), "{names:?}");
    let people = for_people.text();
    assert_eq!(people.lines().filter(|line| line.contains("upload ended")).count(), sent);
    let odd = people.chars().find(|c| (c.is_control() && *c != '\n') || is_invisible(*c));
    assert_eq!(odd, None, "raw in a log for people");

    let metrics = stage.admin("/metrics").await;
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_{}=\",.-+: ".contains(c);
        assert!(line.chars().all(plain), "{line}");
        for rest in line.split("route=\"").skip(1) {
            let route = rest.split('"').next().unwrap_or_default();
            assert!(["raw", "form", "named", "json", "beside", "learned", "none"].contains(&route), "{line}");
        }
    }
}

/// Separators of lines, directions, and what has no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[tokio::test]
async fn the_admin_side_shows_nothing_that_a_client_wrote() {
    let stage = Stage::new().await;
    let mut connection = RawConnection::open(stage.rig.address()).await.expect("the gateway listens");
    let evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let name = "%3Cimg%20onerror=alert(1)%3E";
    let head = format!(
        "PUT /json/{name}?a={evil}&b={evil} HTTP/1.1\r\nHost: a\r\nContent-Type: image/png; x=\"<svg>\"\r\nContent-Length: 100\r\n\r\nabc"
    );
    stage.peer.push(Reply::json(200, &json!({})));
    connection.send(head).await.expect("it is sent");
    let shown = loop {
        let shown = stage.admin("/uploads").await;
        let parsed: Value = serde_json::from_str(&shown).expect("JSON");
        if parsed["uploads"].as_array().is_some_and(|uploads| !uploads.is_empty()) {
            break shown;
        }
        tokio::task::yield_now().await;
    };
    // Problems whose details hold what the client wrote, and one of an upstream that repeats it.
    let (refused, _) = stage.send(Request::put(format!("/json/{name}?{evil}={evil}")), "x").await;
    assert!(refused.json()["detail"].as_str().is_some_and(|detail| detail.contains("<script")), "{refused:?}");
    let put = async |path: String| {
        let request = Request::put(path).body(vec![b'x']).expect("a request");
        client::http1(stage.rig.address(), request).await.expect("an answer")
    };
    while stage.peer.unused() > 0 {
        put("/raw/a.png?a=1&b=2".to_owned()).await;
    }
    let repeats = json!({ "error": { "code": "<svg>", "message": "<script>alert(1)</script>" } });
    stage.peer.push(Reply::json(400, &repeats));
    assert_eq!(put(format!("/raw/{name}?a={evil}&b={evil}")).await.problem(), "upstream-refused");
    let status = stage.admin("/status").await;
    for problem in [refused.problem().as_str(), "upstream-refused"] {
        assert!(status.contains(problem), "{problem} is shown: {status}");
    }
    for text in [shown, status, stage.admin("/routes").await, stage.admin("/metrics").await] {
        for evil in ["<script", "onerror", "<img", "<svg", "alert(1)"] {
            assert!(!text.contains(evil), "{evil} in {text}");
        }
    }
}
