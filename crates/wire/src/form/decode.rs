//! Reading a client's form while it streams: text fields first, one file last.
//!
//! A push parser with hard bounds: time is linear in the input, memory is the limits plus the chunk, file data is passed on as
//! slices of the chunks it came in. Forms are refused wherever parsers are known to disagree (two boundaries, padding, bare
//! line feeds, folded headers, contradicting names), because then what was checked is not what another would store.
//!
//! The end of the part is no proof that the form is complete: only [`FormParser::finish`] is.

use std::collections::VecDeque;
use std::mem;

use bytes::{Buf as _, Bytes};

use super::boundary::boundary_of;
use super::delimiter::{DelimiterScanner, Token};
use super::error::FormError;
use super::limits::FormLimits;
use super::opening::OpeningWatch;
use super::part::{Charset, FieldPart, FilePart, Part, PartHead};
use crate::length;

/// What a form says next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormEvent {
    /// A text field, complete.
    Field {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
        /// Its content type, if it has one.
        content_type: Option<String>,
    },
    /// The file begins; its first byte is at [`FormParser::offset`].
    FileStart(FilePart),
    /// A piece of the file, never empty.
    FileData(Bytes),
    /// The delimiter behind the file was seen, and it is as long as expected.
    FileEnd,
    /// The closing boundary was seen. [`FormParser::finish`] has the last word.
    End,
}

/// What may stand behind the closing boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailing {
    /// Exactly CRLF, which a length derived from `Content-Length` assumes.
    Exact,
    /// CRLF or nothing.
    Either,
}

/// An incremental parser of one form.
#[derive(Debug)]
pub struct FormParser {
    limits: FormLimits,
    closing_len: u64,
    scanner: DelimiterScanner,
    opening: OpeningWatch,
    section: Section,
    input: VecDeque<Bytes>,
    pushed: u64,
    fields: usize,
    field_bytes: usize,
    expected: Option<u64>,
    trailing: Trailing,
}

#[derive(Debug)]
enum Section {
    /// Before the first boundary, where nothing may stand.
    Preamble,
    Head {
        head: PartHead,
        line: Vec<u8>,
        head_bytes: usize,
    },
    Field {
        part: FieldPart,
        value: Vec<u8>,
    },
    File {
        /// What the part's own `Content-Length` says.
        told: Option<u64>,
        received: u64,
    },
    /// The closing boundary was seen and must be told.
    Closing,
    Epilogue(Epilogue),
    /// An error was returned. It is the answer to every further call.
    Failed(FormError),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Epilogue {
    Nothing,
    Cr,
    LineBreak,
}

/// CRLF, `--`, `--` and CRLF around the boundary that closes a form, as every common client writes them.
const CLOSING_EXTRA: u64 = 8;

impl FormParser {
    /// A parser for a body of this content type.
    ///
    /// # Errors
    /// When it is not `multipart/form-data` with exactly one valid boundary.
    pub fn new(content_type: &str, limits: FormLimits) -> Result<Self, FormError> {
        let boundary = boundary_of(content_type)?;
        Ok(Self {
            limits,
            closing_len: length::of(boundary.as_str().as_bytes()).saturating_add(CLOSING_EXTRA),
            scanner: DelimiterScanner::new(&boundary),
            opening: OpeningWatch::new(&boundary),
            section: Section::Preamble,
            input: VecDeque::new(),
            pushed: 0,
            fields: 0,
            field_bytes: 0,
            expected: None,
            trailing: Trailing::Either,
        })
    }

    /// Takes a chunk. Callers ask for events until `None` before they push again: that is the memory bound.
    pub fn push(&mut self, chunk: Bytes) {
        self.pushed = self.pushed.saturating_add(length::of(&chunk));
        if !chunk.is_empty() {
            self.input.push_back(chunk);
        }
    }

    /// What the form says next; `None` when more input is needed.
    ///
    /// # Errors
    /// Whatever [`FormError`] lists, and the same again on every later call.
    pub fn next_event(&mut self) -> Result<Option<FormEvent>, FormError> {
        self.advance().inspect_err(|error| self.section = Section::Failed(error.clone()))
    }

