//! One client's connection with the upstream connection that belongs to it, and the requests that pass in turn.
//!
//! Heads are passed on as they came. Each side is asked again only after the event loop heard of it, so a small upload costs
//! two reads and two writes.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use rustix::event::epoll::EventFlags;
use thiserror::Error;

use crate::carrier::{Carried, Carrier, written};
use crate::head::{self, HeadError};

/// What the event loop shall do with an exchange next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait until one of its sockets is ready.
    Wait,
    /// Come back after the others.
    Resume,
    /// Close both connections.
    Close,
}

/// What ends an exchange early. Both connections are closed then.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    #[error("cannot relay this request")]
    Request(#[source] HeadError),
    #[error("cannot relay this answer")]
    Answer(#[source] HeadError),
    #[error("a request came before the last one was answered")]
    Pipelined,
    #[error("the client does not take its answer")]
    AnswerNotTaken,
    #[error("a connection failed")]
    Io(#[from] io::Error),
}

/// Both connections, and how far the current request came.
pub(crate) struct Exchange<H> {
    client: TcpStream,
    upstream: TcpStream,
    stage: Stage<H>,
    client_closed: bool,
    upstream_spoke: bool,
}

enum Stage<H> {
    /// What came of the next request's head.
    Head(Vec<u8>),
    /// Of the body, `left` bytes were not read yet; `unsent` goes first.
    Body { unsent: Vec<u8>, held: H, left: u64 },
    /// What came of the answer.
    Answer { partial: Vec<u8>, early: bool },
}

impl<H: Default> Exchange<H> {
    /// Takes two connected sockets that do not block.
    pub(crate) fn new(client: TcpStream, upstream: TcpStream) -> Self {
        Exchange { client, upstream, stage: Stage::Head(Vec::new()), client_closed: false, upstream_spoke: false }
    }

    /// Remembers what an event said of the client.
    pub(crate) fn note_client(&mut self, flags: EventFlags) {
        self.client_closed |= flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
    }

    /// Remembers what an event said of the upstream.
    pub(crate) fn note_upstream(&mut self, flags: EventFlags) {
        self.upstream_spoke |= flags.contains(EventFlags::IN);
    }

    /// Goes on until a side must become ready, or until others should have a turn.
    pub(crate) fn advance<C: Carrier<Held = H>>(
        &mut self,
        carrier: &mut C,
        scratch: &mut [u8],
    ) -> Result<Next, ExchangeError> {
        loop {
            let next = match self.stage {
                Stage::Head(_) => self.read_head(scratch)?,
                Stage::Body { .. } => self.carry_body(carrier)?,
                Stage::Answer { .. } => self.pass_answer(scratch)?,
            };
            if let Some(next) = next {
                return Ok(next);
            }
        }
    }

    /// The body's first bytes come with the head and leave with it.
    fn read_head(&mut self, scratch: &mut [u8]) -> Result<Option<Next>, ExchangeError> {
        let Stage::Head(partial) = &mut self.stage else { return Ok(None) };
        let len = match self.client.read(scratch) {
            Ok(0) => return Ok(Some(Next::Close)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Some(Next::Wait)),
            read => read?,
        };
        let bytes = joined(partial, &scratch[..len]);
        let Some(framing) = head::request(bytes).map_err(ExchangeError::Request)? else {
            *partial = bytes.to_vec();
            return Ok(None);
        };
        let begun = (bytes.len() - framing.head_len) as u64;
        let left = framing.body_len.checked_sub(begun).ok_or(ExchangeError::Pipelined)?;
        let sent = written(self.upstream.write(bytes))?;
        let unsent = bytes[sent..].to_vec();
        self.upstream_spoke = false;
        self.stage = Stage::Body { unsent, held: H::default(), left };
        Ok(None)
    }

    fn carry_body<C: Carrier<Held = H>>(&mut self, carrier: &mut C) -> Result<Option<Next>, ExchangeError> {
        let Stage::Body { unsent, held, left } = &mut self.stage else { return Ok(None) };
        if self.upstream_spoke {
            self.stage = Stage::Answer { partial: Vec::new(), early: true };
            return Ok(None);
        }
        if !unsent.is_empty() {
            let sent = written(self.upstream.write(unsent))?;
            unsent.drain(..sent);
            if !unsent.is_empty() {
                return Ok(Some(Next::Wait));
            }
        }
        Ok(Some(match carrier.carry(held, left, &self.client, &self.upstream)? {
            Carried::Whole => {
                self.stage = Stage::Answer { partial: Vec::new(), early: false };
                Next::Wait
            }
            Carried::Blocked => Next::Wait,
            Carried::TurnOver => Next::Resume,
            Carried::ClientGone => Next::Close,
        }))
    }

    /// Answers are small, so they are passed on as a whole.
    fn pass_answer(&mut self, scratch: &mut [u8]) -> Result<Option<Next>, ExchangeError> {
        let Stage::Answer { partial, early } = &mut self.stage else { return Ok(None) };
        let len = match self.upstream.read(scratch) {
            Ok(0) => return Ok(Some(Next::Close)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Some(Next::Wait)),
            read => read?,
        };
        let bytes = joined(partial, &scratch[..len]);
        let framing = head::answer(bytes).map_err(ExchangeError::Answer)?;
        if framing.is_none_or(|framing| ((bytes.len() - framing.head_len) as u64) < framing.body_len) {
            *partial = bytes.to_vec();
            return Ok(None);
        }
        if written(self.client.write(bytes))? < bytes.len() {
            return Err(ExchangeError::AnswerNotTaken);
        }
        if *early || self.client_closed {
            return Ok(Some(Next::Close));
        }
        self.stage = Stage::Head(Vec::new());
        Ok(Some(Next::Wait))
    }
}

/// What came of a message so far. Mostly it comes at once, and then nothing is copied.
fn joined<'a>(partial: &'a mut Vec<u8>, next: &'a [u8]) -> &'a [u8] {
    if partial.is_empty() {
        return next;
    }
    partial.extend_from_slice(next);
    partial
}
