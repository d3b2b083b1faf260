//! `params`: what callers may send beside the file.

use serde_json::Value as Json;

use super::accept::regex;
use super::fields::Fields;
use super::structure::report;
use crate::config::{Param, ParamKind};
use crate::diagnostics::Problems;
use crate::schema::Complaint;
use crate::schema::table::route::PARAM;
use crate::schema::values::{boolean, integer, is_identifier, number};
use crate::source::{Entry, Node};

/// Reads `params`; one that cannot be used is left out after it was reported.
pub(super) fn read(node: Option<&Node>, text: &str, problems: &mut Problems) -> Vec<Param> {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| Reader { entry, fields: Fields::new(Some(&entry.value), &PARAM), text }.param(problems))
        .collect()
}

struct Reader<'n> {
    entry: &'n Entry,
    fields: Fields<'n>,
    text: &'n str,
}

impl Reader<'_> {
    fn param(&self, problems: &mut Problems) -> Option<Param> {
        self.check_name(problems);
        let kind = self.kind(problems)?;
        let one_of = self.fields.texts("enum");
        if let (Some(node), true) = (self.fields.get("enum"), one_of.is_empty()) {
            problems
                .error(node.span, "this list of values is empty, so no value would pass")
                .hint("list the values, or remove `enum`");
        }
        for item in self.fields.get("enum").map(Node::items).unwrap_or_default() {
            self.value(&kind, &[], item, problems);
        }
        let default = match self.fields.get("default") {
            Some(node) => Some(self.value(&kind, &one_of, node, problems)?),
            None => None,
        };
        let required = self.fields.read_optional("required", boolean)?;
        if let (Some(true), Some(_), Some(node)) = (required, &default, self.fields.get("required")) {
            problems
                .error(node.span, "a parameter with a default is never required")
                .hint("remove `required: true` or the `default`");
        }
        Some(Param {
            name: self.entry.key.clone(),
            kind,
            one_of,
            required: required.unwrap_or(default.is_none()) && default.is_none(),
            default,
            description: self.fields.text("description"),
        })
    }

    fn check_name(&self, problems: &mut Problems) {
        let (name, span) = (self.entry.key.as_str(), self.entry.key_span);
        if name == "filename" {
            problems
                .error(span, "`filename` is reserved: it is how clients name a file in the query")
                .hint("use another name; the file's name is `file.name`");
        } else if name == "ticket" {
            problems
                .error(span, "`ticket` is reserved: it is how clients show an upload ticket in the query")
                .hint("use another name; the gateway keeps tickets to itself");
        } else if !is_identifier(name) {
            problems
                .error(span, format!("`{name}` cannot be used in expressions"))
                .hint("use letters, digits and `_`, the first not a digit");
        }
    }

    fn kind(&self, problems: &mut Problems) -> Option<ParamKind> {
        let kind = self.fields.text("type")?;
        let foreign: &[&str] = match kind.as_str() {
            "string" => &["min", "max"],
            "boolean" => &["min", "max", "pattern", "max-bytes", "format", "enum"],
            _ => &["pattern", "max-bytes", "format"],
        };
        for key in foreign {
            if let Some(node) = self.fields.get(key) {
                let hint = if kind == "string" {
                    "say `type: integer` or `type: number`"
                } else {
                    "remove it, or say `type: string`"
                };
                problems.error(node.span, format!("`{key}` has no meaning for a {kind}")).hint(hint);
            }
        }
        match kind.as_str() {
            "boolean" => Some(ParamKind::Boolean),
            "integer" => self.integer_kind(problems),
            "number" => self.number_kind(problems),
            _ => self.string_kind(problems),
        }
    }

    fn string_kind(&self, problems: &mut Problems) -> Option<ParamKind> {
        let pattern = match self.fields.get("pattern") {
            Some(node) => Some(regex(node, self.text, problems, |pattern| format!(r"\A(?:{pattern})\z"))?),
            None => None,
        };
        let max_bytes = self.fields.read("max-bytes", |text| integer(text, 1, 65_536))?;
        Some(ParamKind::String {
            pattern,
            max_bytes: usize::try_from(max_bytes).ok()?,
            uuid: self.fields.is("format", "uuid"),
        })
    }

    fn integer_kind(&self, problems: &mut Problems) -> Option<ParamKind> {
        let mut bound = |key: &str, otherwise: i64| match self.fields.get(key) {
            Some(node) => match integer(node.text()?, i64::MIN, i64::MAX) {
                Ok(value) => Some(value),
                Err(complaint) => {
                    report(problems, self.text, node, complaint, None);
                    None
                }
            },
            None => Some(otherwise),
        };
        let (min, max) = (bound("min", i64::MIN)?, bound("max", i64::MAX)?);
        self.check_order(min <= max, problems);
        Some(ParamKind::Integer { min, max })
    }

    fn number_kind(&self, problems: &mut Problems) -> Option<ParamKind> {
        let min = self.fields.read_optional("min", number)?.unwrap_or(f64::MIN);
        let max = self.fields.read_optional("max", number)?.unwrap_or(f64::MAX);
        self.check_order(min <= max, problems);
        Some(ParamKind::Number { min, max })
    }

    fn check_order(&self, in_order: bool, problems: &mut Problems) {
        if let (false, Some(node)) = (in_order, self.fields.get("max")) {
            problems.error(node.span, "`max` is smaller than `min`, so no value would pass").hint("swap the two");
        }
    }

    /// A value as the parameter would take it from a client.
    fn value(&self, kind: &ParamKind, one_of: &[String], node: &Node, problems: &mut Problems) -> Option<Json> {
        let text = node.text()?;
        match typed(kind, text) {
            Ok(_) if !one_of.is_empty() && !one_of.iter().any(|word| word == text) => {
                problems
                    .error(node.span, "the default is not one of the values in `enum`")
                    .hint("add it there, or choose one of them");
                None
            }
            Ok(value) => Some(value),
            Err(complaint) => {
                report(problems, self.text, node, complaint, None);
                None
            }
        }
    }
}

fn typed(kind: &ParamKind, text: &str) -> Result<Json, Complaint> {
    match kind {
        ParamKind::Boolean => boolean(text).map(Json::from),
        ParamKind::Integer { min, max } => integer(text, *min, *max).map(Json::from),
        ParamKind::Number { min, max } => {
            let value = number(text)?;
            if value < *min || value > *max {
                return Err(Complaint::new(
                    "this value is outside `min` and `max`",
                    "choose one in between, or widen the bounds",
                ));
            }
            Ok(Json::from(value))
        }
        ParamKind::String { pattern, max_bytes, uuid } => {
            if text.len() > *max_bytes {
                return Err(Complaint::new("this value is longer than `max-bytes`", "shorten it, or raise the limit"));
            }
            if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(text)) {
                return Err(Complaint::new(
                    "this value does not match `pattern`",
                    "the pattern must match the whole value",
                ));
            }
            if *uuid && (text.len() != 36 || uuid::Uuid::try_parse(text).is_err()) {
                return Err(Complaint::new(
                    "this is no UUID",
                    "write 32 hexadecimal digits with hyphens: `8-4-4-4-12`",
                ));
            }
            Ok(Json::from(text))
        }
    }
}
