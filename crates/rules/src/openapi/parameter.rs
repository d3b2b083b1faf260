//! What stands beside the file: captures of the path, declared parameters, header fields.

use regex::Regex;
use serde_json::{Value, json};

use super::operation::Sent;
use super::response;
use crate::config::{Param, ParamKind, PathSegment, Route};

/// The captures of a route's path.
pub(super) fn of_path(route: &Route) -> Vec<Value> {
    let capture = |name: &str, more: Option<&str>| {
        let mut parameter =
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } });
        if let Some(more) = more {
            parameter["description"] = json!(more);
        }
        parameter
    };
    let of_segment = |segment: &PathSegment| match segment {
        PathSegment::Literal(_) => None,
        PathSegment::Capture(name) => Some(capture(name, None)),
        PathSegment::Rest(name) => Some(capture(
            name,
            Some("May have several segments, with slashes between them; the last is the file's name."),
        )),
    };
    route.path.segments.iter().filter_map(of_segment).collect()
}

/// The file's name as the last segment of the path.
pub(super) fn file_name(name: &str, route: &Route) -> Value {
    json!({ "name": name, "in": "path", "required": true, "description": "The file's name.", "schema": name_schema(route) })
}

/// The file's name in the query.
pub(super) fn file_name_in_query(route: &Route) -> Value {
    let description = "The file's name, where neither `Content-Disposition` nor a form tells it.";
    json!({ "name": "filename", "in": "query", "description": description, "schema": name_schema(route) })
}

/// Bytes are counted, and a character has at least one.
fn name_schema(route: &Route) -> Value {
    let mut schema = json!({ "type": "string", "minLength": 1, "maxLength": route.accept.name.max_bytes });
    if let Some(pattern) = &route.accept.name.pattern {
        schema["pattern"] = json!(pattern.as_str());
    }
    schema
}

/// A parameter that the route declares, in the query.
pub(super) fn declared(param: &Param, required: bool) -> Value {
    let mut parameter = json!({ "name": param.name, "in": "query", "required": required, "schema": schema(param) });
    if let Some(description) = &param.description {
        parameter["description"] = json!(description);
    }
    parameter
}

/// The values of a declared parameter.
pub(super) fn schema(param: &Param) -> Value {
    let mut schema = match &param.kind {
        ParamKind::String { uuid: true, .. } => json!({ "type": "string", "format": "uuid" }),
        ParamKind::String { pattern, max_bytes, .. } => {
            let mut schema = json!({ "type": "string", "maxLength": max_bytes });
            if let Some(pattern) = pattern {
                schema["pattern"] = json!(whole(pattern));
            }
            schema
        }
        ParamKind::Boolean => json!({ "type": "boolean" }),
        ParamKind::Integer { min, max } => {
            json!({ "type": "integer", "format": "int64", "minimum": min, "maximum": max })
        }
        ParamKind::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
    };
    if !param.one_of.is_empty() {
        schema["enum"] = json!(param.one_of);
    }
    if let Some(default) = &param.default {
        schema["default"] = default.clone();
    }
    schema
}

/// A pattern that matches a whole value, as JSON Schema writes it: as in JavaScript, which knows neither `\A` nor `\z`.
fn whole(pattern: &Regex) -> String {
    let text = pattern.as_str();
    let bare = text.strip_prefix(r"\A").and_then(|rest| rest.strip_suffix(r"\z")).unwrap_or(text);
    format!("^{bare}$")
}

/// The fields that an upload may carry. `Content-Type`, `Content-Length` and `Authorization` are said elsewhere in such documents.
pub(super) fn headers(route: &Route, sent: Sent) -> Vec<Value> {
    let Value::Array(mut fields) = response::from_file(include_str!("headers.json")) else { return Vec::new() };
    if sent == Sent::Raw {
        fields.retain(|field| field["name"] != "Content-Disposition");
    }
    for field in &mut fields {
        let must_be = route.require_digest && sent == Sent::Raw && field["name"] == "Repr-Digest";
        field["required"] = Value::Bool(must_be);
    }
    fields
}
