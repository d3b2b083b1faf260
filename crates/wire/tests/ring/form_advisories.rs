//! One test for each trick that an advisory about another form parser is about, under its number.
//!
//! The parsers were wrong in four ways: without a bound, slow, reading what was not sent, or believing what the client says.

use wire::disposition::DispositionError;
use wire::form::{FormError, FormLimits, FormParser, MAX_FIELDS, MAX_PART_HEADER_BYTES, MAX_PART_HEADERS};

use crate::form_decode::{derived, form_with, nothing, read, read_every_way, read_whole};

const FIELD: &str = "Content-Disposition: form-data; name=\"a\"";
const FILE: &str = "Content-Disposition: form-data; name=\"f\"; filename=\"a.txt\"";

fn part(headers: &str, content: &str) -> Vec<u8> {
    format!("--bb\r\n{headers}\r\n\r\n{content}\r\n--bb--\r\n").into_bytes()
}

fn refused(headers: &str, content: &str) -> FormError {
    read_every_way(&part(headers, content), nothing).expect_err(headers)
}

fn refused_name(parameters: &str) -> DispositionError {
    match refused(&format!("Content-Disposition: form-data; {parameters}"), "x") {
        FormError::Disposition(error) => error,
        other => panic!("{parameters}: {other:?}"),
    }
}

fn content_type(value: &str) -> Result<(), FormError> {
    FormParser::new(value, FormLimits::default()).map(|_| ())
}

// Without a bound.

/// CVE-2023-25577 (Werkzeug), CVE-2023-24998 (Commons FileUpload), CVE-2023-25576 (@fastify/multipart), CVE-2023-27530 (Rack),
/// CVE-2023-0662 (PHP), CVE-2022-41725 and CVE-2023-24536 (Go): parts without number.
#[test]
fn thousands_of_parts_are_refused_at_the_first_one_too_many() {
    let field = format!("{FIELD}\r\n\r\n\r\n--bb\r\n");
    let input = format!("--bb\r\n{}", field.repeat(10_000));
    assert_eq!(read_whole(input.as_bytes()), Err(FormError::FieldCount(MAX_FIELDS)));
    let as_many_as_allowed = format!("--bb\r\n{}{FILE}\r\n\r\nx\r\n--bb--\r\n", field.repeat(MAX_FIELDS));
    assert_eq!(read_whole(as_many_as_allowed.as_bytes()).expect("as many as allowed").fields.len(), MAX_FIELDS);
}

/// CVE-2026-42561 (python-multipart), CVE-2025-48976 (Commons FileUpload): headers of a part without number.
#[test]
fn thousands_of_headers_in_a_part_are_refused_at_the_first_one_too_many() {
    let headers = "X-A: b\r\n".repeat(5_000);
    assert_eq!(refused_whole(&headers), FormError::HeaderCount(MAX_PART_HEADERS));
}

/// CVE-2025-61772 (Rack), CVE-2026-42561 (python-multipart), CVE-2023-45290 (Go): one header line without end.
#[test]
fn a_header_line_without_end_is_refused_at_its_bound() {
    let line = format!("X-A: {}", "b".repeat(1_000_000));
    assert_eq!(refused_whole(&line), FormError::HeaderBytes(MAX_PART_HEADER_BYTES));
    let empty_name = format!("{}: x", "a".repeat(1_000_000));
    assert_eq!(refused_whole(&empty_name), FormError::HeaderBytes(MAX_PART_HEADER_BYTES));
}

fn refused_whole(headers: &str) -> FormError {
    read_whole(format!("--bb\r\n{headers}\r\n").as_bytes()).expect_err("too much")
}

/// CVE-2025-61770 (Rack): a preamble that is kept until a boundary comes. CVE-2024-53981 (python-multipart): one of CR and LF.
#[test]
fn a_preamble_is_refused_at_its_first_byte() {
    for preamble in ["\r", "\n", "\r\n", "\r\n\r\n", "x", "\0", "--b", " --bb"] {
        let input = [preamble.as_bytes(), &form_with(b"abc")].concat();
        assert_eq!(read_every_way(&input, nothing), Err(FormError::Preamble), "{preamble:?}");
    }
}

