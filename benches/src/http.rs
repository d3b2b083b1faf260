//! HTTP/1.1 as load generator and sink read it: heads, and bodies in either framing, over any stream.
//!
//! It reads what well-behaved programs write and gives an error for the rest; it is no server for strangers.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, bail, ensure};
use rustix::net::{RecvFlags, recv};

/// Of the buffer into which heads and small bodies are read: a head with a body of 16 KiB comes in one call.
const BUFFER_LEN: usize = 64 * 1024;

/// More than any peer writes.
const HEAD_LIMIT: usize = 32 * 1024;

/// More fields than any peer writes.
const FIELD_LIMIT: usize = 64;

/// What one call discards at most. The kernel drops the bytes without copying them.
const DISCARD_LEN: usize = 1024 * 1024;

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Counted(u64),
    /// After its last chunk.
    Chunked,
}

/// A head, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Of a request.
    pub method: String,
    /// Of a request.
    pub target: String,
    /// Of an answer, 0 for a request.
    pub status: u16,
    /// How the body that follows ends.
    pub framing: Framing,
    /// Empty if there is none.
    pub content_type: String,
    /// Whether the client waits for a 100 before it sends the body.
    pub expects_continue: bool,
    /// Whether the connection ends after this message.
    pub closes: bool,
    /// The value of `Retry-After`, empty if there is none.
    pub retry_after: String,
}

/// A stream that is read message by message.
#[derive(Debug)]
pub struct Inbound<S> {
    stream: S,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<S: Read> Inbound<S> {
    /// Reads from `stream`.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: vec![0; BUFFER_LEN], start: 0, end: 0 }
    }

    /// The stream, to write to.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The head of the next request; none if the other side closed the connection instead.
    ///
    /// # Errors
    /// The stream failed, ended within the head, or what came is no request.
    pub fn request(&mut self) -> anyhow::Result<Option<Head>> {
        self.head(request_head)
    }

    /// The head of the next answer that is final; none if the other side closed the connection instead.
    ///
    /// # Errors
    /// The stream failed, ended within the head, or what came is no answer.
    pub fn answer(&mut self) -> anyhow::Result<Option<Head>> {
        loop {
            let head = self.head(|bytes| {
                let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
                let mut answer = httparse::Response::new(&mut fields);
                let len = match answer.parse(bytes).context("no answer")? {
                    httparse::Status::Complete(len) => len,
                    httparse::Status::Partial => return Ok(None),
                };
                let mut head = head_of(answer.headers, Framing::Counted(0))?;
                head.status = answer.code.unwrap_or_default();
                if head.status == 204 || head.status == 304 || head.status < 200 {
                    head.framing = Framing::Counted(0);
                }
                Ok(Some((len, head)))
            })?;
            match head {
                Some(head) if head.status < 200 => {}
                other => return Ok(other),
            }
        }
    }

    /// Hands the body to `take` piece by piece, without its framing.
    ///
    /// # Errors
    /// The stream failed, or ended before the body did.
    pub fn body(&mut self, framing: Framing, mut take: impl FnMut(&[u8])) -> anyhow::Result<()> {
        match framing {
            Framing::Counted(len) => self.counted(len, &mut take),
            Framing::Chunked => {
                loop {
                    let line = self.line()?;
                    let digits = line.split(';').next().unwrap_or_default().trim();
                    let len =
                        u64::from_str_radix(digits, 16).with_context(|| format!("no size of a chunk: {line:?}"))?;
                    if len == 0 {
                        break;
                    }
                    self.counted(len, &mut take)?;
                    ensure!(self.line()?.is_empty(), "a chunk goes on past its size");
                }
                while !self.line()?.is_empty() {}
                Ok(())
            }
        }
    }

    /// What of the body is buffered already, at most `limit`.
    fn buffered(&mut self, limit: u64) -> &[u8] {
        let len = usize::try_from(limit).unwrap_or(usize::MAX).min(self.end - self.start);
        let piece = self.buffer.get(self.start..self.start + len).unwrap_or_default();
        self.start += len;
        piece
    }

    fn counted(&mut self, len: u64, take: &mut impl FnMut(&[u8])) -> anyhow::Result<()> {
        let mut left = len;
        while left > 0 {
            if self.start == self.end && !self.fill()? {
                bail!("the body ended {left} bytes early");
            }
            let piece = self.buffered(left);
            left -= piece.len() as u64;
            take(piece);
        }
        Ok(())
    }

