//! multer as a judge of forms that others wrote: wherever both accept a form, both must have read the same.
//!
//! multer is known to be wrong in two ways (ARCHITECTURE.md, "Form parsers"): it ends a part at a boundary that only goes on, so
//! contents here hold none, and it does not know `filename*` and the escapes of browsers, so heads have neither.

use bytes::Bytes;
use proptest::prelude::*;

use crate::chunking;
use crate::form_decode::{Form, nothing, read};

/// A part as multer gives it: name, file name, type, content.
type Part = (Option<String>, Option<String>, Option<String>, Vec<u8>);

const CONTENT_TYPE: &str = "multipart/form-data; boundary=boundary";

/// None: it refuses the form.
fn multer_reads(body: Vec<u8>) -> Option<Vec<Part>> {
    let boundary = multer::parse_boundary(CONTENT_TYPE).ok()?;
    let stream = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
    let mut form = multer::Multipart::new(stream, boundary);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await.ok()? {
            let name = field.name().map(str::to_owned);
            let filename = field.file_name().map(str::to_owned);
            let content_type = field.content_type().map(ToString::to_string);
            parts.push((name, filename, content_type, field.bytes().await.ok()?.to_vec()));
        }
        Some(parts)
    })
}

fn ours(form: Form) -> Vec<Part> {
    let fields = form.fields.into_iter().map(|(name, value)| (Some(name), None, None, value.into_bytes()));
    let file = form.part.map(|part| (Some(part.field), Some(part.filename), part.content_type, form.file));
    fields.chain(file).collect()
}

/// Types without their parameters, which multer writes in its own way.
fn with_essences(parts: Vec<Part>) -> Vec<Part> {
    let essence = |kind: String| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    parts.into_iter().map(|(name, filename, kind, content)| (name, filename, kind.map(essence), content)).collect()
}

proptest! {
    #![proptest_config(chunking::seeded(3000))]

    #[test]
    fn multer_reads_the_same_wherever_both_accept(
        names in proptest::collection::vec("[a-z\\[\\]._ ;=]{1,6}", 0..3),
        filename in "[a-z. ;=\u{fc}]{1,8}",
        contents in proptest::collection::vec(proptest::sample::select(vec!["", "x", "\r\n", "\r\n--", "\r\n--bound", "\n", "--"]), 3),
        atom in proptest::sample::select(vec!["", ";", "\"", "=", ":", " ", "\t", "\r\n", "\r", "\n", "name=a", "; name=\"a\"", "; filename=\"a\"", ",", "x", "\0"]),
        at in 0_usize..400,
    ) {
        let mut body = String::new();
        for (name, content) in names.iter().zip(&contents) {
            body += &format!("--boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n");
        }
        body += &format!("--boundary\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{filename}\"\r\n");
        body += &format!("Content-Type: image/png\r\n\r\n{}\r\n--boundary--\r\n", contents[2]);
        let at = (0..=at.min(body.len())).rev().find(|at| body.is_char_boundary(*at)).unwrap_or_default();
        body.insert_str(at, atom);
        let body = body.into_bytes();
        let form = read(CONTENT_TYPE, vec![Bytes::copy_from_slice(&body)], nothing);
        // A type that is none is refused with the file, later than here; multer leaves it out.
        let is_type = |form: &Form| {
            let kind = form.part.as_ref().and_then(|part| part.content_type.as_deref());
            kind.is_none_or(|kind| wire::media_type::MediaType::parse(kind).is_some())
        };
        let form = form.ok().filter(is_type);
        if let (Some(form), Some(theirs)) = (form, multer_reads(body)) {
            // A field's own type is not told by our reader in these tests.
            let theirs: Vec<Part> = theirs.into_iter().map(|(name, filename, kind, content)| {
                let kind = kind.filter(|_| filename.is_some());
                (name, filename, kind, content)
            }).collect();
            prop_assert_eq!(with_essences(ours(form)), with_essences(theirs));
        }
    }
}