/// CVE-2024-47874 (Starlette), CVE-2025-61771 (Rack), CVE-2024-49767 (Werkzeug): a field without file name of any size.
#[test]
fn a_field_of_any_size_is_refused_at_its_bound() {
    let limits = FormLimits::default();
    let value = "v".repeat(limits.field_value + 1);
    let error = read_whole(&part(FIELD, &value)).expect_err("too long");
    assert_eq!(error, FormError::FieldValue { name: "a".to_owned(), max: limits.field_value });
    let fits = "v".repeat(limits.field_value);
    assert_eq!(read_whole(&part(FIELD, &fits)).expect("as long as allowed").fields[0].1, fits);
}

/// Names count as well: many fields with long names and empty values hold as much as one large value.
#[test]
fn names_of_fields_count_among_the_bytes_of_all_fields() {
    let limits = FormLimits::default();
    let name = "n".repeat(limits.field_name);
    let mut parser =
        FormParser::new("multipart/form-data; boundary=bb", FormLimits { total_field_bytes: 1_000, ..limits })
            .expect("a boundary");
    let field = format!("Content-Disposition: form-data; name={name}\r\n\r\n\r\n--bb\r\n");
    parser.push(format!("--bb\r\n{}", field.repeat(4)).into());
    let error = std::iter::repeat_with(|| parser.next_event()).find_map(Result::err);
    assert_eq!((error, parser.field_bytes()), (Some(FormError::TotalFieldBytes(1_000)), 4 * limits.field_name));
}

/// CVE-2014-0050 (Commons FileUpload, Tomcat): a boundary that is longer than the buffer that searches for it.
#[test]
fn a_boundary_longer_than_rfc_2046_allows_is_refused() {
    for len in [71, 4_091, 4_092, 8_192, 20_000] {
        let value = format!("multipart/form-data; boundary={}", "b".repeat(len));
        assert!(matches!(content_type(&value), Err(FormError::Boundary(_))), "{len}");
    }
}

// Slow: see `form::work` for the steps that are counted.

/// CVE-2023-46136 (Werkzeug), CVE-2024-8925 (PHP): a part that begins with CR or LF, or a boundary that begins at a chunk's end.
#[test]
fn parts_that_begin_with_cr_or_lf_are_content_at_every_split_point() {
    for content in ["\r", "\n", "\r\r\r\r", "\n\n\n", "\r\n", "\n\r", "\r\n--b", "\r\n--", "\r-\n-", "\r\n\r\n--bb"] {
        let content = format!("{content}tail");
        let form = read_every_way(&form_with(content.as_bytes()), derived).expect("content");
        assert_eq!(form.file, content.as_bytes(), "{content:?}");
    }
}

// Reading what was not sent.

/// CVE-2022-24434 (dicer): a header line that begins with a space took the process down.
#[test]
fn a_part_that_begins_with_a_space_is_refused() {
    assert_eq!(refused(" Content-Disposition: form-data; name=\"a\"", "x"), FormError::FoldedHeader);
    assert_eq!(refused("\tContent-Disposition: form-data; name=\"a\"", "x"), FormError::FoldedHeader);
}

/// CVE-2022-48279 (ModSecurity) and OBS-fold: a header that goes on in the next line.
#[test]
fn folded_headers_are_refused_wherever_they_fold() {
    for headers in [
        "Content-Disposition: form-data; name=\"a\"\r\n ; filename=\"b\"",
        "Content-Disposition: form-data; name=\"a\"\r\n \r\nContent-Type: a/b",
    ] {
        assert_eq!(refused(headers, "x"), FormError::FoldedHeader, "{headers:?}");
    }
    for cut_at_once in
        ["Content-Disposition:\r\n\tform-data; name=\"a\"", "Content-Disposition: form-data;\r\n name=\"a\""]
    {
        assert_eq!(refused(cut_at_once, "x"), FormError::Disposition(DispositionError::Malformed));
    }
}

/// CVE-2009-5031 and MODSEC-312 (ModSecurity): PHP takes single quotes for quotes, at any place of a value.
#[test]
fn single_quotes_outside_of_double_quotes_are_refused() {
    for parameters in ["name='a'", "name=\"a\"; filename='b.txt'", "name=a'b", "name=\"a\"; filename=b';x='"] {
        assert_eq!(refused_name(parameters), DispositionError::Unquoted('\''), "{parameters}");
    }
    assert_eq!(refused_name("name=\"a\"; filename=b%22c"), DispositionError::Unquoted('%'));
    assert_eq!(refused_name("name=\"a\\\\b\""), DispositionError::Backslash);
    assert_eq!(refused_name("name=\"a\\b\""), DispositionError::Backslash);
    let form = read_whole(&part("Content-Disposition: form-data; name=\"a\"; filename=\"it's.txt\"", "x"));
    assert_eq!(form.expect("an honest name").part.expect("a file").filename, "it's.txt");
}

