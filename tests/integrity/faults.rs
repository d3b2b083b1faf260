//! Upstreams that fail, at every step and for every kind of body: what the client hears, how often the step was tried, and what
//! the upstream is left with.

use std::fmt;
use std::time::Duration;

use harness::{Answer, content};
use sandbox::peer::ScriptedPeer;
use sandbox::{Fault, FaultKind, Sandbox, Step};

use crate::bench::{Bench, Upstream, try_all};
use crate::routes::{CONNECT, FLOWKIWI, KLINKCX, KUSTOMER, Route, SHIPPED, TEAMWORK, shipped_rules};
use crate::shape::{Announced, Client, Form, Protocol, Shape, send_whole};
use crate::watch::Watch;

#[tokio::test]
async fn a_presigned_put_that_fails() {
    run(CONNECT).await;
}

#[tokio::test]
async fn a_policy_form_that_fails() {
    run(KUSTOMER).await;
}

#[tokio::test]
async fn a_policy_form_with_a_step_after_it_that_fails() {
    run(TEAMWORK).await;
}

#[tokio::test]
async fn a_form_that_fails() {
    run(FLOWKIWI).await;
}

#[tokio::test]
async fn base64_in_json_that_fails() {
    run(KLINKCX).await;
}

/// A fault and what must come of it.
#[derive(Debug, Clone)]
struct Row {
    step: Step,
    kind: FaultKind,
    times: u32,
    sends: Sends,
    /// Status, problem, blame and `committed`; of a success only the status.
    end: (u16, &'static str, &'static str, &'static str),
    /// The step that the client is told.
    at: Option<&'static str>,
    /// How often the faulty step was asked.
    attempts: usize,
}

/// What of the file the client sends before it listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sends {
    /// Half of a large file, and then nothing: only an early answer can end this in time.
    Half,
    /// All.
    Whole,
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {:?} {} times", self.step, self.kind, self.times)
    }
}

/// Body bytes that arrive before something happens in the middle of a large file.
const AFTER: u64 = 64 * 1024;

const SUCCESS: (u16, &str, &str, &str) = (201, "", "", "");

fn rows(route: Route, elsewhere: &str) -> Vec<Row> {
    let mut rows = transfer_rows(route, elsewhere);
    if route.prepare.is_some() {
        rows.extend(prepare_rows(route, elsewhere));
    }
    if let Some(at) = route.finalize.map(Some) {
        let refused = (502, "upstream-refused", "upstream", if route.undoes { "no" } else { "yes" });
        let row =
            |kind, end, attempts| Row { step: Step::Finalize, kind, times: 1, sends: Sends::Whole, end, at, attempts };
        rows.push(row(FaultKind::Fail { status: 500, retry_after: None }, SUCCESS, 2));
        rows.push(row(FaultKind::DropReply, SUCCESS, 2));
        rows.push(row(FaultKind::Fail { status: 409, retry_after: None }, refused, 1));
    }
    rows
}

fn transfer_rows(route: Route, elsewhere: &str) -> Vec<Row> {
    // What may be there is taken back by a rule that can.
    let unknown = if route.undoes { "no" } else { "unknown" };
    let yes = if route.undoes { "no" } else { "yes" };
    let row =
        |kind, sends, end| Row { step: Step::Store, kind, times: 1, sends, end, at: Some(route.transfer), attempts: 1 };
    let early = |status, keep_reading| FaultKind::AnswerEarly { after: AFTER, status, keep_reading };
    let fail = |status, retry_after| FaultKind::Fail { status, retry_after };
    let failed = |committed| (502, "upstream-failed", "upstream", committed);
    let misbehaved = |committed| (502, "upstream-misbehaved", "upstream", committed);
    let mut rows = Vec::new();
    for keep_reading in [false, true] {
        rows.extend([
            row(early(403, keep_reading), Sends::Half, (502, "upstream-refused", "gateway", "no")),
            row(early(413, keep_reading), Sends::Half, (422, "upstream-refused-file", "client", "no")),
            row(early(503, keep_reading), Sends::Half, (503, "upstream-busy", "upstream", "no")),
            row(early(200, keep_reading), Sends::Half, misbehaved(unknown)),
        ]);
    }
    rows.extend([
        row(FaultKind::Reset { after: AFTER }, Sends::Half, failed("no")),
        row(FaultKind::Close { after: AFTER }, Sends::Half, failed("no")),
        row(FaultKind::Close { after: 0 }, Sends::Half, failed("no")),
        row(fail(500, None), Sends::Whole, failed(unknown)),
        row(fail(503, Some(1)), Sends::Whole, (503, "upstream-busy", "upstream", "no")),
        row(fail(403, None), Sends::Whole, (502, "upstream-refused", "gateway", "no")),
        row(fail(413, None), Sends::Whole, (422, "upstream-refused-file", "client", "no")),
        row(FaultKind::DropReply, Sends::Whole, failed(unknown)),
        row(FaultKind::CutAnswer, Sends::Whole, failed(unknown)),
        row(FaultKind::Redirect { location: elsewhere.to_owned() }, Sends::Whole, misbehaved(unknown)),
    ]);
    if route != KUSTOMER {
        // Its storage answers 204, which has no body.
        rows.push(row(FaultKind::HugeAnswer { bytes: 2 << 20 }, Sends::Whole, misbehaved(unknown)));
    }
    if route.prepare.is_none() {
        // What the result lacks is no step's failure; a check's is.
        let at = if route == KLINKCX { Some(route.transfer) } else { None };
        rows.push(Row { at, ..row(FaultKind::MalformedJson, Sends::Whole, misbehaved(yes)) });
    }
    if route == FLOWKIWI {
        rows.push(row(FaultKind::WrongHash, Sends::Whole, misbehaved(yes)));
        rows.push(row(FaultKind::Base64Hash, Sends::Whole, SUCCESS));
    }
    rows
}

