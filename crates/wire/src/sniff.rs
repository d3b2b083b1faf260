//! What a file is by its first bytes.
//!
//! Detection exists to catch a file that is not what it is declared to be. It knows signatures, markup and what is packed in
//! ZIP and OLE containers; text without a signature (plain text, CSV, JSON) is not detected, which means "no contradiction".
//! Nothing here unpacks anything.

use memchr::memmem;

/// Bytes of the file that detection looks at. Signatures need far fewer; names in ZIP containers and the comments before the
/// root of an SVG need some room.
pub const PREFIX_LEN: usize = 4096;

const ZIP: &str = "application/zip";
const OLE: &str = "application/x-ole-storage";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// The media type of a file that begins with `prefix`, of which [`PREFIX_LEN`] bytes are looked at; `None` when it has no
/// signature.
#[must_use]
pub fn detect(prefix: &[u8]) -> Option<&'static str> {
    let prefix = prefix.get(..PREFIX_LEN).unwrap_or(prefix);
    if prefix.starts_with(b"PK\x03\x04") || prefix.starts_with(b"PK\x05\x06") {
        return Some(detect_zip(prefix));
    }
    if prefix.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return Some(OLE);
    }
    detect_markup(prefix).or_else(|| detect_signature(prefix))
}

/// Signatures of two or three letters, with which an honest text may begin: a CSV whose first column is called `BC` is no LLVM
/// bitcode. The real formats all have binary bytes in their heads.
const SHORT_SIGNATURES: [&str; 5] = [
    "application/x-llvm",
    "application/vnd.microsoft.portable-executable",
    "image/bmp",
    "application/x-shockwave-flash",
    "audio/mpeg",
];

fn detect_signature(prefix: &[u8]) -> Option<&'static str> {
    let kind = infer::get(prefix)?.mime_type();
    (!SHORT_SIGNATURES.contains(&kind) || !is_text(prefix)).then_some(kind)
}

/// UTF-8 without control characters but those of lines and pages. The prefix may cut the last character.
fn is_text(prefix: &[u8]) -> bool {
    let is_utf8 = match std::str::from_utf8(prefix) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_utf8 && prefix.iter().all(|byte| !byte.is_ascii_control() || b"\t\n\r\x0c".contains(byte))
}

/// Whether a file that was detected as one type may truthfully be declared as another: the same type, another name of it, or
/// a type that is built on the detected container. Parameters and case of the declared type do not count.
/// `application/octet-stream` claims nothing and agrees with nothing; it is for the caller to decide about.
#[must_use]
pub fn agrees(detected: &str, declared: &str) -> bool {
    let detected = canonical(detected);
    let declared = canonical(declared);
    detected == declared || is_container(&detected, &declared)
}

/// Whether `detected` is a container on which the type `declared` is built: ZIP for `.docx`, `.jar`, `.epub`…, OLE for
/// `.doc`, `.xls`, `.msi`…, XML for every `+xml` type; or the other way round, a ZIP by its bare name.
#[must_use]
pub fn is_container_for(detected: &str, declared: &str) -> bool {
    is_container(&canonical(detected), &canonical(declared))
}

fn is_container(detected: &str, declared: &str) -> bool {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| declared.starts_with(prefix));
    match detected {
        ZIP => is_built_on_zip(declared),
        OLE => starts(BUILT_ON_OLE),
        "text/xml" => declared.ends_with("+xml"),
        // A document with macros has the same layout; only the compressed list of contents tells.
        DOCX => declared == ZIP || starts(&["application/vnd.ms-word.", WORDPROCESSING]),
        XLSX => declared == ZIP || starts(&["application/vnd.ms-excel.", SPREADSHEET]),
        PPTX => declared == ZIP || starts(&["application/vnd.ms-powerpoint.", PRESENTATION]),
        "application/java-archive" => declared == ZIP || declared == "application/vnd.android.package-archive",
        "video/mp4" => matches!(declared, "audio/mp4" | "video/quicktime"),
        "video/x-matroska" => matches!(declared, "video/webm" | "audio/webm" | "audio/x-matroska"),
        "video/webm" => declared == "audio/webm",
        "audio/ogg" => matches!(declared, "video/ogg" | "application/ogg" | "audio/opus"),
        "image/heif" => matches!(declared, "image/heic" | "image/heic-sequence" | "image/heif-sequence"),
        other => declared == ZIP && is_built_on_zip(other),
    }
}

const WORDPROCESSING: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.";
const SPREADSHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.";
const PRESENTATION: &str = "application/vnd.openxmlformats-officedocument.presentationml.";

const BUILT_ON_OLE: &[&str] = &[
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook",
    "application/vnd.ms-project",
    "application/vnd.ms-publisher",
    "application/vnd.ms-works",
    "application/vnd.visio",
    "application/x-msi",
    "application/x-hwp",
];

const BUILT_ON_ZIP: &[&str] = &[
    "application/vnd.openxmlformats-",
    "application/vnd.oasis.opendocument.",
    "application/vnd.ms-word.",
    "application/vnd.ms-excel.",
    "application/vnd.ms-powerpoint.",
    "application/vnd.ms-visio.",
    "application/vnd.android.package-archive",
    "application/vnd.google-earth.kmz",
    "application/vnd.apple.",
    "application/java-archive",
    "application/x-xpinstall",
    "model/3mf",
];

