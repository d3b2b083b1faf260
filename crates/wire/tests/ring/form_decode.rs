//! The form parser: events, offsets and lengths, at every split point and against a parser that sees the whole input at once.

use bytes::Bytes;
use proptest::prelude::*;
use wire::form::{FilePart, FormError, FormEvent, FormLimits, FormParser, Trailing};

use crate::chunking;

pub(crate) const CONTENT_TYPE: &str = "multipart/form-data; boundary=bb";

/// A form that was read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Form {
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) part: Option<FilePart>,
    pub(crate) file: Vec<u8>,
    /// Where the file began.
    pub(crate) offset: u64,
}

/// What is announced at the file's start.
type Expectation = fn(&FormParser, u64) -> Option<(u64, Trailing)>;

pub(crate) fn nothing(_: &FormParser, _: u64) -> Option<(u64, Trailing)> {
    None
}

/// As the gateway derives it: from the length of the request.
pub(crate) fn derived(parser: &FormParser, content_length: u64) -> Option<(u64, Trailing)> {
    let len = content_length.checked_sub(parser.offset())?.checked_sub(parser.closing_len())?;
    Some((len, Trailing::Exact))
}

pub(crate) fn read(content_type: &str, chunks: Vec<Bytes>, expect: Expectation) -> Result<Form, FormError> {
    let total = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    let mut parser = FormParser::new(content_type, FormLimits::default())?;
    let mut form = Form::default();
    let mut has_ended = (false, false);
    for chunk in chunks {
        parser.push(chunk);
        while let Some(event) = parser.next_event()? {
            match event {
                FormEvent::Field { name, value, .. } => form.fields.push((name, value)),
                FormEvent::FileStart(part) => {
                    form.part = Some(part);
                    form.offset = parser.offset();
                    if let Some((len, trailing)) = expect(&parser, total) {
                        parser.expect_file_len(len, trailing);
                    }
                }
                FormEvent::FileData(data) => {
                    assert!(!data.is_empty() && !has_ended.0, "data is never empty and never follows its end");
                    form.file.extend_from_slice(&data);
                }
                FormEvent::FileEnd => has_ended.0 = true,
                FormEvent::End => has_ended.1 = true,
            }
        }
    }
    parser.finish()?;
    assert_eq!(has_ended, (form.part.is_some(), true), "every end was told");
    assert_eq!(parser.offset(), total);
    Ok(form)
}

pub(crate) fn read_whole(input: &[u8]) -> Result<Form, FormError> {
    read(CONTENT_TYPE, vec![Bytes::copy_from_slice(input)], nothing)
}

/// Reads the input in one piece, at every split point and byte by byte, and demands the same outcome.
pub(crate) fn read_every_way(input: &[u8], expect: Expectation) -> Result<Form, FormError> {
    let whole = read(CONTENT_TYPE, vec![Bytes::copy_from_slice(input)], expect);
    for chunks in chunking::every_split(input).chain([chunking::in_chunks_of(1, input)]) {
        assert_eq!(read(CONTENT_TYPE, chunks.clone(), expect), whole, "{chunks:?}");
    }
    whole
}

/// A form with one field and a file of that content.
pub(crate) fn form_with(content: &[u8]) -> Vec<u8> {
    let head = b"--bb\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nA\r\ntitle\r\n\
        --bb\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\nContent-Type: image/png\r\n\r\n";
    [head.as_slice(), content, b"\r\n--bb--\r\n"].concat()
}

#[test]
fn reads_fields_and_file_at_every_split_point() {
    let input = form_with(b"\r\n\r\n--b\r\n--bbx--bb\r");
    for expect in [nothing as Expectation, derived] {
        let form = read_every_way(&input, expect).expect("well-formed");
        assert_eq!(form.fields, [("title".to_owned(), "A\r\ntitle".to_owned())]);
        assert_eq!(form.file, b"\r\n\r\n--b\r\n--bbx--bb\r");
        let part = form.part.expect("a file part");
        assert_eq!((part.field.as_str(), part.filename.as_str()), ("file", "a.bin"));
        assert_eq!(part.content_type.as_deref(), Some("image/png"));
        assert!(part.digests.is_empty());
    }
}

