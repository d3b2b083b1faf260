//! The two ways of moving a body from one socket to another: through a buffer, and through a pipe.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags};

/// Of the buffer and of a pipe. Larger ones gain nothing: a socket seldom holds more. It is also what Linux gives a user's
/// pipes at most.
const BUFFER_LEN: usize = 1024 * 1024;

/// After so many bytes another upload has its turn, so that one fast client does not hold up a thousand.
const TURN_LEN: usize = 8 * BUFFER_LEN;

/// How far a body came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carried {
    /// All of it was handed to the upstream.
    Whole,
    /// One side must become ready first, which the event loop will hear of.
    Blocked,
    /// Both sides may be ready, but others wait.
    TurnOver,
    /// The client closed its side too early.
    ClientGone,
}

/// Moves bytes of a body between sockets that do not block.
pub(crate) trait Carrier {
    /// What was taken from the client and not yet accepted by the upstream.
    type Held: Default;

    /// Moves what it can and takes it off `left`, which counts the bytes that were not read yet.
    fn carry(
        &mut self,
        held: &mut Self::Held,
        left: &mut u64,
        client: &TcpStream,
        upstream: &TcpStream,
    ) -> io::Result<Carried>;
}

/// Copies through one buffer, which all uploads share: what an upload keeps is only what its upstream did not take.
pub(crate) struct Copier {
    buffer: Box<[u8]>,
}

/// The rest of a read, of which `sent` bytes are gone.
#[derive(Default)]
pub(crate) struct Rest {
    bytes: Vec<u8>,
    sent: usize,
}

impl Copier {
    pub(crate) fn new() -> Self {
        Copier { buffer: vec![0; BUFFER_LEN].into_boxed_slice() }
    }
}

impl Carrier for Copier {
    type Held = Rest;

    fn carry(
        &mut self,
        held: &mut Rest,
        left: &mut u64,
        mut client: &TcpStream,
        mut upstream: &TcpStream,
    ) -> io::Result<Carried> {
        if !held.bytes.is_empty() {
            held.sent += written(upstream.write(&held.bytes[held.sent..]))?;
            if held.sent < held.bytes.len() {
                return Ok(Carried::Blocked);
            }
            *held = Rest::default();
        }
        let mut carried = 0;
        while *left > 0 {
            if carried >= TURN_LEN {
                return Ok(Carried::TurnOver);
            }
            let want = at_most(*left, self.buffer.len());
            let len = match client.read(&mut self.buffer[..want]) {
                Ok(0) => return Ok(Carried::ClientGone),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Carried::Blocked),
                read => read?,
            };
            *left -= len as u64;
            carried += len;
            let sent = written(upstream.write(&self.buffer[..len]))?;
            if sent < len {
                *held = Rest { bytes: self.buffer[sent..len].to_vec(), sent: 0 };
                return Ok(Carried::Blocked);
            }
            // A short read emptied the socket; asking again would only say so.
            if len < want {
                return Ok(Carried::Blocked);
            }
        }
        Ok(Carried::Whole)
    }
}

/// Moves pages through a pipe, so that no byte is copied into the process. Pipes are kept for the next upload once empty.
#[derive(Default)]
pub(crate) struct Splicer {
    spare: Vec<Pipe>,
}

pub(crate) struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe with bytes in it.
pub(crate) struct Filled {
    pipe: Pipe,
    len: usize,
}

impl Carrier for Splicer {
    type Held = Option<Filled>;

    fn carry(
        &mut self,
        held: &mut Option<Filled>,
        left: &mut u64,
        client: &TcpStream,
        upstream: &TcpStream,
    ) -> io::Result<Carried> {
        let mut carried = 0;
        loop {
            if let Some(mut filled) = held.take() {
                let sent = moved(&filled.pipe.read, upstream, filled.len)?;
                filled.len -= sent.unwrap_or(0);
                if filled.len > 0 {
                    *held = Some(filled);
                    return Ok(Carried::Blocked);
                }
                self.spare.push(filled.pipe);
            }
            if *left == 0 {
                return Ok(Carried::Whole);
            }
            if carried >= TURN_LEN {
                return Ok(Carried::TurnOver);
            }
            let pipe = self.spare.pop().map_or_else(Pipe::open, Ok)?;
            let Some(len) = moved(client, &pipe.write, at_most(*left, BUFFER_LEN))? else {
                self.spare.push(pipe);
                return Ok(Carried::Blocked);
            };
            if len == 0 {
                return Ok(Carried::ClientGone);
            }
            *left -= len as u64;
            carried += len;
            *held = Some(Filled { pipe, len });
        }
    }
}

impl Pipe {
    fn open() -> io::Result<Pipe> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // Beyond its allowance of pipe pages a user gets small pipes only. They work as well, if slower.
        let _ = rustix::pipe::fcntl_setpipe_size(&write, BUFFER_LEN);
        Ok(Pipe { read, write })
    }
}

/// Bytes that were spliced; `None` when a side is not ready.
fn moved(from: impl AsFd, to: impl AsFd, len: usize) -> io::Result<Option<usize>> {
    match rustix::pipe::splice(from, None, to, None, len, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        spliced => Ok(Some(spliced?)),
    }
}

/// A socket that is full took nothing.
pub(crate) fn written(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

fn at_most(left: u64, limit: usize) -> usize {
    usize::try_from(left).map_or(limit, |left| left.min(limit))
}
