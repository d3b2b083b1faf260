//! The tricks that are known to confuse form parsers, by name, and the limits.

use bytes::Bytes;
use wire::form::{Boundary, BoundaryError, FormError, FormEvent, FormLimits, FormParser};

use crate::form_decode::{derived, form_with, nothing, read_every_way, read_whole};

fn content_type(value: &str) -> Result<(), FormError> {
    FormParser::new(value, FormLimits::default()).map(|_| ())
}

/// A form of one part with these header lines.
fn part(headers: &str) -> Vec<u8> {
    format!("--bb\r\n{headers}\r\n\r\nx\r\n--bb--\r\n").into_bytes()
}

fn refused(headers: &str) -> FormError {
    read_every_way(&part(headers), nothing).expect_err(headers)
}

#[test]
fn refuses_two_boundaries() {
    for value in [
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a; BOUNDARY=a",
        "multipart/form-data; boundary=a; boundary*=UTF-8''b",
        "multipart/form-data; boundary*0=a; boundary*1=b",
        "multipart/form-data; boundary*=UTF-8''b",
    ] {
        assert_eq!(content_type(value), Err(FormError::AmbiguousBoundary), "{value}");
    }
}

#[test]
fn refuses_boundaries_that_readers_find_in_different_places() {
    for value in [
        "multipart/form-data; boundary=\"b\\b\"",
        "multipart/form-data; x=\"; boundary=c\"; boundary=b",
        "multipart/form-data; boundary=b; x=\"boundary=c\"",
        "multipart/form-data; boundary=b; x=\"\\\"; Boundary=c\"",
    ] {
        assert!(content_type(value).is_err(), "{value}");
    }
    assert_eq!(content_type("multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk"), Ok(()));
}

#[test]
fn refuses_part_headers_in_disguise() {
    let form = b"--bb\r\nContent-Disposition: form-data; name=f; filename=a\r\nContent_Disposition: form-data; name=f; filename=evil\r\n\r\nx\r\n--bb--\r\n";
    assert_eq!(read_whole(form), Err(FormError::MalformedHeader));
}

#[test]
fn refuses_bad_boundaries_and_other_types() {
    assert_eq!(content_type("multipart/form-data"), Err(FormError::NoBoundary));
    assert_eq!(content_type("multipart/form-data; boundary=\"\""), Err(FormError::Boundary(BoundaryError::Empty)));
    let long = "x".repeat(71);
    let error = content_type(&format!("multipart/form-data; boundary={long}"));
    assert_eq!(error, Err(FormError::Boundary(BoundaryError::TooLong(71))));
    for bad in ["\"a\r\nb\"", "\"a \"", "\"a\\\"b\"", "ü", "a@b", "a*b"] {
        let error = content_type(&format!("multipart/form-data; boundary={bad}"));
        assert_eq!(error, Err(FormError::Boundary(BoundaryError::BadCharacter)), "{bad}");
    }
    for other in [
        "",
        "multipart/mixed; boundary=a",
        "text/plain",
        "multipart/form-data boundary=a",
        "multipart/form-data; boundary=",
    ] {
        assert_eq!(content_type(other), Err(FormError::NotFormData), "{other}");
    }
}

#[test]
fn accepts_the_boundaries_of_common_clients() {
    for value in [
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "Multipart/Form-Data;boundary=\"----=_Part_1_2.3\"",
        "multipart/form-data; boundary=----=_Part_1_2.3",
        "multipart/form-data; charset=utf-8; boundary=\"a b:c/d?e\"",
    ] {
        assert_eq!(content_type(value), Ok(()), "{value}");
    }
    assert!(Boundary::parse(&"x".repeat(70)).is_ok());
}

#[test]
fn a_boundary_prefix_inside_the_content_is_content() {
    for content in ["\r\n--b", "\r\n--bbb\r\n", "\r\n--bb-", "\r\n--bb-x", "\r\n--bb\rx", "\r\n--bb\r\r\n--bb\r\r"] {
        for expect in [nothing, derived] {
            let form = read_every_way(&form_with(content.as_bytes()), expect).expect(content);
            assert_eq!(form.file, content.as_bytes());
        }
    }
}

#[test]
fn content_that_begins_with_line_breaks_or_a_part_of_the_boundary_is_content() {
    for content in ["\r\n", "\n", "\r\n\r\n", "\r", "-", "--", "--b", "--bc", "\n--bb--", "x--bb--\r\n"] {
        let form = read_every_way(&form_with(content.as_bytes()), derived).expect(content);
        assert_eq!(form.file, content.as_bytes());
    }
}

