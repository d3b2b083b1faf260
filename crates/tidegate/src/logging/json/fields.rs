//! The fields of an event or of a span, as members of a JSON object.

use std::fmt::{self, Write as _};

use serde_json::Value;
use tracing::field::{Field, Visit};

use super::escape::{WithinString, push_escaped, push_string};

/// Appends each field that it visits as a member. Fields without a value are not visited, so they do not show.
pub(super) struct FieldWriter<'a> {
    json: &'a mut String,
    is_first: bool,
}

impl<'a> FieldWriter<'a> {
    /// Continues an object that has members.
    pub(super) fn after_others(json: &'a mut String) -> Self {
        Self { json, is_first: false }
    }

    /// Begins an object.
    pub(super) fn begin(json: &'a mut String) -> Self {
        json.push('{');
        Self { json, is_first: true }
    }

    fn push_name(&mut self, field: &Field) {
        self.json.push_str(if self.is_first { "\"" } else { ",\"" });
        self.is_first = false;
        push_escaped(self.json, field.name());
        self.json.push_str("\":");
    }

    fn push_integer(&mut self, field: &Field, value: impl itoa::Integer) {
        self.push_name(field);
        self.json.push_str(itoa::Buffer::new().format(value));
    }
}

/// Errors, bytes and integers of 128 bits come as `Debug`, which is a string.
impl Visit for FieldWriter<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.push_name(field);
        push_string(self.json, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push_integer(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push_integer(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push_name(field);
        self.json.push_str(if value { "true" } else { "false" });
    }

    /// As serde_json prints them: the shortest that reads back the same, and `null` for what JSON has no number for.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push_name(field);
        self.json.push_str(&Value::from(value).to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push_name(field);
        self.json.push('"');
        // A value that cannot print itself loses its own text and not the line.
        let _as_far_as_it_goes = write!(WithinString(self.json), "{value:?}");
        self.json.push('"');
    }
}
