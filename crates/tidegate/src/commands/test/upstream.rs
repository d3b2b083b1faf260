//! Every upstream of an example: one loopback port that all names and addresses lead to.
//!
//! The gateway's look-ups and dials pass through [`Everywhere`], so nothing can leave: names are never asked for, and whatever
//! address the egress rules let through is dialled here. Each connection carries one request, so that a script decides on each dial.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use bytes::Bytes;
use futures::future::BoxFuture;
use gateway::upstream::Resolve;
use http::header::HOST;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rules::config::{ExpectedRequest, Placed, ScriptedAnswer, ScriptedExchange};
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::authority::Authority;

/// Where every name seems to live: an address that the egress rules permit. It is never dialled.
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14));

/// The answer to what is not scripted: the sender's own mistake, which most steps do not try again.
const UNSCRIPTED: StatusCode = StatusCode::MISDIRECTED_REQUEST;

/// The first byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// A request that went out.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// The exchange that it met; none: it is not scripted.
    pub(super) exchange: Option<usize>,
    pub(super) method: String,
    /// Scheme, host, path and query.
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    /// The body, if its end was seen.
    pub(super) body: Option<Bytes>,
}

/// What became of a script.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// Requests in the order in which they came.
    pub(super) heard: Vec<Heard>,
    /// Exchanges that were refused a connection.
    pub(super) refused: Vec<usize>,
}

/// Tells whether a request is the one that an exchange is about.
pub(super) type Recognizes = fn(&ExpectedRequest, &Heard) -> bool;

/// The scripted upstreams of one example.
pub(super) struct Upstream {
    script: Arc<Script>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

struct Script {
    exchanges: Vec<Placed<ScriptedExchange>>,
    recognizes: Recognizes,
    address: SocketAddr,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: usize,
    record: Record,
    /// What was dialled, by the port from which the connection comes.
    dialled: HashMap<u16, SocketAddr>,
}

/// The gateway's whole network.
pub(super) struct Everywhere(Arc<Script>);

/// The connection is reset in the place of an answer.
#[derive(Debug)]
struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script wants the connection reset")
    }
}

impl std::error::Error for Reset {}

