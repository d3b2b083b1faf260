//! The end of a connection.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use tokio::io::AsyncWrite;
use tokio::time::timeout;

use super::Conversation;
use super::line::lock;
use crate::ingress::drain::{MAX_BYTES, MAX_TIME};
use crate::server::skip::Skip;

impl<I: Skip + AsyncWrite + Unpin + Send + std::fmt::Debug + 'static> Conversation<I> {
    /// Closes; where the client may be in the middle of sending, only once it has stopped, or within the bounds of a drain
    /// (RFC 9112 section 9.6).
    pub(super) async fn close(self) -> io::Result<()> {
        self.bounded(poll_fn(|cx| Pin::new(&mut lock(&self.line).io).poll_shutdown(cx))).await?;
        let is_in_the_middle = lock(&self.line).is_left_in_the_middle();
        if let Some(_place) = is_in_the_middle.then(|| self.drains.begin()).flatten() {
            // However it ends: the answer was written, and had its chance.
            let _either_way = timeout(MAX_TIME, self.discard()).await;
        }
        Ok(())
    }

    async fn discard(&self) -> io::Result<()> {
        let mut left = MAX_BYTES;
        while left > 0 {
            match poll_fn(|cx| lock(&self.line).poll_discard(cx)).await? {
                0 => break,
                discarded => left = left.saturating_sub(discarded),
            }
        }
        Ok(())
    }
}
