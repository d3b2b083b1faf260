//! Work is linear in the input, whatever the input: shown by counting steps, because time proves nothing.
//!
//! A step is a byte that the scanner looked at, or a call to the parser. CVE-2023-46136 (Werkzeug, a part that begins with CR),
//! CVE-2015-4024 (PHP, header lines), CVE-2014-0050 (Commons FileUpload, a boundary larger than the buffer) and many more were
//! searches that began anew for each chunk or line.

use bytes::Bytes;

use super::{
    Boundary, FormEvent, FormLimits, FormParser, boundary::boundary_of, delimiter::DelimiterScanner, delimiter::Token,
};

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

/// What an attacker fills a file with.
fn floods() -> Vec<(&'static str, String)> {
    let near = |tail: &str| format!("\r\n--{BOUNDARY}{tail}");
    vec![
        ("line feeds", "\n".to_owned()),
        ("carriage returns", "\r".to_owned()),
        ("line breaks", "\r\n".to_owned()),
        ("line breaks and one hyphen", "\r\n-".to_owned()),
        ("line breaks and two hyphens", "\r\n--".to_owned()),
        ("all of the boundary but its end", near("").trim_end_matches('W').to_owned()),
        ("boundaries that go on", near("x")),
        ("boundaries with one hyphen", near("-x")),
        ("boundaries with half a line break", near("\r")),
        ("half line breaks before boundaries", format!("\r{}", near("x"))),
        ("hyphens", "-".to_owned()),
    ]
}

#[test]
fn every_byte_is_looked_at_three_times_at_most_in_every_flood_and_every_chunking() {
    const LEN: usize = 20_000;
    for (name, flood) in floods() {
        let input: String = flood.chars().cycle().take(LEN).collect();
        for chunk in [1, 2, 3, 7, 41, 42, 4096, LEN] {
            let (looked_at, tokens, content) = scan(&input, chunk);
            assert_eq!(content, LEN, "{name}: nothing of it is a delimiter");
            // Each chunk ends with a look for the delimiter's beginning, of at most its length.
            let delimiter = BOUNDARY.len() + 4;
            let chunks = LEN.div_ceil(chunk);
            assert!(looked_at <= 3 * LEN + chunks * delimiter.min(chunk + 1), "{name} by {chunk}: {looked_at} bytes");
            // Content of a chunk stays in one piece; what was held of the chunk before is another, the end a third.
            assert!(tokens <= 4 * chunks, "{name} by {chunk}: {tokens} pieces of {chunks} chunks");
        }
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "counts of a test that cannot come near their ends")]
fn scan(input: &str, chunk: usize) -> (usize, usize, usize) {
    let boundary = Boundary::parse(BOUNDARY).expect("a boundary");
    let mut scanner = DelimiterScanner::new(&boundary);
    let mut opening = Bytes::from(format!("--{BOUNDARY}\r\n"));
    assert!(matches!(scanner.next_token(&mut opening), Ok(Token::NextPart)));
    scanner.looked_at = 0;
    let (mut tokens, mut content) = (0, 0);
    let closing = format!("\r\n--{BOUNDARY}--");
    let pieces = input.as_bytes().chunks(chunk).chain([closing.as_bytes()]);
    for piece in pieces {
        let mut piece = Bytes::copy_from_slice(piece);
        loop {
            tokens += 1;
            match scanner.next_token(&mut piece).expect("content") {
                Token::Content(bytes) => content += bytes.len(),
                Token::NeedMore | Token::Close => break,
                Token::NextPart => panic!("no part begins in there"),
            }
        }
    }
    (scanner.looked_at, tokens, content)
}

#[test]
fn a_head_of_many_short_lines_in_single_bytes_is_refused_at_its_bound() {
    let mut parser = FormParser::new("multipart/form-data; boundary=bb", FormLimits::default()).expect("a boundary");
    let mut calls = 0_usize;
    let mut feed = |bytes: &[u8]| {
        for byte in bytes {
            parser.push(Bytes::copy_from_slice(&[*byte]));
            loop {
                calls += 1;
                match parser.next_event() {
                    Ok(Some(FormEvent::Field { .. })) => {}
                    Ok(Some(other)) => panic!("{other:?}"),
                    Ok(None) => break,
                    Err(error) => return Some(error),
                }
            }
        }
        None
    };
    assert_eq!(feed(b"--bb\r\n"), None);
    let mut fed = 0;
    let error = std::iter::repeat_with(|| b"a:b\r\n").find_map(|line| {
        fed += line.len();
        feed(line)
    });
    assert_eq!(error, Some(super::FormError::HeaderCount(super::MAX_PART_HEADERS)));
    assert!(calls <= fed + 10, "one call for each byte: {calls} for {fed}");
}

/// CVE-2024-24762 (python-multipart), CVE-2026-28356 (multipart), CVE-2022-30122 (Rack): expressions that go back and forth
/// over a header. Parameters are compared with each other to find doubles, so their number is bounded.
#[test]
fn a_content_type_with_thousands_of_parameters_or_backslashes_is_refused_at_once() {
    let many: String = (0..5_000).map(|number| format!("; p{number}=x")).collect();
    assert!(boundary_of(&format!("multipart/form-data{many}; boundary=b")).is_err());
    let slashes = "\\".repeat(60_001);
    assert!(boundary_of(&format!("multipart/form-data; x=\"{slashes}; boundary=b")).is_err());
    assert!(boundary_of(&format!("multipart/form-data; boundary=b; {}", ";".repeat(60_000))).is_ok());
}
