//! Finding delimiters in a stream without copying it.
//!
//! A delimiter is CRLF, `--`, the boundary, and then CRLF (another part) or `--` (the end). What only begins like one is
//! content: a boundary that is a prefix of a line of the file must not cut the file. A boundary contains no CR, so a delimiter
//! cannot overlap itself, and a broken-off match holds nothing but a beginning of the delimiter: it is handed out as a slice
//! of our own copy, and no byte of a chunk is ever copied or looked at more than twice.
//!
//! An attacker fills a file with what is nearly a delimiter, to make the search begin anew at each or to have the file passed
//! on in thousands of crumbs. A near miss inside a chunk therefore ends neither: the search goes on behind it, and the content
//! around it stays one piece. `work` counts the steps.

use bytes::{Buf as _, Bytes};
use memchr::memmem;

use super::boundary::Boundary;
use super::error::FormError;

/// What comes next in the stream.
#[derive(Debug)]
pub(super) enum Token {
    /// Content of the current part, never empty.
    Content(Bytes),
    /// Another part begins.
    NextPart,
    /// The form is closed.
    Close,
    /// The chunk is used up.
    NeedMore,
}

#[derive(Debug)]
pub(super) struct DelimiterScanner {
    /// CRLF, `--`, the boundary, and one more `-` for [`Progress::After`].
    line: Bytes,
    /// The same without the last `-`.
    delimiter: Bytes,
    finder: memmem::Finder<'static>,
    progress: Progress,
    /// Bytes that were searched, compared or judged: for the tests that show that work is linear.
    #[cfg(test)]
    pub(super) looked_at: usize,
}

#[derive(Debug, Clone, Copy)]
enum Progress {
    /// That many bytes of the delimiter ended the last chunk.
    Matched(usize),
    /// The delimiter was seen, perhaps with the first of two bytes behind it.
    After(Option<u8>),
}

/// Bytes of the delimiter that are taken as seen where a form begins: its first delimiter has no CRLF.
const CRLF: usize = 2;

impl DelimiterScanner {
    /// A scanner at the beginning of a form.
    pub(super) fn new(boundary: &Boundary) -> Self {
        let line = Bytes::from(format!("\r\n--{boundary}-"));
        let delimiter = line.slice(..line.len().saturating_sub(1));
        let finder = memmem::Finder::new(&delimiter).into_owned();
        Self {
            line,
            delimiter,
            finder,
            progress: Progress::Matched(CRLF),
            #[cfg(test)]
            looked_at: 0,
        }
    }

    /// Takes the next token out of the chunk. Bytes that may belong to a delimiter are taken, too, and remembered.
    pub(super) fn next_token(&mut self, chunk: &mut Bytes) -> Result<Token, FormError> {
        loop {
            if chunk.is_empty() {
                return Ok(Token::NeedMore);
            }
            let token = match self.progress {
                Progress::Matched(0) => self.search(chunk),
                Progress::Matched(matched) => self.go_on(matched, chunk),
                Progress::After(first) => self.look_behind(first, chunk)?,
            };
            if let Some(token) = token {
                return Ok(token);
            }
        }
    }

    /// Searches for a whole delimiter, or for the beginning of one at the end of the chunk.
    fn search(&mut self, chunk: &mut Bytes) -> Option<Token> {
        let content_len = match self.find(chunk) {
            Some(0) => {
                chunk.advance(self.delimiter.len());
                self.progress = Progress::After(None);
                return None;
            }
            Some(at) => return Some(Token::Content(chunk.split_to(at))),
            None => chunk.len().saturating_sub(self.partial_len(chunk)),
        };
        let content = chunk.split_to(content_len);
        self.progress = Progress::Matched(chunk.len());
        chunk.clear();
        (!content.is_empty()).then_some(Token::Content(content))
    }

    /// Where the first delimiter begins of which this chunk does not show that it is none.
    fn find(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut from = 0_usize;
        loop {
            let rest = chunk.get(from..)?;
            let found = self.finder.find(rest);
            self.count(found.map_or(rest.len(), |at| at.saturating_add(self.delimiter.len())));
            let at = from.saturating_add(found?);
            let end = at.saturating_add(self.delimiter.len());
            let is_content = match chunk.get(end..).unwrap_or_default() {
                [] | [b' ' | b'\t', ..] | [b'\r' | b'-'] | [b'\r', b'\n', ..] | [b'-', b'-', ..] => false,
                [..] => true,
            };
            if !is_content {
                return Some(at);
            }
            from = end;
        }
    }

    #[cfg(test)]
    fn count(&mut self, bytes: usize) {
        self.looked_at = self.looked_at.saturating_add(bytes);
    }

    #[cfg(not(test))]
    fn count(&mut self, _: usize) {}

    /// Bytes at the end of `chunk` that begin a delimiter. Only the last CR can, since the delimiter has no second one.
    fn partial_len(&self, chunk: &[u8]) -> usize {
        let window = chunk.len().saturating_sub(self.delimiter.len());
        let tail = chunk.get(window..).unwrap_or_default();
        memchr::memrchr(b'\r', tail)
            .and_then(|at| tail.get(at..))
            .filter(|partial| self.delimiter.starts_with(partial))
            .map_or(0, <[u8]>::len)
    }

    /// Compares the rest of a delimiter that began in an earlier chunk.
    fn go_on(&mut self, matched: usize, chunk: &mut Bytes) -> Option<Token> {
        let rest = self.delimiter.get(matched..).unwrap_or_default();
        let common = rest.iter().zip(chunk.iter()).take_while(|(wanted, got)| wanted == got).count();
        let rest_len = rest.len();
        self.count(common.saturating_add(1));
        if common == rest_len {
            chunk.advance(common);
            self.progress = Progress::After(None);
            return None;
        }
        if common == chunk.len() {
            chunk.clear();
            self.progress = Progress::Matched(matched.saturating_add(common));
            return None;
        }
        self.progress = Progress::Matched(0);
        Some(Token::Content(self.delimiter.slice(..matched)))
    }

    /// Judges the two bytes behind a delimiter.
    fn look_behind(&mut self, first: Option<u8>, chunk: &mut Bytes) -> Result<Option<Token>, FormError> {
        let Some(byte) = chunk.first().copied() else { return Ok(Some(Token::NeedMore)) };
        self.count(1);
        let (token, progress) = match (first, byte) {
            (None, b'\r' | b'-') => {
                chunk.advance(1);
                (None, Progress::After(Some(byte)))
            }
            (Some(b'\r'), b'\n') => {
                chunk.advance(1);
                (Some(Token::NextPart), Progress::Matched(0))
            }
            (Some(b'-'), b'-') => {
                chunk.advance(1);
                (Some(Token::Close), Progress::Matched(0))
            }
            (None, b' ' | b'\t') => return Err(FormError::Padding),
            // All others are content that began like a delimiter; the CR may begin a real one.
            (Some(b'\r'), _) => (Some(Token::Content(self.delimiter.clone())), Progress::Matched(1)),
            (Some(_), _) => (Some(Token::Content(self.line.clone())), Progress::Matched(0)),
            (None, _) => (Some(Token::Content(self.delimiter.clone())), Progress::Matched(0)),
        };
        self.progress = progress;
        Ok(token)
    }
}
