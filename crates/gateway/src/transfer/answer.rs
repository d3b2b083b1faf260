//! The upstream's answer, read from the same stream that the file is written to.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use rules::run::{Answer, NoAnswer};
use tokio::io::{AsyncRead, ReadBuf};
use wire::http1::{ResponseDecoder, ResponseError, ResponseHead};

use crate::memory::UploadMemory;
use crate::upstream::MAX_ANSWER_BODY;

/// Bytes per read. On the stack: an upload that waits holds no read buffer.
const READ_LEN: usize = 8 * 1024;

/// Reads one answer.
#[derive(Debug)]
pub(super) struct AnswerReader {
    decoder: ResponseDecoder,
    input: BytesMut,
    head: Option<ResponseHead>,
    body: BytesMut,
    has_begun: bool,
    memory: Arc<UploadMemory>,
}

impl AnswerReader {
    pub(super) fn new(request_method: &http::Method, memory: Arc<UploadMemory>) -> Self {
        Self {
            decoder: ResponseDecoder::new(request_method.as_str()),
            input: BytesMut::new(),
            head: None,
            body: BytesMut::new(),
            has_begun: false,
            memory,
        }
    }

    /// Whether any byte of an answer came, an interim one included.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Reads until the head of the final answer is there. Interim answers (1xx) are passed over.
    ///
    /// # Errors
    /// The stream failed or ended, or this is no HTTP.
    pub(super) fn poll_head<S>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<Result<(), NoAnswer>>
    where
        S: AsyncRead + Unpin,
    {
        while self.head.is_none() {
            let is_open = ready!(self.poll_input(cx, stream)).map_err(|error| NoAnswer::Broken(error.to_string()))?;
            self.head = self.decoder.read_head(&mut self.input).map_err(no_answer)?;
            if let Some(head) = &self.head {
                // It is kept as long as the body: until the upload ends.
                let head_len: usize = head.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
                if !self.memory.grow(head_len) {
                    return Poll::Ready(Err(NoAnswer::NoMemory));
                }
            }
            if !is_open && self.head.is_none() {
                return Poll::Ready(Err(no_answer(ResponseError::Truncated)));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads until the answer is complete.
    ///
    /// # Errors
    /// As for [`AnswerReader::poll_head`]; a body longer than [`MAX_ANSWER_BODY`].
    pub(super) fn poll_whole<S>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<Result<(), NoAnswer>>
    where
        S: AsyncRead + Unpin,
    {
        ready!(self.poll_head(cx, stream))?;
        loop {
            while let Some(piece) = self.decoder.read_body(&mut self.input).map_err(no_answer)? {
                self.keep(&piece)?;
            }
            if self.decoder.is_complete() {
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.poll_input(cx, stream)).map_err(|error| NoAnswer::Broken(error.to_string()))? {
                self.decoder.end_of_input().map_err(no_answer)?;
            }
        }
    }

    /// The answer as far as it was read; none without a head.
    pub(super) fn take_answer(&mut self) -> Option<Answer> {
        let head = self.head.take()?;
        let headers = head.headers.into_iter().map(|(name, value)| (name, value.to_vec()));
        Some(Answer { status: head.status, headers: headers.collect(), body: self.body.split().freeze() })
    }

    /// Whether the connection may carry another request: the answer is complete, nothing follows it, nobody said `close`.
    pub(super) fn leaves_connection_usable(&self) -> bool {
        self.decoder.keep_alive() && self.input.is_empty()
    }

    fn keep(&mut self, piece: &Bytes) -> Result<(), NoAnswer> {
        if !self.memory.grow(piece.len()) {
            return Err(NoAnswer::NoMemory);
        }
        let room = MAX_ANSWER_BODY.saturating_sub(self.body.len());
        self.body.extend_from_slice(piece.get(..room).unwrap_or(piece));
        if piece.len() > room {
            return Err(NoAnswer::Misbehaved(format!("its answer is longer than {MAX_ANSWER_BODY} bytes")));
        }
        Ok(())
    }

    /// Reads once; false at the end of the stream.
    fn poll_input<S>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<bool>>
    where
        S: AsyncRead + Unpin,
    {
        let mut space = [MaybeUninit::<u8>::uninit(); READ_LEN];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        let read = buffer.filled();
        self.input.extend_from_slice(read);
        self.has_begun |= !read.is_empty();
        Poll::Ready(Ok(!read.is_empty()))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` wants")]
fn no_answer(error: ResponseError) -> NoAnswer {
    match error {
        ResponseError::Truncated => NoAnswer::Broken(error.to_string()),
        _ => NoAnswer::Misbehaved(error.to_string()),
    }
}
