//! The fields of a span as a JSON object, made when the span begins and kept with it.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FormatFields, FormattedFields};

use super::fields::FieldWriter;

/// Room for the id and the route of an upload.
const USUAL_FIELDS: usize = 128;

/// Formats the fields of spans as [`JsonFields`] does: sorted by name, the last of equal names.
///
/// Each upload begins a span, whose fields come in this order and are written straight. Whatever is less simple goes through
/// the library's own formatter, and so does what is recorded later.
#[derive(Debug, Clone, Copy)]
pub(in crate::logging) struct SpanFields;

impl<'writer> FormatFields<'writer> for SpanFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut json = String::with_capacity(USUAL_FIELDS);
        let mut simple = SimpleFields { fields: FieldWriter::begin(&mut json), last: "", are_simple: true };
        fields.record(&mut simple);
        if simple.are_simple {
            json.push('}');
            writer.write_str(&json)
        } else {
            JsonFields::new().format_fields(writer, fields)
        }
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut json = FormattedFields::<JsonFields>::new(std::mem::take(&mut current.fields));
        let added = JsonFields::new().add_fields(&mut json, fields);
        current.fields = json.fields;
        added
    }
}

/// Writes fields as long as they come sorted and are of a kind that is written in one way only.
struct SimpleFields<'a> {
    fields: FieldWriter<'a>,
    last: &'static str,
    are_simple: bool,
}

impl SimpleFields<'_> {
    fn takes(&mut self, field: &Field) -> bool {
        // `JsonFields` takes the `r#` off some names.
        self.are_simple &= self.last < field.name() && !field.name().starts_with("r#");
        self.last = field.name();
        self.are_simple
    }
}

impl Visit for SimpleFields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if self.takes(field) {
            self.fields.record_str(field, value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if self.takes(field) {
            self.fields.record_u64(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if self.takes(field) {
            self.fields.record_i64(field, value);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if self.takes(field) {
            self.fields.record_bool(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.takes(field) {
            self.fields.record_debug(field, value);
        }
    }

    fn record_f64(&mut self, _: &Field, _: f64) {
        self.are_simple = false;
    }

    fn record_bytes(&mut self, _: &Field, _: &[u8]) {
        self.are_simple = false;
    }
}
