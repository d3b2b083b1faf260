//! HTTP/2 as frames (RFC 9113 section 4), written by hand: a client that can say what no library lets it say.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is small").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block of literals that are never indexed (RFC 7541 section 6.2.2).
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            let len = u8::try_from(text.len()).ok().filter(|len| *len < 127).expect("a literal is short");
            bytes.push(len);
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

/// The fields of an upload to `path`, and further ones.
pub(crate) fn upload(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut fields = vec![(":method", "PUT"), (":scheme", "http"), (":authority", "a"), (":path", path)];
    fields.extend(more);
    block(&fields)
}

/// What the gateway said.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Bodies by stream.
    pub(crate) bodies: BTreeMap<u32, String>,
    /// Streams that ended with an answer.
    pub(crate) answered: Vec<u32>,
    /// Streams that were reset, and why.
    pub(crate) resets: Vec<(u32, u32)>,
    /// Why the connection ends, if it does.
    pub(crate) goaway: Option<u32>,
    /// Whether it has ended.
    pub(crate) closed: bool,
}

impl Said {
    fn note(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let code_at = |at: usize| {
            payload.get(at..at + 4).map_or(0, |code| code.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        match kind {
            DATA => self.bodies.entry(stream).or_default().push_str(&String::from_utf8_lossy(payload)),
            RST_STREAM => self.resets.push((stream, code_at(0))),
            GOAWAY => self.goaway = Some(code_at(4)),
            _ => {}
        }
        if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
            self.answered.push(stream);
        }
    }

    /// Whether this stream got all that it will get.
    pub(crate) fn is_settled(&self, stream: u32) -> bool {
        self.closed || self.answered.contains(&stream) || self.resets.iter().any(|(reset, _)| *reset == stream)
    }
}

/// A connection that speaks frames.
pub(crate) struct Frames {
    stream: TcpStream,
    unread: Vec<u8>,
    pub(crate) said: Said,
}

impl Frames {
    /// Connects; preface and empty settings are sent.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the gateway listens");
        stream.set_nodelay(true).expect("a socket");
        let mut frames = Self { stream, unread: Vec::new(), said: Said::default() };
        frames.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.expect("the gateway listens");
        frames
    }

    /// # Errors
    /// The gateway closed the connection.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends as much as the gateway takes. What it says meanwhile is read, so that nobody waits for the other.
    pub(crate) async fn flood(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        let mut chunk = vec![0; 64 * 1024];
        while !left.is_empty() && !self.said.closed {
            tokio::select! {
                written = self.stream.writable() => match written.and_then(|()| self.stream.try_write(left)) {
                    Ok(len) => left = &left[len..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                },
                readable = self.stream.readable() => match readable.and_then(|()| self.stream.try_read(&mut chunk)) {
                    Ok(0) => self.said.closed = true,
                    Ok(len) => self.take(&chunk[..len]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => self.said.closed = true,
                },
            }
        }
    }

    /// Reads until what was said satisfies, or the connection ends.
    pub(crate) async fn read_until(&mut self, satisfied: impl Fn(&Said) -> bool) -> &Said {
        let mut chunk = vec![0; 64 * 1024];
        while !satisfied(&self.said) && !self.said.closed {
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut chunk)).await;
            match read.unwrap_or_else(|_| panic!("nothing more comes: {:?}", self.said)) {
                Ok(0) | Err(_) => self.said.closed = true,
                Ok(len) => self.take(&chunk[..len]),
            }
        }
        &self.said
    }

    fn take(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        while let [a, b, c, kind, flags, s1, s2, s3, s4, rest @ ..] = self.unread.as_slice() {
            let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
            let Some(payload) = rest.get(..length) else { return };
            let stream = u32::from_be_bytes([*s1 & 0x7f, *s2, *s3, *s4]);
            self.said.note(*kind, *flags, stream, payload);
            self.unread.drain(..9 + length);
        }
    }
}