/// The line break that ends a part's head can be taken for the one that begins a delimiter: then the part is empty, and what
/// follows is another part. Go's reader does so.
#[test]
fn refuses_content_that_begins_with_the_boundary() {
    for content in
        ["--bb\r\n", "--bb--", "--bb--\r\n\r\n", "--bbx", "--bb\r\nContent-Disposition: form-data; name=a\r\n\r\nb"]
    {
        for expect in [nothing, derived] {
            let form = form_with(content.as_bytes());
            assert_eq!(read_every_way(&form, expect), Err(FormError::BoundaryBeginsContent), "{content:?}");
        }
    }
    let field = b"--bb\r\nContent-Disposition: form-data; name=a\r\n\r\n--bb\r\n--bb--\r\n";
    assert_eq!(read_every_way(field, nothing), Err(FormError::BoundaryBeginsContent), "a field, too");
}

#[test]
fn refuses_a_form_without_its_final_boundary() {
    let whole = form_with(b"abc");
    for len in 0..whole.len() - "\r\n".len() {
        let error = read_whole(&whole[..len]).expect_err("it is cut");
        assert_eq!(error, FormError::Truncated, "after {len} bytes");
    }
    assert_eq!(read_whole(&whole[..whole.len() - 1]), Err(FormError::Epilogue), "half a line break");
}

#[test]
fn refuses_a_second_file_part() {
    let first = form_with(b"abc");
    let first = first.strip_suffix(b"--\r\n").expect("as written");
    let second = b"\r\nContent-Disposition: form-data; name=g; filename=evil.exe\r\n\r\nMZ\r\n--bb--\r\n";
    let input = [first, second].concat();
    assert_eq!(read_every_way(&input, nothing), Err(FormError::PartAfterFile));
    assert_eq!(read_every_way(&input, derived), Err(FormError::PartAfterFile), "with a derived length, too");
}

#[test]
fn refuses_preamble_padding_and_epilogue() {
    for preamble in ["x", "\r\n", "preamble\r\n", "-", "--b\r\n", "--bbx\r\n", " "] {
        let input = [preamble.as_bytes(), &form_with(b"abc")].concat();
        assert_eq!(read_every_way(&input, nothing), Err(FormError::Preamble), "{preamble:?}");
    }
    for padding in ["--bb \r\n", "--bb\t--"] {
        assert_eq!(read_every_way(padding.as_bytes(), nothing), Err(FormError::Padding), "{padding:?}");
    }
    for epilogue in ["x", "\r\n", "--bb--", " ", "\n", "\0"] {
        let input = [&form_with(b"abc"), epilogue.as_bytes()].concat();
        assert_eq!(read_every_way(&input, nothing), Err(FormError::Epilogue), "{epilogue:?}");
    }
    assert_eq!(read_every_way(b"--bb--\n", nothing), Err(FormError::Epilogue));
}

#[test]
fn refuses_bare_line_feeds_and_folded_headers() {
    assert_eq!(refused("Content-Disposition: form-data; name=a\nX: y"), FormError::LineEnd);
    assert_eq!(refused("Content-Disposition: form-data; name=a\rX: y"), FormError::LineEnd);
    assert_eq!(refused("Content-Disposition: form-data; name=a\r\n ; filename=b"), FormError::FoldedHeader);
    assert_eq!(refused("Content-Disposition : form-data; name=a"), FormError::MalformedHeader);
    assert_eq!(refused("Content-Disposition: form-data; name=a\0"), FormError::MalformedHeader);
    assert_eq!(refused("nonsense"), FormError::MalformedHeader);
}

#[test]
fn refuses_missing_and_contradicting_names() {
    assert_eq!(refused("Content-Type: text/plain"), FormError::NoDisposition);
    assert_eq!(refused("Content-Disposition: attachment; name=a"), FormError::NoDisposition);
    assert_eq!(refused("Content-Disposition: form-data; filename=a"), FormError::NoName);
    let contradiction = "Content-Disposition: form-data; name=a; filename=a.txt; filename*=UTF-8''b.exe";
    assert!(matches!(refused(contradiction), FormError::Disposition(_)));
    let twice = "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b";
    assert_eq!(refused(twice), FormError::DuplicateHeader("Content-Disposition"));
    let types = "Content-Disposition: form-data; name=a\r\nContent-Type: a/b\r\nContent-Type: c/d";
    assert_eq!(refused(types), FormError::DuplicateHeader("Content-Type"));
    assert_eq!(
        read_whole(b"--bb\r\nContent-Disposition: form-data; name=a; filename=\"\xff\"\r\n\r\n"),
        Err(FormError::FileNameNotUtf8)
    );
}

