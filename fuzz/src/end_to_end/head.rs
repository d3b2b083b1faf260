//! The client's head: through the gate first, then through the parser of the server behind it, as in the real gateway.

use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode_str;
use wire::http1::RequestFraming;
use wire::http1::gate::{HeadLimits, HeadReader};

use super::gateway::Refused;

const LIMITS: HeadLimits = HeadLimits { bytes: 32 * 1024, line: 16 * 1024, fields: 64, target: 8 * 1024 };

/// What a head says.
pub(super) struct Head {
    pub(super) method: http::Method,
    pub(super) path: String,
    pub(super) params: Vec<(String, String)>,
    pub(super) content_type: String,
    pub(super) upload_length: Option<u64>,
    pub(super) repr_digest: Option<String>,
    pub(super) framing: RequestFraming,
}

impl Head {
    /// Reads a head, and gives what came behind it.
    pub(super) fn read(chunks: &mut impl Iterator<Item = Bytes>) -> Result<(Self, Bytes), Refused> {
        let mut reader = HeadReader::new(LIMITS);
        let mut input = BytesMut::new();
        loop {
            input.extend_from_slice(&chunks.next().ok_or(Refused)?);
            if let Some(passed) = reader.read(&input).map_err(|_| Refused)? {
                let head = input.split_to(passed.len);
                return Ok((Self::parse(&head, passed.framing)?, input.freeze()));
            }
        }
    }

    fn parse(head: &[u8], framing: RequestFraming) -> Result<Self, Refused> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut fields);
        request.parse(head).map_err(|_| Refused)?;
        let uri: http::Uri = request.path.ok_or(Refused)?.parse().map_err(|_| Refused)?;
        let field = |name: &str| -> Result<Option<String>, Refused> {
            let found = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            let text = found.map(|field| std::str::from_utf8(field.value)).transpose().map_err(|_| Refused)?;
            // As `HeaderValue::to_str`: beyond ASCII there is no text.
            if text.is_some_and(|text| !text.is_ascii()) { Err(Refused) } else { Ok(text.map(str::to_owned)) }
        };
        Ok(Self {
            method: request.method.unwrap_or_default().parse().map_err(|_| Refused)?,
            path: uri.path().to_owned(),
            params: pairs(uri.query().unwrap_or_default())?,
            content_type: field("content-type")?.unwrap_or_default(),
            upload_length: field("upload-length")?.map(|len| len.parse().map_err(|_| Refused)).transpose()?,
            repr_digest: field("repr-digest")?,
            framing,
        })
    }

    pub(super) fn content_length(&self) -> Option<u64> {
        match self.framing {
            RequestFraming::None => Some(0),
            RequestFraming::Length(len) => Some(len),
            RequestFraming::Chunked => None,
        }
    }
}

fn pairs(query: &str) -> Result<Vec<(String, String)>, Refused> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().map(Into::into).map_err(|_| Refused);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| Ok((decode(name)?, decode(value)?))).collect()
}
