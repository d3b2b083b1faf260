//! The truncation matrix: every way to send a file, to every kind of body upstream, broken off or falsified in every way, at
//! several places. Nothing may be committed, what was begun is undone, the upload ends once and rightly, and the client hears
//! the right problem wherever it still can.
//!
//! One test per route, so that they share the processor; the cases of a route run in turn against one gateway, so that whatever
//! shows belongs to the case at hand. At the end, with all connections gone, the upstream is looked at once more.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use harness::{Answer, content};
use sha2::{Digest as _, Sha256, Sha512};

use crate::bench::{Bench, try_all};
use crate::routes::{CHUNKED_FORM, CHUNKED_JSON, CHUNKED_RAW, CONNECT, FLOWKIWI, KLINKCX, KUSTOMER, Route, TEAMWORK};
use crate::shape::{Announced, Client, Form, Protocol, Shape, Upload};

#[tokio::test]
async fn nothing_broken_is_committed_by_a_presigned_put() {
    run(CONNECT).await;
}

#[tokio::test]
async fn nothing_broken_is_committed_by_a_policy_form() {
    run(KUSTOMER).await;
}

#[tokio::test]
async fn nothing_broken_is_committed_by_a_policy_form_with_a_step_after_it() {
    run(TEAMWORK).await;
}

#[tokio::test]
async fn nothing_broken_is_committed_by_a_form() {
    run(FLOWKIWI).await;
}

#[tokio::test]
async fn nothing_broken_is_committed_by_base64_in_json() {
    run(KLINKCX).await;
}

#[tokio::test]
async fn nothing_broken_is_committed_by_raw_chunks() {
    run(CHUNKED_RAW).await;
}

#[tokio::test]
async fn nothing_broken_is_committed_by_a_form_in_chunks() {
    run(CHUNKED_FORM).await;
}

#[tokio::test]
async fn nothing_broken_is_committed_by_json_in_chunks() {
    run(CHUNKED_JSON).await;
}

/// Sizes of files; each case takes the next, so every fault meets most of them.
const SIZES: [usize; 6] = [1, 70, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 300 * 1024];

/// One cell of the matrix.
#[derive(Debug, Clone, Copy)]
struct Case {
    route: Route,
    shape: Shape,
    fault: Fault,
    size: usize,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Nothing: the upload must work, or the matrix would prove nothing.
    None,
    /// The client goes before the end of its body.
    Vanishes(Leave, Place),
    /// The body ends by its own framing, with fewer file bytes than announced.
    EndsShort(Place),
    /// The body ends by its own framing inside the form.
    FormUnclosed(Place),
    /// More file bytes come than were announced.
    RunsOver(usize),
    /// A form of the right length that leaves out its last line break: its file is two bytes longer than derived.
    OtherEnding,
    /// The file is not the one that the client gave a digest of.
    WrongDigest(Digest),
}

/// How a client goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// FIN, still listening.
    Fin,
    /// RST.
    Rst,
    /// The socket is closed.
    Drop,
    /// `RST_STREAM(NO_ERROR)`, which HTTP/2 implementations take for an end.
    ResetNoError,
    /// `RST_STREAM(CANCEL)`.
    ResetCancel,
}

/// How much of the file was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Nothing,
    FirstByte,
    Half,
    AllButOne,
    /// All of it, but the body's end is missing.
    All,
}

/// Where the wrong digest stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digest {
    Repr,
    Content,
    ContentSha512,
    Md5,
    /// Of the whole form, in the head.
    WholeContent,
    WholeMd5,
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}, {:?}, {} bytes", self.route.name, self.shape, self.fault, self.size)
    }
}

impl Case {
    /// In a file of one byte the first is the last: what ends there may be whole.
    fn is_wrong_as_meant(&self) -> bool {
        let sends_all = |place: Place| place.in_file(self.size) == self.size;
        match self.fault {
            Fault::Vanishes(_, place) => !(sends_all(place) && ends_by_count(self.shape)),
            Fault::EndsShort(place) => !sends_all(place),
            _ => true,
        }
    }
}

