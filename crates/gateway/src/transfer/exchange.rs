//! One request and its answer on one connection, in one task: the stream is polled for both directions in turn, so an answer
//! that comes early stops the file at once, and no lock or second task stands between the file and the socket.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{io, mem};

use futures::FutureExt as _;
use rules::run::{Answer, NoAnswer, TransferStage, TransferTrouble};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};

use super::answer::AnswerReader;
use super::feed::{FileFeed, Taken};
use super::outbox::Outbox;
use super::stall::Stall;
use super::{Progress, Side};

/// How long an answer may take that came before the body was finished, or that may have been sent before a reset.
const EARLY_ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// An upstream that takes nothing for so long is slower than its client; shorter waits are those of two fast ones that take turns.
const SLOW: Duration = Duration::from_millis(10);

/// What an exchange needs to know of its surroundings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The body goes in chunks.
    pub(super) is_chunked: bool,
    /// The connection was used before: it may turn out dead.
    pub(super) is_reused: bool,
    /// How long the upstream may take no byte.
    pub(super) idle_limit: Duration,
    /// How long the answer may take after the request was sent.
    pub(super) answer_limit: Duration,
}

/// An exchange under way. Dropped at any time it leaves nothing running.
pub(super) struct Exchange<'a, 'f, S> {
    stream: &'a mut S,
    feed: &'a mut FileFeed<'f>,
    outbox: Outbox,
    answer: AnswerReader,
    progress: &'a Progress,
    stall: Stall<'a>,
    terms: Terms,
    stage: TransferStage,
    /// Since when the stream takes nothing: the source waits until it does.
    blocked_since: Option<Instant>,
    /// Written bytes may still lie in TLS's buffer.
    is_unflushed: bool,
    /// All of the request is queued or written.
    is_filled: bool,
}

/// Why the request was not sent whole.
enum Cut {
    /// The final answer's head came.
    Answered,
    /// The source failed, or a proof did.
    Source(TransferTrouble),
    /// The upstream took nothing for too long.
    Idle,
    /// Writing failed.
    Write(io::Error),
    /// Reading failed.
    Read(NoAnswer),
}

/// A complete exchange.
pub(super) struct Exchanged {
    /// The answer.
    pub(super) answer: Answer,
    /// Whether the connection may carry another request.
    pub(super) is_usable: bool,
}

impl<'a, 'f, S: AsyncRead + AsyncWrite + Unpin + Send> Exchange<'a, 'f, S> {
    /// `outbox` holds the head and the first bytes.
    pub(super) fn new(
        stream: &'a mut S,
        feed: &'a mut FileFeed<'f>,
        outbox: Outbox,
        answer: AnswerReader,
        progress: &'a Progress,
        terms: Terms,
    ) -> Self {
        Self {
            stream,
            feed,
            outbox,
            answer,
            progress,
            stall: Stall::new(progress),
            terms,
            stage: TransferStage::NothingSent,
            blocked_since: None,
            is_unflushed: false,
            is_filled: false,
        }
    }

    /// Sends the request and reads the answer.
    ///
    /// # Errors
    /// Why there is no complete exchange, and where it stood. The connection is of no use then.
    pub(super) async fn run(&mut self) -> Result<Exchanged, (TransferTrouble, TransferStage)> {
        if let Err(cut) = poll_fn(|cx| self.poll_send(cx)).await {
            self.stall.end();
            return Err(self.cut_off(cut).boxed().await);
        }
        self.stall.begin(Side::Upstream);
        let whole = poll_fn(|cx| self.answer.poll_whole(cx, self.stream));
        let why = match timeout(self.terms.answer_limit, whole).await {
            Err(_elapsed) => NoAnswer::Timeout,
            Ok(Err(why)) => why,
            Ok(Ok(())) => {
                let is_usable = self.answer.leaves_connection_usable();
                match self.answer.take_answer() {
                    Some(answer) => return Ok(Exchanged { answer, is_usable }),
                    None => NoAnswer::Misbehaved("its answer has no head".to_owned()),
                }
            }
        };
        Err((TransferTrouble::Upstream(why), self.stage))
    }

