//! Reads and throws away what is left of a body after an early answer.
//!
//! A client that is still sending would get a reset instead of the answer if the connection were closed at once
//! (RFC 9112, section 9.6). It is read within bounds, by a task of its own and never parsed; the connection is closed then.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// Most bytes read after an early answer.
pub(crate) const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Longest time spent on it.
pub(crate) const MAX_TIME: Duration = Duration::from_secs(5);

/// Reads a body until its end, [`MAX_BYTES`] or [`MAX_TIME`], whatever comes first.
pub(crate) async fn read_and_discard(mut body: Incoming) {
    let reading = async {
        let mut left = MAX_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, bytes::Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Whether it ended or time ran out makes no difference: the body is dropped, and hyper closes the connection.
    let _either_way = tokio::time::timeout(MAX_TIME, reading).await;
}
