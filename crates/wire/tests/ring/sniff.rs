//! Type detection.

use proptest::prelude::*;
use wire::sniff::{PREFIX_LEN, agrees, detect, is_container_for};

use crate::chunking;

/// A ZIP that begins with entries of these names and contents, as far as detection looks at it.
fn zip(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, content) in entries {
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&[0; 22]);
        archive.extend_from_slice(&u16::try_from(name.len()).expect("short").to_le_bytes());
        archive.extend_from_slice(&[0; 2]);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(content.as_bytes());
    }
    archive
}

#[test]
fn detects_signatures() {
    assert_eq!(detect(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some("image/png"));
    assert_eq!(detect(b"\xff\xd8\xff\xe0\0\x10JFIF"), Some("image/jpeg"));
    assert_eq!(detect(b"GIF89a\x01\0\x01\0"), Some("image/gif"));
    assert_eq!(detect(b"%PDF-1.7\n"), Some("application/pdf"));
    assert_eq!(detect(b"MZ\x90\0\x03\0\0\0"), Some("application/vnd.microsoft.portable-executable"));
    assert_eq!(detect(b"\x1f\x8b\x08\0"), Some("application/gzip"));
    assert_eq!(detect(b"BM\x46\0\0\0\0\0"), Some("image/bmp"));
    assert_eq!(detect(b"ID3\x04\0\0"), Some("audio/mpeg"));
    assert_eq!(detect(b"%!PS-Adobe-3.0\n"), Some("application/postscript"));
}

#[test]
fn detects_nothing_in_text() {
    for text in [
        "",
        "a,b\n1,2\n",
        "{\"a\": 1}",
        "Hello <b>you</b>",
        "# Title",
        "BC,MZ\r\nü,2",
        "MZ: 1",
        "BMW",
        "ID3 tags",
        "FWSx",
    ] {
        assert_eq!(detect(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn detects_markup_behind_prologs_and_comments() {
    let svg = Some("image/svg+xml");
    assert_eq!(detect(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), svg);
    assert_eq!(detect(b"\xEF\xBB\xBF\n<?xml version='1.0'?>\n<!-- <html> -->\n<svg:svg >"), svg);
    assert_eq!(detect(b"<!DOCTYPE svg PUBLIC \"x\" \"y\"><svg/>"), svg);
    assert_eq!(detect(b"<?xml version='1.0'?><rss/>"), Some("text/xml"));
    assert_eq!(detect(b"  <!-- x --><!doctype HTML><p>"), Some("text/html"));
    assert_eq!(detect(b"<SCRIPT>alert(1)</SCRIPT>"), Some("text/html"));
    assert_eq!(detect(b"<unknown>"), None);
}

#[test]
fn detects_what_a_zip_holds() {
    let office = |folder: &str| zip(&[("[Content_Types].xml", "x"), ("_rels/.rels", "y"), (folder, "z")]);
    assert!(detect(&office("word/document.xml")).is_some_and(|kind| kind.ends_with("wordprocessingml.document")));
    assert!(detect(&office("xl/workbook.xml")).is_some_and(|kind| kind.ends_with("spreadsheetml.sheet")));
    assert!(detect(&office("ppt/presentation.xml")).is_some_and(|kind| kind.ends_with("presentationml.presentation")));
    assert_eq!(detect(&zip(&[("mimetype", "application/epub+zip")])), Some("application/epub+zip"));
    let odt = "application/vnd.oasis.opendocument.text";
    assert_eq!(detect(&zip(&[("mimetype", odt)])), Some(odt));
    assert_eq!(detect(&zip(&[("META-INF/MANIFEST.MF", "")])), Some("application/java-archive"));
    assert_eq!(detect(&zip(&[("photos/1.jpg", "\u{1}")])), Some("application/zip"));
    assert_eq!(detect(b"PK\x05\x06\0\0\0\0"), Some("application/zip"));
    assert_eq!(detect(b"PK\x03\x04"), Some("application/zip"));
}

#[test]
fn a_container_passes_for_what_is_built_on_it() {
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    assert!(is_container_for("application/zip", docx));
    assert!(is_container_for("application/zip", "application/epub+zip"));
    assert!(is_container_for("application/x-ole-storage", "application/msword"));
    assert!(is_container_for("text/xml", "application/rss+xml"));
    assert!(is_container_for(docx, "application/vnd.ms-word.document.macroEnabled.12"));
    assert!(is_container_for(docx, "application/x-zip-compressed"));
    assert!(!is_container_for("application/zip", "image/png"));
    assert!(!is_container_for(docx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"));
    assert!(!is_container_for("application/x-ole-storage", "application/pdf"));
}

#[test]
fn types_agree_under_their_several_names() {
    for (detected, declared) in [
        ("image/jpeg", "image/JPG"),
        ("image/png", "image/png; charset=binary"),
        ("application/zip", "application/x-zip-compressed"),
        ("text/xml", "application/xml"),
        ("audio/x-wav", "audio/wav"),
        ("audio/m4a", "audio/mp4"),
        ("image/heif", "image/heic"),
    ] {
        assert!(agrees(detected, declared), "{detected} {declared}");
    }
    for (detected, declared) in [
        ("image/png", "image/jpeg"),
        ("text/html", "image/svg+xml"),
        ("application/vnd.microsoft.portable-executable", "image/png"),
        ("image/png", "application/octet-stream"),
        ("image/png", ""),
    ] {
        assert!(!agrees(detected, declared), "{detected} {declared}");
    }
}

proptest! {
    #![proptest_config(chunking::seeded(256))]

    #[test]
    fn never_panics_on_any_prefix(start in 0_usize..12, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let magics: [&[u8]; 12] = [
            b"", b"PK\x03\x04", b"\0\0\0\x18ftyp", b"MZ", b"\x7fELF", b"RIFF", b"<?xml ", b"<!--", b"%PDF-", b"\x1aE\xdf\xa3",
            b"FORM", b"OggS",
        ];
        let file = [magics[start], &bytes].concat();
        for len in 0..file.len() {
            let _ = detect(&file[..len]);
        }
    }
}

#[test]
fn looks_at_no_more_than_the_prefix() {
    let behind = |prolog: &[u8]| [prolog, &vec![b' '; PREFIX_LEN], b"<svg/>"].concat();
    assert_eq!(detect(&behind(b"")), None);
    assert_eq!(detect(&behind(b"<?xml version='1.0'?>")), Some("text/xml"));
}

#[test]
fn an_unfinished_comment_is_html_as_it_is_to_browsers() {
    let comment = [b"<!--".as_slice(), &vec![b' '; PREFIX_LEN], b"--><svg/>"].concat();
    assert_eq!(detect(&comment), Some("text/html"));
}
