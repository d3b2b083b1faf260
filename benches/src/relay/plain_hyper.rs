//! hyper's server and client joined, with their defaults, on one thread.

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::event_loop::listen_on;

type Answer = Response<Either<Incoming, Empty<Bytes>>>;

/// Relays until it is ended from outside.
///
/// # Errors
/// When it cannot listen.
pub(crate) fn run(listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(listen, upstream))
}

async fn serve(listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<()> {
    let listener = listen_on(listen)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let client = client.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| relay(client.clone(), upstream, request));
            // The harness sees a lost connection and says so; a relay has no log.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// A chunked body of announced size is sent with that length, as the gateway does it.
async fn relay(
    client: Client<HttpConnector, Incoming>,
    upstream: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Ok(uri) = format!("http://{upstream}{path}").parse::<Uri>() else { return Ok(bare(StatusCode::BAD_REQUEST)) };
    *request.uri_mut() = uri;
    let fields = request.headers_mut();
    if let Some(len) = fields.remove("upload-length")
        && fields.remove(header::TRANSFER_ENCODING).is_some()
    {
        fields.insert(header::CONTENT_LENGTH, len);
    }
    fields.remove(header::HOST);
    Ok(match client.request(request).await {
        Ok(answer) => answer.map(Either::Left),
        Err(_) => bare(StatusCode::BAD_GATEWAY),
    })
}

fn bare(status: StatusCode) -> Answer {
    let mut answer = Response::new(Either::Right(Empty::new()));
    *answer.status_mut() = status;
    answer
}
