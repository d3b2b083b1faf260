//! The file's bytes, out of a raw body or out of a form.
//!
//! Both give `None` only on proof: a raw body must end as announced, and a form's closing delimiter must have been seen and
//! the body must have ended after it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rules::run::TransferTrouble;
use wire::form::{FormEvent, FormParser};

use super::body::BodyReader;
use crate::transfer::{FileSource, Side};

/// The file in a request.
#[derive(Debug)]
pub(crate) struct ClientFile<'a> {
    body: &'a mut BodyReader,
    layout: Layout,
    /// Announced or derived size of the file.
    announced: Option<u64>,
    received: u64,
    /// First bytes that were looked at before the transfer and are still to be given.
    peeked: VecDeque<Bytes>,
    ended: bool,
}

/// How the file lies in the body.
#[derive(Debug)]
enum Layout {
    /// The body is the file.
    Raw,
    /// The file is the last part of a form; its head was read.
    Form(Box<FormParser>),
}

impl<'a> ClientFile<'a> {
    /// A body that is the file, of this size if it was announced.
    pub(crate) fn raw(body: &'a mut BodyReader, announced: Option<u64>) -> Self {
        Self { body, layout: Layout::Raw, announced, received: 0, peeked: VecDeque::new(), ended: false }
    }

    /// The last part of a form whose head `parser` has read.
    pub(crate) fn form(body: &'a mut BodyReader, parser: FormParser, announced: Option<u64>) -> Self {
        let layout = Layout::Form(Box::new(parser));
        Self { body, layout, announced, received: 0, peeked: VecDeque::new(), ended: false }
    }

    /// Reads until `wanted` bytes of the file are there, or all of a shorter one, and keeps them for the transfer.
    ///
    /// # Errors
    /// Whatever reading the body can meet.
    pub(crate) async fn peek(&mut self, wanted: usize) -> Result<Bytes, TransferTrouble> {
        let mut first = BytesMut::with_capacity(wanted);
        let mut chunks = VecDeque::new();
        let wanted = self.announced.map_or(wanted, |size| wanted.min(usize::try_from(size).unwrap_or(wanted)));
        while first.len() < wanted {
            let Some(chunk) = poll_fn(|cx| self.poll_file(cx)).await? else { break };
            let take = chunk.len().min(wanted - first.len());
            first.extend_from_slice(&chunk[..take]);
            chunks.push_back(chunk);
        }
        self.peeked = chunks;
        Ok(first.freeze())
    }

    fn poll_file(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransferTrouble>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let chunk = match &mut self.layout {
            Layout::Raw => ready!(self.body.poll_data(cx))?,
            Layout::Form(parser) => ready!(poll_form(self.body, parser, cx))?,
        };
        let Some(chunk) = chunk else {
            if let Some(expected) = self.announced.filter(|size| self.received < *size) {
                return Poll::Ready(Err(TransferTrouble::EndedShort { expected, received: self.received }));
            }
            self.ended = true;
            return Poll::Ready(Ok(None));
        };
        self.received = self.received.saturating_add(chunk.len() as u64);
        match self.announced.filter(|size| self.received > *size) {
            Some(expected) => Poll::Ready(Err(TransferTrouble::RanOver { expected })),
            None => Poll::Ready(Ok(Some(chunk))),
        }
    }
}

impl FileSource for ClientFile<'_> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransferTrouble>> {
        match self.peeked.pop_front() {
            Some(chunk) => Poll::Ready(Ok(Some(chunk))),
            None => self.poll_file(cx),
        }
    }

    fn has_at_hand(&self) -> bool {
        !self.peeked.is_empty() || (matches!(self.layout, Layout::Raw) && self.body.has_at_hand())
    }

    fn slow_down(&mut self) {
        self.body.slow_down();
    }

    fn awaited(&self) -> Side {
        if self.body.is_held_back() { Side::Gateway } else { Side::Client }
    }
}

/// The next bytes of a form's file. After the closing delimiter the body is read to its end, so that nothing can follow it.
fn poll_form(
    body: &mut BodyReader,
    parser: &mut FormParser,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<Bytes>, TransferTrouble>> {
    loop {
        match parser.next_event().map_err(malformed)? {
            Some(FormEvent::FileData(chunk)) => return Poll::Ready(Ok(Some(chunk))),
            Some(_) => {}
            None => match ready!(body.poll_data(cx))? {
                Some(chunk) => parser.push(chunk),
                None => {
                    parser.finish().map_err(malformed)?;
                    return Poll::Ready(Ok(None));
                }
            },
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` wants")]
fn malformed(error: wire::form::FormError) -> TransferTrouble {
    if error.is_length_mismatch() {
        let hint = "send the file's exact size as Upload-Length";
        return TransferTrouble::WrongLength(format!("{error}; {hint}"));
    }
    TransferTrouble::MalformedForm(super::form::in_full(&error))
}
