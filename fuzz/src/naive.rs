//! Readers that see everything at once: slow, obvious, and written without a look at the code they are compared with.

/// A part of a form.
pub(crate) struct Part<'a> {
    /// Its header lines, without their ends.
    pub(crate) head: Vec<&'a [u8]>,
    pub(crate) content: &'a [u8],
}

/// The bytes up to the first CRLF.
pub(crate) fn first_line(bytes: &[u8]) -> &[u8] {
    bytes.split_at(find(bytes, b"\r\n").unwrap_or(bytes.len())).0
}

/// Where `needle` begins.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The parts of a whole form (RFC 2046, section 5.1.1), up to its closing delimiter.
pub(crate) fn parts<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<Part<'a>> {
    let delimiter = [b"\r\n--".as_slice(), boundary].concat();
    let ends_part = |at: usize| {
        let after = &body[at + delimiter.len()..];
        after.starts_with(b"\r\n") || after.starts_with(b"--")
    };
    let mut parts = Vec::new();
    // The first delimiter has no CRLF of its own.
    let mut begin = delimiter.len() - 2;
    while body[begin..].starts_with(b"\r\n") {
        begin += 2;
        let Some(mut end) = find(&body[begin..], b"\r\n\r\n").map(|at| begin + at + 4) else { break };
        while let Some(at) = find(&body[end..], &delimiter).map(|at| end + at)
            && !ends_part(at)
        {
            end = at + 1;
        }
        let Some(end) = find(&body[end..], &delimiter).map(|at| end + at) else { break };
        parts.push(part(&body[begin..end]));
        begin = end + delimiter.len();
    }
    parts
}

fn part(bytes: &[u8]) -> Part<'_> {
    let (head, content) = match find(bytes, b"\r\n\r\n") {
        Some(at) => (&bytes[..at], &bytes[at + 4..]),
        None => (bytes, [].as_slice()),
    };
    let mut lines = Vec::new();
    let mut rest = head;
    loop {
        let line = first_line(rest);
        lines.push(line);
        match rest.get(line.len() + 2..) {
            Some(after) if rest.len() > line.len() => rest = after,
            _ => return Part { head: lines, content },
        }
    }
}
