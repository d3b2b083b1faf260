//! `traceparent` (W3C Trace Context, level 1): continued towards targets with their own URL.

use http::{HeaderMap, HeaderName};

/// The client's trace with a span id of ours as the parent, if it sent a well-formed `traceparent`.
pub(crate) fn continued(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(HeaderName::from_static("traceparent"))?.to_str().ok()?;
    let mut parts = value.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let all_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let well_formed = version == "00"
        && parts.next().is_none()
        && is_hex(trace, 32)
        && is_hex(parent, 16)
        && is_hex(flags, 2)
        && !all_zero(trace)
        && !all_zero(parent);
    let span = format!("{:016x}", uuid::Uuid::new_v4().as_u64_pair().1);
    well_formed.then(|| format!("00-{trace}-{span}-{flags}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn continued_from(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", value.parse().expect("a header value"));
        continued(&headers)
    }

    #[test]
    fn keeps_the_trace_and_sets_a_parent_of_its_own() {
        let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let passed = continued_from(sent).expect("it is well-formed");
        assert!(passed.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert!(passed.ends_with("-01"));
        assert_ne!(passed, sent);
    }

    #[test]
    fn drops_what_is_malformed() {
        for bad in [
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(continued_from(bad), None, "{bad}");
        }
    }
}
