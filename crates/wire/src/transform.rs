//! The one shape of every body transform.
//!
//! A transform is a pure value: chunks are pushed in, output is pulled out. One adapter elsewhere turns any of them into an
//! HTTP body. Pull before push is the memory bound: whoever pulls until `None` before the next push never has more in
//! memory than one chunk and its transformed image.

use bytes::Bytes;

/// A streaming transform of one body.
pub trait Transform {
    /// Why the input cannot be taken.
    type Error;

    /// Takes a chunk. Callers pull until `None` before they push again.
    ///
    /// # Errors
    /// When the input breaks what was announced; the transform yields nothing complete after that.
    fn push(&mut self, chunk: Bytes) -> Result<(), Self::Error>;

    /// Says that the input ended.
    ///
    /// # Errors
    /// When the input ended early.
    fn finish(&mut self) -> Result<(), Self::Error>;

    /// The next output, never empty; `None` when more input, [`Transform::finish`] or a release is needed first, or all is out.
    fn pull(&mut self) -> Option<Bytes>;

    /// Output bytes still to come, when known. Computed once at construction, counted down by each pull.
    fn output_len(&self) -> Option<u64>;
}