fn prepare_rows(route: Route, elsewhere: &str) -> Vec<Row> {
    let at = route.prepare;
    let row =
        |kind, times, end, attempts| Row { step: Step::Prepare, kind, times, sends: Sends::Whole, end, at, attempts };
    let fail = |status, retry_after| FaultKind::Fail { status, retry_after };
    let failed = |committed| (502, "upstream-failed", "upstream", committed);
    let misbehaved = |committed| (502, "upstream-misbehaved", "upstream", committed);
    let not_allowed = (502, "upstream-not-allowed", "upstream", "no");
    let mut rows = vec![
        row(fail(503, Some(0)), 2, SUCCESS, 3),
        row(fail(403, None), 1, (502, "upstream-refused", "gateway", "no"), 1),
        row(FaultKind::HtmlAnswer, 1, misbehaved("no"), 1),
        row(FaultKind::MalformedJson, 1, misbehaved("no"), 1),
        row(FaultKind::Redirect { location: elsewhere.to_owned() }, 1, misbehaved("no"), 1),
        row(FaultKind::Expired, 1, SUCCESS, 2),
        Row { at: Some(route.transfer), ..row(FaultKind::Expired, 2, misbehaved("no"), 2) },
        Row {
            at: Some(route.transfer),
            ..row(FaultKind::PointElsewhere { origin: elsewhere.to_owned() }, 1, not_allowed, 1)
        },
    ];
    if route == CONNECT {
        // A PUT with a token: it may be sent again.
        rows.push(row(fail(500, None), 2, SUCCESS, 3));
        rows.push(row(fail(500, None), 3, failed("no"), 3));
        rows.push(row(FaultKind::DropReply, 1, SUCCESS, 2));
    } else {
        rows.push(row(fail(500, None), 1, failed("no"), 1));
        rows.push(row(FaultKind::DropReply, 1, failed("unknown"), 1));
    }
    rows
}

async fn run(route: Route) {
    let elsewhere = ScriptedPeer::start([]).await.expect("the peer starts");
    let mut bench = Bench::of(route).await;
    let rows = rows(route, &elsewhere.origin());
    let shapes = [
        Shape::put(Protocol::Http1),
        Shape { protocol: Protocol::Http2, form: Form::Multipart, announced: Announced::ContentLength },
    ];
    let cases =
        rows.iter().flat_map(|row| shapes.map(|shape| (format!("{}, {shape}, {row}", route.name), (row, shape))));
    try_all(cases, async |(row, shape)| try_row(&mut bench, route, row, shape).await).await;
    assert_eq!(elsewhere.requests(), [], "nothing goes where the rule does not allow it");
}

async fn try_row(bench: &mut Bench, route: Route, row: &Row, shape: Shape) -> Result<(), String> {
    bench.upstream.next();
    let Upstream::Sandbox(sandbox) = &bench.upstream else { return Err("the route has no stand-in".to_owned()) };
    let system = route.system.ok_or("the route has no stand-in")?;
    sandbox.script(Fault::once(system, row.step, row.kind.clone()).times(row.times));
    let answer = send(bench, route, row.sends, shape).await.map_err(|error| format!("heard nothing: {error}"))?;
    let end = bench.watch.next_end().await?;
    let (status, problem, blame, committed) = row.end;
    let json = answer.json();
    let is_success = status == 201;
    let says = answer.problem() == problem && json["blame"] == blame && json["committed"] == committed;
    if answer.status != status || !(is_success || (says && json["step"] == serde_json::Value::from(row.at))) {
        return Err(format!("{} {json}", answer.status));
    }
    if !end.ends_with(if is_success { "none" } else { problem }) {
        return Err(format!("counted as `{end}`"));
    }
    let Upstream::Sandbox(sandbox) = &bench.upstream else { return Ok(()) };
    check_sandbox(sandbox, route, row, is_success)
}

