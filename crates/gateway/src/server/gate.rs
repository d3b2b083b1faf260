//! Stands between an HTTP/1 connection and hyper: hands over only heads that passed `wire::http1::gate`, and of a body exactly
//! the bytes that its framing gives it. It also keeps the time until a head is complete, which hyper cannot: between two
//! requests the limit is `timeouts.keep-alive`, and from a request's first byte it is `timeouts.head`.
//!
//! A head that is refused never reaches hyper. A fixed one does in its place, so that the refusal is answered in its turn and
//! like any other, with problem and upload id; nothing that follows on the connection is read as a request. The bytes that the
//! client is still sending are discarded for a while when the connection closes, as it would lose the answer to a reset.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use wire::http1::RequestFraming;
use wire::http1::gate::{BodyError, BodyFollower, HeadLimits, HeadReader, PassedHead};

use super::read_pace::ReadPace;
use crate::ingress::drain::{MAX_BYTES, MAX_TIME};
use crate::ingress::refused::RefusedHead;

/// Most bytes read while looking for the end of a head or of a chunked body: so many at most are held back because they belong
/// to the next request.
const AHEAD: usize = 16 * 1024;

/// Of the bytes held back, what the connection paid for when it was accepted: a head that came in two pieces, or the beginning of
/// the next request.
pub(super) const COVERED: usize = 4 * 1024;

/// What hyper reads in the place of a head that was refused. It is never routed.
const SUBSTITUTE: &[u8] = b"GET / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n";

/// Read at once of what is discarded.
const SCRATCH: usize = 4 * 1024;

/// How long a connection may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadTimes {
    /// For the first byte of a connection, and from a head's first byte to its end.
    pub(super) head: Duration,
    /// For the first byte of a further request.
    pub(super) keep_alive: Duration,
}

/// Why the last head of a connection was refused, once it was.
pub(super) type Refusal = Arc<OnceLock<RefusedHead>>;

/// A connection's IO behind the gate.
#[derive(Debug)]
pub(super) struct Gate<I> {
    io: ReadPace<I>,
    limits: HeadLimits,
    times: HeadTimes,
    refusal: Refusal,
    stage: Stage,
    /// Bytes that were read and not handed over.
    held: BytesMut,
    /// How many of them, from the front, have passed.
    passed: usize,
    alarm: Pin<Box<Sleep>>,
    /// While closing: bytes that may still be discarded.
    lingering: Option<usize>,
}

#[derive(Debug)]
enum Stage {
    /// A head is awaited, or is coming in.
    Head { reader: HeadReader, timed: Timed },
    /// A request is under way; its body's bytes have time limits of their own.
    Body(BodyFollower),
    /// Nothing more is handed over but the head that stands for the refused one.
    Refused,
    /// No further request is read.
    Ended,
}

/// What the alarm is set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timed {
    /// Nothing yet: the request before is not known to have ended.
    Nothing,
    /// The first byte.
    FirstByte,
    /// The end of the head.
    End,
}

impl<I: AsyncRead> Gate<I> {
    /// Starts with the wait for the connection's first byte.
    pub(super) fn new(io: ReadPace<I>, limits: HeadLimits, times: HeadTimes, refusal: Refusal) -> Self {
        Self {
            io,
            limits,
            times,
            refusal,
            stage: Stage::Head { reader: HeadReader::new(limits), timed: Timed::FirstByte },
            held: BytesMut::new(),
            passed: 0,
            alarm: Box::pin(sleep(times.head)),
            lingering: None,
        }
    }
}

impl<I> Gate<I> {
    fn await_head(&mut self) {
        self.stage = Stage::Head { reader: HeadReader::new(self.limits), timed: Timed::Nothing };
    }

    /// A head has passed: its body comes next, or the next head where it has none.
    fn begin_body(&mut self, framing: RequestFraming) {
        self.stage = Stage::Body(BodyFollower::new(framing));
        self.end_body();
    }

    fn end_body(&mut self) {
        if matches!(&self.stage, Stage::Body(follower) if follower.is_complete()) {
            self.await_head();
        }
    }

    fn refuse(&mut self, why: RefusedHead) {
        // Set once: nothing is read as a head afterwards.
        let _first = self.refusal.set(why);
        self.stage = Stage::Refused;
        self.held = BytesMut::from(SUBSTITUTE);
        self.passed = self.held.len();
    }

