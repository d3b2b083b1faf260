//! The client's body: its framing, and the form in it.

use bytes::{Bytes, BytesMut};
use wire::form::{FilePart, FormEvent, FormLimits, FormParser, Trailing};
use wire::http1::chunked::ChunkedDecoder;

use super::gateway::Refused;
use super::head::Head;

/// What is left of a body.
pub(super) struct Body {
    /// What came behind the head.
    rest: Option<Bytes>,
    chunks: std::vec::IntoIter<Bytes>,
    /// A chunked body is taken apart first.
    decoder: Option<(ChunkedDecoder, BytesMut)>,
    /// Bytes that must still come, by `Content-Length`.
    left: u64,
    form: Option<FormParser>,
}

/// The fields of a form, the head of its file, and the file's size where it can be known.
type OpenedForm = (Vec<(String, String)>, FilePart, Option<u64>);

impl Body {
    pub(super) fn new(head: &Head, rest: Bytes, chunks: std::vec::IntoIter<Bytes>) -> Result<Self, Refused> {
        let is_form = head.method == http::Method::POST;
        let form = is_form.then(|| FormParser::new(&head.content_type, FormLimits::default()));
        let length = head.content_length();
        Ok(Self {
            rest: Some(rest).filter(|rest| !rest.is_empty()),
            chunks,
            decoder: length.is_none().then(|| (ChunkedDecoder::new(), BytesMut::new())),
            left: length.unwrap_or_default(),
            form: form.transpose().map_err(|_| Refused)?,
        })
    }

    /// The next bytes of the content; none only when the framing says that it ended. What comes behind the end is refused:
    /// the client of this property sends one request.
    fn content(&mut self) -> Result<Option<Bytes>, Refused> {
        loop {
            if let Some((decoder, buffer)) = &mut self.decoder
                && let Some(data) = decoder.decode(buffer).map_err(|_| Refused)?
            {
                return Ok(Some(data));
            }
            let Some(chunk) = self.rest.take().or_else(|| self.chunks.next()) else {
                let is_ended = match &self.decoder {
                    Some((decoder, buffer)) => decoder.is_complete() && buffer.is_empty(),
                    None => self.left == 0,
                };
                return if is_ended { Ok(None) } else { Err(Refused) };
            };
            let Some((_, buffer)) = &mut self.decoder else {
                self.left = self.left.checked_sub(chunk.len() as u64).ok_or(Refused)?;
                return Ok(Some(chunk));
            };
            buffer.extend_from_slice(&chunk);
        }
    }

    /// Reads a form up to its file.
    pub(super) fn open_form(&mut self, head: &Head) -> Result<OpenedForm, Refused> {
        let mut fields = Vec::new();
        loop {
            let parser = self.form.as_mut().ok_or(Refused)?;
            match parser.next_event().map_err(|_| Refused)? {
                Some(FormEvent::Field { name, value, .. }) => fields.push((name, value)),
                Some(FormEvent::FileStart(part)) => return Ok((fields, part, file_size(parser, head)?)),
                Some(_) => return Err(Refused),
                None => match self.content()? {
                    Some(chunk) => self.form.as_mut().ok_or(Refused)?.push(chunk),
                    None => return Err(Refused),
                },
            }
        }
    }

    /// The next bytes of the file; none only on proof of its end.
    pub(super) fn file(&mut self) -> Result<Option<Bytes>, Refused> {
        loop {
            let Some(parser) = &mut self.form else { return self.content() };
            match parser.next_event().map_err(|_| Refused)? {
                Some(FormEvent::FileData(data)) => return Ok(Some(data)),
                Some(_) => {}
                None => match self.content()? {
                    Some(chunk) => self.form.as_mut().ok_or(Refused)?.push(chunk),
                    None => return self.form.as_mut().ok_or(Refused)?.finish().map(|()| None).map_err(|_| Refused),
                },
            }
        }
    }
}

fn file_size(parser: &mut FormParser, head: &Head) -> Result<Option<u64>, Refused> {
    let framing = parser.offset() + parser.closing_len();
    if let Some(told) = head.upload_length {
        parser.expect_file_len(told, Trailing::Either);
        return Ok(Some(told));
    }
    let Some(body) = head.content_length() else { return Ok(None) };
    let derived = body.checked_sub(framing).ok_or(Refused)?;
    parser.expect_file_len(derived, Trailing::Exact);
    Ok(Some(derived))
}