impl Upstream {
    /// Listens.
    ///
    /// # Errors
    /// No port can be had.
    pub(super) async fn start(
        exchanges: &[Placed<ScriptedExchange>],
        recognizes: Recognizes,
        authority: Arc<Authority>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let script = Script { exchanges: exchanges.to_vec(), recognizes, address, state: Mutex::default() };
        let script = Arc::new(script);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, Arc::clone(&script), authority, stop.clone(), tasks.clone()));
        Ok(Self { script, stop, tasks })
    }

    /// The way to it, and to nothing else.
    pub(super) fn network(&self) -> Arc<dyn Resolve> {
        Arc::new(Everywhere(Arc::clone(&self.script)))
    }

    /// Closes everything and tells what came.
    pub(super) async fn stop(self) -> Record {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        std::mem::take(&mut self.script.state().record)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Resolve for Everywhere {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        // RFC 6761, section 6.3: these names are loopback everywhere, and the egress rules are to see that.
        let is_local = host == "localhost" || host.ends_with(".localhost");
        let address = if is_local { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { PUBLIC };
        Box::pin(async move { Ok(vec![SocketAddr::new(address, port)]) })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
        let script = Arc::clone(&self.0);
        Box::pin(async move {
            if script.refuses() {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let stream = TcpStream::connect(script.address).await?;
            script.state().dialled.insert(stream.local_addr()?.port(), address);
            Ok(stream)
        })
    }
}

impl Script {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the next exchange is a refusal, which is then done with.
    fn refuses(&self) -> bool {
        let mut state = self.state();
        let next = state.next;
        let refuses =
            self.exchanges.get(next).is_some_and(|exchange| matches!(exchange.value.answer, ScriptedAnswer::Refused));
        if refuses {
            state.next = next.saturating_add(1);
            state.record.refused.push(next);
        }
        refuses
    }

    /// Writes a request down, and finds the exchange that it meets. One whose request need not come is passed over for another
    /// request.
    fn begin(&self, mut heard: Heard) -> usize {
        let mut state = self.state();
        heard.exchange = loop {
            let next = state.next;
            let Some(exchange) = self.exchanges.get(next).map(|exchange| &exchange.value) else { break None };
            let passed_over = match (&exchange.answer, &exchange.expected) {
                (ScriptedAnswer::Unfinished, Some(expected)) => !(self.recognizes)(expected, &heard),
                _ => false,
            };
            if !passed_over && matches!(exchange.answer, ScriptedAnswer::Refused) {
                break None;
            }
            state.next = next.saturating_add(1);
            if !passed_over {
                break Some(next);
            }
        };
        state.record.heard.push(heard);
        state.record.heard.len().saturating_sub(1)
    }

    /// Hears a request to its end, and says what the script says.
    async fn exchange(&self, scheme: &str, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Reset> {
        let (head, body) = request.into_parts();
        let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let place = self.begin(Heard {
            exchange: None,
            method: head.method.to_string(),
            url: format!("{scheme}://{host}{}", head.uri),
            headers: head.headers,
            body: None,
        });
        let body = read(body).await;
        let exchange = {
            let mut state = self.state();
            let heard = state.record.heard.get_mut(place);
            heard.and_then(|heard| {
                heard.body = body;
                heard.exchange
            })
        };
        match exchange.and_then(|at| self.exchanges.get(at)).map(|exchange| &exchange.value.answer) {
            Some(ScriptedAnswer::Answer { status, headers, body }) => {
                let mut response = Response::new(Full::new(Bytes::from(body.clone())));
                *response.status_mut() = *status;
                response.headers_mut().extend(headers.iter().cloned());
                Ok(response)
            }
            Some(ScriptedAnswer::Reset) => Err(Reset),
            Some(ScriptedAnswer::Refused | ScriptedAnswer::Unfinished) | None => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = UNSCRIPTED;
                Ok(response)
            }
        }
    }
}

/// The whole body; none if it is cut. Files of examples are small.
async fn read(mut body: Incoming) -> Option<Bytes> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame.ok()?.data_ref() {
            whole.extend_from_slice(data);
        }
    }
    Some(whole.into())
}

async fn accept(
    listener: TcpListener,
    script: Arc<Script>,
    authority: Arc<Authority>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let Ok((stream, from)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let (script, authority, stop) = (Arc::clone(&script), Arc::clone(&authority), stop.clone());
        tasks.spawn(async move {
            // A connection that fails shows in what was heard on it.
            let _failed = stop.run_until_cancelled(converse(stream, from, &script, &authority)).await;
        });
    }
}

async fn converse(
    stream: TcpStream,
    from: SocketAddr,
    script: &Arc<Script>,
    authority: &Authority,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    // A second handle of the socket: whoever closes the last one decides how.
    let stream = stream.into_std()?;
    let last = TcpStream::from_std(stream.try_clone()?)?;
    let stream = TcpStream::from_std(stream)?;
    let mut first = [0];
    stream.peek(&mut first).await?;
    let ended = if first == [TLS_HANDSHAKE] {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let named = hello.client_hello().server_name().map(ToOwned::to_owned);
        let host = match named {
            Some(name) => name,
            // Addresses are not named in a handshake (RFC 6066, section 3).
            None => script.state().dialled.get(&from.port()).context("it was not dialled")?.ip().to_string(),
        };
        serve(hello.into_stream(Arc::new(authority.server(&host)?)).await?, "https", script).await
    } else {
        serve(stream, "http", script).await
    };
    if ended.is_err_and(|error| std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<Reset>)) {
        last.set_zero_linger()?;
    }
    Ok(())
}

async fn serve<S>(stream: S, scheme: &'static str, script: &Arc<Script>) -> hyper::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let script = Arc::clone(script);
        async move { script.exchange(scheme, request).await }
    });
    http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await
}
