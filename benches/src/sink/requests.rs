//! One connection of the sink: request after request until the other side closes.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::forms::file_of;
use super::routes::Wanted;
use super::{Shared, Stored, locked, parts};
use crate::http::{Arrived, Framing, Head, Inbound, Scratch, write_answer};
use crate::process;

/// What a paced connection reads at once: small, so that its pace is even.
const PACED_STEP: usize = 16 * 1024;

/// A connection; its stream blocks.
pub(super) struct Connection {
    inbound: Inbound<TcpStream>,
    scratch: Scratch,
    paced: Scratch,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { inbound: Inbound::new(stream), scratch: Scratch::default(), paced: Scratch::of(PACED_STEP) }
    }

    pub(super) fn stream(&mut self) -> &TcpStream {
        self.inbound.stream()
    }

    /// Serves it to its end, waiting for what has not arrived.
    pub(super) fn serve(&mut self, shared: &Shared) -> anyhow::Result<()> {
        while self.exchange(shared)? {}
        Ok(())
    }

    /// Reads what has arrived, without waiting; false at the end of the stream.
    pub(super) fn fill(&mut self) -> anyhow::Result<bool> {
        self.inbound.fill_without_waiting()
    }

    /// What is there of the next message.
    pub(super) fn arrived(&self) -> anyhow::Result<Arrived> {
        self.inbound.arrived()
    }

    /// The stream has ended: well between two messages, else not.
    pub(super) fn end(&self) -> anyhow::Result<Arrived> {
        self.inbound.ensure_nothing_left()?;
        Ok(Arrived::End)
    }

    /// Lets the other side know at once, whoever else holds the socket.
    pub(super) fn close(&mut self) {
        let _ = self.inbound.stream().shutdown(Shutdown::Both);
    }

    /// One request and its answer; false if the connection is over.
    pub(super) fn exchange(&mut self, shared: &Shared) -> anyhow::Result<bool> {
        let Some(head) = self.inbound.request()? else { return Ok(false) };
        if head.expects_continue {
            self.inbound.stream().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let part = parts::Call::by(&head.method, &head.target);
        let answer = match Wanted::by(&head.method, &head.target) {
            None if let Some(call) = part => self.take_part(call, &head, shared),
            None => Err(anyhow::anyhow!("nothing takes {} {}", head.method, head.target)),
            Some(wanted) => self.take(wanted, &head, shared),
        };
        match answer {
            Ok((status, body)) => write_answer(self.inbound.stream(), status, &body)?,
            Err(error) => {
                // Best effort: the peer may be gone, and the complaint is told either way.
                let _ = write_answer(self.inbound.stream(), "400 Bad Request\r\nConnection: close", b"{}");
                return Err(error);
            }
        }
        Ok(!head.closes)
    }

    /// Takes a body, counts it, and says what to answer.
    fn take(&mut self, wanted: Wanted, head: &Head, shared: &Shared) -> anyhow::Result<(&'static str, Vec<u8>)> {
        let context = || format!("{} {}", head.method, head.target);
        if !wanted.has_file() {
            let body = self.whole(head.framing).with_context(context)?;
            let answer = wanted.answer(shared.address, &body).with_context(context)?;
            shared.calls.fetch_add(1, Ordering::SeqCst);
            return Ok(answer);
        }
        let len = if shared.keep.load(Ordering::SeqCst) {
            let body = self.whole(head.framing).with_context(context)?;
            let len = body.len() as u64;
            let file = file_of(wanted, &head.content_type, body).with_context(context)?;
            store(context(), &file, shared);
            len
        } else {
            self.count(head.framing, shared).with_context(context)?
        };
        shared.body_bytes.fetch_add(len, Ordering::SeqCst);
        shared.files.fetch_add(1, Ordering::SeqCst);
        wanted.answer(shared.address, &[])
    }

    /// Takes one of the calls that bring a file in parts. The last one counts as the file.
    fn take_part(
        &mut self,
        call: parts::Call,
        head: &Head,
        shared: &Shared,
    ) -> anyhow::Result<(&'static str, Vec<u8>)> {
        let context = || format!("{} {}", head.method, head.target);
        let keep = shared.keep.load(Ordering::SeqCst);
        match call {
            parts::Call::Part { upload, number } if keep => {
                let part = self.whole(head.framing).with_context(context)?;
                shared.body_bytes.fetch_add(part.len() as u64, Ordering::SeqCst);
                shared.parts.keep(upload, number, part);
            }
            parts::Call::Part { .. } => {
                let len = self.count(head.framing, shared).with_context(context)?;
                shared.body_bytes.fetch_add(len, Ordering::SeqCst);
            }
            parts::Call::Create => drop(self.whole(head.framing).with_context(context)?),
            parts::Call::Complete { upload } => {
                self.whole(head.framing).with_context(context)?;
                if keep {
                    store(context(), &shared.parts.join(upload), shared);
                }
                shared.files.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(call.answer(&shared.parts))
    }

    fn whole(&mut self, framing: Framing) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        self.inbound.body(framing, |piece| body.extend_from_slice(piece))?;
        Ok(body)
    }

    /// Drops a body and tells its length.
    fn count(&mut self, framing: Framing, shared: &Shared) -> anyhow::Result<u64> {
        let pace = shared.pace.load(Ordering::SeqCst);
        let mut len = 0;
        let mut after = |piece: u64| {
            len += piece;
            if pace > 0 {
                process::pause(Duration::from_secs_f64(piece as f64 / pace as f64));
            }
        };
        match framing {
            Framing::Counted(announced) => {
                let scratch = if pace > 0 { &mut self.paced } else { &mut self.scratch };
                self.inbound.discard(announced, scratch, after)?;
            }
            Framing::Chunked => self.inbound.body(framing, |piece| after(piece.len() as u64))?,
        }
        Ok(len)
    }
}

fn store(request: String, file: &[u8], shared: &Shared) {
    let sha256 = Sha256::digest(file).into();
    locked(&shared.stored).push(Stored { request, len: file.len() as u64, sha256 });
}