/// Two names of one part, in every spelling by which a filter before an application was passed.
#[test]
fn doubled_names_are_refused_in_every_spelling() {
    for parameters in [
        "name=\"a\"; name=\"b\"",
        "name=\"a\"; NAME=\"a\"",
        "name=\"a\"; filename=\"x\"; filename=\"x\"",
        "name=\"a\"; filename*=UTF-8''x; filename*=UTF-8''x",
    ] {
        assert!(matches!(refused_name(parameters), DispositionError::Duplicate(_)), "{parameters}");
    }
    for parameters in ["name*0=\"a\"", "name=\"a\"; filename*0=\"x\"", "name=\"a\"; filename*0*=UTF-8''x; filename*1=y"]
    {
        assert!(matches!(refused_name(parameters), DispositionError::Continuation(_)), "{parameters}");
    }
    assert_eq!(refused_name("name=\"a\"; name*=UTF-8''b"), DispositionError::ExtendedName);
    assert_eq!(refused_name("name*=UTF-8''b"), DispositionError::ExtendedName);
}

/// A quote that does not close, closes twice, or is followed by something: busboy, PHP and Werkzeug read three things.
#[test]
fn unbalanced_quotes_are_refused() {
    for parameters in [
        "name=\"a",
        "name=a\"",
        "name=\"a\"b\"",
        "name=\"a\"\"b\"",
        "name=\"a\"; filename=\"x\\\"",
        "name=\"a\"; filename=\"x\"y",
        "name=\"a\"; filename=x y",
        "name=\"a\"; filename =\"x\"",
        "name=\"a\"; filename= \"x\"",
        "name=\"a\", filename=\"x\"",
        "name",
        "name=",
        "name=\"a\"; ; =x",
        "name=\"a\";",
        "name=\"a\";; x=y",
        "; name=\"a\"",
    ] {
        assert_eq!(refused_name(parameters), DispositionError::Malformed, "{parameters}");
    }
}

/// `name=x; filename=y` inside of quotes is a name (multer takes it for two parameters).
#[test]
fn parameters_inside_of_quotes_are_text() {
    let headers = "Content-Disposition: form-data; name=\"x; filename=y\"";
    assert_eq!(
        read_whole(&part(headers, "v")).expect("a field").fields,
        [("x; filename=y".to_owned(), "v".to_owned())]
    );
    let headers = "Content-Disposition: form-data; filename=\"; name=evil; filename=b\"; name=\"f\"";
    let file = read_whole(&part(headers, "v")).expect("a file").part.expect("a file");
    assert_eq!((file.field.as_str(), file.filename.as_str()), ("f", "; name=evil; filename=b"));
}

/// WHATWG HTML: `%0D` and `%0A` are how browsers write line breaks, so a parser that follows it reads one. They are decoded
/// once, and a name with one is refused where names are checked.
#[test]
fn escaped_line_breaks_in_names_are_line_breaks() {
    let headers = "Content-Disposition: form-data; name=\"f\"; filename=\"a%0D%0AX: y%2522%22\"";
    let file = read_whole(&part(headers, "v")).expect("a file").part.expect("a file");
    assert_eq!(file.filename, "a\r\nX: y%2522\"");
    assert!(wire::name::FileName::parse(&file.filename).is_err());
}

/// `filename*` in encodings that decode to something else than they look like.
#[test]
fn filename_star_takes_no_other_charset_and_no_broken_encoding() {
    for value in [
        "UTF-7''%2BADw-",
        "UTF-16LE''a%00",
        "windows-1252''a",
        "''a",
        "a",
        "UTF-8'a",
        "UTF-8''%zz",
        "UTF-8''%4",
        "\"UTF-8''a\"",
        "UTF-8''a b",
        "UTF-8''a%25'b",
    ] {
        let parameters = format!("name=f; filename*={value}");
        assert!(read_whole(&part(&format!("Content-Disposition: form-data; {parameters}"), "x")).is_err(), "{value}");
    }
    for overlong in ["UTF-8''%C0%AF", "UTF-8''%C0%80", "UTF-8''%ED%A0%80", "UTF-8''%FF", "UTF-8''%E0%80%AF"] {
        let headers = format!("Content-Disposition: form-data; name=f; filename*={overlong}");
        assert_eq!(refused(&headers, "x"), FormError::FileNameNotUtf8, "{overlong}");
    }
}

