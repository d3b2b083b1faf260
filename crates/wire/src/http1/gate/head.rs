//! Reading one head, incrementally: each byte is looked at once, and the first one that is wrong decides.

use super::HeadRefusal;
use super::framing::Framing;
use super::target::check_target;
use crate::http1::RequestFraming;
use crate::text::{is_token, trim_ows};

/// Bounds of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head, its last empty line included.
    pub bytes: usize,
    /// Bytes of one line, without its line end.
    pub line: usize,
    /// Field lines.
    pub fields: usize,
    /// Bytes of the request target.
    pub target: usize,
}

/// A head that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassedHead {
    /// Its length in bytes; what follows is the body's.
    pub len: usize,
    /// How its body ends.
    pub framing: RequestFraming,
}

/// Longest method: longer than any that is registered.
const MAX_METHOD: usize = 32;
/// What a request line holds beside its target, at most.
const REQUEST_LINE: usize = MAX_METHOD + b"  HTTP/1.1\r".len();

/// Reads one head.
#[derive(Debug, Clone)]
pub struct HeadReader {
    limits: HeadLimits,
    /// Bytes that were looked at.
    scanned: usize,
    /// Where the unfinished line begins.
    line_start: usize,
    /// Whether the last byte looked at was a carriage return.
    after_cr: bool,
    stage: Stage,
    fields: usize,
    framing: Framing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing but perhaps one empty line, which RFC 9112 section 2.2 wants ignored: some clients send one after a body.
    Start {
        empty_line: bool,
    },
    Fields {
        is_http10: bool,
    },
}

impl HeadReader {
    /// A reader at the beginning of a head.
    #[must_use]
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            scanned: 0,
            line_start: 0,
            after_cr: false,
            stage: Stage::Start { empty_line: false },
            fields: 0,
            framing: Framing::default(),
        }
    }

    /// Whether a byte of the head has come.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.scanned > 0
    }

    /// Looks on: `input` is everything since the head's first byte, what earlier calls saw included. `None` means that the
    /// head goes on.
    ///
    /// # Errors
    /// Why the head is refused; the reader is of no further use then.
    pub fn read(&mut self, input: &[u8]) -> Result<Option<PassedHead>, HeadRefusal> {
        loop {
            self.pass_plain_bytes(input);
            let Some(byte) = input.get(self.scanned).copied() else { return Ok(None) };
            self.scanned = self.scanned.saturating_add(1);
            match byte {
                b'\n' if self.after_cr => {
                    self.after_cr = false;
                    let line_end = self.scanned.saturating_sub(b"\r\n".len());
                    let line = input.get(self.line_start..line_end).unwrap_or_default();
                    self.line_start = self.scanned;
                    if let Some(framing) = self.end_line(line)? {
                        return Ok(Some(PassedHead { len: self.scanned, framing }));
                    }
                }
                b'\n' => return Err(HeadRefusal::BareLineFeed),
                _ if self.after_cr => return Err(HeadRefusal::BareCarriageReturn),
                b'\r' => self.after_cr = true,
                b'\t' => {}
                _ if byte.is_ascii_control() => return Err(HeadRefusal::ControlCharacter),
                _ => {}
            }
            self.check_bounds()?;
        }
    }

    /// Goes over bytes that neither end a line nor are refused, many at once: as far as no bound could be broken.
    fn pass_plain_bytes(&mut self, input: &[u8]) {
        if self.after_cr {
            return;
        }
        let of_line = self.line_limit().saturating_sub(self.scanned.saturating_sub(self.line_start));
        let of_head = self.limits.bytes.saturating_sub(1).saturating_sub(self.scanned);
        let rest = input.get(self.scanned..).unwrap_or_default();
        let rest = rest.get(..of_line.min(of_head)).unwrap_or(rest);
        self.scanned = self.scanned.saturating_add(plain_len(rest));
    }

    /// Bytes of an unfinished line, at most.
    fn line_limit(&self) -> usize {
        match self.stage {
            Stage::Start { .. } => self.limits.target.saturating_add(REQUEST_LINE),
            Stage::Fields { .. } => self.limits.line.saturating_add(b"\r".len()),
        }
    }

    fn check_bounds(&self) -> Result<(), HeadRefusal> {
        if self.scanned.saturating_sub(self.line_start) > self.line_limit() {
            return Err(match self.stage {
                Stage::Start { .. } => HeadRefusal::TargetTooLong(self.limits.target),
                Stage::Fields { .. } => HeadRefusal::LineTooLong(self.limits.line),
            });
        }
        if self.scanned >= self.limits.bytes { Err(HeadRefusal::HeadTooLong(self.limits.bytes)) } else { Ok(()) }
    }

    /// Takes a whole line; gives the framing when it was the last.
    fn end_line(&mut self, line: &[u8]) -> Result<Option<RequestFraming>, HeadRefusal> {
        match self.stage {
            Stage::Start { empty_line: false } if line.is_empty() => self.stage = Stage::Start { empty_line: true },
            Stage::Start { .. } => {
                let is_http10 = check_request_line(line, self.limits.target)?;
                self.stage = Stage::Fields { is_http10 };
            }
            Stage::Fields { is_http10 } if line.is_empty() => return self.framing.settle(is_http10).map(Some),
            Stage::Fields { .. } => self.take_field(line)?,
        }
        Ok(None)
    }

    fn take_field(&mut self, line: &[u8]) -> Result<(), HeadRefusal> {
        self.fields = self.fields.saturating_add(1);
        if self.fields > self.limits.fields {
            return Err(HeadRefusal::TooManyFields(self.limits.fields));
        }
        if matches!(line, [b' ' | b'\t', ..]) {
            return Err(HeadRefusal::FoldedField);
        }
        let colon = memchr::memchr(b':', line).ok_or(HeadRefusal::Field)?;
        let (name, value) = line.split_at_checked(colon).ok_or(HeadRefusal::Field)?;
        if !is_token(name) {
            return Err(HeadRefusal::Field);
        }
        self.framing.note(name, trim_ows(value.get(1..).unwrap_or_default()))
    }
}

/// How many bytes at the beginning are no control characters, tabs aside.
fn plain_len(bytes: &[u8]) -> usize {
    /// As many as the vector registers of every 64-bit processor hold.
    const AT_ONCE: usize = 16;
    let is_plain = |byte: u8| !byte.is_ascii_control() || byte == b'\t';
    // Without a way out inside, the compiler looks at all bytes of a group in a few instructions.
    let all_plain = |group: &[u8; AT_ONCE]| group.iter().fold(true, |plain, byte| plain & is_plain(*byte));
    let (groups, _) = bytes.as_chunks::<AT_ONCE>();
    let whole = groups.iter().take_while(|group| all_plain(group)).count().saturating_mul(AT_ONCE);
    let rest = bytes.get(whole..).unwrap_or_default();
    whole.saturating_add(rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len()))
}

/// Checks `METHOD target HTTP/1.x`; says whether it is HTTP/1.0.
fn check_request_line(line: &[u8], max_target: usize) -> Result<bool, HeadRefusal> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(HeadRefusal::RequestLine);
    };
    if !is_token(method) || method.len() > MAX_METHOD {
        return Err(HeadRefusal::Method);
    }
    if target.len() > max_target {
        return Err(HeadRefusal::TargetTooLong(max_target));
    }
    if matches!(method, b"CONNECT" | b"TRACE") {
        return Err(HeadRefusal::ForbiddenMethod);
    }
    check_target(target, method)?;
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(HeadRefusal::Version),
    }
}
