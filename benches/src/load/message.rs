//! A whole request as bytes on the wire, built once and sent many times.

use std::io::Write;

use crate::content::Content;
use crate::job::JobKind;

/// Of a chunk of the chunked framing: what common clients write.
const CHUNK_LEN: usize = 64 * 1024;

/// Around the file in a form.
const BOUNDARY: &str = "----benches-7d1f0c3a9b5e4826";

/// The name that every upload has.
pub const FILE_NAME: &str = "file.bin";

/// The request of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `PUT` or `POST`.
    pub method: &'static str,
    /// Path.
    pub target: String,
    /// Names and values, without those of the framing.
    pub fields: Vec<(&'static str, String)>,
    /// What stands before the file in the body.
    pub prefix: Vec<u8>,
    /// What stands after it.
    pub suffix: Vec<u8>,
    /// Whether the body goes out in chunks, its size announced in `Upload-Length`.
    pub chunked: bool,
}

impl Request {
    /// What clients send for that job.
    #[must_use]
    pub fn of(job: JobKind) -> Self {
        let folder = match job {
            JobKind::RawToForm => "form",
            JobKind::RawToJson => "json",
            JobKind::PostPolicy => "policy",
            JobKind::PresignedPut => "presigned",
            JobKind::FormToRaw => return Self::form(),
            _ => "raw",
        };
        Self {
            method: "PUT",
            target: format!("/{folder}/{FILE_NAME}"),
            fields: vec![("Content-Type", "application/octet-stream".to_owned())],
            prefix: Vec::new(),
            suffix: Vec::new(),
            chunked: job == JobKind::Chunked,
        }
    }

    fn form() -> Self {
        let prefix = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{FILE_NAME}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        Self {
            method: "POST",
            target: "/unform".to_owned(),
            fields: vec![("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"))],
            prefix: prefix.into_bytes(),
            suffix: format!("\r\n--{BOUNDARY}--\r\n").into_bytes(),
            chunked: false,
        }
    }

    /// Of the whole body, in bytes.
    #[must_use]
    pub fn body_len(&self, content: &Content) -> u64 {
        self.prefix.len() as u64 + content.len() + self.suffix.len() as u64
    }

    /// The head for HTTP/1.1, blank line included.
    #[must_use]
    pub fn head(&self, content: &Content) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n", self.method, self.target);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&if self.chunked {
            format!("Transfer-Encoding: chunked\r\nUpload-Length: {}\r\n\r\n", content.len())
        } else {
            format!("Content-Length: {}\r\n\r\n", self.body_len(content))
        });
        head.into_bytes()
    }
}

/// A request in three parts: one that is sent once, one that is sent so often, and the end.
#[derive(Debug)]
pub struct Message {
    first: Vec<u8>,
    middle: Vec<u8>,
    repeats: u64,
    last: Vec<u8>,
}

impl Message {
    /// The request with that file.
    #[must_use]
    pub fn new(request: &Request, content: &Content) -> Self {
        let framed = |piece: &[u8]| if request.chunked { chunks(piece) } else { piece.to_vec() };
        let mut pieces = content.pieces();
        let tile = pieces.next().unwrap_or_default();
        let more: Vec<&[u8]> = pieces.collect();
        let repeats = more.iter().filter(|piece| piece.len() == tile.len()).count();
        let rest = more.get(repeats..).unwrap_or_default();
        // The head goes out with the first bytes of the file, and a small upload in one call.
        let mut first = request.head(content);
        first.extend(&request.prefix);
        first.extend(framed(tile));
        let mut last: Vec<u8> = rest.iter().flat_map(|piece| framed(piece)).collect();
        last.extend(&request.suffix);
        if request.chunked {
            last.extend(b"0\r\n\r\n");
        }
        if repeats == 0 {
            first.append(&mut last);
        }
        Self { first, middle: framed(tile), repeats: repeats as u64, last }
    }

    /// Writes it all.
    ///
    /// # Errors
    /// The stream failed.
    pub fn write(&self, stream: &mut impl Write) -> std::io::Result<()> {
        stream.write_all(&self.first)?;
        for _ in 0..self.repeats {
            stream.write_all(&self.middle)?;
        }
        stream.write_all(&self.last)?;
        stream.flush()
    }
}

fn chunks(piece: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(piece.len() + 64);
    for chunk in piece.chunks(CHUNK_LEN) {
        framed.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        framed.extend(chunk);
        framed.extend(b"\r\n");
    }
    framed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Framing, Inbound};

    fn body(job: JobKind, content: &Content) -> (Framing, Vec<u8>) {
        let mut wire = Vec::new();
        Message::new(&Request::of(job), content).write(&mut wire).expect("memory takes all");
        let mut inbound = Inbound::new(wire.as_slice());
        let head = inbound.request().expect("a request").expect("one");
        let mut body = Vec::new();
        inbound.body(head.framing, |piece| body.extend_from_slice(piece)).expect("a whole body");
        assert_eq!(inbound.request().expect("nothing more"), None);
        (head.framing, body)
    }

    #[test]
    fn the_file_comes_out_whole_in_every_framing_and_size() {
        for len in [0_u64, 1, 16 * 1024, 256 * 1024, 256 * 1024 + 1, 1_000_001] {
            let content = Content::repeated(len);
            let file: Vec<u8> = content.pieces().flatten().copied().collect();
            assert_eq!(body(JobKind::Raw, &content), (Framing::Counted(len), file.clone()));
            assert_eq!(body(JobKind::Chunked, &content), (Framing::Chunked, file.clone()));
            let request = Request::of(JobKind::FormToRaw);
            let form = [request.prefix.clone(), file, request.suffix.clone()].concat();
            assert_eq!(body(JobKind::FormToRaw, &content), (Framing::Counted(request.body_len(&content)), form));
        }
    }

    #[test]
    fn a_file_without_repetition_is_sent_once() {
        let content = Content::unique(700_001);
        let file: Vec<u8> = content.pieces().flatten().copied().collect();
        assert_eq!(body(JobKind::Raw, &content).1, file);
    }
}