/// CVE-2022-39955 (OWASP CRS): a charset that turns an ASCII value into another one.
#[test]
fn text_fields_in_another_encoding_are_refused() {
    for charset in ["utf-7", "utf-16", "utf-16le", "ibm037", "iso-2022-jp", "shift_jis", "hz-gb-2312", "\"utf-7\""] {
        let headers = format!("{FIELD}\r\nContent-Type: text/plain; charset={charset}");
        assert_eq!(refused(&headers, "+ADw-"), FormError::Charset, "{charset}");
    }
    for charset in ["utf-8", "UTF-8", "\"utf-8\"", "us-ascii", "ISO-8859-1"] {
        let headers = format!("{FIELD}\r\nContent-Type: text/plain; charset={charset}");
        assert_eq!(read_whole(&part(&headers, "v")).expect("the same in all of them").fields[0].1, "v");
    }
    let latin = format!("{FIELD}\r\nContent-Type: text/plain; charset=iso-8859-1");
    assert_eq!(refused(&latin, "\u{e9}"), FormError::FieldNotAscii("a".to_owned()));
    for odd in ["text", "text/plain; charset=utf-8; charset=utf-7", "text/plain; charset", "text/\u{e9}"] {
        assert_eq!(refused(&format!("{FIELD}\r\nContent-Type: {odd}"), "v"), FormError::MalformedHeader, "{odd}");
    }
}

/// RFC 7578 section 4.6: `_charset_` tells how all other fields are to be read.
#[test]
fn the_charset_field_may_say_nothing_but_utf_8() {
    let headers = "Content-Disposition: form-data; name=\"_charset_\"";
    assert_eq!(refused(headers, "utf-7"), FormError::Charset);
    assert_eq!(refused(headers, "utf-8,utf-7"), FormError::Charset);
    assert_eq!(read_whole(&part(headers, "UTF-8")).expect("nothing else").fields[0].1, "UTF-8");
}

/// busboy takes a part of this type for a file, whether it has a file name or not.
#[test]
fn a_field_of_unknown_bytes_is_refused() {
    let headers = format!("{FIELD}\r\nContent-Type: application/octet-stream");
    assert_eq!(refused(&headers, "x"), FormError::NamelessFile);
    assert!(read_whole(&part(&format!("{FIELD}\r\nContent-Type: application/json"), "{}")).is_ok());
}

/// CVE-2022-39956 (OWASP CRS): a transfer encoding that the application decodes and the filter does not.
#[test]
fn a_transfer_encoding_that_changes_bytes_is_refused() {
    for encoding in ["base64", "quoted-printable", "BASE64", "x-uuencode", "binary, base64", "", "7bit;base64"] {
        let headers = format!("{FILE}\r\nContent-Transfer-Encoding: {encoding}");
        assert_eq!(refused(&headers, "x"), FormError::Encoded("Content-Transfer-Encoding"), "{encoding}");
    }
    let twice = format!("{FILE}\r\nContent-Transfer-Encoding: binary\r\nContent-Transfer-Encoding: base64");
    assert_eq!(refused(&twice, "x"), FormError::Encoded("Content-Transfer-Encoding"));
    for plain in ["binary", "8bit", "7BIT"] {
        assert!(read_whole(&part(&format!("{FILE}\r\nContent-Transfer-Encoding: {plain}"), "x")).is_ok(), "{plain}");
    }
}

/// Commons FileUpload, Python's cgi and others descend into a part that is a multipart, and see files that a filter does not.
#[test]
fn a_nested_multipart_is_refused_in_fields_and_files() {
    for kind in
        ["multipart/mixed; boundary=cc", "Multipart/Mixed", "multipart/form-data; boundary=bb", "multipart/x,image/png"]
    {
        for head in [FIELD, FILE] {
            assert_eq!(refused(&format!("{head}\r\nContent-Type: {kind}"), "x"), FormError::Nested, "{kind}");
        }
    }
}

