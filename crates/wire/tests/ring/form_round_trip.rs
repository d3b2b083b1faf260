//! Forms that we write: exact lengths, read back by our parser, and by multer as a judge that knows neither.

use bytes::Bytes;
use proptest::prelude::*;
use wire::form::{Boundary, FormBody, FormWriteError, FormWriter};
use wire::transform::Transform;

use crate::chunking;
use crate::form_decode::{derived, nothing, read};

fn boundary() -> Boundary {
    Boundary::from_random([0xA5; 16])
}

fn whole(form: &FormBody, file: &[u8]) -> Vec<u8> {
    let mut writer = form.envelope.open(Some(file.len() as u64)).expect("small");
    writer.push(Bytes::copy_from_slice(file)).expect("as announced");
    writer.finish().expect("as announced");
    writer.release();
    std::iter::from_fn(|| writer.pull()).collect::<Vec<_>>().concat()
}

#[test]
fn writes_what_browsers_write() {
    let form = FormWriter::new(boundary())
        .field("key", None, b"a/b")
        .and_then(|form| form.field("Policy", Some("text/plain"), b"eyJ"))
        .and_then(|form| form.file("file", Some("re\"d\r\n.png"), Some("image/png")))
        .and_then(|form| form.field("late", None, "ü".as_bytes()))
        .and_then(FormWriter::finish)
        .expect("well-formed");
    let name = "tidegate-a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5";
    assert_eq!(form.content_type, format!("multipart/form-data; boundary={name}"));
    let expected = format!(
        "--{name}\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na/b\r\n\
         --{name}\r\nContent-Disposition: form-data; name=\"Policy\"\r\nContent-Type: text/plain\r\n\r\neyJ\r\n\
         --{name}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"re%22d%0D%0A.png\"\r\n\
         Content-Type: image/png\r\n\r\nFILE\r\n\
         --{name}\r\nContent-Disposition: form-data; name=\"late\"\r\n\r\nü\r\n--{name}--\r\n"
    );
    assert_eq!(String::from_utf8(whole(&form, b"FILE")).expect("text"), expected);
    assert_eq!(form.envelope.body_len(4), Some(expected.len() as u64));
}

#[test]
fn writes_forms_without_a_file() {
    let writer = FormWriter::new(boundary()).field("a", None, b"1").expect("well-formed");
    let (content_type, body) = writer.finish_without_file().expect("no file");
    let form = read(&content_type, vec![body], nothing).expect("well-formed");
    assert_eq!(form.fields, [("a".to_owned(), "1".to_owned())]);
    assert_eq!(form.part, None);
}

#[test]
fn refuses_misuse_and_header_injection() {
    let new = || FormWriter::new(boundary());
    let injected = new().field("a", Some("text/plain\r\nX: y"), b"").map(|_| ());
    assert_eq!(injected, Err(FormWriteError::ControlInContentType));
    for name in ["a\\", "a\0", "a\u{1b}[2J", "a\u{85}b"] {
        let as_name = new().field(name, None, b"").map(|_| ());
        assert_eq!(as_name, Err(FormWriteError::UnsafeName), "{name:?}");
        let as_filename = new().file("f", Some(name), None).map(|_| ());
        assert_eq!(as_filename, Err(FormWriteError::UnsafeName), "{name:?}");
    }
    for kind in ["multipart/mixed; boundary=x", " Multipart/form-data", "multipart/x"] {
        let nested = new().file("f", Some("a"), Some(kind)).map(|_| ());
        assert_eq!(nested, Err(FormWriteError::Nested), "{kind:?}");
    }
    let file = || new().file("file", None, None).expect("well-formed");
    assert_eq!(file().file("again", None, None).map(|_| ()), Err(FormWriteError::SecondFile));
    assert_eq!(file().finish_without_file().map(|_| ()), Err(FormWriteError::UnexpectedFile));
    assert_eq!(new().finish(), Err(FormWriteError::NoFile));
}

#[test]
fn quotes_a_boundary_that_is_no_token() {
    let odd = Boundary::parse("a b:c").expect("allowed");
    let form = FormWriter::new(odd).file("f", Some("x"), None).and_then(FormWriter::finish).expect("well-formed");
    assert_eq!(form.content_type, "multipart/form-data; boundary=\"a b:c\"");
    assert_eq!(read(&form.content_type, vec![whole(&form, b"abc").into()], derived).expect("well-formed").file, b"abc");
}

/// Names as people give them, without the line breaks that only `%0D%0A` can carry.
fn name() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[a-zA-Z0-9 ;=\"ü€.\\[\\]-]{1,12}").expect("a valid expression")
}

proptest! {
    #![proptest_config(chunking::seeded(256))]

    #[test]
    fn reads_back_what_it_writes(
        fields in proptest::collection::vec((name(), "[^\0]{0,20}"), 0..5),
        part_name in name(),
        filename in name(),
        file in proptest::collection::vec(any::<u8>(), 0..200),
        sizes in chunking::sizes(),
    ) {
        let mut writer = FormWriter::new(boundary());
        for (name, value) in &fields {
            writer = writer.field(name, None, value.as_bytes()).expect("no content type");
        }
        let writer = writer.file(&part_name, Some(&filename), Some("a/b")).expect("first file");
        let form = writer.finish().expect("has a file");
        let body = whole(&form, &file);
        prop_assert_eq!(form.envelope.body_len(file.len() as u64), Some(body.len() as u64));
        let read = read(&form.content_type, chunking::by_sizes(&body, &sizes), derived).expect("well-formed");
        prop_assert_eq!(read.fields, fields);
        prop_assert_eq!(read.file, file);
        let part = read.part.expect("has a file");
        prop_assert_eq!((part.field, part.filename), (part_name, filename));
    }

    #[test]
    fn multer_reads_the_same(
        fields in proptest::collection::vec(("[a-z]{1,8}", "[a-z\r\n-]{0,20}"), 0..4),
        file in proptest::collection::vec(any::<u8>(), 0..200),
        sizes in chunking::sizes(),
    ) {
        let mut writer = FormWriter::new(boundary());
        for (name, value) in &fields {
            writer = writer.field(name, None, value.as_bytes()).expect("no content type");
        }
        let form = writer.file("file", Some("a.bin"), Some("image/png")).and_then(FormWriter::finish).expect("well-formed");
        let body = whole(&form, &file);
        let ours = read(&form.content_type, chunking::by_sizes(&body, &sizes), derived).expect("well-formed");
        let theirs = read_with_multer(boundary().as_str(), chunking::by_sizes(&body, &sizes));
        let part = ours.part.expect("has a file");
        let mut expected: Vec<_> =
            ours.fields.into_iter().map(|(name, value)| (name, None, None, value.into_bytes())).collect();
        expected.push((part.field, Some(part.filename), part.content_type, ours.file));
        prop_assert_eq!(theirs, expected);
    }
}

type MulterPart = (String, Option<String>, Option<String>, Vec<u8>);

fn read_with_multer(boundary: &str, chunks: Vec<Bytes>) -> Vec<MulterPart> {
    let stream = futures::stream::iter(chunks.into_iter().map(Ok::<_, std::io::Error>));
    let mut form = multer::Multipart::new(stream, boundary);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.expect("well-formed") {
            let name = field.name().expect("has a name").to_owned();
            let filename = field.file_name().map(str::to_owned);
            let content_type = field.content_type().map(ToString::to_string);
            parts.push((name, filename, content_type, field.bytes().await.expect("well-formed").to_vec()));
        }
        parts
    })
}