    /// Hands over bytes that were held back and have passed.
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.passed.min(buf.remaining());
        buf.put_slice(self.held.get(..len).unwrap_or_default());
        self.held.advance(len);
        self.passed -= len;
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
    }

    /// Holds bytes back; false if the budget cannot pay for them.
    fn hold(&mut self, bytes: &[u8]) -> bool {
        let paid = self.io.hold(self.held.len().saturating_add(bytes.len()));
        if paid {
            self.held.extend_from_slice(bytes);
        }
        paid
    }

    /// Looks at what is held back for a head or for a body's bytes.
    fn follow_held(&mut self) -> io::Result<()> {
        match &mut self.stage {
            Stage::Head { reader, .. } => match reader.read(&self.held) {
                Ok(Some(PassedHead { len, framing })) => {
                    self.passed = len;
                    self.begin_body(framing);
                }
                Ok(None) => {}
                Err(refusal) => self.refuse(RefusedHead::Head(refusal)),
            },
            Stage::Body(follower) => {
                self.passed = follower.follow(&self.held).map_err(broken)?;
                self.end_body();
            }
            Stage::Refused | Stage::Ended => {}
        }
        Ok(())
    }

    /// Looks at bytes that were just read into hyper's own buffer, from `before` on, and takes out what must be held back.
    fn follow_read(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
        let read = buf.filled().get(before..).unwrap_or_default();
        let mut passed = 0;
        if let Stage::Head { reader, .. } = &mut self.stage
            && self.held.is_empty()
        {
            match reader.read(read) {
                Ok(Some(PassedHead { len, framing })) => {
                    passed = len;
                    self.begin_body(framing);
                }
                Ok(None) => {}
                Err(refusal) => {
                    buf.set_filled(before);
                    self.refuse(RefusedHead::Head(refusal));
                    return Ok(());
                }
            }
        }
        if let Stage::Body(follower) = &mut self.stage {
            passed += follower.follow(read.get(passed..).unwrap_or_default()).map_err(broken)?;
            self.end_body();
        }
        let rest = read.get(passed..).unwrap_or_default();
        if !self.hold(rest) {
            // What passed is the end of a request that will be answered; the one behind it is not.
            if passed > 0 { self.stage = Stage::Ended } else { self.refuse(RefusedHead::NoMemory) }
        }
        buf.set_filled(before + passed);
        Ok(())
    }

    /// Sets the alarm for what is awaited, and fires it.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<Expired> {
        let Stage::Head { reader, timed } = &mut self.stage else { return Poll::Pending };
        let begun = reader.is_begun();
        let (limit, set_for) = match (&*timed, begun) {
            (Timed::Nothing, false) => (Some(self.times.keep_alive), Timed::FirstByte),
            (Timed::Nothing | Timed::FirstByte, true) => (Some(self.times.head), Timed::End),
            (unchanged, _) => (None, *unchanged),
        };
        *timed = set_for;
        if let Some(limit) = limit {
            self.alarm.as_mut().reset(Instant::now() + limit);
        }
        ready!(self.alarm.as_mut().poll(cx));
        Poll::Ready(if begun { Expired::Head } else { Expired::Silence })
    }
}

/// What the alarm says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expired {
    /// A head was begun and not ended.
    Head,
    /// Nothing was said.
    Silence,
}

