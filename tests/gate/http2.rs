//! HTTP/2: heads that a strict server must refuse, and floods of frames that cost their sender nothing.

use harness::Rules;

use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    block, frame, upload,
};
use crate::stage::Stage;

/// Sends one request with a body of three bytes; says what came of it: the answer's body, or nothing for a reset.
async fn ask(stage: &Stage, head: &[u8]) -> Option<serde_json::Value> {
    let mut frames = Frames::open(stage.rig.address()).await;
    let request = [frame(HEADERS, END_HEADERS, 1, head), frame(DATA, END_STREAM, 1, b"abc")].concat();
    frames.send(&request).await.expect("the gateway listens");
    let said = frames.read_until(|said| said.is_settled(1)).await;
    said.bodies.get(&1).map(|body| serde_json::from_str(body).unwrap_or_else(|_| panic!("{body} is no JSON")))
}

#[tokio::test]
async fn heads_that_could_be_read_in_two_ways_are_refused() {
    let stage = Stage::new(8).await;
    let plain = [(":method", "PUT"), (":scheme", "http"), (":authority", "a"), (":path", "/files/x.bin")];
    let with = |name: &str, value: &str| {
        let changed = plain.map(|(field, plain)| (field, if field == name { value } else { plain }));
        block(&changed)
    };
    let without = |name: &str| block(&plain.into_iter().filter(|(field, _)| *field != name).collect::<Vec<_>>());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("Transfer-Encoding", upload("/files/x.bin", &[("transfer-encoding", "chunked")])),
        ("Connection", upload("/files/x.bin", &[("connection", "close")])),
        ("Keep-Alive", upload("/files/x.bin", &[("keep-alive", "5")])),
        ("Proxy-Connection", upload("/files/x.bin", &[("proxy-connection", "close")])),
        ("Upgrade", upload("/files/x.bin", &[("upgrade", "websocket")])),
        ("TE that is not trailers", upload("/files/x.bin", &[("te", "gzip")])),
        ("a name in capitals", upload("/files/x.bin", &[("X-A", "b")])),
        ("a name with a space", upload("/files/x.bin", &[("x a", "b")])),
        ("a name with a colon", upload("/files/x.bin", &[("x:a", "b")])),
        ("an empty name", upload("/files/x.bin", &[("", "b")])),
        ("a line break in a value", upload("/files/x.bin", &[("x-a", "b\r\nhost: c")])),
        ("a line feed in a value", upload("/files/x.bin", &[("x-a", "b\nc")])),
        ("NUL in a value", upload("/files/x.bin", &[("x-a", "b\0c")])),
        ("two lengths", upload("/files/x.bin", &[("content-length", "3"), ("content-length", "3")])),
        ("two lengths that differ", upload("/files/x.bin", &[("content-length", "3"), ("content-length", "4")])),
        ("a length with a sign", upload("/files/x.bin", &[("content-length", "+3")])),
        ("a length with a zero", upload("/files/x.bin", &[("content-length", "03")])),
        ("a length that is a list", upload("/files/x.bin", &[("content-length", "3,3")])),
        ("an empty length", upload("/files/x.bin", &[("content-length", "")])),
        ("a length that is too short", upload("/files/x.bin", &[("content-length", "2")])),
        ("a length that is too long", upload("/files/x.bin", &[("content-length", "4")])),
        ("a field in disguise", upload("/files/x.bin", &[("content_length", "3")])),
        ("another coding in disguise", upload("/files/x.bin", &[("transfer_encoding", "chunked")])),
        ("two hosts", upload("/files/x.bin", &[("host", "a"), ("host", "a")])),
        ("a host that disagrees", upload("/files/x.bin", &[("host", "b")])),
        ("an unknown expectation", upload("/files/x.bin", &[("expect", "x")])),
        ("a content coding", upload("/files/x.bin", &[("content-encoding", "gzip")])),
        ("no method", without(":method")),
        ("no path", without(":path")),
        ("no scheme", without(":scheme")),
        ("no authority and no host", without(":authority")),
        ("an empty path", with(":path", "")),
        ("a path with a line break", with(":path", "/files/x\r\ny")),
        ("a path with a space", with(":path", "/files/x y")),
        ("a path with a quote", with(":path", "/files/x\"y")),
        ("a path with a byte that is not ASCII", with(":path", "/files/x\u{e9}y")),
        ("a folder that is dots", with(":path", "/files/../files/x.bin")),
        ("a method with a space", with(":method", "PUT /x")),
        ("CONNECT", with(":method", "CONNECT")),
        ("TRACE", with(":method", "TRACE")),
        ("a user in the authority", with(":authority", "u@a")),
        ("a path in the authority", with(":authority", "a/b")),
        ("a space in the authority", with(":authority", "a b")),
        ("an empty authority", with(":authority", "")),
        ("an empty port", with(":authority", "a:")),
        ("a pseudo-field twice", [block(&plain), block(&[(":path", "/files/y.bin")])].concat()),
        (
            "a pseudo-field after the others",
            [upload("/files/x.bin", &[("x-a", "b")]), block(&[(":path", "/b")])].concat(),
        ),
        ("a pseudo-field that does not exist", upload("/files/x.bin", &[(":proto", "b")])),
        ("a pseudo-field of answers", upload("/files/x.bin", &[(":status", "200")])),
        ("extended CONNECT", upload("/files/x.bin", &[(":protocol", "websocket")])),
    ];
    for (name, head) in &cases {
        if let Some(answer) = ask(&stage, head).await {
            let status = answer["status"].as_u64().unwrap_or_default();
            assert!(matches!(status, 400 | 404 | 417 | 501), "{name}: {answer}");
            assert!(answer["upload_id"].is_string(), "{name}: {answer}");
        }
    }
    assert_eq!(stage.stored(), Vec::<String>::new(), "nothing of this is an upload");
    let sound = ask(&stage, &upload("/files/y.bin", &[("content-length", "3"), ("te", "trailers")])).await;
    assert_eq!(sound.map(|receipt| receipt["status"].clone()), Some("stored".into()));
    assert_eq!(stage.stored(), ["/v1/y.bin"]);
}

