//! `Content-Disposition` of requests and of form parts. The input is the field's value.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use wire::disposition::{self, Context, Disposition};
use wire::name::{FileName, MAX_NAME_BYTES};

/// What is understood can be written in a form with one reading, and that is read the same; every text survives `filename*`;
/// what passes as a file name is one component without control characters.
pub fn content_disposition(input: &[u8]) {
    let understood = [Context::Http, Context::FormPart].map(|context| {
        let read = disposition::parse(input, context).ok();
        if let Some(read) = &read {
            check(read, context, input);
        }
        read
    });
    if let [Some(http), Some(form)] = &understood
        && !input.iter().any(|byte| matches!(byte, b'\\' | b'%'))
    {
        assert_eq!(http, form, "without escapes both contexts mean the same");
    }
    let text = String::from_utf8_lossy(input);
    let extended = format!("attachment; filename*={}", disposition::ext_value(&text));
    let read = disposition::parse(extended.as_bytes(), Context::Http).expect("an extended value is well-formed");
    assert_eq!(read.filename.as_deref(), Some(&*text), "an extended value means its text");
    check_name(&text);
}

fn check(read: &Disposition, context: Context, input: &[u8]) {
    let len = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    assert!(read.kind.len() + len(&read.name) + len(&read.filename) <= input.len(), "nothing is made up");
    assert_eq!(read.kind, read.kind.to_ascii_lowercase());
    let canonical = canonical(read, context);
    assert_eq!(disposition::parse(canonical.as_bytes(), context).as_ref(), Ok(read), "{canonical}");
    if let Some(name) = &read.filename {
        check_name(name);
    }
}

/// The same with every name in the form that leaves no choice.
fn canonical(read: &Disposition, context: Context) -> String {
    let mut text = read.kind.clone();
    if let Some(name) = &read.name {
        // In a form's quotes `%22` would mean a quote and `%0D` and `%0A` a line break, so a name that holds one came without quotes.
        let escapes = ["%22", "%0a", "%0d"];
        let in_form = context == Context::FormPart;
        let is_bare = in_form && escapes.iter().any(|escape| name.to_ascii_lowercase().contains(escape));
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let quoted = if in_form { quoted.replace('\n', "%0A").replace('\r', "%0D") } else { quoted };
        text += &if is_bare { format!("; name={name}") } else { format!("; name=\"{quoted}\"") };
    }
    if let Some(name) = &read.filename {
        text += &format!("; filename*={}", disposition::ext_value(name));
    }
    text
}

fn check_name(text: &str) {
    let Ok(name) = FileName::parse(text) else { return };
    assert_eq!(name.as_str(), text, "a name is kept as it was sent");
    assert!(!text.is_empty() && text.len() <= MAX_NAME_BYTES);
    assert!(!text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')), "one component, no control character");
    assert!(!matches!(text, "." | ".."));
    let encoded = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    assert_eq!(FileName::parse_percent_encoded(&encoded, MAX_NAME_BYTES), Ok(name.clone()));
    let suffix = name.extension().map(|extension| format!(".{extension}")).unwrap_or_default();
    assert!(text.starts_with(&format!("{}{suffix}", name.stem())), "stem and extension are the name's beginning");
}