    /// Writes the request. Each round looks for an answer, asks for more where little is queued, and writes. While the stream
    /// takes nothing the source is not asked: back-pressure reaches the client.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cut>> {
        loop {
            let is_written = self.is_filled && self.outbox.is_empty();
            if is_written && !self.is_unflushed {
                return Poll::Ready(Ok(()));
            }
            // An answer that comes now is early: not all of the request has left.
            if let Poll::Ready(head) = self.answer.poll_head(cx, self.stream)
                && !is_written
            {
                return Poll::Ready(Err(head.map_or_else(Cut::Read, |()| Cut::Answered)));
            }
            self.settle_stage();
            if self.blocked_since.is_none() && self.poll_more(cx).map_err(Cut::Source)?.is_ready() {
                self.stall.end();
                continue;
            }
            match self.poll_write(cx).map_err(Cut::Write)? {
                Poll::Ready(true) => self.unblock(),
                Poll::Ready(false) => {
                    self.stall.begin(self.feed.awaited());
                    return Poll::Pending;
                }
                Poll::Pending => {
                    self.blocked_since.get_or_insert_with(Instant::now);
                    return self.stall.poll_upstream(cx, self.terms.idle_limit).map(|()| Err(Cut::Idle));
                }
            }
        }
    }

    /// The stream takes bytes again.
    fn unblock(&mut self) {
        if self.blocked_since.take().is_some_and(|since| since.elapsed() >= SLOW) {
            self.feed.slow_down();
        }
    }

    /// Queues more where that is worth it. Ready when the source gave something, pending when it is time to write.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<Taken, TransferTrouble>> {
        let is_drained = self.outbox.fill(self.feed, self.terms.is_chunked);
        if self.feed.is_proved() {
            if is_drained && self.terms.is_chunked && !self.is_filled {
                self.outbox.push_last_chunk();
            }
            self.is_filled |= is_drained;
            return Poll::Pending;
        }
        let is_worth_it = self.outbox.is_small()
            || self.feed.awaits_only_the_end()
            || (self.outbox.has_room() && self.feed.has_at_hand());
        if is_drained && is_worth_it {
            return self.feed.poll_take(cx);
        }
        Poll::Pending
    }

    /// Writes or flushes; false when there was nothing to do.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.outbox.is_empty() {
            if self.is_unflushed {
                ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
            }
            return Poll::Ready(Ok(mem::take(&mut self.is_unflushed)));
        }
        let written = ready!(self.outbox.poll_write(cx, self.stream))?;
        self.is_unflushed = true;
        self.stall.end();
        self.progress.add_sent(written.body);
        if self.stage == TransferStage::NothingSent {
            // Only a reused connection can have been dead all along, and nobody who answers is dead.
            self.feed.hold(self.terms.is_reused);
            self.reach(TransferStage::Replayable);
        }
        if written.reached_tail {
            self.reach(TransferStage::Released);
        }
        self.settle_stage();
        Poll::Ready(Ok(true))
    }

    /// Nothing can be replayed once the upstream said anything, or when what was taken became too much to hold.
    fn settle_stage(&mut self) {
        if self.stage == TransferStage::Replayable && (self.answer.has_begun() || !self.feed.holds_all()) {
            self.feed.hold(false);
            self.reach(TransferStage::Withheld);
        }
    }

    fn reach(&mut self, stage: TransferStage) {
        self.stage = stage;
        self.progress.set_stage(stage);
    }

    /// The request was cut off: finds out what the upstream has to say about it.
    async fn cut_off(&mut self, cut: Cut) -> (TransferTrouble, TransferStage) {
        let trouble = match cut {
            Cut::Source(trouble) => trouble,
            Cut::Idle => TransferTrouble::Upstream(NoAnswer::Timeout),
            Cut::Answered => self.read_early_answer().await.unwrap_or_else(TransferTrouble::Upstream),
            // A peer that refuses and closes resets what is still being sent; its answer lies in the socket.
            Cut::Write(error) => match self.read_early_answer().await {
                Ok(answer) => answer,
                Err(_no_answer) => self.broken(NoAnswer::Broken(error.to_string())),
            },
            Cut::Read(why) => self.broken(why),
        };
        self.settle_stage();
        (trouble, self.stage)
    }

    fn broken(&self, why: NoAnswer) -> TransferTrouble {
        let is_dead = matches!(why, NoAnswer::Broken(_)) && !self.answer.has_begun();
        if is_dead && self.terms.is_reused && self.stage == TransferStage::NothingSent {
            return TransferTrouble::Upstream(NoAnswer::StaleConnection);
        }
        TransferTrouble::Upstream(why)
    }

    /// Reads what there is of an early answer; a body that breaks off or takes too long is told as far as it came.
    async fn read_early_answer(&mut self) -> Result<TransferTrouble, NoAnswer> {
        let whole = poll_fn(|cx| self.answer.poll_whole(cx, self.stream));
        let ended = timeout(EARLY_ANSWER_LIMIT, whole).await.unwrap_or(Err(NoAnswer::Timeout));
        match self.answer.take_answer() {
            Some(answer) => Ok(TransferTrouble::EarlyAnswer(answer)),
            None => Err(ended.err().unwrap_or(NoAnswer::Timeout)),
        }
    }
}
