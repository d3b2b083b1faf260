//! Watches the first bytes of a part's content for the boundary.
//!
//! The line break that ends a part's head can also be read as the one that begins a delimiter (RFC 2046 section 5.1.1 lets a part
//! have no content at all). Where content begins with `--` and the boundary, some parsers see an empty part and further ones
//! behind it, others one long content: such a form is refused.

use bytes::Bytes;

use super::boundary::Boundary;
use super::error::FormError;

#[derive(Debug)]
pub(super) struct OpeningWatch {
    /// `--` and the boundary.
    line: Bytes,
    /// How many bytes of it the content began with; nothing once it went on otherwise.
    matched: Option<usize>,
}

impl OpeningWatch {
    pub(super) fn new(boundary: &Boundary) -> Self {
        Self { line: Bytes::from(format!("--{boundary}")), matched: None }
    }

    /// A part's content begins.
    pub(super) fn begin(&mut self) {
        self.matched = Some(0);
    }

    /// Looks at the next bytes of the content.
    pub(super) fn look(&mut self, content: &[u8]) -> Result<(), FormError> {
        let Some(matched) = self.matched else { return Ok(()) };
        let awaited = self.line.get(matched..).unwrap_or_default();
        let common = awaited.len().min(content.len());
        if awaited.get(..common) != content.get(..common) {
            self.matched = None;
            return Ok(());
        }
        if common == awaited.len() {
            return Err(FormError::BoundaryBeginsContent);
        }
        self.matched = Some(matched.saturating_add(common));
        Ok(())
    }
}