#[test]
fn refuses_encoded_parts() {
    for (header, name) in [
        ("Content-Transfer-Encoding: base64", "Content-Transfer-Encoding"),
        ("Content-Transfer-Encoding: quoted-printable", "Content-Transfer-Encoding"),
        ("Content-Encoding: gzip", "Content-Encoding"),
    ] {
        let headers = format!("Content-Disposition: form-data; name=a; filename=b\r\n{header}");
        assert_eq!(refused(&headers), FormError::Encoded(name));
    }
}

#[test]
fn reads_quotes_and_semicolons_in_quoted_names() {
    let headers = r#"Content-Disposition: form-data; name="na;me"; filename="x%22; name=evil; \"y\".txt""#;
    let form = read_every_way(&part(headers), nothing).expect("well-formed").part.expect("a file part");
    assert_eq!((form.field.as_str(), form.filename.as_str()), ("na;me", "x\"; name=evil; \"y\".txt"));
}

#[test]
fn an_empty_filename_makes_a_file_part_and_filename_star_alone_is_accepted() {
    let empty = read_whole(&part("Content-Disposition: form-data; name=a; filename=\"\"")).expect("well-formed");
    assert_eq!(empty.part.expect("a file part").filename, "");
    let star =
        read_whole(&part("Content-Disposition: form-data; name=a; filename*=UTF-8''%C3%BC")).expect("well-formed");
    assert_eq!(star.part.expect("a file part").filename, "ü");
}

#[test]
fn refuses_fields_that_are_not_utf_8() {
    let input = b"--bb\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--bb--\r\n";
    assert_eq!(read_every_way(input, nothing), Err(FormError::FieldNotUtf8("a".to_owned())));
}

/// Feeds `piece` again and again until the parser refuses, and says after how many bytes.
fn fed_until_refused(start: &str, piece: &str) -> (FormError, usize) {
    let mut parser = FormParser::new("multipart/form-data; boundary=bb", FormLimits::default()).expect("a boundary");
    parser.push(Bytes::copy_from_slice(start.as_bytes()));
    let mut fed = 0;
    loop {
        match parser.next_event() {
            Ok(Some(event)) => assert!(matches!(event, FormEvent::Field { .. })),
            Ok(None) => {
                parser.push(Bytes::copy_from_slice(piece.as_bytes()));
                fed += piece.len();
                assert!(fed < 10_000_000, "it is refused some time");
            }
            Err(error) => return (error, fed),
        }
    }
}

#[test]
fn refuses_thousands_of_parts() {
    let piece = "Content-Disposition: form-data; name=a\r\n\r\nx\r\n--bb\r\n";
    let (error, fed) = fed_until_refused("--bb\r\n", piece);
    assert_eq!(error, FormError::FieldCount(128));
    assert_eq!(fed, 129 * piece.len());
}

#[test]
fn refuses_endless_headers_names_and_values() {
    let limits = FormLimits::default();
    let (error, fed) = fed_until_refused("--bb\r\nX: ", "y");
    assert_eq!((error, fed), (FormError::HeaderBytes(limits.header_bytes), limits.header_bytes - "X: ".len() + 1));
    assert_eq!(fed_until_refused("--bb\r\n", "X: y\r\n").0, FormError::HeaderCount(limits.headers_per_part));
    let start = "--bb\r\nContent-Disposition: form-data; name=a\r\n\r\n";
    let (error, fed) = fed_until_refused(start, "v");
    assert_eq!(error, FormError::FieldValue { name: "a".to_owned(), max: limits.field_value });
    assert_eq!(fed, limits.field_value + 1);
    let name = "n".repeat(limits.field_name + 1);
    assert_eq!(
        refused(&format!("Content-Disposition: form-data; name={name}")),
        FormError::FieldName(limits.field_name)
    );
    let field = format!("Content-Disposition: form-data; name=a\r\n\r\n{}\r\n--bb\r\n", "v".repeat(60_000));
    let (error, fed) = fed_until_refused("--bb\r\n", &field);
    assert_eq!((error, fed), (FormError::TotalFieldBytes(limits.total_field_bytes), 5 * field.len()));
}
