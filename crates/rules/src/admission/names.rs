//! File names and their extensions.

use wire::name::FileName;

use super::types::MediaType;
use crate::config::Accept;
use crate::failure::{Failure, Problem, Violation};

/// The extension that people expect, where a type has several and the alphabet would choose an odd one.
const USUAL_EXTENSIONS: &[(&str, &str)] = &[
    ("application/gzip", "gz"),
    ("application/msword", "doc"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.ms-powerpoint", "ppt"),
    ("application/xml", "xml"),
    ("audio/mp4", "m4a"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("audio/wav", "wav"),
    ("image/jpeg", "jpg"),
    ("image/svg+xml", "svg"),
    ("image/tiff", "tif"),
    ("text/html", "html"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("text/xml", "xml"),
    ("video/mp4", "mp4"),
    ("video/mpeg", "mpg"),
    ("video/quicktime", "mov"),
];

/// The name of a file that has none.
pub(super) fn unnamed(media_type: &MediaType) -> Result<FileName, Failure> {
    let name = extension_of(&media_type.essence()).map_or_else(|| "unnamed".to_owned(), |ext| format!("unnamed.{ext}"));
    FileName::parse(&name).map_err(|error| Failure::new(Problem::NameRefused, error.to_string()))
}

fn extension_of(essence: &str) -> Option<&'static str> {
    if essence == super::UNKNOWN_TYPE {
        return None;
    }
    let usual = USUAL_EXTENSIONS.iter().find(|(media_type, _)| *media_type == essence).map(|(_, extension)| *extension);
    usual.or_else(|| mime_guess::get_mime_extensions_str(essence)?.first().copied())
}

/// Checks the length, the pattern and the extension.
pub(super) fn check(accept: &Accept, route: &str, name: &FileName) -> Result<(), Failure> {
    let rules = &accept.name;
    let len = name.as_str().len();
    if len > rules.max_bytes {
        return Err(refused(format!("the file name has {len} bytes, {} are accepted here", rules.max_bytes)));
    }
    if rules.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(name.as_str())) {
        return Err(refused("the file name does not match the pattern that is accepted here".to_owned()));
    }
    check_extension(accept, route, name)
}

fn refused(message: String) -> Failure {
    let violation = Violation { field: "name".to_owned(), message: message.clone() };
    Failure::new(Problem::NameRefused, message).with_violations(vec![violation])
}

fn check_extension(accept: &Accept, route: &str, name: &FileName) -> Result<(), Failure> {
    let rules = &accept.extensions;
    let last = name.extension().unwrap_or_default().to_lowercase();
    let looked_at =
        if rules.every_suffix { name.suffixes().map(str::to_lowercase).collect() } else { vec![last.clone()] };
    let denied = looked_at.iter().find(|extension| rules.deny.contains(extension));
    let unlisted = Some(&last).filter(|last| !rules.allow.is_empty() && !rules.allow.contains(last));
    let Some(extension) = denied.or(unlisted) else { return Ok(()) };
    let message = if extension.is_empty() {
        format!("files without an extension are refused by route `{route}`")
    } else {
        format!("`.{extension}` files are refused by route `{route}`")
    };
    let violation = Violation { field: "name".to_owned(), message: message.clone() };
    Err(Failure::new(Problem::ExtensionRefused, message).with_violations(vec![violation]))
}