/// Whether the file's last byte is the end of the request.
fn ends_by_count(shape: Shape) -> bool {
    shape.protocol == Protocol::Http1 && !shape.is_open_ended() && shape.form != Form::Multipart
}

impl Place {
    const ALL: [Self; 5] = [Self::Nothing, Self::FirstByte, Self::Half, Self::AllButOne, Self::All];

    fn in_file(self, size: usize) -> usize {
        match self {
            Self::Nothing => 0,
            Self::FirstByte => 1.min(size),
            Self::Half => size / 2,
            Self::AllButOne => size.saturating_sub(1),
            Self::All => size,
        }
    }
}

/// The cases of one route.
fn cases(route: Route) -> Vec<Case> {
    let shapes = Shape::all(route.system.is_none());
    let faults = shapes.flat_map(|shape| faults(shape).into_iter().map(move |fault| (shape, fault)));
    let sizes = SIZES.into_iter().cycle();
    let cases = faults.zip(sizes).map(|((shape, fault), size)| Case { route, shape, fault, size });
    cases.filter(Case::is_wrong_as_meant).collect()
}

/// What can go wrong with a request of this shape.
fn faults(shape: Shape) -> Vec<Fault> {
    let leaves = match shape.protocol {
        Protocol::Http1 => [Leave::Fin, Leave::Rst, Leave::Drop],
        Protocol::Http2 => [Leave::ResetNoError, Leave::ResetCancel, Leave::Drop],
    };
    let is_form = shape.form == Form::Multipart;
    let mut faults = vec![Fault::None];
    for place in Place::ALL {
        faults.extend(leaves.map(|leave| Fault::Vanishes(leave, place)));
        if is_form && (shape.is_open_ended() || shape.protocol == Protocol::Http2) {
            faults.push(Fault::FormUnclosed(place));
        }
        let knows_size = shape.announced != Announced::Nothing;
        if knows_size && !ends_by_count(shape) {
            faults.push(Fault::EndsShort(place));
        }
    }
    // Over HTTP/1.1 what follows the counted bytes is no part of the body: see `expectation`.
    let is_counted_by_http1 = shape.protocol == Protocol::Http1 && !shape.is_open_ended();
    if shape.announced != Announced::Nothing && !is_counted_by_http1 {
        faults.extend([Fault::RunsOver(1), Fault::RunsOver(70_000)]);
    }
    faults.extend([Digest::Repr, Digest::Content, Digest::ContentSha512, Digest::Md5].map(Fault::WrongDigest));
    if is_form && !shape.is_open_ended() {
        faults.push(Fault::OtherEnding);
    }
    if is_form {
        faults.extend([Digest::WholeContent, Digest::WholeMd5].map(Fault::WrongDigest));
    }
    faults
}

/// How an upload has to end.
struct Expected {
    /// Outcome and reason in the metrics.
    end: &'static str,
    /// What the client hears, if it can hear anything.
    status: Option<u16>,
}

fn expected(case: Case) -> Expected {
    let Case { shape, fault, size, .. } = case;
    // An HTTP/2 body that contradicts its `content-length` is a stream error: the stream is gone (RFC 9113, section 8.1.1).
    let counted_stream = shape.protocol == Protocol::Http2 && !shape.is_open_ended();
    let heard = |status| (!counted_stream).then_some(status);
    match fault {
        Fault::None => Expected { end: "completed none", status: Some(201) },
        Fault::Vanishes(..) => Expected { end: "cancelled client-gone", status: None },
        Fault::WrongDigest(_) => Expected { end: "refused digest-mismatch", status: Some(400) },
        Fault::FormUnclosed(place) if !counted_stream => {
            let all_came = place.in_file(size) == size || shape.announced == Announced::Nothing;
            let end = if all_came { "refused malformed-form" } else { "refused length-mismatch" };
            Expected { end, status: Some(400) }
        }
        // A form that closes early is filled up to its length.
        Fault::OtherEnding | Fault::EndsShort(_) if shape.form == Form::Multipart => {
            Expected { end: "refused length-mismatch", status: Some(400) }
        }
        Fault::EndsShort(_) | Fault::FormUnclosed(_) | Fault::RunsOver(_) | Fault::OtherEnding => {
            Expected { end: "refused length-mismatch", status: heard(400) }
        }
    }
}

