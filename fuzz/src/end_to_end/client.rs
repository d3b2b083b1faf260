//! The client: a request as an honest or broken one writes it.

use wire::digest::{Algorithm, DigestSet, Digester, repr_digest_field};

use super::{Fault, Ingress, Upload};

/// A request. What its head says stands beside the bytes of its body.
pub(super) struct Request {
    pub(super) ingress: Ingress,
    /// The name of a raw upload.
    pub(super) name: String,
    /// `Content-Type`.
    pub(super) content_type: String,
    /// The query of a raw upload, decoded.
    pub(super) params: Vec<(String, String)>,
    pub(super) content_length: Option<u64>,
    pub(super) upload_length: Option<u64>,
    /// `Repr-Digest`, of a raw upload.
    pub(super) repr_digest: Option<String>,
    /// What follows the head.
    pub(super) body: Vec<u8>,
}

const BOUNDARY: &str = "----formboundary7MA4YWxkTrZu0gW";

/// Writes a request; none where an honest client has no way to say this.
pub(super) fn request(upload: &Upload, ingress: Ingress, fault: Fault) -> Option<Request> {
    if ingress == Ingress::RawUnknown && fault == Fault::Overlong {
        // Where nothing is announced, a longer file is just another file.
        return None;
    }
    let digest = match fault {
        Fault::TrueDigest => Some(digest_field(&upload.file)),
        Fault::WrongDigest => Some(digest_field(&[upload.file.as_slice(), b"!"].concat())),
        _ => None,
    };
    let params = [("title", &upload.title), ("note", &upload.note)];
    let params: Vec<_> = params.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    let content = match ingress {
        Ingress::Raw | Ingress::RawChunked | Ingress::RawUnknown => upload.file.clone(),
        Ingress::Form | Ingress::FormChunked => form(upload, &params, digest.as_deref(), fault)?,
    };
    let is_chunked = !matches!(ingress, Ingress::Raw | Ingress::Form);
    let file_len = upload.file.len() as u64 + u64::from(fault == Fault::LongAnnouncement);
    let content_length = (content.len() as u64) + u64::from(fault == Fault::LongAnnouncement);
    let mut body = if is_chunked { chunked(&content, fault) } else { content };
    match fault {
        Fault::Truncated => {
            body.pop()?;
        }
        Fault::Overlong => body.push(b'!'),
        _ => {}
    }
    Some(Request {
        ingress,
        name: upload.name.clone(),
        content_type: if ingress.is_form() {
            format!("multipart/form-data; boundary={BOUNDARY}")
        } else {
            upload.media_type.clone()
        },
        params: if ingress.is_form() { Vec::new() } else { params },
        content_length: (!is_chunked).then_some(content_length),
        upload_length: (is_chunked && ingress != Ingress::RawUnknown).then_some(file_len),
        repr_digest: digest.filter(|_| !ingress.is_form()),
        body,
    })
}

fn digest_field(file: &[u8]) -> String {
    let mut digester = Digester::new(DigestSet::EMPTY.with(Algorithm::Sha256));
    digester.update(file);
    repr_digest_field(&digester.finish()).expect("SHA-256 was computed")
}

/// As browsers write it; names that they escape so that parsers differ are left to another property.
fn form(upload: &Upload, params: &[(String, String)], digest: Option<&str>, fault: Fault) -> Option<Vec<u8>> {
    let holds_boundary = |bytes: &[u8]| bytes.windows(BOUNDARY.len()).any(|window| window == BOUNDARY.as_bytes());
    let is_text = |text: &str| !text.chars().any(char::is_control) && text.trim() == text;
    if upload.name.contains(['\\', '"', '%']) || !is_text(&upload.name) || !is_text(&upload.media_type) {
        return None;
    }
    let mut form = Vec::new();
    for (name, value) in params {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend_from_slice(head.as_bytes());
    }
    let digest = digest.map(|digest| format!("Repr-Digest: {digest}\r\n")).unwrap_or_default();
    let (name, media_type) = (&upload.name, &upload.media_type);
    let file_head = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n{digest}Content-Type: {media_type}\r\n\r\n"
    );
    for _ in 0..if fault == Fault::SecondFile { 2 } else { 1 } {
        form.extend_from_slice(file_head.as_bytes());
        form.extend_from_slice(&upload.file);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    let is_unambiguous = !holds_boundary(&upload.file) && params.iter().all(|(_, value)| !holds_boundary(value.as_bytes()));
    is_unambiguous.then_some(form)
}

/// The content in two chunks. An overlong one says more in its last chunk; the byte behind the body is pushed elsewhere.
fn chunked(content: &[u8], fault: Fault) -> Vec<u8> {
    let (left, right) = content.split_at(content.len() / 3);
    let mut body = Vec::new();
    for chunk in [left, right, if fault == Fault::Overlong { b"!" } else { b"" }] {
        if !chunk.is_empty() {
            body.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}