    /// A line without its end.
    fn line(&mut self) -> anyhow::Result<String> {
        loop {
            let unread = self.unread();
            if let Some(end) = unread.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(unread.get(..end).unwrap_or_default()).into_owned();
                self.start += end + 2;
                return Ok(line);
            }
            ensure!(unread.len() < HEAD_LIMIT, "a line without end");
            ensure!(self.fill()?, "the body ended within its framing");
        }
    }

    fn head(&mut self, parse: impl Fn(&[u8]) -> anyhow::Result<Option<(usize, Head)>>) -> anyhow::Result<Option<Head>> {
        loop {
            if self.start < self.end
                && let Some((len, head)) = parse(self.unread())?
            {
                self.start += len;
                return Ok(Some(head));
            }
            ensure!(self.end - self.start < HEAD_LIMIT, "a head without end");
            if !self.fill()? {
                ensure!(self.start == self.end, "the connection ended within a head");
                return Ok(None);
            }
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Moves what is unread to the beginning of the buffer, so that there is room behind it.
    fn compact(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
    }

    /// Reads once; false at the end of the stream.
    fn fill(&mut self) -> anyhow::Result<bool> {
        self.compact();
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let len = loop {
            match self.stream.read(room) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += len;
        Ok(len > 0)
    }
}

/// How much of the next message is in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrived {
    /// Not enough to say, or a part of a small message.
    Part,
    /// A small message: it can be read without waiting.
    Whole,
    /// The beginning of one that does not fit into the buffer, or whose end nobody knows.
    Large,
    /// Nothing more will come.
    End,
}

impl Inbound<TcpStream> {
    /// Reads what has arrived; false at the end of the stream.
    ///
    /// # Errors
    /// The stream failed.
    pub fn fill_without_waiting(&mut self) -> anyhow::Result<bool> {
        self.compact();
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        match recv(&self.stream, room, RecvFlags::DONTWAIT) {
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(true),
            received => {
                let (len, _) = received?;
                self.end += len;
                Ok(len > 0)
            }
        }
    }

    /// What is there of the next request.
    ///
    /// # Errors
    /// It is no request.
    pub fn arrived(&self) -> anyhow::Result<Arrived> {
        let unread = self.unread();
        let Some((head_len, head)) = (if unread.is_empty() { None } else { request_head(unread)? }) else {
            ensure!(unread.len() < HEAD_LIMIT, "a head without end");
            return Ok(Arrived::Part);
        };
        Ok(match head.framing {
            Framing::Counted(len) if !head.expects_continue && len <= (BUFFER_LEN - HEAD_LIMIT) as u64 => {
                if unread.len() as u64 >= head_len as u64 + len { Arrived::Whole } else { Arrived::Part }
            }
            _ => Arrived::Large,
        })
    }

    /// The stream ended here.
    ///
    /// # Errors
    /// Something was left that is no whole message.
    pub fn ensure_nothing_left(&self) -> anyhow::Result<()> {
        ensure!(self.start == self.end, "the connection ended within a message");
        Ok(())
    }

    /// Drops a counted body without copying it out of the kernel. `after` is called with the length of each piece.
    ///
    /// # Errors
    /// The stream failed, or ended before the body did.
    pub fn discard(&mut self, len: u64, scratch: &mut Scratch, mut after: impl FnMut(u64)) -> anyhow::Result<()> {
        let mut left = len;
        let buffered = self.buffered(left).len() as u64;
        left -= buffered;
        after(buffered);
        while left > 0 {
            // With MSG_TRUNC, TCP advances without copying (tcp(7)).
            let dropped = match recv(&self.stream, scratch.room(left), RecvFlags::TRUNC) {
                Err(rustix::io::Errno::INTR) => continue,
                received => received?.1 as u64,
            };
            ensure!(dropped > 0, "the body ended {left} bytes early");
            left -= dropped;
            after(dropped);
        }
        Ok(())
    }
}

/// Room that the kernel is told of and does not touch; a thread needs one.
#[derive(Debug)]
pub struct Scratch {
    room: Vec<u8>,
    limit: usize,
}

impl Scratch {
    /// Room for steps of `limit` bytes at most. It grows when it is needed, as thousands of slow connections need little.
    #[must_use]
    pub fn of(limit: usize) -> Self {
        Self { room: Vec::new(), limit }
    }

    fn room(&mut self, len: u64) -> &mut [u8] {
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(self.limit);
        if self.room.len() < len {
            self.room = vec![0; len];
        }
        self.room.get_mut(..len).unwrap_or_default()
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::of(DISCARD_LEN)
    }
}

/// Writes an answer with a body in one call.
///
/// # Errors
/// The stream failed.
pub fn write_answer(stream: &mut impl Write, status: &str, body: &[u8]) -> anyhow::Result<()> {
    let mut message = Vec::with_capacity(body.len() + 128);
    write!(message, "HTTP/1.1 {status}\r\n")?;
    if !status.starts_with("204") {
        write!(message, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())?;
    }
    message.extend_from_slice(b"\r\n");
    if !status.starts_with("204") {
        message.extend_from_slice(body);
    }
    Ok(stream.write_all(&message)?)
}

/// The head of a request and its length, if all of it is there.
fn request_head(bytes: &[u8]) -> anyhow::Result<Option<(usize, Head)>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELD_LIMIT];
    let mut request = httparse::Request::new(&mut fields);
    let len = match request.parse(bytes).context("no request")? {
        httparse::Status::Complete(len) => len,
        httparse::Status::Partial => return Ok(None),
    };
    let mut head = head_of(request.headers, Framing::Counted(0))?;
    request.method.unwrap_or_default().clone_into(&mut head.method);
    request.path.unwrap_or_default().clone_into(&mut head.target);
    Ok(Some((len, head)))
}