async fn run(route: Route) {
    let mut bench = Bench::of(route).await;
    let cases = cases(route);
    let named = cases.iter().enumerate().map(|(number, case)| (case.to_string(), (number, *case)));
    try_all(named, async |(number, case)| try_case(&mut bench, case, number).await).await;
    let counted: u64 = bench.watch.all_ends().await.values().sum();
    assert_eq!(counted, cases.len() as u64, "every upload ends once");
    bench.upstream.next();
    assert_eq!(bench.finish().await, Ok(Vec::new()), "what came to the upstream late");
}

async fn try_case(bench: &mut Bench, case: Case, number: usize) -> Result<(), String> {
    bench.upstream.next();
    let upload = upload(case, number);
    let answer = perform(bench, case, &upload).await?;
    let expected = expected(case);
    let end = bench.watch.next_end().await?;
    if end != expected.end {
        return Err(format!("ended as `{end}` instead of `{}`; heard {answer:?}", expected.end));
    }
    if let Some(status) = expected.status {
        check_answer(case, answer.as_ref(), status, expected.end)?;
    }
    check_upstream(bench, case, &upload)
}

fn upload(case: Case, number: usize) -> Upload {
    let mut upload = case.route.upload(case.shape, &format!("case-{number}.mp4"), content::bytes(case.size));
    if let Fault::WrongDigest(digest) = case.fault {
        let (name, value) = wrong_digest(digest);
        let of_part = case.shape.form == Form::Multipart && !matches!(digest, Digest::WholeContent | Digest::WholeMd5);
        let fields = if of_part { &mut upload.part_fields } else { &mut upload.fields };
        fields.push((name.to_owned(), value));
    }
    upload
}

/// A well-formed digest of something else.
fn wrong_digest(digest: Digest) -> (&'static str, String) {
    let sha256 = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest("another file")));
    let sha512 = format!("sha-512=:{}:", STANDARD.encode(Sha512::digest("another file")));
    match digest {
        Digest::Repr => ("repr-digest", sha256),
        Digest::Content | Digest::WholeContent => ("content-digest", sha256),
        Digest::ContentSha512 => ("content-digest", sha512),
        Digest::Md5 | Digest::WholeMd5 => ("content-md5", STANDARD.encode([7; 16])),
    }
}

/// Sends the request with its fault. What the client hears, if it listens.
async fn perform(bench: &mut Bench, case: Case, upload: &Upload) -> Result<Option<Answer>, String> {
    let mut client = Client::begin(bench.rig.address(), upload).await.map_err(|error| error.to_string())?;
    if let Fault::Vanishes(leave, place) = case.fault {
        vanish(bench, client, upload, leave, place.in_file(case.size)).await?;
        return Ok(None);
    }
    // A stream that contradicts its length is reset while it is written; what was heard counts.
    let _sent = async {
        client.send(upload.before()).await?;
        for piece in pieces(case, upload) {
            client.send(piece).await?;
        }
        client.end().await
    }
    .await;
    Ok(client.answer().await.ok())
}