#[test]
fn derives_the_size_from_the_length_of_the_request() {
    let input = form_with(b"0123456789");
    let form = read_every_way(&input, derived).expect("well-formed");
    assert_eq!(form.offset as usize + 10 + "\r\n--bb--\r\n".len(), input.len());
    assert!(input[form.offset as usize..].starts_with(b"0123456789\r\n--bb"));
}

#[test]
fn reads_empty_files_fields_and_forms() {
    let form = read_every_way(&form_with(b""), derived).expect("an empty file");
    assert!(form.part.is_some() && form.file.is_empty());
    let empty_field = b"--bb\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--bb--";
    assert_eq!(read_every_way(empty_field, nothing).expect("an empty field").fields, [("a".to_owned(), String::new())]);
    assert_eq!(read_every_way(b"--bb--\r\n", nothing), Ok(Form::default()));
}

#[test]
fn accepts_both_endings_when_the_file_length_is_announced() {
    let announced: Expectation = |_, _| Some((3, Trailing::Either));
    let with_line_break = form_with(b"abc");
    let without = with_line_break.strip_suffix(b"\r\n").expect("as written above");
    assert_eq!(read_every_way(&with_line_break, announced).expect("with CRLF").file, b"abc");
    assert_eq!(read_every_way(without, announced).expect("without CRLF").file, b"abc");
}

#[test]
fn a_derived_length_that_does_not_fit_is_a_length_mismatch() {
    let input = form_with(b"abc");
    let without = input.strip_suffix(b"\r\n").expect("as written above");
    let error = read_every_way(without, derived).expect_err("two bytes are missing");
    assert_eq!(error, FormError::FileRunsOver { expected: 1 });
    assert!(error.is_length_mismatch());
    let padded = [&input[..], b"epilogue"].concat();
    let error = read_every_way(&padded, derived).expect_err("the epilogue counts as file");
    assert_eq!(error, FormError::FileEndsEarly { expected: 11, received: 3 });
    assert!(error.is_length_mismatch());
    let exact: Expectation = |_, _| Some((3, Trailing::Exact));
    assert_eq!(read_every_way(without, exact), Err(FormError::MissingFinalLineBreak));
}

#[test]
fn an_announced_length_that_does_not_fit_is_a_length_mismatch() {
    let short: Expectation = |_, _| Some((2, Trailing::Either));
    let long: Expectation = |_, _| Some((4, Trailing::Either));
    assert_eq!(read_every_way(&form_with(b"abc"), short), Err(FormError::FileRunsOver { expected: 2 }));
    assert_eq!(read_every_way(&form_with(b"abc"), long), Err(FormError::FileEndsEarly { expected: 4, received: 3 }));
    let cut = form_with(b"abc");
    let cut = cut.strip_suffix(b"c\r\n--bb--\r\n").expect("as written above");
    assert_eq!(read_every_way(cut, long), Err(FormError::FileEndsEarly { expected: 4, received: 2 }));
}

#[test]
fn reads_the_digests_of_the_file_part() {
    let head =
        "--bb\r\ncontent-disposition: FORM-DATA; name=f; filename=x\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let input = format!("{head}Content-Transfer-Encoding: binary\r\n\r\nabc\r\n--bb--\r\n");
    let part = read_every_way(input.as_bytes(), nothing).expect("well-formed").part.expect("a file part");
    assert_eq!(part.digests.algorithms().iter().collect::<Vec<_>>(), [wire::digest::Algorithm::Md5]);
    let malformed = input.replace("AAAA==", "A");
    assert!(matches!(read_whole(malformed.as_bytes()), Err(FormError::Digest(_))));
}

