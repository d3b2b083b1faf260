//! File names.

use wire::name::{FileName, MAX_NAME_BYTES, NameError, percent_decode};

#[test]
fn keeps_honest_names_as_sent() {
    for name in
        ["red-pixel.png", "Übergröße.PDF", "שלום.txt", "a b.c", "CON.txt", "100%.txt", ".htaccess", "名前", "a:b"]
    {
        assert_eq!(FileName::parse(name).expect(name).as_str(), name);
    }
}

#[test]
fn refuses_separators_controls_and_nul() {
    assert_eq!(FileName::parse("a/b"), Err(NameError::Separator('/')));
    assert_eq!(FileName::parse("..\\b"), Err(NameError::Separator('\\')));
    assert_eq!(FileName::parse("a.png\0.exe"), Err(NameError::Control('\0')));
    assert_eq!(FileName::parse("a\r\nX: y"), Err(NameError::Control('\r')));
    assert_eq!(FileName::parse("a\u{7f}"), Err(NameError::Control('\u{7f}')));
    assert_eq!(FileName::parse("a\u{85}"), Err(NameError::Control('\u{85}')));
}

#[test]
fn refuses_bidirectional_overrides_but_not_marks() {
    for c in ['\u{202A}', '\u{202D}', '\u{202E}', '\u{2066}', '\u{2069}'] {
        assert_eq!(FileName::parse(&format!("a{c}gpj.exe")), Err(NameError::BidiOverride(c)));
    }
    assert!(FileName::parse("שלום\u{200F}.txt").is_ok());
}

#[test]
fn refuses_names_that_are_only_dots() {
    for name in [".", "..", "...", ". .", ".. ", " "] {
        assert_eq!(FileName::parse(name), Err(NameError::OnlyDots), "{name:?}");
    }
    assert_eq!(FileName::parse(""), Err(NameError::Empty));
}

#[test]
fn counts_bytes_and_not_characters() {
    let longest = "ü".repeat(MAX_NAME_BYTES / 2);
    assert!(FileName::parse(&longest).is_ok());
    let error = FileName::parse(&format!("{longest}ab")).expect_err("256 bytes");
    assert_eq!(error, NameError::TooLong { len: 256, max: 255 });
    assert!(FileName::parse_with_max(&format!("{longest}ab"), 900).is_ok());
}

#[test]
fn decodes_percent_encoding_once_and_strictly() {
    let parse = |text| FileName::parse_percent_encoded(text, MAX_NAME_BYTES).map(|name| name.to_string());
    assert_eq!(parse("a%20b.txt"), Ok("a b.txt".to_owned()));
    assert_eq!(parse("a%2541"), Ok("a%41".to_owned()));
    assert_eq!(parse("a+b"), Ok("a+b".to_owned()));
    assert_eq!(parse("a%2fb"), Err(NameError::Separator('/')));
    assert_eq!(parse("%2e%2E"), Err(NameError::OnlyDots));
    assert_eq!(parse("a%00"), Err(NameError::Control('\0')));
    for broken in ["%", "a%2", "a%zz", "a%2%41", "100%"] {
        assert_eq!(parse(broken), Err(NameError::BrokenPercentEncoding), "{broken}");
    }
    for not_utf8 in ["%ff", "%C0%AF", "%ed%a0%80"] {
        assert_eq!(parse(not_utf8), Err(NameError::NotUtf8), "{not_utf8}");
    }
    assert!(matches!(percent_decode("plain"), Ok(std::borrow::Cow::Borrowed("plain"))));
}

#[test]
fn finds_the_last_suffix_behind_trailing_dots_and_spaces() {
    let table = [
        ("a.pdf.exe", "a.pdf", Some("exe")),
        ("a.exe. .", "a", Some("exe")),
        ("www.example.com.pdf", "www.example.com", Some("pdf")),
        ("a.EXE ", "a", Some("EXE")),
        (".exe", "", Some("exe")),
        ("README", "README", None),
        ("README.", "README.", None),
        ("a..b", "a.", Some("b")),
    ];
    for (text, stem, extension) in table {
        let name = FileName::parse(text).expect(text);
        assert_eq!((name.stem(), name.extension()), (stem, extension), "{text}");
    }
}

#[test]
fn lists_every_suffix() {
    let suffixes = |text| FileName::parse(text).expect(text).suffixes().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(suffixes("a.pdf .exe. ."), ["pdf", "exe"]);
    assert_eq!(suffixes("archive.tar.gz"), ["tar", "gz"]);
    assert!(suffixes("README").is_empty());
}