fn head_of(fields: &[httparse::Header<'_>], none: Framing) -> anyhow::Result<Head> {
    let value = |name: &str| {
        let field = fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        field.map(|field| String::from_utf8_lossy(field.value).into_owned())
    };
    let framing = match (value("transfer-encoding"), value("content-length")) {
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Framing::Chunked,
        (None, Some(len)) => Framing::Counted(len.parse().context("no Content-Length")?),
        (None, None) => none,
        (coding, len) => bail!("an unclear framing: {coding:?} and {len:?}"),
    };
    Ok(Head {
        method: String::new(),
        target: String::new(),
        status: 0,
        framing,
        content_type: value("content-type").unwrap_or_default(),
        expects_continue: value("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")),
        closes: value("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        retry_after: value("retry-after").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte a call.
    struct Dribble<'a>(&'a [u8]);

    impl Read for Dribble<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let (Some((first, rest)), Some(room)) = (self.0.split_first(), out.first_mut()) else { return Ok(0) };
            *room = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn collected<S: Read>(inbound: &mut Inbound<S>, framing: Framing) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        inbound.body(framing, |piece| body.extend_from_slice(piece))?;
        Ok(body)
    }

    const TWO: &[u8] = b"PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\
        POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: x\r\n\r\n";

    fn read_two<S: Read>(stream: S) {
        let mut inbound = Inbound::new(stream);
        let first = inbound.request().expect("a request").expect("one more");
        assert_eq!((first.method.as_str(), first.target.as_str(), first.framing), ("PUT", "/a", Framing::Counted(5)));
        assert_eq!(collected(&mut inbound, first.framing).expect("a body"), b"hello");
        let second = inbound.request().expect("a request").expect("one more");
        assert_eq!((second.framing, second.expects_continue), (Framing::Chunked, true));
        assert_eq!(collected(&mut inbound, second.framing).expect("a body"), b"abcde");
        assert_eq!(inbound.request().expect("an end"), None);
    }

    #[test]
    fn requests_follow_each_other_on_one_connection_however_they_are_cut() {
        read_two(TWO);
        read_two(Dribble(TWO));
    }

    #[test]
    fn a_body_that_ends_early_is_an_error_in_either_framing() {
        for short in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n",
        ] {
            let mut inbound = Inbound::new(short.as_bytes());
            let head = inbound.answer().expect("an answer").expect("one");
            collected(&mut inbound, head.framing).expect_err("it ended early");
        }
    }

    #[test]
    fn interim_answers_are_passed_over_and_a_204_has_no_body() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        let head = Inbound::new(&text[..]).answer().expect("an answer").expect("one");
        assert_eq!((head.status, head.framing, head.closes), (204, Framing::Counted(0), true));
    }

    #[test]
    fn an_unclear_framing_is_an_error() {
        let text = b"PUT / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n";
        Inbound::new(&text[..]).request().expect_err("two framings");
    }
}