#[tokio::test]
async fn the_limits_of_heads_are_those_of_http_1() {
    let settings = "limits: { head-fields: 16, head-line: 100B, target-size: 64B }";
    let stage = Stage::with(Rules::default().settings(settings), 8).await;
    let name = format!("/files/{}", "x".repeat(70));
    for (head, problem) in [
        (upload("/files/x.bin", &[("x-a", "b"); 20]), "head-too-large"),
        (upload("/files/x.bin", &[("x-a", &"b".repeat(110))]), "head-too-large"),
        (upload(&name, &[]), "target-too-long"),
    ] {
        let answer = ask(&stage, &head).await.expect("an answer");
        assert!(answer["type"].as_str().is_some_and(|urn| urn.ends_with(problem)), "{answer}");
    }
    assert_eq!(stage.stored(), Vec::<String>::new());
}

/// A connection that was promised a large window and does nothing with it must not keep others out, and one whose client takes
/// no answers must not stay.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_leave_room_and_those_that_take_no_answers_end() {
    let settings = "limits: { memory: 32MiB }\ntimeouts: { head: 1s, keep-alive: 1s }";
    let stage = Stage::with(Rules::default().settings(settings), 8).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        let mut frames = Frames::open(stage.rig.address()).await;
        // No window for answers, and one request that is answered 404.
        let no_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, &upload("/nothing", &[]));
        frames.send(&[no_window, request].concat()).await.expect("the gateway listens");
        idle.push(frames);
    }
    is_well(&stage).await;
    for frames in &mut idle {
        let said = frames.read_until(|said| said.closed).await;
        assert!(said.closed, "{said:?}");
    }
}

#[tokio::test]
async fn trailers_that_decide_are_refused_before_anything_is_committed() {
    let stage = Stage::new(8).await;
    for (trailer, value) in
        [("content-length", "3"), ("authorization", "Bearer x"), ("host", "b"), ("content_type", "a/b")]
    {
        let mut frames = Frames::open(stage.rig.address()).await;
        let request = [
            frame(HEADERS, END_HEADERS, 1, &upload("/files/x.bin", &[])),
            frame(DATA, 0, 1, b"abc"),
            frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[(trailer, value)])),
        ];
        frames.send(&request.concat()).await.expect("the gateway listens");
        let said = frames.read_until(|said| said.is_settled(1)).await;
        let body = said.bodies.get(&1).cloned().unwrap_or_default();
        assert!(body.contains("malformed-request") || body.is_empty(), "{trailer}: {body}");
    }
    assert_eq!(stage.stored(), Vec::<String>::new());
}

/// After a flood on one connection the gateway serves others as before.
async fn is_well(stage: &Stage) {
    let before = stage.stored().len();
    let receipt = ask(stage, &upload("/files/well.bin", &[])).await.expect("an answer");
    assert_eq!(receipt["status"], "stored");
    assert_eq!(stage.stored().len(), before + 1);
}

