//! A server that answers from a script: for upstreams that are none of the five, and for misbehaviour that no vendor
//! would show.
//!
//! Replies are used in order, each for one request. One that names a path waits for a request of that path. When the
//! script has nothing for a request, the peer answers 599, which no real server does.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::{Body, BodyError, Connection, Cut, Framing, Head};
use crate::objects::Receiver;

/// The status when the script has run out.
pub const UNSCRIPTED: u16 = 599;
/// Bodies up to this length are recorded in full, longer ones by size and digest.
pub const BODY_LIMIT: u64 = 1024 * 1024;

/// When a reply is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// After the request's body was read to its end.
    #[default]
    BodyComplete,
    /// After the head, with no body byte read (a few may sit in kernel buffers).
    Head,
    /// After so many body bytes; a shorter body is answered at its end.
    Bytes(u64),
}

/// What happens to the connection after the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Then {
    /// The rest of the body is read, then the next request.
    #[default]
    KeepAlive,
    /// FIN after the reply; what still comes is read away for a moment, so that the reply arrives.
    Close,
    /// RST.
    Reset,
    /// The connection stays open and nothing more is read.
    Stall,
}

/// One scripted reply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The path this reply waits for; `None` is any.
    pub path: Option<String>,
    /// The status; 0 writes no reply at all.
    pub status: u16,
    /// The fields, as they are to be written. Without `Content-Length` and `Transfer-Encoding` the length is added.
    pub headers: Vec<(String, String)>,
    /// The body's bytes; with `Transfer-Encoding` they must be coded already.
    pub body: Bytes,
    /// When it is written.
    pub after: When,
    /// What comes next.
    pub then: Then,
}

impl Reply {
    /// A reply with a JSON body after the request's end, on a connection that stays.
    pub fn json(status: u16, body: &serde_json::Value) -> Reply {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Reply { status, headers, body: body.to_string().into(), ..Reply::default() }
    }

    /// A reply without a body.
    pub fn empty(status: u16) -> Reply {
        Reply { status, ..Reply::default() }
    }

    /// No reply at all, only what `then` does after `after`.
    pub fn none(after: When, then: Then) -> Reply {
        Reply { after, then, ..Reply::default() }
    }

    /// The same reply for this path only.
    pub fn at(self, path: &str) -> Reply {
        Reply { path: Some(path.to_owned()), ..self }
    }

    /// The same reply with one more field.
    pub fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same reply at another moment.
    pub fn after(self, after: When) -> Reply {
        Reply { after, ..self }
    }

    /// The same reply with another end.
    pub fn then(self, then: Then) -> Reply {
        Reply { then, ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let framed = self.headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        });
        if !framed && self.status != 204 {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// One request that the peer saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The connection's number, from 1.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// The target as sent.
    pub target: String,
    /// The fields in order and case.
    pub headers: Vec<(String, String)>,
    /// Body bytes read.
    pub size: u64,
    /// Their SHA-256 in hex.
    pub sha256: String,
    /// The bytes, up to [`BODY_LIMIT`].
    pub body: Option<Bytes>,
    /// Whether the body's end was proven. False also when the reply came earlier and the rest was never read.
    pub complete: bool,
}

impl Recorded {
    /// The first field of that name, compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct Script {
    replies: VecDeque<Reply>,
    /// Each request has its place from its first byte on, so the order is that of arrival.
    recorded: Vec<Recorded>,
}

/// A running scripted server. Dropping it stops it.
#[derive(Debug)]
pub struct ScriptedPeer {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl ScriptedPeer {
    /// Starts on a loopback port.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> io::Result<ScriptedPeer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let replies = replies.into_iter().collect();
        let script = Arc::new(Mutex::new(Script { replies, recorded: Vec::new() }));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, Arc::clone(&script), stop.clone(), tasks.clone()));
        Ok(ScriptedPeer { address, script, stop, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a reply at the end.
    pub fn push(&self, reply: Reply) {
        locked(&self.script).replies.push_back(reply);
    }

    /// What was asked up to now, in the order of arrival. A request being read is there with the size that came so
    /// far; digest and body follow when the reading ends.
    pub fn requests(&self) -> Vec<Recorded> {
        locked(&self.script).recorded.clone()
    }

    /// How many replies still wait.
    pub fn unused(&self) -> usize {
        locked(&self.script).replies.len()
    }

    /// Connections that are open: nothing more is recorded of a request once its connection is gone.
    pub fn connections(&self) -> usize {
        self.tasks.len().saturating_sub(1)
    }

    /// Closes everything and waits for it.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for ScriptedPeer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(listener: TcpListener, script: Arc<Mutex<Script>>, stop: CancellationToken, tasks: TaskTracker) {
    let numbers = AtomicU64::new(0);
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let number = numbers.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let (script, stop) = (Arc::clone(&script), stop.clone());
        tasks.spawn(async move {
            stop.run_until_cancelled(converse(stream, &script, number)).await;
        });
    }
}

async fn converse(stream: TcpStream, script: &Mutex<Script>, number: u64) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "the socket was gone at once");
    }
    let mut connection = Connection::new(stream);
    while let Ok(Some(head)) = connection.head().await {
        match exchange(&mut connection, &head, script, number).await {
            Some(Then::KeepAlive) if head.keep_alive => {}
            Some(Then::KeepAlive | Then::Close) => return connection.linger().await,
            Some(Then::Reset) => return connection.reset(),
            Some(Then::Stall) => return connection.stall().await,
            None => return,
        }
    }
}

