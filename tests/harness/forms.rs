//! Multipart forms as clients write them, built by hand so that they share no code with the gateway.

/// The boundary of every form here.
pub const BOUNDARY: &str = "----tests-d41d8cd98f00b204";

/// `Content-Type` of every form here.
#[must_use]
pub fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// A form with text fields and one file; the filename stands in quotes as given, escaped by the caller.
#[must_use]
pub fn form(fields: &[(&str, &str)], filename: &str, media_type: &str, content: &[u8]) -> Vec<u8> {
    form_of(fields, &file_head(filename, media_type), content)
}

/// A form with text fields and one file, whose part begins with `file_head`.
#[must_use]
pub fn form_of(fields: &[(&str, &str)], file_head: &str, content: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend_from_slice(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").as_bytes(),
        );
    }
    body.extend_from_slice(file_head.as_bytes());
    body.extend_from_slice(content);
    body.extend_from_slice(closing().as_bytes());
    body
}

/// The head of the file's part.
#[must_use]
pub fn file_head(filename: &str, media_type: &str) -> String {
    file_head_named(&format!("filename=\"{filename}\""), media_type)
}

/// The head of the file's part, with the parameters that name the file as given.
#[must_use]
pub fn file_head_named(parameters: &str, media_type: &str) -> String {
    format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; {parameters}\r\nContent-Type: {media_type}\r\n\r\n"
    )
}

/// The closing delimiter.
#[must_use]
pub fn closing() -> String {
    format!("\r\n--{BOUNDARY}--\r\n")
}
