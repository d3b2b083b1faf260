//! The upstream: reads what it got with readers that are not the gateway's, and compares it with what should have come.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::Upload;
use super::gateway::{Kind, Rule};
use crate::naive;

/// A request as it came.
struct Received {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    content: Vec<u8>,
}

/// Whether the bytes hold a complete request.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    read(bytes).is_some()
}

/// Checks that the bytes are one complete request and the one that was meant.
pub(super) fn check_meant(bytes: &[u8], upload: &Upload, rule: Rule) {
    let received = read(bytes).expect("what was stored is complete");
    let media_type =
        if upload.media_type.trim().is_empty() { "application/octet-stream" } else { upload.media_type.trim() };
    let content_type = received.header("content-type").expect("the body has a type");
    match rule.kind {
        Kind::Raw => {
            check_raw_head(&received, upload);
            assert_eq!(content_type, media_type);
            assert_eq!(received.content, upload.file, "the body is the file");
        }
        Kind::Json => {
            assert_eq!(content_type, "application/json");
            assert_eq!(text_of(&received.content), meant_json(upload, media_type).to_string(), "the body is this JSON");
        }
        Kind::Form => {
            let parts = [("title", upload.title.as_bytes()), ("note of \"it\"", upload.note.as_bytes())];
            check_form(&received, content_type, &parts, upload, media_type);
        }
        Kind::Learned => {
            let fields: Vec<_> = [("key", &upload.title), ("x-meta", &upload.note)].into();
            let parts: Vec<_> = fields.into_iter().map(|(name, value)| (name, value.as_bytes())).collect();
            check_form(&received, content_type, &parts, upload, media_type);
            assert_eq!(received.target, "/bucket?sig=a%2Fb");
        }
    }
    assert_eq!(received.header("host"), Some(rule.host()));
    let framing = ["content-length", "transfer-encoding"].iter().filter(|name| received.header(name).is_some()).count();
    assert_eq!(framing, 1, "one framing");
}

/// The name is one segment of the path, the title one value of the query, the note one header.
fn check_raw_head(received: &Received, upload: &Upload) {
    assert_eq!(received.method, "PUT");
    let (path, query) = received.target.split_once('?').expect("there is a query");
    let name = path.strip_prefix("/put/").expect("the path is the rule's");
    assert!(!name.contains('/') && !query.contains(['&', '?']), "a value stays in its place");
    assert_eq!(percent_decode_str(name).collect::<Vec<_>>(), upload.name.as_bytes());
    let title = query.strip_prefix("title=").expect("the query is the rule's");
    assert_eq!(percent_decode_str(title).collect::<Vec<_>>(), upload.title.as_bytes());
    assert_eq!(received.header("x-note"), Some(upload.note.trim()));
    let mut names: Vec<_> = received.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.retain(|name| !matches!(*name, "content-length" | "transfer-encoding"));
    names.sort_unstable();
    assert_eq!(names, ["content-type", "host", "x-note"], "no other header");
}

fn meant_json(upload: &Upload, media_type: &str) -> Value {
    let data = format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(&upload.file));
    json!({ "name": upload.name, "more": [upload.title, upload.note], "file": data, "kind": "upload" })
}

fn check_form(received: &Received, content_type: &str, fields: &[(&str, &[u8])], upload: &Upload, media_type: &str) {
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect("it is a form");
    let parts = naive::parts(&received.content, boundary.as_bytes());
    let head = |name: &str| format!("Content-Disposition: form-data; name=\"{}\"", name.replace('"', "%22"));
    let mut meant: Vec<(Vec<String>, &[u8])> = fields.iter().map(|(name, value)| (vec![head(name)], *value)).collect();
    let file_head = format!("{}; filename=\"{}\"", head("file"), upload.name.replace('"', "%22"));
    meant.push((vec![file_head, format!("Content-Type: {media_type}")], &upload.file));
    let text = |line: &&[u8]| text_of(line);
    let came: Vec<_> = parts.iter().map(|part| (part.head.iter().map(text).collect(), part.content)).collect();
    assert_eq!(came, meant, "the parts that were meant, in order");
    let ends = format!("--{boundary}--\r\n");
    assert!(received.content.ends_with(ends.as_bytes()), "the form is closed");
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| utf8_percent_encode("\u{fffd}", NON_ALPHANUMERIC).to_string())
}

/// One complete request with nothing behind it.
fn read(bytes: &[u8]) -> Option<Received> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head_len) = request.parse(bytes).ok()? else { return None };
    let headers =
        request.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text_of(header.value))).collect();
    let (method, target) = (request.method?.to_owned(), request.path?.to_owned());
    let mut received = Received { method, target, headers, content: Vec::new() };
    let body = bytes.get(head_len..)?;
    if received.header("transfer-encoding") == Some("chunked") {
        received.content = dechunked(body)?;
    } else {
        let len: usize = received.header("content-length")?.parse().ok()?;
        (body.len() >= len).then_some(())?;
        assert_eq!(body.len(), len, "not a byte more than promised");
        received.content = body.to_vec();
    }
    Some(received)
}

fn dechunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let line = naive::first_line(body);
        let size = usize::from_str_radix(std::str::from_utf8(line).ok()?, 16).ok()?;
        body = body.get(line.len() + 2..)?;
        if size == 0 {
            (body == b"\r\n").then_some(())?;
            return Some(content);
        }
        content.extend_from_slice(body.get(..size)?);
        body = body.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