/// The body behind the form's head, as the fault wants it.
fn pieces(case: Case, upload: &Upload) -> Vec<Bytes> {
    let first = |place: Place| upload.file.slice(..place.in_file(case.size));
    match case.fault {
        Fault::EndsShort(place) => {
            let missing = case.size - place.in_file(case.size);
            let is_counted_form = case.shape.form == Form::Multipart && !case.shape.is_open_ended();
            let filling = if is_counted_form { vec![b'x'; missing] } else { Vec::new() };
            vec![first(place), upload.after(), filling.into()]
        }
        Fault::FormUnclosed(place) => vec![first(place)],
        Fault::OtherEnding => {
            let mut after = upload.after();
            after.truncate(after.len().saturating_sub(2));
            vec![upload.file.clone(), Bytes::from_static(b"xx"), after]
        }
        Fault::RunsOver(more) => vec![upload.file.clone(), vec![b'x'; more].into(), upload.after()],
        _ => vec![upload.file.clone(), upload.after()],
    }
}

/// Goes once the gateway has taken all that was sent.
async fn vanish(bench: &mut Bench, client: Client, upload: &Upload, leave: Leave, sent: usize) -> Result<(), String> {
    let mut client = client;
    let failed = |error: std::io::Error| format!("the client could not send: {error}");
    client.send(upload.before()).await.map_err(failed)?;
    client.send(upload.file.slice(..sent)).await.map_err(failed)?;
    let taken = |entry: &serde_json::Value| entry["received_bytes"].as_u64() == Some(sent as u64);
    bench.watch.until_upload(&format!("{sent} bytes of the file taken"), taken).await?;
    let mut client = match (client, leave) {
        (Client::Http1 { connection, .. }, Leave::Rst) => return connection.reset().map_err(failed),
        (Client::Http2(upload), Leave::Drop) => {
            upload.drop_connection();
            return Ok(());
        }
        (Client::Http1 { .. }, Leave::Drop) => return Ok(()),
        (client, _) => client,
    };
    match (&mut client, leave) {
        (Client::Http1 { connection, .. }, _) => connection.finish().await.map_err(failed)?,
        (Client::Http2(upload), Leave::ResetNoError) => upload.reset(h2::Reason::NO_ERROR),
        (Client::Http2(upload), _) => upload.reset(h2::Reason::CANCEL),
    }
    // The connection stays, as it would for a client with other streams: only this request is gone.
    let ended = bench.watch.uploads_gone().await;
    drop(client);
    ended
}

/// The problem is the right one, and says that nothing was committed.
fn check_answer(case: Case, answer: Option<&Answer>, status: u16, end: &str) -> Result<(), String> {
    let answer = answer.ok_or("the client heard nothing")?;
    let json = answer.json();
    if answer.status != status {
        return Err(format!("status {} instead of {status}: {json}", answer.status));
    }
    if status == 201 {
        return Ok(());
    }
    let named = end.ends_with(&answer.problem());
    // The contract: failures of digest and length name the transfer.
    let steps = if answer.problem() == "malformed-form" { json["step"].clone() } else { case.route.transfer.into() };
    if !named || json["blame"] != "client" || json["committed"] != "no" || json["step"] != steps {
        return Err(format!("another problem than {end}: {json}"));
    }
    Ok(())
}

/// A good upload is stored; of a bad one nothing is left that the rule can undo.
fn check_upstream(bench: &Bench, case: Case, upload: &Upload) -> Result<(), String> {
    if case.fault == Fault::None {
        let stored = bench.upstream.stored_digests();
        let is_file = case.route.system.is_some() || case.route == CHUNKED_RAW;
        let is_right = !is_file || stored == [content::sha256_hex(&upload.file)];
        return if stored.len() == 1 && is_right { Ok(()) } else { Err(format!("stored {stored:?}")) };
    }
    let committed = bench.upstream.committed();
    if !committed.is_empty() {
        return Err(format!("committed: {committed:?}"));
    }
    let left = case.route.system.filter(|_| case.route.undoes).map(|system| bench.upstream.begun(system));
    match left {
        Some(left) if !left.is_empty() => Err(format!("not undone: {left:?}")),
        _ => Ok(()),
    }
}
