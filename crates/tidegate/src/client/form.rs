//! The multipart form around a file, as browsers write it (RFC 7578; the escapes are those of the HTML standard).

use bytes::Bytes;

/// What stands around the file.
pub(crate) struct FormFrame {
    /// For `Content-Type`.
    pub(crate) content_type: String,
    /// The text fields and the head of the file's part.
    pub(crate) before: Bytes,
    /// The closing delimiter.
    pub(crate) after: Bytes,
}

/// Writes the frame; without a `filename`, the file's part has none. `part_fields` are header fields of the file's part beside its disposition.
pub(crate) fn frame(
    boundary: &str,
    fields: &[(String, String)],
    filename: Option<&str>,
    part_fields: &[(&str, String)],
) -> FormFrame {
    let mut before = String::new();
    for (name, value) in fields {
        let name = escaped(name);
        before.push_str(&format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    let filename = filename.map_or_else(String::new, |filename| format!("; filename=\"{}\"", escaped(filename)));
    before.push_str(&format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"{filename}\r\n"));
    for (name, value) in part_fields {
        before.push_str(&format!("{name}: {value}\r\n"));
    }
    before.push_str("\r\n");
    FormFrame {
        content_type: format!("multipart/form-data; boundary={boundary}"),
        before: before.into(),
        after: format!("\r\n--{boundary}--\r\n").into(),
    }
}

/// Quotes and line ends would end the parameter or the field.
fn escaped(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_fields_come_before_the_file() {
        let fields = [("title".to_owned(), "Red pixel".to_owned())];
        let frame = frame("XY", &fields, Some("a \"b\".png"), &[("Content-Type", "image/png".to_owned())]);
        assert_eq!(frame.content_type, "multipart/form-data; boundary=XY");
        assert_eq!(
            frame.before,
            "--XY\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nRed pixel\r\n\
             --XY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.png\"\r\n\
             Content-Type: image/png\r\n\r\n"
        );
        assert_eq!(frame.after, "\r\n--XY--\r\n");
    }
}
