//! Bodies that are streamed: never more of a file in memory than one chunk.

use std::io;

use bytes::Bytes;
use futures::Stream;
use futures::stream::{self, StreamExt as _};
use http_body::Frame;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

/// The body of every request.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Bytes of a file that are read at once: large enough that system calls do not count.
pub(crate) const READ_SIZE: usize = 256 * 1024;

/// A file's bytes.
pub(crate) type Chunks = stream::BoxStream<'static, io::Result<Bytes>>;

/// What is read from `reader`.
pub(crate) fn of_reader(reader: impl AsyncRead + Send + 'static) -> Chunks {
    ReaderStream::with_capacity(reader, READ_SIZE).boxed()
}

/// What an iterator makes.
pub(crate) fn of_chunks(chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Chunks {
    stream::iter(chunks.map(Ok)).boxed()
}

/// `before`, the file, `after`.
pub(super) fn framed(before: Bytes, file: Chunks, after: Bytes) -> Body {
    let framing = |bytes: Bytes| stream::iter((!bytes.is_empty()).then_some(Ok(bytes)));
    boxed(framing(before).chain(file).chain(framing(after)))
}

/// Bytes that are there already.
pub(crate) fn whole(bytes: Bytes) -> Body {
    boxed(stream::iter((!bytes.is_empty()).then_some(Ok(bytes))))
}

/// No body at all.
pub(super) fn none() -> Body {
    boxed(stream::empty())
}

fn boxed(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    Body::new(StreamBody::new(chunks.map(|chunk| chunk.map(Frame::data))))
}
