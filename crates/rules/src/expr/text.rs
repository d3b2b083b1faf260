//! How a value reads in text: booleans in lower case, numbers as in JSON.

use minijinja::Value;
use minijinja::value::ValueKind;

/// The text of a scalar value, or in words what kind of value has none.
pub(crate) fn to_text(value: &Value) -> Result<String, &'static str> {
    match value.kind() {
        ValueKind::String => Ok(value.as_str().unwrap_or_default().to_owned()),
        ValueKind::Bool => Ok(if value.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number => match super::to_json(value) {
            Ok(number) => Ok(number.to_string()),
            Err(_) => Err("a number that JSON cannot hold exactly"),
        },
        ValueKind::None => Err("null"),
        ValueKind::Undefined => Err("undefined"),
        ValueKind::Seq | ValueKind::Iterable => Err("a list"),
        ValueKind::Map => Err("a map"),
        _ => Err("no scalar"),
    }
}
