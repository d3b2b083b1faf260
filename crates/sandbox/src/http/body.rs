//! A request's body, pulled chunk by chunk.
//!
//! A body is complete only when its framing says so: the announced bytes arrived, or the last chunk and its trailer
//! did. Everything else is an error, so a handler cannot mistake a vanished client for the end of a file.

use std::io;
use std::time::Duration;

use bytes::Bytes;

use super::{Connection, Framing};

/// So much of a body is remembered for the journal; longer ones are counted only.
const RECORD_LIMIT: usize = 16 * 1024;
/// The longest chunk-size or trailer line.
const LINE_LIMIT: usize = 4096;

/// Why a body gave no more bytes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the connection ended inside the body")]
    Ended,
    #[error("the socket failed")]
    Socket(#[from] io::Error),
    #[error("the chunked framing is malformed")]
    Chunking,
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("a fault interrupts the body here")]
    Cut,
}

/// Where a fault takes hold of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// After so many body bytes (content, not framing).
    pub(crate) after: u64,
    /// Pause for so long and go on; `None` interrupts with [`BodyError::Cut`].
    pub(crate) pause: Option<Duration>,
}

/// What was seen of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    /// Content bytes.
    pub(crate) bytes: u64,
    /// Whether the framing's end was reached.
    pub(crate) complete: bool,
    /// The content, when it is short.
    pub(crate) content: Option<Bytes>,
}

/// What is to be read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Content(u64),
    ChunkSize,
    ChunkContent(u64),
    ChunkEnd,
    Trailers,
    Nothing,
}

/// One request's body, tied to its connection.
#[derive(Debug)]
pub(crate) struct Body<'c> {
    connection: &'c mut Connection,
    next: Next,
    owes_continue: bool,
    cut: Option<Cut>,
    seen: u64,
    record: Vec<u8>,
}

impl<'c> Body<'c> {
    /// A body about to be read. With `expects_continue` the 100 goes out at the first read.
    pub(crate) fn new(
        connection: &'c mut Connection,
        framing: Framing,
        expects_continue: bool,
        cut: Option<Cut>,
    ) -> Body<'c> {
        let next = match framing {
            Framing::Absent | Framing::Length(0) => Next::Nothing,
            Framing::Length(length) => Next::Content(length),
            Framing::Chunked => Next::ChunkSize,
        };
        Body { connection, next, owes_continue: expects_continue, cut, seen: 0, record: Vec::new() }
    }

    /// The next bytes; `None` only at the proven end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let limit = self.before_cut().await?;
            if self.next != Next::Nothing && self.owes_continue {
                self.owes_continue = false;
                self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            match self.next {
                Next::Nothing => return Ok(None),
                Next::Content(left) => {
                    let data = self.data(left.min(limit)).await?;
                    let left = left.saturating_sub(data.len() as u64);
                    self.next = if left == 0 { Next::Nothing } else { Next::Content(left) };
                    return Ok(Some(data));
                }
                Next::ChunkContent(left) => {
                    let data = self.data(left.min(limit)).await?;
                    let left = left.saturating_sub(data.len() as u64);
                    self.next = if left == 0 { Next::ChunkEnd } else { Next::ChunkContent(left) };
                    return Ok(Some(data));
                }
                Next::ChunkSize | Next::ChunkEnd | Next::Trailers => self.chunk_framing().await?,
            }
        }
    }

    /// Lets a fault take hold that waits for no byte at all; handlers that never read would not meet it.
    pub(crate) async fn checkpoint(&mut self) -> Result<(), BodyError> {
        self.before_cut().await.map(|_bytes| ())
    }

    /// The whole body, refused when longer than `limit` bytes.
    pub(crate) async fn small(&mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut all = Vec::new();
        while let Some(data) = self.chunk().await? {
            if all.len().saturating_add(data.len()) > limit {
                return Err(BodyError::TooLarge(limit));
            }
            all.extend_from_slice(&data);
        }
        Ok(all)
    }

    /// Reads the rest away; faults no longer apply.
    pub(crate) async fn discard(&mut self) -> Result<(), BodyError> {
        self.lift_cut();
        while self.chunk().await?.is_some() {}
        Ok(())
    }

    /// Faults no longer apply.
    pub(crate) fn lift_cut(&mut self) {
        self.cut = None;
    }

    /// Whether the end was reached.
    pub(crate) fn is_complete(&self) -> bool {
        self.next == Next::Nothing
    }

    /// What was seen up to now.
    pub(crate) fn seen(&self) -> Seen {
        let whole = self.record.len() as u64 == self.seen;
        let content = whole.then(|| Bytes::copy_from_slice(&self.record));
        Seen { bytes: self.seen, complete: self.is_complete(), content }
    }

    /// The connection, for an answer written while the body is still open.
    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.connection
    }

    /// How many bytes may pass before the fault; waits when the fault is a pause.
    async fn before_cut(&mut self) -> Result<u64, BodyError> {
        let Some(cut) = self.cut else { return Ok(u64::MAX) };
        if self.seen < cut.after {
            return Ok(cut.after.saturating_sub(self.seen));
        }
        let Some(pause) = cut.pause else { return Err(BodyError::Cut) };
        self.cut = None;
        tokio::time::sleep(pause).await;
        Ok(u64::MAX)
    }

    async fn data(&mut self, limit: u64) -> Result<Bytes, BodyError> {
        if self.connection.buffered().is_empty() && self.connection.fill().await? == 0 {
            return Err(BodyError::Ended);
        }
        let data = self.connection.take(limit);
        self.seen = self.seen.saturating_add(data.len() as u64);
        let room = RECORD_LIMIT.saturating_sub(self.record.len()).min(data.len());
        self.record.extend_from_slice(data.get(..room).unwrap_or_default());
        Ok(data)
    }

    async fn chunk_framing(&mut self) -> Result<(), BodyError> {
        let line = self.line().await?;
        self.next = match self.next {
            Next::ChunkSize => match chunk_size(&line).ok_or(BodyError::Chunking)? {
                0 => Next::Trailers,
                size => Next::ChunkContent(size),
            },
            Next::ChunkEnd if line.is_empty() => Next::ChunkSize,
            Next::Trailers if line.is_empty() => Next::Nothing,
            Next::Trailers => Next::Trailers,
            _ => return Err(BodyError::Chunking),
        };
        Ok(())
    }

    /// One line of framing, which must end in CRLF.
    async fn line(&mut self) -> Result<Bytes, BodyError> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', self.connection.buffered()) {
                let line = self.connection.take((end as u64).saturating_add(1));
                return line.strip_suffix(b"\r\n").map(|text| line.slice_ref(text)).ok_or(BodyError::Chunking);
            }
            if self.connection.buffered().len() > LINE_LIMIT {
                return Err(BodyError::Chunking);
            }
            if self.connection.fill().await? == 0 {
                return Err(BodyError::Ended);
            }
        }
    }
}

/// The size of a chunk (RFC 9112, section 7.1); extensions are skipped.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?;
    let text = std::str::from_utf8(digits).ok()?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain { u64::from_str_radix(text, 16).ok() } else { None }
}
