//! Clients that say exactly what they mean: HTTP/1.1 byte by byte over a socket, and HTTP/2 frame by frame.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest wait for an answer: a test that gets none fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer of the gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The problem's name: the last part of `type`; empty if the answer is no problem.
    #[must_use]
    pub fn problem(&self) -> String {
        let json = self.json();
        json["type"].as_str().and_then(|urn| urn.rsplit(':').next()).unwrap_or_default().to_owned()
    }

    /// A header field's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A connection on which a test writes what it wants.
#[derive(Debug)]
pub struct RawConnection<S = TcpStream> {
    stream: S,
    unread: Vec<u8>,
}

impl RawConnection {
    /// Connects.
    ///
    /// # Errors
    /// As the socket says.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// Goes away with a reset (RST).
    ///
    /// # Errors
    /// As the socket says.
    pub fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RawConnection<S> {
    /// Over a stream that is open already, such as one of TLS.
    pub fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// As the socket says.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Says that nothing more comes (FIN), and goes on listening.
    ///
    /// # Errors
    /// As the socket says.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// The next answer, interim ones (100) included.
    ///
    /// # Errors
    /// The connection ended before an answer was complete, or none came in time.
    pub async fn answer(&mut self) -> io::Result<Answer> {
        tokio::time::timeout(PATIENCE, self.read_answer())
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Whether the peer closes the connection without another byte.
    pub async fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut byte)).await;
        self.unread.is_empty() && matches!(read, Ok(Ok(0) | Err(_)))
    }

    async fn read_answer(&mut self) -> io::Result<Answer> {
        let head_end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill().await?;
        };
        let head = String::from_utf8_lossy(&self.unread[..head_end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let name: http::HeaderName = name.parse().map_err(io::Error::other)?;
            headers.append(name, value.trim().parse().map_err(io::Error::other)?);
        }
        let length = headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let body_end = head_end + length.unwrap_or(0);
        while self.unread.len() < body_end {
            self.fill().await?;
        }
        let body = Bytes::copy_from_slice(&self.unread[head_end..body_end]);
        self.unread.drain(..body_end);
        Ok(Answer { status, headers, body })
    }

    async fn fill(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; 16 * 1024];
        match self.stream.read(&mut chunk).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.unread.extend_from_slice(&chunk[..read]);
                Ok(())
            }
        }
    }
}

/// One HTTP/1.1 request with a body of known length, on a connection of its own.
///
/// # Errors
/// The connection failed before the answer was complete.
pub async fn http1(address: SocketAddr, request: Request<Vec<u8>>) -> io::Result<Answer> {
    let (head, body) = request.into_parts();
    let mut text = format!("{} {} HTTP/1.1\r\nHost: {address}\r\n", head.method, head.uri);
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes())));
    }
    if !head.headers.contains_key("content-length") && !head.headers.contains_key("transfer-encoding") {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut connection = RawConnection::open(address).await?;
    let mut message = text.into_bytes();
    message.extend_from_slice(&body);
    // An early answer may come while this is sent; the connection may then close under it.
    let _sent = connection.send(&message).await;
    connection.answer().await
}

/// An HTTP/2 upload whose frames a test sends one by one.
pub struct Http2Upload {
    body: h2::SendStream<Bytes>,
    answer: h2::client::ResponseFuture,
    connection: tokio::task::AbortHandle,
}

impl Http2Upload {
    /// Connects with prior knowledge and sends the head.
    ///
    /// # Errors
    /// As socket and protocol say.
    pub async fn begin(address: SocketAddr, request: Request<()>) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Self::begin_over(stream, request).await
    }

    /// The same over a stream that is open already, such as one of TLS.
    ///
    /// # Errors
    /// As stream and protocol say.
    pub async fn begin_over<S>(stream: S, request: Request<()>) -> io::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut client, connection) = h2::client::handshake(stream).await.map_err(io::Error::other)?;
        let connection = tokio::spawn(async move {
            // Ends with the connection; what went wrong shows in the answer.
            let _end = connection.await;
        });
        let (answer, body) = client.send_request(request, false).map_err(io::Error::other)?;
        Ok(Self { body, answer, connection: connection.abort_handle() })
    }

    /// Sends a DATA frame (as many as the peer's window asks for).
    ///
    /// # Errors
    /// The stream was reset.
    pub async fn send(&mut self, mut bytes: Bytes, end: bool) -> io::Result<()> {
        while !bytes.is_empty() {
            self.body.reserve_capacity(bytes.len());
            let granted = std::future::poll_fn(|cx| self.body.poll_capacity(cx)).await;
            let granted = granted.ok_or(io::ErrorKind::BrokenPipe)?.map_err(io::Error::other)?;
            let part = bytes.split_to(granted.min(bytes.len()));
            let last = bytes.is_empty() && end;
            self.body.send_data(part, last).map_err(io::Error::other)?;
            if last {
                return Ok(());
            }
        }
        if end { self.body.send_data(Bytes::new(), true).map_err(io::Error::other) } else { Ok(()) }
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: h2::Reason) {
        self.body.send_reset(reason);
    }

    /// Closes the connection under the stream, without a word of HTTP/2.
    pub fn drop_connection(self) {
        self.connection.abort();
    }

    /// The answer.
    ///
    /// # Errors
    /// The stream was reset or nothing came in time.
    pub async fn answer(self) -> io::Result<Answer> {
        let read = async {
            let (head, mut body) = self.answer.await.map_err(io::Error::other)?.into_parts();
            let mut whole = Vec::new();
            while let Some(chunk) = body.data().await {
                let chunk = chunk.map_err(io::Error::other)?;
                whole.extend_from_slice(&chunk);
                body.flow_control().release_capacity(chunk.len()).map_err(io::Error::other)?;
            }
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: whole.into() })
        };
        tokio::time::timeout(PATIENCE, read).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

/// One HTTP/2 request with a body of known length, on a connection of its own.
///
/// # Errors
/// The connection or stream failed before the answer was complete.
pub async fn http2(address: SocketAddr, request: Request<Vec<u8>>) -> io::Result<Answer> {
    let (mut head, body) = request.into_parts();
    let uri = format!("http://{address}{}", head.uri);
    head.uri = uri.parse().map_err(io::Error::other)?;
    head.version = http::Version::HTTP_2;
    head.headers.entry("content-length").or_insert_with(|| body.len().into());
    let mut upload = Http2Upload::begin(address, Request::from_parts(head, ())).await?;
    // An early answer stops the stream; the answer tells.
    let _sent = upload.send(body.into(), true).await;
    upload.answer().await
}
