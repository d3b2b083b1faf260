//! What is to be written next: a few slices, in order, each known as body or framing, before or behind the commit gate.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWrite;
use wire::http1::chunked;

use super::feed::FileFeed;

/// Slices per system call.
const MAX_SLICES: usize = 64;

/// Slices that are queued at most before they are written: room for a head and the framing of a chunk stays.
const MAX_QUEUED: usize = 60;

/// Bytes that are queued at most before they are written, beyond the slice that crosses the line. One block of base64 is this
/// long, so its buffer is free again before the next is encoded.
const MAX_QUEUED_BYTES: usize = 256 * 1024;

/// Below this many bytes it is worth asking the source for more before a system call is spent.
const SMALL: usize = 16 * 1024;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    len: usize,
}

#[derive(Debug)]
struct Piece {
    bytes: Bytes,
    is_body: bool,
    /// The upstream has no complete message without it.
    is_tail: bool,
}

/// What one write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Written {
    /// Body bytes, without heads and chunk framing.
    pub(super) body: u64,
    /// Whether a byte from behind the gate is among them.
    pub(super) reached_tail: bool,
}

impl Outbox {
    /// Nothing is queued.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Few enough bytes that more may join them in one write.
    pub(super) fn is_small(&self) -> bool {
        self.len < SMALL && self.has_room()
    }

    /// More may be queued before it is written.
    pub(super) fn has_room(&self) -> bool {
        self.len < MAX_QUEUED_BYTES && self.pieces.len() < MAX_QUEUED
    }

    /// Puts the head before everything else. Without any body it is the whole message.
    pub(super) fn push_head(&mut self, head: Bytes, is_whole_message: bool) {
        self.len = self.len.saturating_add(head.len());
        self.pieces.push_front(Piece { bytes: head, is_body: false, is_tail: is_whole_message });
    }

    /// Pulls what the feed has until enough is queued, as one chunk if the body is chunked. Whether the feed has no more.
    pub(super) fn fill(&mut self, feed: &mut FileFeed<'_>, is_chunked: bool) -> bool {
        let is_tail = feed.is_proved();
        let begin = self.pieces.len();
        let mut chunk_len = 0_usize;
        let drained = loop {
            if !self.has_room() {
                break false;
            }
            let Some(bytes) = feed.pull() else { break true };
            chunk_len = chunk_len.saturating_add(bytes.len());
            self.push(bytes, true, is_tail);
        };
        if is_chunked && chunk_len > 0 {
            self.frame(begin, chunk_len, is_tail);
        }
        drained
    }

    /// Ends a chunked body.
    pub(super) fn push_last_chunk(&mut self) {
        self.push(Bytes::from_static(chunked::LAST_CHUNK), false, true);
    }

    fn push(&mut self, bytes: Bytes, is_body: bool, is_tail: bool) {
        self.len = self.len.saturating_add(bytes.len());
        self.pieces.push_back(Piece { bytes, is_body, is_tail });
    }

    fn frame(&mut self, begin: usize, chunk_len: usize, is_tail: bool) {
        let size = Bytes::from(format!("{chunk_len:x}\r\n"));
        self.len = self.len.saturating_add(size.len());
        self.pieces.insert(begin, Piece { bytes: size, is_body: false, is_tail });
        self.push(Bytes::from_static(b"\r\n"), false, is_tail);
    }

    /// Writes once, with as many slices as one system call takes.
    ///
    /// # Errors
    /// Those of the stream; `WriteZero` when it takes nothing.
    pub(super) fn poll_write<S>(&mut self, cx: &mut Context<'_>, stream: &mut S) -> Poll<io::Result<Written>>
    where
        S: AsyncWrite + Unpin,
    {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(&piece.bytes);
            count += 1;
        }
        let written = ready!(Pin::new(stream).poll_write_vectored(cx, slices.get(..count).unwrap_or_default()))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        Poll::Ready(Ok(self.advance(written)))
    }

    fn advance(&mut self, written: usize) -> Written {
        let mut total = Written::default();
        let mut left = written.min(self.len);
        self.len = self.len.saturating_sub(left);
        while left > 0
            && let Some(piece) = self.pieces.front_mut()
        {
            let here = left.min(piece.bytes.len());
            piece.bytes.advance(here);
            left = left.saturating_sub(here);
            total.reached_tail |= piece.is_tail;
            if piece.is_body {
                total.body = total.body.saturating_add(here as u64);
            }
            if piece.bytes.is_empty() {
                self.pieces.pop_front();
            }
        }
        total
    }
}
