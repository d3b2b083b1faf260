//! The commit gate, looked at from the upstream: before the client's end is proved, what arrived is never a whole message;
//! when it is, the rest follows. For every kind of body, of known length and in chunks, the empty file included.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use harness::{Rules, content};
use sandbox::peer::{Recorded, ScriptedPeer};

use crate::bench::{Bench, Upstream, try_all};
use crate::routes::{CHUNKED_RAW, peer_rule};
use crate::shape::{Announced, Client, Form, Protocol, Shape, Upload};
use crate::watch::{Watch, until};

/// A kind of body, and how the file lies in it.
struct Kind {
    name: &'static str,
    rule: &'static str,
    encode: fn(&[u8]) -> Vec<u8>,
}

const KINDS: [Kind; 6] = [
    Kind { name: "raw", rule: "body: file", encode: <[u8]>::to_vec },
    Kind { name: "form", rule: "form: [ { field: a, value: b }, { file: file } ]", encode: <[u8]>::to_vec },
    Kind { name: "json", rule: "json: { data: '${ file.base64 }', name: n }", encode: base64 },
    Kind { name: "last-in-json", rule: "json: { name: n, data: '${ file.base64 }' }", encode: base64 },
    Kind { name: "data-uri", rule: "json: { a: [ { uri: 'data:;base64,${ file.base64 }#x' } ] }", encode: base64 },
    Kind { name: "base64url", rule: "json: { data: '${ file.base64url }' }", encode: base64url },
];

/// Around the groups of base64, and around the pieces in which a socket is read.
const SIZES: [usize; 9] = [0, 1, 2, 3, 4, 70, 64 * 1024 - 1, 64 * 1024 + 1, 300 * 1024];

fn base64(file: &[u8]) -> Vec<u8> {
    STANDARD.encode(file).into_bytes()
}

fn base64url(file: &[u8]) -> Vec<u8> {
    URL_SAFE_NO_PAD.encode(file).into_bytes()
}

/// Ways to send a file such that its end is not the last byte of the file.
const SHAPES: [Shape; 5] = [
    Shape { protocol: Protocol::Http1, form: Form::Put, announced: Announced::UploadLength },
    Shape { protocol: Protocol::Http2, form: Form::Put, announced: Announced::ContentLength },
    Shape { protocol: Protocol::Http1, form: Form::Multipart, announced: Announced::ContentLength },
    Shape { protocol: Protocol::Http1, form: Form::Put, announced: Announced::Nothing },
    Shape { protocol: Protocol::Http2, form: Form::Multipart, announced: Announced::Nothing },
];

#[tokio::test]
async fn the_upstream_has_no_whole_message_before_the_end_is_proved() {
    let peer = ScriptedPeer::start([]).await.expect("the peer starts");
    let rules = KINDS.iter().fold(Rules::default().variable("PEER_URL", &peer.origin()), |rules, kind| {
        rules.route(&peer_rule(kind.name, &format!("/{}", kind.name), "chunked: true", kind.rule))
    });
    let rig = rules.start();
    let mut bench = Bench { watch: Watch::new(rig.admin()), rig, upstream: Upstream::Peer(peer, 0) };
    let cases = KINDS.iter().flat_map(|kind| {
        SHAPES.iter().flat_map(move |shape| {
            SIZES.map(|size| (format!("{}, {shape}, {size} bytes", kind.name), (kind, *shape, size)))
        })
    });
    try_all(cases, async |(kind, shape, size)| hold_back(&mut bench, kind, shape, size).await).await;
}

/// Sends all but the end, looks, sends the end, looks again.
async fn hold_back(bench: &mut Bench, kind: &Kind, shape: Shape, size: usize) -> Result<(), String> {
    bench.upstream.next();
    // Without CR: at the end of what came of a form, one could begin the delimiter and would be kept back as well.
    let file: Vec<u8> = content::bytes(size).into_iter().map(|byte| byte | 0x40).collect();
    let upload = Upload { path: format!("/{}", kind.name), ..CHUNKED_RAW.upload(shape, "f.bin", file.clone()) };
    let failed = |error: std::io::Error| error.to_string();
    let mut client = Client::begin(bench.rig.address(), &upload).await.map_err(failed)?;
    client.send(upload.before()).await.map_err(failed)?;
    client.send(upload.file.clone()).await.map_err(failed)?;
    let held = until_all_is_sent_that_may_be(bench, &upload).await?;
    check_held(held.as_ref(), size)?;

    client.send(upload.after()).await.map_err(failed)?;
    client.end().await.map_err(failed)?;
    let answer = client.answer().await.map_err(failed)?;
    if answer.status != 201 {
        return Err(format!("ended with {}: {}", answer.status, answer.json()));
    }
    let whole = latest(bench).ok_or("the peer has no request")?;
    let body = whole.body.clone().unwrap_or_default();
    let encoded = (kind.encode)(&file);
    let holds_file = encoded.is_empty() || body.windows(encoded.len()).any(|window| window == encoded);
    if whole.complete && holds_file { Ok(()) } else { Err("the whole request does not hold the file".to_owned()) }
}

/// Waits until the gateway has taken the whole file and waits for nothing but the client, and the peer has all it was sent.
async fn until_all_is_sent_that_may_be(bench: &mut Bench, upload: &Upload) -> Result<Option<Recorded>, String> {
    let taken = upload.file.len() as u64;
    let waits = |entry: &serde_json::Value| entry["received_bytes"] == taken && entry["slow_side"] == "client";
    let entry = bench.watch.until_upload("the gateway waits for the client's end", waits).await?;
    match entry["sent_bytes"].as_u64() {
        // Then not even the head is on its way.
        Some(0) => Ok(latest(bench)),
        sent => {
            let arrived = async || latest(bench).filter(|request| Some(request.size) == sent);
            until("the peer has what was sent", arrived).await.map(Some)
        }
    }
}

/// What arrived is less than a message: shorter than its length, or without the last chunk.
fn check_held(held: Option<&Recorded>, size: usize) -> Result<(), String> {
    match held {
        None if size < 2 => Ok(()),
        None => Err("nothing of the file was sent on".to_owned()),
        Some(request) if size == 0 => {
            Err(format!("an empty file's head was sent: {} {}", request.method, request.target))
        }
        Some(request) if request.complete => Err("the message is whole".to_owned()),
        Some(request) => {
            let length = request.header("content-length").map(str::parse::<u64>);
            match length {
                Some(Ok(length)) if request.size >= length => Err(format!("all {length} bytes arrived")),
                Some(Ok(_)) | None => Ok(()),
                Some(Err(error)) => Err(format!("Content-Length: {error}")),
            }
        }
    }
}

fn latest(bench: &Bench) -> Option<Recorded> {
    match &bench.upstream {
        Upstream::Peer(peer, past) => peer.requests().into_iter().skip(*past).next_back(),
        Upstream::Sandbox(_) => None,
    }
}