    /// Says that the input ended. Only when this succeeds is the form complete.
    ///
    /// # Errors
    /// When the closing boundary was not seen, or the rest of the input was not read, or what was expected by
    /// [`FormParser::expect_file_len`] did not come.
    pub fn finish(&mut self) -> Result<(), FormError> {
        match &self.section {
            Section::Failed(error) => Err(error.clone()),
            Section::File { received, .. } => match self.expected {
                Some(expected) if *received < expected => {
                    Err(FormError::FileEndsEarly { expected, received: *received })
                }
                _ => Err(FormError::Truncated),
            },
            Section::Epilogue(_) if !self.input.is_empty() => Err(FormError::Truncated),
            Section::Epilogue(Epilogue::LineBreak) => Ok(()),
            Section::Epilogue(Epilogue::Nothing) if self.trailing == Trailing::Either => Ok(()),
            Section::Epilogue(Epilogue::Nothing) => Err(FormError::MissingFinalLineBreak),
            Section::Epilogue(Epilogue::Cr) => Err(FormError::Epilogue),
            Section::Preamble | Section::Head { .. } | Section::Field { .. } | Section::Closing => {
                Err(FormError::Truncated)
            }
        }
    }

    /// Input bytes consumed so far. At [`FormEvent::FileStart`] it is the offset of the file's first byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        let waiting: u64 = self.input.iter().map(|chunk| length::of(chunk)).sum();
        self.pushed.saturating_sub(waiting)
    }

    /// Bytes of the fields' names and values that were read so far, an unfinished one's included: what a form holds in memory.
    #[must_use]
    pub fn field_bytes(&self) -> usize {
        self.field_bytes
    }

    /// Bytes from the end of the file to the end of the form, as common clients write it: the boundary's length and 8.
    #[must_use]
    pub fn closing_len(&self) -> u64 {
        self.closing_len
    }

    /// Says how long the file must be, announced or derived; call it at [`FormEvent::FileStart`] at the latest. The delimiter
    /// is searched for all the same: with a derived length alone, a second part would pass as content of the first.
    pub fn expect_file_len(&mut self, len: u64, trailing: Trailing) {
        self.expected = Some(len);
        self.trailing = trailing;
    }

