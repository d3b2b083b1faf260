//! One connection of the sink: request after request until the other side closes.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::forms::file_of;
use super::routes::Wanted;
use super::{Shared, Stored, locked, parts};
use crate::http::{Framing, Head, Inbound, Scratch, write_answer};
use crate::process;

/// What a paced connection reads at once: small, so that its pace is even.
const PACED_STEP: usize = 16 * 1024;

/// Serves a connection.
pub(super) fn serve(stream: &TcpStream, shared: &Shared) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = Connection {
        inbound: Inbound::new(stream.try_clone()?),
        scratch: Scratch::default(),
        paced: Scratch::of(PACED_STEP),
    };
    while let Some(head) = connection.inbound.request()? {
        if head.expects_continue {
            connection.inbound.stream().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let part = parts::Call::by(&head.method, &head.target);
        let answer = match Wanted::by(&head.method, &head.target) {
            None if let Some(call) = part => connection.take_part(call, &head, shared),
            None => Err(anyhow::anyhow!("nothing takes {} {}", head.method, head.target)),
            Some(wanted) => connection.take(wanted, &head, shared),
        };
        match answer {
            Ok((status, body)) => write_answer(connection.inbound.stream(), status, &body)?,
            Err(error) => {
                // Best effort: the peer may be gone, and the complaint is told either way.
                let _ = write_answer(connection.inbound.stream(), "400 Bad Request\r\nConnection: close", b"{}");
                return Err(error);
            }
        }
        if head.closes {
            break;
        }
    }
    Ok(())
}

struct Connection {
    inbound: Inbound<TcpStream>,
    scratch: Scratch,
    paced: Scratch,
}

impl Connection {
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
