//! The pages for people: files that are part of the program, and need nothing from elsewhere. One shows what `/events` and `/routes`
//! tell, one what `/openapi.json` does, and one tries a route out.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use super::respond::{Answer, of, with};

/// Only what this listener itself serves, and nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Path, media type, content.
const FILES: [(&str, &str, &str); 12] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/api", HTML, include_str!("page/api.html")),
    ("/api.js", SCRIPT, include_str!("page/api.js")),
    ("/tryout", HTML, include_str!("page/try.html")),
    ("/try.js", SCRIPT, include_str!("page/try.js")),
    ("/tried.js", SCRIPT, include_str!("page/tried.js")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("/page.js", SCRIPT, include_str!("page/page.js")),
    ("/parts.js", SCRIPT, include_str!("page/parts.js")),
    ("/tiles.js", SCRIPT, include_str!("page/tiles.js")),
    ("/uploads.js", SCRIPT, include_str!("page/uploads.js")),
    ("/lists.js", SCRIPT, include_str!("page/lists.js")),
];

/// The file at a path.
pub(super) fn file(path: &str) -> Option<Answer> {
    let (_, kind, content) = FILES.iter().find(|(at, _, _)| *at == path)?;
    let answer = of(StatusCode::OK, kind, Bytes::from_static(content.as_bytes()));
    let answer = with(answer, CONTENT_SECURITY_POLICY, POLICY);
    let answer = with(answer, X_CONTENT_TYPE_OPTIONS, "nosniff");
    Some(with(answer, REFERRER_POLICY, "no-referrer"))
}
