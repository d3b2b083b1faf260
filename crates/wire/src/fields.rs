//! Names of header fields that mean more than content: what may not come late, and what may not come in disguise.

/// Fields that decide how a message is framed or routed, who sent it, or what its content is. An attacker would put one where
/// only some servers look: into the trailer section (RFC 9110 section 6.5.1 forbids it), or under a name with `_`, which
/// gateways that hand fields to programs as variables take for `-`.
const DECIDING: [&[u8]; 26] = [
    b"authorization",
    b"connection",
    b"content-disposition",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"http2-settings",
    b"idempotency-key",
    b"keep-alive",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"upload-length",
    b"via",
    b"x-api-key",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
];

/// Whether a field may not stand in a trailer section.
#[must_use]
pub fn is_forbidden_trailer(name: &[u8]) -> bool {
    DECIDING.iter().any(|field| name.eq_ignore_ascii_case(field)) || is_disguised(name)
}

/// Whether a name is one of the deciding fields with `_` for `-`, such as `Content_Length`; an underscore at its edges counts
/// too, as some programs cut it.
#[must_use]
pub fn is_disguised(name: &[u8]) -> bool {
    if memchr::memchr(b'_', name).is_none() {
        return false;
    }
    let plain: Vec<u8> = name.iter().map(|byte| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() }).collect();
    let mut plain = plain.as_slice();
    while let [b'-', rest @ ..] | [rest @ .., b'-'] = plain {
        plain = rest;
    }
    DECIDING.contains(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_disguised_fields() {
        for name in
            ["Content_Length", "TRANSFER_ENCODING", "transfer_encoding", "Host_", "_host", "x_api-key", "Upload_Length"]
        {
            assert!(is_disguised(name.as_bytes()), "{name}");
        }
        for name in ["Content-Length", "X_Custom", "content_md5x", "host", "_", ""] {
            assert!(!is_disguised(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn trailers_carry_no_deciding_field() {
        for name in ["Content-Length", "transfer-encoding", "Authorization", "HOST", "content_type"] {
            assert!(is_forbidden_trailer(name.as_bytes()), "{name}");
        }
        for name in ["x-checksum", "server-timing", "content-md5", "repr-digest"] {
            assert!(!is_forbidden_trailer(name.as_bytes()), "{name}");
        }
    }
}