/// A negative `Content-Length` made python-multipart read without bound; others end the part where it says.
#[test]
fn a_length_of_a_part_that_is_not_its_length_is_refused() {
    for length in ["-1", "+1", "0", "2", "0x1", "1 ", "18446744073709551616", "1, 1", "", "1\r\nContent-Length: 1"] {
        for head in [FIELD, FILE] {
            let headers = format!("{head}\r\nContent-Length: {length}");
            // White space around a value is no part of it.
            let expected = if length == "1 " { None } else { Some(FormError::PartLength) };
            assert_eq!(read_every_way(&part(&headers, "x"), nothing).err(), expected, "{length:?}");
        }
    }
    // Some clients (OkHttp, older HttpClient) write the true one.
    assert!(read_whole(&part(&format!("{FILE}\r\nContent-Length: 1"), "x")).is_ok());
}

/// Bare line feeds as line ends: PHP and Go's textproto take them, others do not.
#[test]
fn bare_line_feeds_end_neither_delimiters_nor_headers() {
    assert_eq!(
        read_every_way(b"--bb\nContent-Disposition: form-data; name=a\n\nx\n--bb--\n", nothing),
        Err(FormError::Preamble)
    );
    assert_eq!(refused(&format!("{FIELD}\nX: y"), "x"), FormError::LineEnd);
    let content = "x\n--bb--\n--bb\nContent-Disposition: form-data; name=evil\n\ny";
    assert_eq!(read_whole(&part(FIELD, content)).expect("content").fields, [("a".to_owned(), content.to_owned())]);
}

/// LWSP behind a boundary, which RFC 2046 allows and half of the parsers take for content.
#[test]
fn white_space_behind_a_boundary_is_refused() {
    for padding in [" ", "\t", "  ", " \t"] {
        for input in [
            format!("--bb{padding}\r\n{FIELD}\r\n\r\nx\r\n--bb--\r\n"),
            format!("--bb\r\n{FIELD}\r\n\r\nx\r\n--bb{padding}\r\n{FIELD}\r\n\r\nx\r\n--bb--\r\n"),
            format!("--bb\r\n{FIELD}\r\n\r\nx\r\n--bb{padding}--\r\n"),
        ] {
            assert_eq!(read_every_way(input.as_bytes(), nothing), Err(FormError::Padding), "{input:?}");
        }
        let behind = format!("--bb\r\n{FIELD}\r\n\r\nx\r\n--bb--{padding}\r\n");
        assert_eq!(read_every_way(behind.as_bytes(), nothing), Err(FormError::Epilogue));
    }
}

/// Two boundaries, one in pieces, one that PHP cuts at a comma, and odd white space.
#[test]
fn a_boundary_that_another_parser_would_read_otherwise_is_refused() {
    for value in [
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=\"a\"; Boundary=a",
        "multipart/form-data; boundary*0=a; boundary*1=b",
        "multipart/form-data; boundary*=UTF-8''a",
        "multipart/form-data; boundary=a,b",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a \"",
        "multipart/form-data; boundary=\"a\\\"b\"",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary =a",
        "multipart/form-data; boundary= a",
        "multipart/form-data, multipart/form-data; boundary=a",
        "multipart/form-data boundary=a",
        "multipart/form-data; x=\"; boundary=a",
        "multipart/form-data; x=\"; boundary=evil\"; boundary=a",
    ] {
        assert!(content_type(value).is_err(), "{value}");
    }
    assert_eq!(content_type("multipart/form-data;  boundary=\"a,b\";"), Ok(()));
}

/// NUL ends a string in C: `evil.php\0.png`.
#[test]
fn nul_and_other_controls_in_headers_are_refused() {
    for byte in ['\0', '\u{1}', '\u{b}', '\u{1b}', '\u{7f}'] {
        for headers in [
            format!("Content-Disposition: form-data; name=\"f\"; filename=\"a.php{byte}.png\""),
            format!("{FILE}\r\nContent-Type: image/png{byte}"),
            format!("{FILE}\r\nX{byte}: y"),
        ] {
            assert_eq!(refused(&headers, "x"), FormError::MalformedHeader, "{headers:?}");
        }
    }
}

/// CVE-2025-48997 (multer): an empty field name.
#[test]
fn empty_names_of_fields_are_refused() {
    assert_eq!(refused("Content-Disposition: form-data; name=\"\"", "x"), FormError::NoName);
    assert_eq!(refused("Content-Disposition: form-data; name=\"\"; filename=\"a\"", "x"), FormError::NoName);
}

