//! Reads and throws away what is left of a body after an early answer.
//!
//! A client that is still sending would get a reset instead of the answer if the connection were closed at once
//! (RFC 9112, section 9.6). It is read within bounds, by a task of its own and never parsed; the connection is closed then. In a
//! flood of refused requests this is the work that costs most, so only so many are heard out at once.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most bytes read after an early answer.
pub(crate) const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Longest time spent on it.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(5);
/// Bodies read on at once. Beyond it connections are closed right after the answer, which a client in the middle of sending may
/// then miss: uploads that were let in come first.
const AT_ONCE: usize = 256;

/// The right to read bodies on, for a bounded number at once.
#[derive(Debug, Clone)]
pub(crate) struct Drains(Arc<Semaphore>);

/// The right to read one body on.
#[derive(Debug)]
pub(crate) struct Drain(#[expect(dead_code, reason = "held until the body was read")] OwnedSemaphorePermit);

impl Default for Drains {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Drains {
    /// One more, or none while there are too many.
    pub(crate) fn begin(&self) -> Option<Drain> {
        Arc::clone(&self.0).try_acquire_owned().ok().map(Drain)
    }
}

impl Drain {
    /// Reads a body until its end, [`MAX_BYTES`] or [`MAX_TIME`], whatever comes first.
    pub(crate) async fn read_and_discard(self, mut body: Incoming) {
        let reading = async {
            let mut left = MAX_BYTES;
            while let Some(Ok(frame)) = body.frame().await {
                left = left.saturating_sub(frame.data_ref().map_or(0, bytes::Bytes::len));
                if left == 0 {
                    break;
                }
            }
        };
        // Whether it ended or time ran out makes no difference: the body is dropped, and hyper resets its stream.
        let _either_way = tokio::time::timeout(MAX_TIME, reading).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_bodies_are_read_on_at_once() {
        let drains = Drains::default();
        let mut all: Vec<_> = std::iter::from_fn(|| drains.begin()).take(AT_ONCE + 1).collect();
        assert_eq!(all.len(), AT_ONCE);
        all.pop();
        assert!(drains.begin().is_some());
    }
}