#[test]
fn passes_file_data_on_without_copying_it() {
    let input = Bytes::from(form_with(&[7; 5000]));
    let (start, end) = (input.as_ptr(), input.as_ptr().wrapping_add(input.len()));
    let mut parser = FormParser::new(CONTENT_TYPE, FormLimits::default()).expect("a boundary");
    parser.push(input);
    let mut received = 0;
    while let Some(event) = parser.next_event().expect("well-formed") {
        if let FormEvent::FileData(data) = event {
            assert!((start..end).contains(&data.as_ptr()), "the data is a slice of the chunk");
            received += data.len();
        }
    }
    assert_eq!(received, 5000);
}

/// What stands before the first delimiter of a content that is complete in memory; `None` when a boundary with padding or no
/// boundary at all comes first.
fn reference(content: &[u8]) -> Option<&[u8]> {
    (0..content.len()).find_map(|at| {
        let after = content[at..].strip_prefix(b"\r\n--bb")?;
        let is_line = [b"\r\n".as_slice(), b"--"].iter().any(|end| after.starts_with(end));
        let is_padded = [b" ".as_slice(), b"\t"].iter().any(|end| after.starts_with(end));
        if is_line { Some(Some(&content[..at])) } else { is_padded.then_some(None) }
    })?
}

proptest! {
    #![proptest_config(chunking::seeded(2000))]

    /// Contents made of the delimiter's own bytes, so that nearly every one is full of beginnings of delimiters.
    #[test]
    fn finds_the_delimiter_where_a_parser_of_the_whole_input_finds_it(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec!["\r", "\n", "-", "b", "\r\n--b", "\r\n--bb", "x", " ", "\r\n"]), 0..20),
        sizes in chunking::sizes(),
    ) {
        let content = pieces.concat();
        let input = form_with(content.as_bytes());
        let rest = input.strip_prefix(form_with(b"").strip_suffix(b"\r\n--bb--\r\n").expect("as written"))
            .expect("as written");
        let outcome = read(CONTENT_TYPE, chunking::by_sizes(&input, &sizes), nothing);
        match (reference(rest), outcome) {
            (None, outcome) => prop_assert_eq!(outcome, Err(FormError::Padding)),
            (Some(expected), Ok(form)) => prop_assert_eq!(form.file, expected),
            (Some(expected), Err(error)) => {
                prop_assert!(expected.len() < content.len(), "{} in {:?}", error, content);
                prop_assert!(matches!(error, FormError::PartAfterFile | FormError::Epilogue), "{}", error);
            }
        }
    }

    #[test]
    fn never_panics_and_fails_the_same_in_every_chunking(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "--bb", "\r\n", "--", "Content-Disposition: form-data; name=a", "; filename=b", "\"", ":", " ", "x", "\r", "\n", "\0",
        ]), 0..24),
        sizes in chunking::sizes(),
    ) {
        let input = format!("--bb\r\n{}", pieces.concat());
        let chunks = chunking::by_sizes(input.as_bytes(), &sizes);
        prop_assert_eq!(read(CONTENT_TYPE, chunks, nothing), read_whole(input.as_bytes()));
    }
}

#[test]
fn repeats_its_error() {
    let mut parser = FormParser::new(CONTENT_TYPE, FormLimits::default()).expect("a boundary");
    parser.push(Bytes::from_static(b"x"));
    assert_eq!(parser.next_event(), Err(FormError::Preamble));
    parser.push(Bytes::from(form_with(b"abc")));
    assert_eq!(parser.next_event(), Err(FormError::Preamble));
    assert_eq!(parser.finish(), Err(FormError::Preamble));
}

#[test]
fn takes_several_chunks_before_it_is_asked() {
    let mut parser = FormParser::new(CONTENT_TYPE, FormLimits::default()).expect("a boundary");
    for chunk in chunking::in_chunks_of(3, &form_with(b"abc\r\n--b")) {
        parser.push(chunk);
    }
    assert_eq!(parser.finish(), Err(FormError::Truncated), "nothing was read yet");
    let mut file = Vec::new();
    while let Some(event) = parser.next_event().expect("well-formed") {
        if let FormEvent::FileData(data) = event {
            file.extend_from_slice(&data);
        }
    }
    assert_eq!((parser.finish(), file.as_slice()), (Ok(()), b"abc\r\n--b".as_slice()));
}