fn is_built_on_zip(declared: &str) -> bool {
    declared.ends_with("+zip") || BUILT_ON_ZIP.iter().any(|prefix| declared.starts_with(prefix))
}

/// One name for types that go by several, in lower case and without parameters.
fn canonical(media_type: &str) -> String {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let one_name = match essence.as_str() {
        "image/jpg" | "image/pjpeg" => "image/jpeg",
        "image/x-png" => "image/png",
        "image/x-ms-bmp" | "image/x-bmp" => "image/bmp",
        "image/x-icon" => "image/vnd.microsoft.icon",
        "application/x-zip-compressed" | "application/x-zip" => ZIP,
        "application/x-gzip" => "application/gzip",
        "application/x-rar-compressed" | "application/x-rar" => "application/vnd.rar",
        "application/x-pdf" => "application/pdf",
        "application/xml" => "text/xml",
        "application/xhtml+xml" => "text/html",
        "text/rtf" => "application/rtf",
        "application/x-bzip" => "application/x-bzip2",
        "application/x-sqlite3" => "application/vnd.sqlite3",
        "audio/mp3" | "audio/x-mpeg" | "audio/mpeg3" => "audio/mpeg",
        "audio/wav" | "audio/wave" | "audio/vnd.wave" => "audio/x-wav",
        "audio/flac" => "audio/x-flac",
        "audio/aiff" => "audio/x-aiff",
        "audio/x-m4a" | "audio/m4a" => "audio/mp4",
        "audio/x-aac" | "audio/aacp" => "audio/aac",
        "audio/x-midi" | "audio/mid" => "audio/midi",
        "video/x-m4v" => "video/mp4",
        "video/avi" | "video/msvideo" => "video/x-msvideo",
        "video/mov" => "video/quicktime",
        "application/font-woff" => "font/woff",
        "application/x-msdownload" | "application/x-dosexec" | "application/x-msdos-program" => {
            "application/vnd.microsoft.portable-executable"
        }
        _ => return essence,
    };
    one_name.to_owned()
}

/// The length of a ZIP local file header before the entry's name.
const ZIP_HEADER: usize = 30;

/// What a ZIP holds, by the names of the entries that begin in the prefix.
fn detect_zip(prefix: &[u8]) -> &'static str {
    let mut entries = memmem::find_iter(prefix, b"PK\x03\x04").filter_map(|at| prefix.get(at..)?.get(ZIP_HEADER..));
    if let Some(mimetype) = prefix.get(ZIP_HEADER..).and_then(|name| name.strip_prefix(b"mimetype")) {
        return packed_type(mimetype).unwrap_or(ZIP);
    }
    let known: [(&[u8], &str); 5] = [
        (b"word/", DOCX),
        (b"xl/", XLSX),
        (b"ppt/", PPTX),
        (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
        (b"META-INF/MANIFEST.MF", "application/java-archive"),
    ];
    let by_name = |name: &[u8]| known.iter().find(|(start, _)| name.starts_with(start)).map(|(_, kind)| *kind);
    entries.find_map(by_name).unwrap_or(ZIP)
}

/// EPUB and OpenDocument store their type as their first entry, uncompressed.
fn packed_type(mimetype: &[u8]) -> Option<&'static str> {
    let known = [
        "application/epub+zip",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
        "application/vnd.oasis.opendocument.graphics",
    ];
    known.into_iter().find(|kind| mimetype.starts_with(kind.as_bytes()))
}

/// Markup by its root element, behind a byte order mark, whitespace, the XML declaration, comments and the document type.
fn detect_markup(prefix: &[u8]) -> Option<&'static str> {
    let mut rest = prefix.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(prefix).trim_ascii_start();
    let is_xml = rest.starts_with(b"<?xml");
    let fallback = is_xml.then_some("text/xml");
    loop {
        let end: &[u8] = match rest {
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'?', ..] => b"?>",
            [b'<', b'!', ..] if starts_with_ignoring_case(rest, b"<!doctype html") => return Some("text/html"),
            [b'<', b'!', ..] if starts_with_ignoring_case(rest, b"<!doctype svg") => return Some("image/svg+xml"),
            [b'<', b'!', ..] => b">",
            [b'<', element @ ..] => return by_root(element).or(fallback),
            _ => return fallback,
        };
        let Some(skipped) = memmem::find(rest, end).and_then(|at| rest.get(at.saturating_add(end.len())..)) else {
            return fallback;
        };
        rest = skipped.trim_ascii_start();
    }
}

fn by_root(element: &[u8]) -> Option<&'static str> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.');
    let len = element.iter().position(|byte| !is_name(byte))?;
    let name = element.get(..len)?;
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
    let html: [&[u8]; 8] = [b"html", b"head", b"body", b"script", b"iframe", b"style", b"title", b"table"];
    if local == b"svg" {
        Some("image/svg+xml")
    } else if html.iter().any(|tag| local.eq_ignore_ascii_case(tag)) {
        Some("text/html")
    } else {
        None
    }
}

fn starts_with_ignoring_case(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}