/// CVE-2020-8136 (@fastify/multipart), CVE-2020-7699 (express-fileupload): names that are members of every JavaScript object.
#[test]
fn names_of_prototypes_are_names_like_any_other() {
    for name in ["__proto__", "constructor", "constructor[prototype][x]", "toString", "a.b[0]", "__proto__.x"] {
        let form =
            read_whole(&part(&format!("Content-Disposition: form-data; name=\"{name}\""), "x")).expect("a field");
        assert_eq!(form.fields, [(name.to_owned(), "x".to_owned())]);
    }
}

/// Names that are not UTF-8 have as many readings as there are encodings.
#[test]
fn names_that_are_not_utf_8_are_refused() {
    for bytes in [b"\xff".as_slice(), b"\xc0\xaf", b"\xed\xa0\x80", b"\x80", b"\xc3"] {
        let head = [b"--bb\r\nContent-Disposition: form-data; name=\"".as_slice(), bytes, b"\"\r\n\r\nx\r\n--bb--\r\n"]
            .concat();
        assert!(matches!(read_every_way(&head, nothing), Err(FormError::Disposition(_))), "{bytes:?}");
    }
}

/// CVE-2025-47935 and CVE-2025-47944 (multer): forms that end early or are malformed, which left requests hanging.
#[test]
fn every_end_before_the_closing_boundary_is_told() {
    let whole = form_with(b"abc\r\n--bb-");
    for len in 0..whole.len() - "\r\n".len() {
        assert!(read_whole(&whole[..len]).is_err(), "after {len} bytes");
    }
}

/// What looks like an end inside of the file: a delimiter begins after a line break, and nowhere else.
#[test]
fn a_closing_boundary_without_its_line_break_is_content() {
    for content in ["x--bb--\r\n", "\n--bb--\r\n", "\r--bb--", "-bb--", "\r\n-bb--", "\r\n--BB--\r\n"] {
        assert_eq!(read_every_way(&form_with(content.as_bytes()), derived).expect("content").file, content.as_bytes());
    }
}

/// A second file, a field after the file, and a part behind the closing boundary.
#[test]
fn nothing_follows_the_file() {
    let file = format!("{FILE}\r\n\r\nx");
    for rest in [format!("\r\n--bb\r\n{FILE}"), format!("\r\n--bb\r\n{FIELD}"), "\r\n--bb\r\n".to_owned()] {
        let input = format!("--bb\r\n{file}{rest}\r\n\r\ny\r\n--bb--\r\n");
        assert_eq!(read_every_way(input.as_bytes(), nothing), Err(FormError::PartAfterFile), "{rest:?}");
    }
    let behind = format!("--bb\r\n{file}\r\n--bb--\r\n--bb\r\n{FILE}\r\n\r\ny\r\n--bb--\r\n");
    assert_eq!(read_every_way(behind.as_bytes(), nothing), Err(FormError::Epilogue));
}

/// A header line without colon, with a space before it, or without a name.
#[test]
fn header_lines_that_are_none_are_refused() {
    for line in
        ["Content-Disposition form-data; name=a", "Content-Disposition : form-data", ": x", "x y: z", "X\u{e9}: y"]
    {
        assert_eq!(refused(&format!("{FIELD}\r\n{line}"), "x"), FormError::MalformedHeader, "{line}");
    }
    let no_head = b"--bb\r\n\r\nx\r\n--bb--\r\n";
    assert_eq!(read_every_way(no_head, nothing), Err(FormError::NoDisposition));
}

/// CVE-2025-22150 (undici), CVE-2025-7783 (form-data), CVE-2018-1272 (Spring): a boundary that can be guessed lets a file carry
/// parts of its own. Ours come from 128 random bits, and a file is never searched for them: see `form_round_trip`.
#[test]
fn boundaries_differ_in_every_bit_that_they_are_given() {
    let boundaries: std::collections::BTreeSet<String> =
        (0..128_u32).map(|bit| wire::form::Boundary::from_random((1_u128 << bit).to_be_bytes()).to_string()).collect();
    assert_eq!(boundaries.len(), 128);
}

/// Sixteen parameters are more than anybody writes; each is compared with all others.
#[test]
fn more_parameters_than_anybody_writes_are_refused() {
    let many: String = (0..17).map(|number| format!("; p{number}=x")).collect();
    assert_eq!(refused_name(&format!("name=a{many}")), DispositionError::Malformed);
}

#[test]
fn a_form_of_another_type_is_none() {
    assert_eq!(read("multipart/mixed; boundary=bb", Vec::new(), nothing), Err(FormError::NotFormData));
}