/// Reads one request and replies. `None` when the client was lost.
async fn exchange(connection: &mut Connection, head: &Head, script: &Mutex<Script>, number: u64) -> Option<Then> {
    let (reply, place) = begin(head, script, number);
    let framing = Framing::of(head).ok()?;
    let expects = head.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    let cut = match reply.after {
        When::BodyComplete => None,
        When::Head => Some(Cut { after: 0, pause: None }),
        When::Bytes(after) => Some(Cut { after, pause: None }),
    };
    let mut body = Body::new(connection, framing, expects, cut);
    let mut record = Record { script, place, receiver: Receiver::new(true, false), kept: true };
    match record.read(&mut body).await {
        Ok(()) | Err(BodyError::Cut) => {}
        Err(_lost) => return None,
    }
    if reply.status != 0 {
        body.connection().write(&reply.bytes()).await.ok()?;
    }
    if reply.then == Then::KeepAlive && !body.is_complete() {
        body.lift_cut();
        record.read(&mut body).await.ok()?;
    }
    Some(reply.then)
}

/// Takes the reply for a request and its place in the record.
fn begin(head: &Head, script: &Mutex<Script>, connection: u64) -> (Reply, usize) {
    let mut script = locked(script);
    let fits = |reply: &Reply| reply.path.as_deref().is_none_or(|path| path == head.path());
    let at = script.replies.iter().position(fits);
    let reply = at.and_then(|at| script.replies.remove(at));
    let place = script.recorded.len();
    script.recorded.push(Recorded {
        connection,
        method: head.method.clone(),
        target: head.target.clone(),
        headers: head.headers.clone(),
        size: 0,
        sha256: String::new(),
        body: Some(Bytes::new()),
        complete: false,
    });
    (reply.unwrap_or_else(|| Reply::empty(UNSCRIPTED)), place)
}

/// Writes down a body while it is read.
struct Record<'a> {
    script: &'a Mutex<Script>,
    place: usize,
    receiver: Receiver,
    kept: bool,
}

impl Record<'_> {
    async fn read(&mut self, body: &mut Body<'_>) -> Result<(), BodyError> {
        let ended = loop {
            match body.chunk().await {
                Ok(Some(data)) => {
                    self.receiver.push(&data);
                    self.progress();
                    if self.kept && self.receiver.size() > BODY_LIMIT {
                        self.kept = false;
                        self.receiver.forget_content();
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.write(body.is_complete());
        ended
    }

    fn progress(&self) {
        if let Some(recorded) = locked(self.script).recorded.get_mut(self.place) {
            recorded.size = self.receiver.size();
        }
    }

    fn write(&self, complete: bool) {
        let seen = self.receiver.clone().finish();
        if let Some(recorded) = locked(self.script).recorded.get_mut(self.place) {
            recorded.size = seen.size;
            recorded.sha256 = seen.sha256;
            recorded.body = seen.content;
            recorded.complete = complete;
        }
    }
}

fn locked(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}