    fn advance(&mut self) -> Result<Option<FormEvent>, FormError> {
        loop {
            let event = match &mut self.section {
                Section::Failed(error) => return Err(error.clone()),
                Section::Closing => {
                    self.section = Section::Epilogue(Epilogue::Nothing);
                    return Ok(Some(FormEvent::End));
                }
                Section::Epilogue(_) => return self.read_epilogue().map(|()| None),
                Section::Head { .. } => match self.take_line()? {
                    None => return Ok(None),
                    Some(line) => self.header_line(&line)?,
                },
                Section::Preamble | Section::Field { .. } | Section::File { .. } => match self.next_token()? {
                    Token::NeedMore => return Ok(None),
                    Token::Content(content) => self.content(content)?,
                    Token::NextPart => self.end_section(Section::new_head())?,
                    Token::Close => self.end_section(Section::Closing)?,
                },
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn next_token(&mut self) -> Result<Token, FormError> {
        while let Some(chunk) = self.input.front_mut() {
            match self.scanner.next_token(chunk)? {
                Token::NeedMore => self.input.pop_front(),
                token => return Ok(token),
            };
        }
        Ok(Token::NeedMore)
    }

    /// Content of the current section, bounded before it is kept.
    fn content(&mut self, content: Bytes) -> Result<Option<FormEvent>, FormError> {
        self.opening.look(&content)?;
        match &mut self.section {
            Section::Field { part, value } => {
                let max = self.limits.field_value;
                if value.len().saturating_add(content.len()) > max {
                    return Err(FormError::FieldValue { name: mem::take(&mut part.name), max });
                }
                value.extend_from_slice(&content);
                self.count_field_bytes(content.len()).map(|()| None)
            }
            Section::File { told, received } => {
                *received = received.saturating_add(length::of(&content));
                let received = *received;
                if told.is_some_and(|told| received > told) {
                    return Err(FormError::PartLength);
                }
                match self.expected {
                    Some(expected) if received > expected => Err(FormError::FileRunsOver { expected }),
                    _ => Ok(Some(FormEvent::FileData(content))),
                }
            }
            _ => Err(FormError::Preamble),
        }
    }

    fn count_field_bytes(&mut self, more: usize) -> Result<(), FormError> {
        let max = self.limits.total_field_bytes;
        self.field_bytes = self.field_bytes.saturating_add(more);
        if self.field_bytes > max { Err(FormError::TotalFieldBytes(max)) } else { Ok(()) }
    }

    /// A delimiter was seen: tells what it ended.
    fn end_section(&mut self, next: Section) -> Result<Option<FormEvent>, FormError> {
        let is_closed = matches!(next, Section::Closing);
        match mem::replace(&mut self.section, next) {
            Section::Field { part, value } => field(part, value).map(Some),
            Section::File { .. } if !is_closed => Err(FormError::PartAfterFile),
            Section::File { told, received } if told.is_some_and(|told| told != received) => Err(FormError::PartLength),
            Section::File { received, .. } => match self.expected {
                Some(expected) if received != expected => Err(FormError::FileEndsEarly { expected, received }),
                _ => Ok(Some(FormEvent::FileEnd)),
            },
            _ => Ok(None),
        }
    }

    /// Takes one header line without its CRLF; `None` when more input is needed. Lines are collected, as they may be split.
    fn take_line(&mut self) -> Result<Option<Vec<u8>>, FormError> {
        let Section::Head { line, head_bytes, .. } = &mut self.section else { return Ok(None) };
        while let Some(chunk) = self.input.front_mut() {
            let end = memchr::memchr(b'\n', chunk).map(|at| at.saturating_add(1));
            let piece_len = end.unwrap_or(chunk.len());
            *head_bytes = head_bytes.saturating_add(piece_len);
            if *head_bytes > self.limits.header_bytes {
                return Err(FormError::HeaderBytes(self.limits.header_bytes));
            }
            line.extend_from_slice(&chunk.split_to(piece_len));
            if chunk.is_empty() {
                self.input.pop_front();
            }
            if end.is_some() {
                let mut line = mem::take(line);
                if !line.ends_with(b"\r\n") {
                    return Err(FormError::LineEnd);
                }
                line.truncate(line.len().saturating_sub(b"\r\n".len()));
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn header_line(&mut self, line: &[u8]) -> Result<Option<FormEvent>, FormError> {
        let Section::Head { head, .. } = &mut self.section else { return Ok(None) };
        if !line.is_empty() {
            return if line.contains(&b'\r') {
                Err(FormError::LineEnd)
            } else {
                head.add_line(line, self.limits.headers_per_part).map(|()| None)
            };
        }
        match mem::take(head).finish(self.limits.field_name)? {
            Part::Field(part) => {
                self.fields = self.fields.saturating_add(1);
                if self.fields > self.limits.fields {
                    return Err(FormError::FieldCount(self.limits.fields));
                }
                self.count_field_bytes(part.name.len())?;
                self.opening.begin();
                self.section = Section::Field { part, value: Vec::new() };
                Ok(None)
            }
            Part::File { part, told } => {
                self.opening.begin();
                self.section = Section::File { told, received: 0 };
                Ok(Some(FormEvent::FileStart(part)))
            }
        }
    }

    fn read_epilogue(&mut self) -> Result<(), FormError> {
        while let Some(chunk) = self.input.front_mut() {
            while let Some(byte) = chunk.first().copied() {
                self.section = Section::Epilogue(match (&self.section, byte) {
                    (Section::Epilogue(Epilogue::Nothing), b'\r') => Epilogue::Cr,
                    (Section::Epilogue(Epilogue::Cr), b'\n') => Epilogue::LineBreak,
                    _ => return Err(FormError::Epilogue),
                });
                chunk.advance(1);
            }
            self.input.pop_front();
        }
        Ok(())
    }
}

impl Section {
    fn new_head() -> Self {
        Self::Head { head: PartHead::default(), line: Vec::new(), head_bytes: 0 }
    }
}

/// A field whose value is complete.
fn field(part: FieldPart, value: Vec<u8>) -> Result<FormEvent, FormError> {
    let FieldPart { name, content_type, charset, told } = part;
    if told.is_some_and(|told| told != length::of(&value)) {
        return Err(FormError::PartLength);
    }
    if charset == Charset::Ascii && !value.is_ascii() {
        return Err(FormError::FieldNotAscii(name));
    }
    let Ok(value) = String::from_utf8(value) else { return Err(FormError::FieldNotUtf8(name)) };
    // RFC 7578 section 4.6: this field tells how all others are to be read.
    if name == CHARSET_FIELD && !value.eq_ignore_ascii_case("utf-8") {
        return Err(FormError::Charset);
    }
    Ok(FormEvent::Field { name, value, content_type })
}

/// The field that browsers fill with the form's encoding.
const CHARSET_FIELD: &str = "_charset_";
