//! Thousands of clients that say next to nothing: heads and bodies that never end, while others upload as ever.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use harness::{Answer, RawConnection, Rules, client};
use http::Request;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use tokio::net::TcpSocket;
use tokio::sync::Mutex;

use crate::stage::Stage;

/// Slow clients of each kind.
const EACH: usize = 5000;
/// Files that one slow client has open in this process: its socket, the gateway's, and perhaps one to the upstream and that
/// one's other end.
const FILES_EACH: u64 = 4;
/// For everything else in this process.
const FILES_BESIDE: u64 = 1000;

/// The tests here take nearly all files that this process may open, so they take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// As many as asked for, unless the machine lets this process open too few files. Fewer than 200 would show nothing.
fn slow_clients() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("the soft limit can be raised");
    let files = limit.maximum.unwrap_or(u64::MAX).saturating_sub(FILES_BESIDE);
    let possible = usize::try_from(files / FILES_EACH).unwrap_or(usize::MAX).min(EACH);
    assert!(possible >= 200, "this process may open only {:?} files", limit.maximum);
    possible
}

async fn begin(stage: &Stage, count: usize, bytes: impl Fn(usize) -> String) -> Vec<RawConnection> {
    let mut clients = Vec::with_capacity(count);
    for index in 0..count {
        let mut connection = stage.open().await;
        connection.send(bytes(index)).await.expect("the gateway listens");
        clients.push(connection);
    }
    clients
}

async fn upload_well(stage: &Stage, count: usize) {
    for index in 0..count {
        let mut connection = from_elsewhere(stage).await;
        let head = format!("PUT /files/well-{index}.bin HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
        connection.send([head.as_bytes(), &[7; 10_000]].concat()).await.expect("the gateway listens");
        let answer = connection.answer().await.expect("an answer");
        assert_eq!(answer.status, 201, "{answer:?}");
    }
}

/// A connection of another client than the slow ones.
async fn from_elsewhere(stage: &Stage) -> RawConnection {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).expect("all of 127.0.0.0/8 is this machine");
    RawConnection::over(socket.connect(stage.rig.address()).await.expect("the gateway listens"))
}

/// One client alone cannot take every place: the limits of fair use hold it back, and others upload although the process takes no
/// more uploads at once than by default.
#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_of_one_client_leave_places_to_others() {
    let _turn = TURN.lock().await;
    let count = slow_clients();
    let settings = "fair-use: { client: { uploads: 100 } }\ntimeouts: { idle: 4s }";
    let stage = Stage::with(Rules::default().settings(settings), 2 * EACH).await;
    let head = "Host: a\r\nContent-Length: 1000000\r\n\r\nabc";
    let clients = begin(&stage, count, |index| format!("PUT /files/slow-{index} HTTP/1.1\r\n{head}")).await;
    upload_well(&stage, 100).await;
    let mut told = BTreeMap::new();
    for mut connection in clients {
        let answer = connection.answer().await.expect("an answer");
        *told.entry(answer.problem()).or_insert(0) += 1;
    }
    // Those that begin after the first have ended get their places.
    let of = |problem: &str| told.get(problem).copied().unwrap_or_default();
    assert!(of("client-too-slow") >= 100 && of("rate-limited") > 0, "{told:?}");
    assert_eq!(of("client-too-slow") + of("rate-limited"), count, "{told:?}");
    everything_is_given_back(&stage).await;
    assert_eq!(stage.stored().len(), 100);
}

/// Each slow client is told so and its connection ends, without its doing anything.
async fn all_end(clients: Vec<RawConnection>) {
    for mut connection in clients {
        let answer = connection.answer().await;
        let told = answer.as_ref().map(Answer::problem).unwrap_or_default();
        assert_eq!(told, "client-too-slow", "{answer:?}");
        assert!(connection.is_closed().await);
    }
}

/// The value of a metric without labels.
async fn metric(stage: &Stage, name: &str) -> u64 {
    let request = Request::get("/metrics").body(Vec::new()).expect("a request");
    let answer = client::http1(stage.rig.admin(), request).await.expect("an answer");
    let text = String::from_utf8(answer.body.to_vec()).expect("metrics are text");
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
    line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).map_or(0, |value| value as u64)
}

async fn everything_is_given_back(stage: &Stage) {
    let look = async {
        while metric(stage, "tidegate_buffer_bytes").await != 0
            || metric(stage, "tidegate_connections{").await != 0
            || metric(stage, "tidegate_uploads_in_flight{").await != 0
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), look).await.expect("memory and places are given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_leave_room_to_others_and_end_at_their_limit() {
    let _turn = TURN.lock().await;
    let count = slow_clients();
    let stage = Stage::with(Rules::default().settings("timeouts: { head: 4s }"), 200).await;
    let clients = begin(&stage, count, |index| format!("PUT /files/{index} HTTP/1.1\r\nX-A: ")).await;
    upload_well(&stage, 100).await;
    all_end(clients).await;
    everything_is_given_back(&stage).await;
    assert_eq!(stage.stored().len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_leave_room_to_others_and_end_at_their_limit() {
    let _turn = TURN.lock().await;
    let count = slow_clients();
    let settings = "limits: { uploads: 8192 }\ntimeouts: { idle: 6s, min-rate: 1KiB/s, min-rate-grace: 6s }";
    let stage = Stage::with(Rules::default().settings(settings), 2 * EACH).await;
    let head = "Host: a\r\nContent-Length: 1000000\r\n\r\nabc";
    let clients = begin(&stage, count, |index| format!("PUT /files/slow-{index} HTTP/1.1\r\n{head}")).await;
    upload_well(&stage, 100).await;
    all_end(clients).await;
    everything_is_given_back(&stage).await;
    assert!(stage.stored().iter().all(|target| target.starts_with("/v1/well-")));
    assert_eq!(stage.stored().len(), 100);
}
