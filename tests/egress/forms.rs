//! The forms in which a secret could leave.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// A value as it is, percent-encoded, escaped for JSON, in hexadecimal, and in base64 at each place within other bytes.
pub(crate) fn forms(value: &str) -> Vec<String> {
    let encoded = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let mut forms = vec![
        value.to_owned(),
        encoded.replace("%2D", "-").replace("%5F", "_").replace("%2E", "."),
        encoded.to_lowercase(),
        encoded,
        serde_json::Value::from(value).to_string().trim_matches('"').to_owned(),
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ];
    for engine in [&STANDARD, &URL_SAFE] {
        forms.extend((0..3).map(|offset| within_base64(engine, value, offset)));
    }
    forms.sort_unstable();
    forms.dedup();
    forms
}

/// The characters that hang on the value alone, with so many bytes before it.
fn within_base64(engine: &base64::engine::GeneralPurpose, value: &str, offset: usize) -> String {
    let bytes = [vec![0; offset], value.as_bytes().to_vec()].concat();
    let whole = engine.encode(&bytes);
    let first = [0, 2, 3][offset];
    let last = whole.trim_end_matches('=').len() - usize::from(!bytes.len().is_multiple_of(3));
    whole.get(first..last).expect("base64 is ASCII").to_owned()
}

#[test]
fn finds_a_value_within_base64_wherever_it_begins() {
    for before in ["", "a", "ab", "abc"] {
        for after in ["", "x", "xy"] {
            let text = STANDARD.encode(format!("{before}canary?>value{after}"));
            assert!(forms("canary?>value").iter().any(|form| text.contains(form)), "{text}");
        }
    }
}