fn odd_streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|index| 2 * index + 1)
}

/// Opens requests and takes each back at once, until the gateway has had enough.
async fn reset_rapidly(stage: &Stage, count: u32) {
    let mut frames = Frames::open(stage.rig.address()).await;
    let pairs: Vec<u8> = odd_streams(count)
        .flat_map(|stream| {
            let head = frame(HEADERS, END_HEADERS, stream, &upload("/files/x.bin", &[]));
            [head, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        })
        .collect();
    frames.flood(&pairs).await;
    let said = frames.read_until(|said| said.goaway.is_some()).await;
    // ENHANCE_YOUR_CALM, unless the connection was closed before it could be read.
    assert!(said.closed || said.goaway == Some(11), "{said:?}");
    is_well(stage).await;
}

#[tokio::test]
async fn rapid_reset_ends_the_connection() {
    reset_rapidly(&Stage::new(8).await, 5000).await;
}

#[tokio::test]
async fn the_limit_of_resets_is_a_setting() {
    let settings = Rules::default().settings("limits: { resets: 1, streams: 4 }");
    reset_rapidly(&Stage::with(settings, 8).await, 200).await;
}

#[tokio::test]
async fn more_streams_than_the_limit_are_refused_one_by_one() {
    let stage = Stage::with(Rules::default().settings("limits: { streams: 4 }"), 8).await;
    let mut frames = Frames::open(stage.rig.address()).await;
    let open: Vec<u8> = odd_streams(6)
        .flat_map(|stream| frame(HEADERS, END_HEADERS, stream, &upload("/files/x.bin", &[("content-length", "3")])))
        .collect();
    frames.send(&open).await.expect("the gateway listens");
    let said = frames.read_until(|said| said.resets.len() >= 2).await;
    // REFUSED_STREAM: they may be sent again (RFC 9113 section 8.7).
    assert_eq!(said.resets, [(9, 7), (11, 7)], "{said:?}");
}

#[tokio::test]
async fn a_flood_of_continuations_ends_the_connection() {
    let stage = Stage::new(8).await;
    for part in [block(&[("x-a", "b")]), Vec::new()] {
        let mut frames = Frames::open(stage.rig.address()).await;
        let mut flood = frame(HEADERS, 0, 1, &upload("/files/x.bin", &[]));
        flood.extend(std::iter::repeat_n(frame(CONTINUATION, 0, 1, &part), 50_000).flatten());
        frames.flood(&flood).await;
        let said = frames.read_until(|said| said.goaway.is_some()).await;
        assert!(said.closed || said.goaway.is_some(), "{said:?}");
        is_well(&stage).await;
    }
    assert!(stage.stored().iter().all(|target| target == "/v1/well.bin"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let stage = Stage::with(Rules::default().settings("limits: { head-size: 4KiB }"), 8).await;
    let field = ("x-a", "0123456789012345678901234567890123456789012345678901234567890123456789");
    let large = upload("/files/x.bin", &vec![field; 100]);
    let answer = ask(&stage, &large).await;
    assert_eq!(answer, None, "h2 answers 431 without a body, or resets the stream");
    assert_eq!(stage.stored(), Vec::<String>::new());
    is_well(&stage).await;
}

/// None of these may make the gateway hold more than a bounded part of them, or keep it from serving others.
#[tokio::test]
async fn floods_of_small_frames_are_absorbed_or_end_the_connection() {
    let stage = Stage::new(16).await;
    let begun = frame(HEADERS, END_HEADERS, 1, &upload("/files/flooded.bin", &[]));
    let floods = [
        ("empty DATA", [begun, frame(DATA, 0, 1, b"").repeat(50_000)].concat()),
        ("PING", frame(PING, 0, 0, &[7; 8]).repeat(50_000)),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]).repeat(20_000)),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]).repeat(50_000)),
        ("WINDOW_UPDATE of nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4]).repeat(100)),
        ("RST_STREAM of idle streams", frame(RST_STREAM, 0, 99, &[0, 0, 0, 8]).repeat(100)),
        ("frames of unknown kinds", frame(0x42, 0xff, 0, &[7; 64]).repeat(50_000)),
    ];
    for (_, flood) in floods {
        let mut frames = Frames::open(stage.rig.address()).await;
        frames.flood(&flood).await;
        is_well(&stage).await;
        drop(frames);
    }
    assert!(stage.stored().iter().all(|target| target == "/v1/well.bin"), "{:?}", stage.stored());
}
