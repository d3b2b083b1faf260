//! An upload while its client's connection is there to attend to it, and after that.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::respond::Reply;

/// An upload that runs in the task of its connection, which costs neither a task nor a channel. When the connection is dropped
/// before the upload has ended, it is told so, and goes on in a task of its own.
pub(crate) struct Attended {
    upload: Option<BoxFuture<'static, Reply>>,
    client_gone: CancellationToken,
    tasks: TaskTracker,
}

impl Attended {
    /// `client_gone` tells the upload; `tasks` is what shutdown waits for.
    pub(crate) fn new(upload: BoxFuture<'static, Reply>, client_gone: CancellationToken, tasks: TaskTracker) -> Self {
        Self { upload: Some(upload), client_gone, tasks }
    }
}

impl Future for Attended {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        let Some(upload) = &mut self.upload else { return Poll::Pending };
        let reply = ready!(upload.as_mut().poll(cx));
        self.upload = None;
        Poll::Ready(reply)
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            self.client_gone.cancel();
            // Nobody hears the answer.
            self.tasks.spawn(upload.map(drop));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn an_upload_whose_connection_is_dropped_is_told_and_goes_on() {
        let (client_gone, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (done, is_done) = oneshot::channel();
        let told = client_gone.clone();
        let upload = async move {
            told.cancelled().await;
            tokio::task::yield_now().await;
            done.send(()).expect("it is waited for");
            Response::new(Bytes::new())
        };
        let mut attended = Attended::new(upload.boxed(), client_gone.clone(), tasks.clone());
        assert!((&mut attended).now_or_never().is_none());
        assert!(!client_gone.is_cancelled() && tasks.is_empty());
        drop(attended);
        is_done.await.expect("it goes on");
        tasks.close();
        tasks.wait().await;
    }

    #[tokio::test]
    async fn an_upload_that_has_ended_leaves_nothing_behind() {
        let (client_gone, tasks) = (CancellationToken::new(), TaskTracker::new());
        let upload = async { Response::new(Bytes::new()) };
        Attended::new(upload.boxed(), client_gone.clone(), tasks.clone()).await;
        assert!(!client_gone.is_cancelled() && tasks.is_empty());
    }
}
