//! The client: a request as an honest or broken one writes it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use wire::digest::{Algorithm, DigestSet, Digester, repr_digest_field};

use super::{Fault, Ingress, Upload};

const BOUNDARY: &str = "----formboundary7MA4YWxkTrZu0gW";

/// Writes a request, head and body; none where an honest client has no way to say this.
pub(super) fn request(upload: &Upload, ingress: Ingress, fault: Fault) -> Option<Vec<u8>> {
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
    let content = match ingress {
        Ingress::Raw | Ingress::RawChunked | Ingress::RawUnknown => upload.file.clone(),
        Ingress::Form | Ingress::FormChunked => form(upload, &params, digest.as_deref(), fault)?,
    };
    let is_chunked = !matches!(ingress, Ingress::Raw | Ingress::Form);
    let is_long = u64::from(fault == Fault::LongAnnouncement);
    let mut bytes = head(upload, ingress, digest.as_deref())?;
    if is_chunked {
        bytes += "Transfer-Encoding: chunked\r\n";
    } else {
        bytes += &format!("Content-Length: {}\r\n", content.len() as u64 + is_long);
    }
    if is_chunked && ingress != Ingress::RawUnknown {
        bytes += &format!("Upload-Length: {}\r\n", upload.file.len() as u64 + is_long);
    }
    let mut bytes = (bytes + "\r\n").into_bytes();
    let head_len = bytes.len();
    bytes.extend(if is_chunked { chunked(&content, fault) } else { content });
    match fault {
        // Of a request without a body there is nothing to cut off.
        Fault::Truncated if bytes.len() == head_len => return None,
        Fault::Truncated => {
            bytes.pop();
        }
        Fault::Overlong => bytes.push(b'!'),
        _ => {}
    }
    Some(bytes)
}

/// The request line and the fields that do not frame the body.
fn head(upload: &Upload, ingress: Ingress, digest: Option<&str>) -> Option<String> {
    if upload.media_type.contains(['\r', '\n']) {
        // That would be a head of its own; the gate has a property for it.
        return None;
    }
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let Upload { name, title, note, media_type, .. } = upload;
    let host = "Host: gateway.example\r\n";
    if ingress.is_form() {
        return Some(format!("POST /r HTTP/1.1\r\n{host}Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"));
    }
    let target = format!("/r/{}?title={}&note={}", encoded(name), encoded(title), encoded(note));
    let digest = digest.map(|digest| format!("Repr-Digest: {digest}\r\n")).unwrap_or_default();
    Some(format!("PUT {target} HTTP/1.1\r\n{host}Content-Type: {media_type}\r\n{digest}"))
}

fn digest_field(file: &[u8]) -> String {
    let mut digester = Digester::new(DigestSet::EMPTY.with(Algorithm::Sha256));
    digester.update(file);
    repr_digest_field(&digester.finish()).expect("SHA-256 was computed")
}

/// As browsers write it; names that they escape so that parsers differ are left to another property.
fn form(upload: &Upload, params: &[(&str, &String)], digest: Option<&str>, fault: Fault) -> Option<Vec<u8>> {
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
    let is_unambiguous =
        !holds_boundary(&upload.file) && params.iter().all(|(_, value)| !holds_boundary(value.as_bytes()));
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