async fn send(bench: &Bench, route: Route, sends: Sends, shape: Shape) -> std::io::Result<Answer> {
    let address = bench.rig.address();
    match sends {
        Sends::Whole => send_whole(address, &route.upload(shape, "f.mp4", content::bytes(70_000))).await,
        Sends::Half => {
            let upload = route.upload(shape, "f.mp4", content::bytes(1 << 20));
            let mut client = Client::begin(address, &upload).await?;
            client.send(upload.before()).await?;
            client.send(upload.file.slice(..upload.file.len() / 2)).await?;
            client.answer().await
        }
    }
}

/// The step was tried as often as the contract says, and nothing is left that should not be.
fn check_sandbox(sandbox: &Sandbox, route: Route, row: &Row, is_success: bool) -> Result<(), String> {
    let journal = sandbox.journal();
    let attempts = journal.iter().filter(|exchange| exchange.step == row.step).count();
    if attempts != row.attempts {
        return Err(format!("{attempts} attempts instead of {}", row.attempts));
    }
    let stored = sandbox.objects().len();
    let (_, _, _, committed) = row.end;
    if (is_success && stored != 1) || (committed == "no" && stored != 0) {
        return Err(format!("{stored} files are stored"));
    }
    // An answer that cannot be read does not say what to take back.
    let is_legible = !matches!(row.kind, FaultKind::HtmlAnswer | FaultKind::MalformedJson);
    let begun = sandbox.announced().iter().filter(|announced| Some(announced.system) == route.system).count();
    if route.undoes && is_legible && begun != usize::from(is_success) {
        return Err(format!("{begun} files are known after the end"));
    }
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_takes_no_more_bytes_is_a_timeout() {
    for (route, protocol) in SHIPPED.into_iter().zip([Protocol::Http1, Protocol::Http2].into_iter().cycle()) {
        let sandbox = Sandbox::start(sandbox::Options::default()).await.expect("the sandbox starts");
        let system = route.system.expect("a shipped route has a stand-in");
        sandbox.script(Fault::once(system, Step::Store, FaultKind::Stall { after: AFTER, pause: None }));
        let rig = shipped_rules(&sandbox).settings("timeouts: { idle: 1s }").start();
        // More than all buffers on the way hold.
        let upload = route.upload(Shape::put(protocol), "f.mp4", content::bytes(24 << 20));
        let answer = send_whole(rig.address(), &upload).await.expect("an answer");
        let json = answer.json();
        assert_eq!((answer.status, answer.problem().as_str()), (504, "upstream-timeout"), "{}: {json}", route.name);
        assert_eq!(
            (json["committed"].as_str(), json["step"].as_str()),
            (Some("no"), Some(route.transfer)),
            "{}",
            route.name
        );
        let ends = Watch::new(rig.admin()).all_ends().await;
        assert_eq!(ends.into_iter().collect::<Vec<_>>(), [("failed upstream-timeout".to_owned(), 1)]);
        assert_eq!(sandbox.objects(), [], "{}", route.name);
        assert!(!route.undoes || sandbox.announced().is_empty(), "{}: not undone", route.name);
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_may_have_the_file() {
    for route in SHIPPED {
        let sandbox = Sandbox::start(sandbox::Options::default()).await.expect("the sandbox starts");
        let system = route.system.expect("a shipped route has a stand-in");
        let slow = FaultKind::SlowAnswer { delay: Duration::from_secs(60) };
        sandbox.script(Fault::once(system, Step::Store, slow));
        let rig = shipped_rules(&sandbox).settings("timeouts: { answer: 1s }").start();
        let upload = route.upload(Shape::put(Protocol::Http1), "f.mp4", content::bytes(70));
        let answer = send_whole(rig.address(), &upload).await.expect("an answer");
        let json = answer.json();
        let committed = if route.undoes { "no" } else { "unknown" };
        assert_eq!((answer.status, answer.problem().as_str()), (504, "upstream-timeout"), "{}: {json}", route.name);
        assert_eq!(json["committed"], committed, "{}", route.name);
    }
}
