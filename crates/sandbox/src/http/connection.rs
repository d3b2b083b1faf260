//! One accepted socket and what was read from it but not yet used.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Answer, Head};

/// A head longer than this is refused; real front ends stop at 8 to 64 KiB.
const HEAD_LIMIT: usize = 64 * 1024;
/// More fields than this are refused.
const FIELD_LIMIT: usize = 128;
/// How much one read may take from the kernel: the memory bound per connection.
pub(crate) const READ_SIZE: usize = 64 * 1024;
/// After an early answer the rest of the request is read and thrown away for so long, because closing a socket with
/// unread bytes sends a reset that can destroy the answer on its way.
const LINGER: Duration = Duration::from_secs(2);

/// A head that could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the head is not HTTP/1.1")]
    Malformed,
    #[error("the head is longer than {HEAD_LIMIT} bytes or {FIELD_LIMIT} fields")]
    TooLarge,
    #[error("the connection ended inside a head")]
    Ended,
    #[error("the socket failed")]
    Socket(#[from] io::Error),
}

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    /// Takes over an accepted socket.
    pub(crate) fn new(stream: TcpStream) -> Connection {
        Connection { stream, buffer: BytesMut::new() }
    }

    /// The next request's head; `None` when the client closed between two requests.
    pub(crate) async fn head(&mut self) -> Result<Option<Head>, HeadError> {
        loop {
            if let Some(head) = self.parse_head()? {
                return Ok(Some(head));
            }
            if self.buffer.len() >= HEAD_LIMIT {
                return Err(HeadError::TooLarge);
            }
            if self.fill().await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(HeadError::Ended) };
            }
        }
    }

    fn parse_head(&mut self) -> Result<Option<Head>, HeadError> {
        let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
        let mut parsed = httparse::Request::new(&mut fields);
        let length = match parsed.parse(&self.buffer) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
            Err(_) => return Err(HeadError::Malformed),
        };
        let bare_line_feed = self.buffer.get(..length).is_none_or(|head| {
            memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head.get(at.saturating_sub(1)) != Some(&b'\r'))
        });
        if bare_line_feed {
            return Err(HeadError::Malformed);
        }
        let headers: Vec<(String, String)> = parsed
            .headers
            .iter()
            .map(|field| (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned()))
            .collect();
        let closes = headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("connection") && value.to_ascii_lowercase().contains("close")
        });
        let head = Head {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers,
            keep_alive: parsed.version == Some(1) && !closes,
        };
        let _parsed_bytes = self.buffer.split_to(length);
        Ok(Some(head))
    }

    /// Reads once from the socket; 0 means that the client finished sending.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ_SIZE);
        let mut limited = (&mut self.stream).take(READ_SIZE as u64);
        limited.read_buf(&mut self.buffer).await
    }

    /// What was read and not used.
    pub(crate) fn buffered(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes up to `limit` of the buffered bytes.
    pub(crate) fn take(&mut self, limit: u64) -> Bytes {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.buffer.split_to(self.buffer.len().min(limit)).freeze()
    }

    /// Writes raw bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Writes an answer. `with_body` is false for HEAD.
    pub(crate) async fn answer(&mut self, answer: &Answer, close: bool, with_body: bool) -> io::Result<()> {
        let mut bytes = answer.head_bytes(close);
        if with_body && answer.status != 204 {
            bytes.extend_from_slice(&answer.body);
        }
        self.write(&bytes).await?;
        let mut left = if with_body { answer.padding } else { 0 };
        let spaces = [b' '; 8192];
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(usize::MAX).min(spaces.len());
            self.write(spaces.get(..part).unwrap_or_default()).await?;
            left = left.saturating_sub(part as u64);
        }
        Ok(())
    }

    /// Closes for writing and reads the rest away, so that an answer just written arrives.
    pub(crate) async fn linger(mut self) {
        let drained = timeout(LINGER, async {
            self.stream.shutdown().await?;
            while self.fill().await? > 0 {
                self.buffer.clear();
            }
            io::Result::Ok(())
        });
        if let Ok(Err(error)) = drained.await {
            tracing::debug!(%error, "the client was gone before the connection was closed");
        }
    }

    /// Closes with a reset (RST) instead of a FIN.
    pub(crate) fn reset(self) {
        if let Err(error) = self.stream.set_zero_linger() {
            tracing::debug!(%error, "the socket was gone before it could be reset");
        }
    }

    /// Holds the socket open for ever and reads nothing more: the client's window fills. Ends when it is dropped.
    pub(crate) async fn stall(self) {
        std::future::pending::<()>().await;
        drop(self);
    }
}
