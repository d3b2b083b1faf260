//! The parser of clients' forms. The input is a content type, a line feed, and the body.

use bytes::Bytes;
use wire::form::{FormError, FormEvent, FormLimits, FormParser, Trailing};

use crate::chunks::cuts;
use crate::naive;

/// Bounds that short inputs can reach.
fn tight() -> FormLimits {
    FormLimits {
        fields: 3,
        field_name: 8,
        field_value: 24,
        total_field_bytes: 40,
        header_bytes: 160,
        headers_per_part: 3,
    }
}

/// What a parser said.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    fields: Vec<(String, String)>,
    /// Its offset in the body, its name and its bytes.
    file: Option<(u64, String, Vec<u8>)>,
    outcome: Result<(), FormError>,
}

/// A form reads the same however it is cut, stays within its bounds, and a complete one is what a parser that sees it whole
/// and knows nothing of ours takes it for.
pub fn form_parser(input: &[u8]) {
    let line_end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (content_type, body) = input.split_at(line_end);
    let content_type = String::from_utf8_lossy(content_type);
    let body = body.get(1..).unwrap_or_default();
    for limits in [FormLimits::default(), tight()] {
        let Ok(_) = FormParser::new(&content_type, limits) else { return };
        let open_ended = reading(&content_type, body, limits, Expected::Nothing);
        let derived = reading(&content_type, body, limits, Expected::Derived);
        if derived.outcome.is_ok() {
            assert_eq!(derived, open_ended, "what the derived length accepts is the same form");
        }
        if let Reading { file: Some((_, _, file)), outcome: Ok(()), .. } = &open_ended {
            check_told(&content_type, body, limits, file.len() as u64);
        }
    }
}

/// What is known of the file's length where it begins.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Nothing,
    /// It follows from the body's, as for a request with `Content-Length`.
    Derived,
    /// The client says it, as in `Upload-Length`.
    Told(u64),
}

/// Of a good form: the true length changes nothing, any other is found.
fn check_told(content_type: &str, body: &[u8], limits: FormLimits, len: u64) {
    for told in [len.checked_sub(1), Some(len), Some(len + 1)].into_iter().flatten() {
        let outcome = reading(content_type, body, limits, Expected::Told(told)).outcome;
        let is_found = outcome.as_ref().is_err_and(FormError::is_length_mismatch);
        assert_eq!(is_found, told != len, "{told} bytes told of {len}: {outcome:?}");
        assert!(is_found || outcome.is_ok());
    }
}

/// Reads a form in every cut, and checks what one reading can tell.
fn reading(content_type: &str, body: &[u8], limits: FormLimits, expected: Expected) -> Reading {
    let [whole, single, pieces] = cuts(body).map(|chunks| read(content_type, chunks, body.len(), limits, expected));
    assert_eq!(whole, single, "byte by byte");
    assert_eq!(whole, pieces, "in pieces");
    check_bounds(&whole, body, limits);
    if whole.outcome.is_ok() {
        check_whole(&whole, content_type, body);
    }
    whole
}

fn read(content_type: &str, chunks: Vec<Bytes>, len: usize, limits: FormLimits, expected: Expected) -> Reading {
    let mut parser = FormParser::new(content_type, limits).expect("it was accepted before");
    let mut reading = Reading { fields: Vec::new(), file: None, outcome: Ok(()) };
    let mut chunks = chunks.into_iter();
    loop {
        match parser.next_event() {
            Ok(Some(FormEvent::Field { name, value, .. })) => reading.fields.push((name, value)),
            Ok(Some(FormEvent::FileStart(part))) => {
                let framing = parser.offset().saturating_add(parser.closing_len());
                match expected {
                    Expected::Nothing => {}
                    Expected::Derived => {
                        let left = (len as u64).checked_sub(framing);
                        left.into_iter().for_each(|left| parser.expect_file_len(left, Trailing::Exact));
                    }
                    Expected::Told(told) => parser.expect_file_len(told, Trailing::Either),
                }
                assert!(reading.file.is_none(), "a form has one file");
                reading.file = Some((parser.offset(), part.filename, Vec::new()));
            }
            Ok(Some(FormEvent::FileData(data))) => {
                assert!(!data.is_empty(), "no piece is empty");
                reading.file.as_mut().expect("the file began").2.extend_from_slice(&data);
            }
            Ok(Some(_)) => {}
            Ok(None) => match chunks.next() {
                Some(chunk) => parser.push(chunk),
                None => {
                    reading.outcome = parser.finish();
                    return reading;
                }
            },
            Err(error) => {
                assert_eq!(parser.next_event(), Err(error.clone()), "an error stays");
                assert_eq!(parser.finish(), Err(error.clone()), "nothing is complete after an error");
                if matches!(error, FormError::FileRunsOver { .. } | FormError::BoundaryBeginsContent)
                    && let Some((_, _, data)) = &mut reading.file
                {
                    // A piece that crosses the line is refused whole, so how much came before it hangs on the cuts.
                    data.clear();
                }
                reading.outcome = Err(canonical(error));
                return reading;
            }
        }
    }
}

/// A value can break two bounds at once. Which one is met first hangs on the cuts; that one is does not.
fn canonical(error: FormError) -> FormError {
    match error {
        FormError::FieldValue { .. } | FormError::TotalFieldBytes(_) => FormError::TotalFieldBytes(0),
        other => other,
    }
}

fn check_bounds(reading: &Reading, body: &[u8], limits: FormLimits) {
    let total: usize = reading.fields.iter().map(|(_, value)| value.len()).sum();
    assert!(reading.fields.len() <= limits.fields && total <= limits.total_field_bytes);
    for (name, value) in &reading.fields {
        assert!(name.len() <= limits.field_name && value.len() <= limits.field_value);
    }
    if let Some((offset, _, data)) = &reading.file {
        let offset = usize::try_from(*offset).expect("within the body");
        assert_eq!(body.get(offset..offset + data.len()), Some(data.as_slice()), "the file is a slice of the body");
    }
}

/// Compares with the whole-buffer reader.
fn check_whole(reading: &Reading, content_type: &str, body: &[u8]) {
    let boundary = naive::first_line(body.strip_prefix(b"--").expect("a form begins with its boundary"));
    let boundary_text = String::from_utf8_lossy(boundary);
    if boundary_text.ends_with("--") {
        assert!(reading.fields.is_empty() && reading.file.is_none(), "a form that is closed at once is empty");
        return;
    }
    assert!(content_type.contains(&*boundary_text), "the boundary is the announced one");
    let contents: Vec<&[u8]> = naive::parts(body, boundary).into_iter().map(|part| part.content).collect();
    let file = reading.file.as_ref().map(|(_, _, data)| data.as_slice());
    let read: Vec<&[u8]> = reading.fields.iter().map(|(_, value)| value.as_bytes()).chain(file).collect();
    assert_eq!(read, contents, "the parts are those that stand in the body");
}
