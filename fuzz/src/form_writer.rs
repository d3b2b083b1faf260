//! The writer of forms. The input: a byte for the file's place, the names of file and part and the file's type, then fields
//! as name, value and type (a type that is empty is none).

use wire::form::{Boundary, FormEvent, FormLimits, FormParser, FormWriteError, FormWriter};

use crate::chunks::Random;
use crate::fields::Fields;
use crate::naive;

/// What stands in place of the file.
const FILE: &[u8] = b"the file\r\n--with something like a delimiter--\r\n";

/// More parts tell nothing new.
const MAX_FIELDS: usize = 12;

struct Entry {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
    content: Vec<u8>,
}

/// Whatever the names are, the form has just the parts that were meant: a reader that follows the browsers' rules finds each
/// head line and each content, and our own parser reads it back where names need no escape.
pub fn form_writer(input: &[u8]) {
    let mut random = Random::of(input);
    let mut fields = Fields::of(input);
    let place = fields.choice(&[0, 1, 2, 3, MAX_FIELDS]);
    let file = Entry {
        filename: Some(fields.text()).filter(|name| !name.is_empty()),
        name: fields.text(),
        content_type: Some(fields.text()).filter(|text| !text.is_empty()),
        content: FILE.to_vec(),
    };
    let mut entries = Vec::new();
    while !fields.is_empty() && entries.len() < MAX_FIELDS {
        let (name, content) = (fields.text(), fields.bytes().to_vec());
        let content_type = Some(fields.text()).filter(|text| !text.is_empty());
        entries.push(Entry { name, filename: None, content_type, content });
    }
    let place = place.min(entries.len());
    entries.insert(place, file);
    let boundary = Boundary::from_random((u128::from(random.next()) << 64 | u128::from(random.next())).to_be_bytes());
    match write(&entries, place, &boundary) {
        Ok((content_type, body)) => {
            check_parts(&entries, &body, &boundary);
            if place + 1 == entries.len() && entries.iter().all(is_plain) {
                check_read_back(&entries, &content_type, &body);
            }
        }
        Err(error) => {
            assert!(entries.iter().any(Entry::is_dubious), "only what parsers read differently is refused: {error}");
        }
    }
}

impl Entry {
    /// Whether a writer may refuse it: a type that would write headers or be a form of its own, a name that no escape makes
    /// safe.
    fn is_dubious(&self) -> bool {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let is_multipart = content_type.trim_start().to_ascii_lowercase().starts_with("multipart/");
        let is_unsafe = |c: char| c == '\\' || (c.is_control() && !matches!(c, '\r' | '\n'));
        let filename = self.filename.as_deref().unwrap_or_default();
        is_multipart || !is_field_value(content_type) || self.name.contains(is_unsafe) || filename.contains(is_unsafe)
    }
}

fn write(entries: &[Entry], place: usize, boundary: &Boundary) -> Result<(String, Vec<u8>), FormWriteError> {
    let mut writer = FormWriter::new(boundary.clone());
    for (index, entry) in entries.iter().enumerate() {
        let content_type = entry.content_type.as_deref();
        writer = if index == place {
            writer.file(&entry.name, entry.filename.as_deref(), content_type)?
        } else {
            writer.field(&entry.name, content_type, &entry.content)?
        };
    }
    let form = writer.finish()?;
    let body = [&form.envelope.prefix, FILE, &form.envelope.suffix].concat();
    assert_eq!(form.envelope.body_len(FILE.len() as u64), Some(body.len() as u64));
    Ok((form.content_type, body))
}

/// WHATWG HTML, "multipart/form-data encoding algorithm": three characters are escaped, all others stand as they are.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn check_parts(entries: &[Entry], body: &[u8], boundary: &Boundary) {
    let parts = naive::parts(body, boundary.as_str().as_bytes());
    assert_eq!(parts.len(), entries.len(), "as many parts as were meant");
    for (part, entry) in parts.iter().zip(entries) {
        let mut disposition = format!("Content-Disposition: form-data; name=\"{}\"", escaped(&entry.name));
        if let Some(filename) = &entry.filename {
            disposition += &format!("; filename=\"{}\"", escaped(filename));
        }
        let mut head = vec![disposition.into_bytes()];
        head.extend(entry.content_type.as_ref().map(|text| format!("Content-Type: {text}").into_bytes()));
        assert_eq!(part.head, head.iter().map(Vec::as_slice).collect::<Vec<_>>(), "the head is the one that was meant");
        assert_eq!(part.content, entry.content, "so is the content");
    }
    assert!(body.ends_with(format!("\r\n--{boundary}--\r\n").as_bytes()));
}

fn is_field_value(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t')
}

/// Whether every parser agrees on what it means: no escapes, no control characters, text for a value, a file that is named.
fn is_plain(entry: &Entry) -> bool {
    let has_escape = |text: &str| text.contains(['\\', '%', '"']) || text.chars().any(|c| c.is_ascii_control());
    let filename = entry.filename.as_deref().unwrap_or_default();
    let is_file = entry.content == FILE;
    let is_word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
    let is_type = |text: &str| text.split_once('/').is_some_and(|(kind, rest)| is_word(kind) && is_word(rest));
    let has_type = entry.content_type.as_deref().is_none_or(is_type) && !entry.name.is_empty();
    let is_text = std::str::from_utf8(&entry.content).is_ok();
    is_text && has_type && !has_escape(&entry.name) && !has_escape(filename) && is_file == entry.filename.is_some()
}

fn check_read_back(entries: &[Entry], content_type: &str, body: &[u8]) {
    let limits = FormLimits { header_bytes: 1 << 20, field_name: 1 << 20, ..FormLimits::default() };
    let mut parser = FormParser::new(content_type, limits).expect("our own content type");
    parser.push(bytes::Bytes::copy_from_slice(body));
    let mut read = Vec::new();
    while let Some(event) = parser.next_event().expect("our own form is well-formed") {
        match event {
            FormEvent::Field { name, value, content_type } => {
                read.push((name, None, content_type, value.into_bytes()));
            }
            FormEvent::FileStart(part) => read.push((part.field, Some(part.filename), part.content_type, Vec::new())),
            FormEvent::FileData(data) => read.last_mut().expect("the file began").3.extend_from_slice(&data),
            FormEvent::FileEnd | FormEvent::End => {}
        }
    }
    parser.finish().expect("our own form is complete");
    let meant =
        |entry: &Entry| (entry.name.clone(), entry.filename.clone(), entry.content_type.clone(), entry.content.clone());
    assert_eq!(read, entries.iter().map(meant).collect::<Vec<_>>());
}
