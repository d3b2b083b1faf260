//! The body of a client's request, read with time limits and with proof of its end.
//!
//! `None` from hyper is not proof: an HTTP/2 stream that was reset with `NO_ERROR` ends in just the same way as one that ended
//! truly, even short of its `content-length` (RFC 9113, section 8.1 asks for the count). So the end counts only when the
//! stream says that it ended, and when as many bytes came as were announced.
//!
//! Only time spent waiting for the client counts against its limits; a slow upstream is not the client's fault.

use std::error::Error as _;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use hyper::body::Incoming;
use rules::config::Timeouts;
use rules::run::TransferTrouble;
use tokio::time::{Instant, Sleep};
use wire::digest::{ClientDigests, DigestMismatch, Digester};

use super::client_body::{BodyTrouble, ClientBody};
use crate::fairuse::{HeldBack, Meter};

/// Reads a request's body.
#[derive(Debug)]
pub(crate) struct BodyReader {
    body: ClientBody,
    announced: Option<u64>,
    received: u64,
    /// Whether a client that waits for `100 Continue` still does: it is sent when the body is first asked for.
    awaits_100: bool,
    ended: bool,
    whole: Option<WholeBodyCheck>,
    patience: Patience,
    meter: Meter,
}

/// Digests that speak of the whole body and not of the file in it: a form's `Content-Digest`.
#[derive(Debug)]
struct WholeBodyCheck {
    digester: Digester,
    expected: ClientDigests,
}

impl BodyReader {
    /// Wraps a body. `awaits_100` says that its client sends nothing before it is asked to; `announced` is the request's
    /// `Content-Length`; `whole` are digests of the whole body.
    pub(crate) fn new(
        body: ClientBody,
        awaits_100: bool,
        announced: Option<u64>,
        whole: ClientDigests,
        timeouts: &Timeouts,
    ) -> Self {
        let algorithms = whole.algorithms();
        let whole =
            (!algorithms.is_empty()).then(|| WholeBodyCheck { digester: Digester::new(algorithms), expected: whole });
        Self {
            body,
            announced,
            received: 0,
            awaits_100,
            ended: false,
            whole,
            patience: Patience::new(timeouts),
            meter: Meter::default(),
        }
    }

    /// The same body, under the limits that the meter watches, on a connection on which others may be held back as well.
    pub(crate) fn metered(mut self, meter: Meter, connection: HeldBack) -> Self {
        self.patience.connection = connection;
        Self { meter, ..self }
    }

    /// Whether bytes came that the limits of the route hold back: the client is not waited for.
    pub(crate) fn is_held_back(&self) -> bool {
        self.meter.is_waiting()
    }

    /// Whether the end was seen and proved.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// What is left of an HTTP/2 stream, unless it was read to its end, or its client still waits for `100 Continue`: it must not
    /// get one by our reading on. An HTTP/1 connection reads on by itself.
    pub(crate) fn into_rest(self) -> Option<Incoming> {
        match self.body {
            ClientBody::Http2(rest) if !self.awaits_100 && !self.ended => Some(rest),
            _ => None,
        }
    }

    /// Whether the next bytes were read already, and may pass.
    pub(crate) fn has_at_hand(&self) -> bool {
        !self.is_held_back() && self.body.has_at_hand()
    }

    /// Whoever takes the bytes is slower than the client.
    pub(crate) fn slow_down(&mut self) {
        self.body.slow_down();
    }

    /// Why a client went away that was not being read: a body that contradicts its announced length makes HTTP/2 reset the
    /// stream, which looks like a vanished client until the body is asked.
    pub(crate) fn why_gone(&mut self) -> TransferTrouble {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(data)) = self.body.poll_data(&mut cx) {
            match data {
                Ok(data) => self.received = self.received.saturating_add(data.len() as u64),
                Err(trouble) => return self.trouble(&trouble),
            }
        }
        TransferTrouble::ClientGone
    }

    /// The next bytes that may pass; `None` only when the end is proved. While some are held back the client is not asked for more,
    /// so that time does not count against it.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransferTrouble>> {
        loop {
            if let Some(piece) = ready!(self.meter.poll_give(cx)) {
                return Poll::Ready(Ok(Some(piece)));
            }
            match ready!(self.poll_client(cx))? {
                Some(chunk) => self.meter.take(chunk).map_err(TransferTrouble::OverLimit)?,
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransferTrouble>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        self.awaits_100 = false;
        let Poll::Ready(data) = self.body.poll_data(cx) else {
            return self.patience.poll_waiting(self.received, cx).map(Err);
        };
        self.patience.moved();
        Poll::Ready(match data {
            Some(Ok(data)) => self.take(data).map(Some),
            Some(Err(trouble)) => Err(self.trouble(&trouble)),
            None => self.prove_end().map(|()| None),
        })
    }

    fn take(&mut self, data: Bytes) -> Result<Bytes, TransferTrouble> {
        self.received = self.received.saturating_add(data.len() as u64);
        if let Some(expected) = self.announced.filter(|announced| self.received > *announced) {
            return Err(TransferTrouble::RanOver { expected });
        }
        if let Some(whole) = &mut self.whole {
            whole.digester.update(&data);
        }
        Ok(data)
    }

    fn prove_end(&mut self) -> Result<(), TransferTrouble> {
        if matches!(&self.body, ClientBody::Http2(body) if !body.is_end_stream()) {
            return Err(TransferTrouble::ClientGone);
        }
        if let Some(expected) = self.announced.filter(|announced| self.received < *announced) {
            return Err(TransferTrouble::EndedShort { expected, received: self.received });
        }
        if let Some(whole) = self.whole.take() {
            let digests = whole.digester.finish();
            whole.expected.verify(&digests).map_err(|DigestMismatch { algorithm, field }| {
                let what = format!("the {algorithm} digest of the request's body is not the one given in `{field}`");
                TransferTrouble::Digest(what)
            })?;
        }
        self.ended = true;
        Ok(())
    }

    /// A body that breaks HTTP's framing is the client's mistake; anything else means that the client went away.
    fn trouble(&self, trouble: &BodyTrouble) -> TransferTrouble {
        let error = match trouble {
            BodyTrouble::Gone => return TransferTrouble::ClientGone,
            BodyTrouble::Framing(broken) => return TransferTrouble::MalformedRequest(broken.to_string()),
            BodyTrouble::Http2(error) => error,
        };
        let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
        match h2.and_then(|h2| h2.reason().filter(|_| h2.is_library())) {
            // h2 itself compares the count with `content-length` and resets the stream.
            Some(h2::Reason::PROTOCOL_ERROR) => match self.announced {
                Some(expected) if self.received < expected => {
                    TransferTrouble::EndedShort { expected, received: self.received }
                }
                Some(expected) => TransferTrouble::RanOver { expected },
                None => TransferTrouble::MalformedRequest("the body breaks HTTP/2's framing".to_owned()),
            },
            _ => TransferTrouble::ClientGone,
        }
    }
}