/// hyper gives it on as an error of the body.
fn broken(error: BodyError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<I: AsyncRead + Unpin> AsyncRead for Gate<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.passed == 0 && !this.held.is_empty() {
                this.follow_held()?;
            }
            if this.passed > 0 {
                this.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            let most = match &this.stage {
                Stage::Head { .. } => AHEAD,
                Stage::Body(follower) => follower.readable(AHEAD),
                Stage::Refused => return Poll::Pending,
                Stage::Ended => return Poll::Ready(Ok(())),
            };
            let before = buf.filled().len();
            match this.io.poll_read_most(cx, buf, most) {
                Poll::Ready(read) => read?,
                Poll::Pending => match ready!(this.poll_alarm(cx)) {
                    // The client hears nothing: it said nothing.
                    Expired::Silence => return Poll::Ready(Ok(())),
                    Expired::Head => {
                        this.refuse(RefusedHead::TooSlow(this.times.head));
                        continue;
                    }
                },
            }
            if buf.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            this.follow_read(buf, before)?;
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gate<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    /// Closes; after a refusal only once the client has stopped sending, or within the bounds of a drain (RFC 9112 section 9.6).
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
            let linger = matches!(this.stage, Stage::Refused);
            this.lingering = Some(if linger { MAX_BYTES } else { 0 });
            this.alarm.as_mut().reset(Instant::now() + MAX_TIME);
        }
        let mut scratch = [0; SCRATCH];
        while let Some(left) = this.lingering.filter(|left| *left > 0) {
            let mut buf = ReadBuf::new(&mut scratch);
            match this.io.poll_read_most(cx, &mut buf, SCRATCH) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    this.lingering = Some(left.saturating_sub(buf.filled().len()));
                }
                Poll::Ready(_) => this.lingering = Some(0),
                Poll::Pending => {
                    ready!(this.alarm.as_mut().poll(cx));
                    this.lingering = Some(0);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::advance;
    use wire::http1::gate::HeadRefusal;

    use super::*;
    use crate::budget::Budget;
    use crate::server::buffers::ConnectionBuffers;

    const TIMES: HeadTimes = HeadTimes { head: Duration::from_secs(10), keep_alive: Duration::from_secs(60) };
    const HEADS: HeadLimits = HeadLimits { bytes: 32 * 1024, line: 16 * 1024, fields: 64, target: 8 * 1024 };
    const HEAD: &str = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";

    struct Bench {
        client: DuplexStream,
        gate: Gate<DuplexStream>,
        refusal: Refusal,
        budget: Arc<Budget>,
    }

    fn bench() -> Bench {
        bench_with(Budget::new(1024 * 1024))
    }

    fn bench_with(budget: Arc<Budget>) -> Bench {
        let (client, server) = duplex(64 * 1024);
        let refusal = Refusal::default();
        let buffers = ConnectionBuffers::take(&budget, false).expect("memory is free");
        let io = ReadPace::new(server, buffers);
        Bench { client, gate: Gate::new(io, HEADS, TIMES, Arc::clone(&refusal)), refusal, budget }
    }

    impl Bench {
        async fn send(&mut self, bytes: impl AsRef<[u8]>) {
            self.client.write_all(bytes.as_ref()).await.expect("there is room");
        }

        /// What hyper gets at the next read.
        async fn read(&mut self) -> String {
            let mut buffer = vec![0; 64 * 1024];
            let len = self.gate.read(&mut buffer).await.expect("it can be read");
            String::from_utf8_lossy(&buffer[..len]).into_owned()
        }

        /// What hyper gets until nothing more comes for a while.
        async fn read_all(&mut self) -> String {
            let mut all = String::new();
            while let Ok(read) = tokio::time::timeout(Duration::from_millis(1), self.read()).await {
                if read.is_empty() {
                    break;
                }
                all.push_str(&read);
            }
            all
        }
    }

    #[tokio::test(start_paused = true)]
    async fn hands_over_what_passes_as_it_came() {
        let mut bench = bench();
        bench.send(format!("{HEAD}abc")).await;
        assert_eq!(bench.read().await, format!("{HEAD}abc"), "head and body in one read");
        let chunked = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        bench.send(chunked).await;
        assert_eq!(bench.read().await, chunked);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_byte_by_byte_is_held_back_until_it_is_whole() {
        let mut bench = bench();
        let (last, first) = HEAD.as_bytes().split_last().expect("it is not empty");
        for byte in first {
            bench.send([*byte]).await;
            assert_eq!(bench.read_all().await, "");
        }
        bench.send([*last]).await;
        bench.send("ab").await;
        assert_eq!(bench.read_all().await, format!("{HEAD}ab"));
        assert!(bench.gate.held.is_empty() && bench.gate.held.capacity() == 0, "nothing is kept for later");
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_request_is_not_handed_over_with_the_one_before() {
        let mut bench = bench();
        bench.send(format!("{HEAD}abc{HEAD}def")).await;
        assert_eq!(bench.read().await, format!("{HEAD}abc"));
        assert_eq!(bench.read_all().await, format!("{HEAD}def"));
    }

    #[tokio::test(start_paused = true)]
    async fn another_head_stands_for_a_refused_one_and_nothing_follows_it() {
        let mut bench = bench();
        bench.send(format!("{HEAD}abcGET / HTTP/1.1\nHost: a\r\n\r\n{HEAD}def")).await;
        assert_eq!(bench.read().await, format!("{HEAD}abc"));
        assert_eq!(bench.refusal.get(), None, "the request before is not concerned");
        assert_eq!(bench.read_all().await.as_bytes(), SUBSTITUTE);
        assert_eq!(bench.refusal.get(), Some(&RefusedHead::Head(HeadRefusal::BareLineFeed)));
        bench.send(HEAD).await;
        assert_eq!(bench.read_all().await, "");
    }

    #[tokio::test(start_paused = true)]
    async fn broken_chunks_end_the_body_with_an_error() {
        let mut bench = bench();
        bench.send("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc").await;
        let mut buffer = vec![0; 1024];
        let error = bench.gate.read(&mut buffer).await.expect_err("the chunk is longer than it says");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_back_is_paid_for() {
        let mut bench = bench();
        let part = format!("PUT /a HTTP/1.1\r\nX: {}", "a".repeat(10_000));
        bench.send(&part).await;
        assert_eq!(bench.read_all().await, "");
        let paid = bench.budget.used();
        assert!(paid > 2 * part.len(), "{paid}");
        bench.send("\r\n\r\n").await;
        assert_eq!(bench.read_all().await.len(), part.len() + 4);
        drop(bench.gate);
        assert_eq!(bench.budget.used(), 0);

        let mut poor = bench_with(Budget::new(24 * 1024));
        poor.send(&part).await;
        assert_eq!(poor.read_all().await.as_bytes(), SUBSTITUTE);
        assert_eq!(poor.refusal.get(), Some(&RefusedHead::NoMemory));
    }

    #[tokio::test(start_paused = true)]
    async fn without_memory_the_request_before_is_still_answered() {
        let mut poor = bench_with(Budget::new(24 * 1024));
        poor.send(format!("{HEAD}abc{}", "PUT /a HTTP/1.1\r\n".repeat(500))).await;
        assert_eq!(poor.read().await, format!("{HEAD}abc"));
        assert_eq!((poor.read_all().await.as_str(), poor.refusal.get()), ("", None));
    }

    #[tokio::test(start_paused = true)]
    async fn ends_a_silent_connection_after_the_head_limit_without_a_word() {
        let mut bench = bench();
        let began = Instant::now();
        assert_eq!(bench.read().await, "");
        assert!(began.elapsed() >= TIMES.head && began.elapsed() < TIMES.head + Duration::from_secs(1));
        assert_eq!(bench.refusal.get(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn counts_a_head_from_its_first_byte_and_not_from_its_last() {
        let mut bench = bench();
        advance(Duration::from_secs(8)).await;
        bench.send("P").await;
        assert_eq!(bench.read_all().await, "");
        let began = Instant::now();
        advance(Duration::from_secs(8)).await;
        bench.send("U").await;
        assert_eq!(bench.read().await.as_bytes(), SUBSTITUTE);
        assert!(began.elapsed() <= TIMES.head, "{:?}", began.elapsed());
        assert_eq!(bench.refusal.get(), Some(&RefusedHead::TooSlow(TIMES.head)));
    }

    #[tokio::test(start_paused = true)]
    async fn lets_a_body_take_its_time_and_an_idle_connection_the_keep_alive_limit() {
        let mut bench = bench();
        bench.send(HEAD).await;
        assert_eq!(bench.read().await, HEAD);
        let body = tokio::time::timeout(Duration::from_secs(500), bench.read()).await;
        assert!(body.is_err(), "a body has limits of its own");
        bench.send("abc").await;
        assert_eq!(bench.read().await, "abc");
        advance(Duration::from_secs(500)).await;
        let began = Instant::now();
        assert_eq!(bench.read().await, "", "the limit counts from when a further request is asked for");
        assert!(began.elapsed() >= TIMES.keep_alive, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn discards_what_a_refused_client_still_sends_before_it_closes() {
        let mut bench = bench();
        bench.send("GET /\0").await;
        assert_eq!(bench.read().await.as_bytes(), SUBSTITUTE);
        let Bench { mut client, mut gate, .. } = bench;
        let closing = tokio::spawn(async move { gate.shutdown().await });
        let mut answer = Vec::new();
        for _ in 0..100 {
            client.write_all(&[7; 16 * 1024]).await.expect("it is read");
        }
        client.read_to_end(&mut answer).await.expect("the writing side is closed first");
        drop(client);
        closing.await.expect("no panic").expect("it closes");
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_listen_for_ever_to_a_refused_client() {
        let mut bench = bench();
        bench.send("GET /\0").await;
        assert_eq!(bench.read().await.as_bytes(), SUBSTITUTE);
        let began = Instant::now();
        bench.gate.shutdown().await.expect("it closes");
        assert!(began.elapsed() >= MAX_TIME && began.elapsed() < MAX_TIME * 2, "{:?}", began.elapsed());
    }
}