/// The client's time limits: how long it may stand still, and how slow it may be on average.
#[derive(Debug)]
struct Patience {
    idle: Duration,
    min_rate: u64,
    grace: Duration,
    /// Time spent waiting for the client before the present wait.
    waited: Duration,
    present: Option<Wait>,
    connection: HeldBack,
}

#[derive(Debug)]
struct Wait {
    since: Instant,
    /// Before which bodies of this connection that were held back do not matter.
    moment: u64,
    alarm: Pin<Box<Sleep>>,
}

impl Patience {
    fn new(timeouts: &Timeouts) -> Self {
        Self {
            idle: timeouts.idle,
            min_rate: timeouts.min_rate,
            grace: timeouts.min_rate_grace,
            waited: Duration::ZERO,
            present: None,
            connection: HeldBack::default(),
        }
    }

    fn moved(&mut self) {
        // A client whose other streams are held back may not have been able to send on this one.
        if let Some(wait) = self.present.take().filter(|wait| !self.connection.since(wait.moment)) {
            self.waited = self.waited.saturating_add(wait.since.elapsed());
        }
    }

    /// How long the client may have kept us waiting in all, for the bytes that it sent.
    fn allowance(&self, received: u64) -> Duration {
        match received.checked_div(self.min_rate) {
            Some(seconds) => self.grace.max(Duration::from_secs(seconds)),
            None => Duration::MAX,
        }
    }

    fn poll_waiting(&mut self, received: u64, cx: &mut Context<'_>) -> Poll<TransferTrouble> {
        let left = self.allowance(received).saturating_sub(self.waited);
        let idle = self.idle;
        let begin = |connection: &HeldBack| {
            let since = Instant::now();
            let alarm = Box::pin(tokio::time::sleep_until(since + idle.min(left)));
            Wait { since, moment: connection.moment(), alarm }
        };
        let wait = self.present.get_or_insert_with(|| begin(&self.connection));
        while wait.alarm.as_mut().poll(cx).is_ready() {
            if !self.connection.since(wait.moment) {
                return Poll::Ready(self.too_slow(left));
            }
            *wait = begin(&self.connection);
        }
        Poll::Pending
    }

    fn too_slow(&self, left: Duration) -> TransferTrouble {
        let idle = self.idle;
        TransferTrouble::ClientTooSlow(if left < idle {
            format!("the body came slower than {} bytes per second on average", self.min_rate)
        } else {
            format!("the body did not move for {idle:?}")
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::FutureExt as _;

    use super::*;

    const IDLE: Duration = Duration::from_secs(30);

    fn patience(connection: &HeldBack) -> Patience {
        let timeouts = Timeouts { idle: IDLE, ..crate::server::tests::config().timeouts };
        Patience { connection: connection.clone(), ..Patience::new(&timeouts) }
    }

    /// How long a client that sent `received` bytes and sends no more is waited for.
    async fn waited_for(patience: &mut Patience, received: u64) -> Duration {
        let since = Instant::now();
        poll_fn(|cx| patience.poll_waiting(received, cx)).await;
        since.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stands_still_is_waited_for_as_long_as_the_limits_say() {
        let nobody = HeldBack::default();
        assert_eq!(waited_for(&mut patience(&nobody), 1 << 20).await, IDLE);
        assert_eq!(waited_for(&mut patience(&nobody), 1024).await, Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_behind_others_that_are_held_back_is_not_blamed() {
        let connection = HeldBack::default();
        let mut patience = patience(&connection);
        let others = async {
            for _ in 0..10 {
                let held = connection.begin();
                tokio::time::sleep(IDLE * 2).await;
                drop(held);
                tokio::time::sleep(IDLE / 2).await;
            }
            Instant::now()
        };
        let begun = Instant::now();
        let (waited, ended) = tokio::join!(waited_for(&mut patience, 1 << 20), others);
        // Once nobody is held back any more, it has as long as everybody.
        let free = ended - IDLE / 2 - begun;
        assert!(waited >= free + IDLE && waited <= free + IDLE * 2, "{waited:?} of {free:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_behind_others_does_not_count_as_slowness() {
        let connection = HeldBack::default();
        let mut patience = patience(&connection);
        for _ in 0..5 {
            let held = connection.begin();
            assert!(poll_fn(|cx| patience.poll_waiting(1024, cx)).now_or_never().is_none());
            tokio::time::advance(Duration::from_secs(9)).await;
            patience.moved();
            drop(held);
        }
        assert_eq!(waited_for(&mut patience, 1024).await, Duration::from_secs(10));
    }
}
