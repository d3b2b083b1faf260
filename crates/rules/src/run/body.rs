//! Bodies: JSON, forms, URL-encoded and text, with the place where the file streams.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wire::envelope::{Encoding, Envelope};
use wire::form::{Boundary, FormWriteError, FormWriter, is_multipart, is_safe_name};

use super::Facts;
use super::request::{Builder, learned_pairs};
use super::unbuildable::Unbuildable;
use crate::config::{Body, FormItem, Tree};
use crate::expr::{Piece, Template, to_json};
use crate::policy::PostPolicy;

/// What a body is made of.
#[derive(Debug)]
pub(super) enum Payload {
    /// Nothing.
    None,
    /// All of it.
    Bytes(Bytes),
    /// What stands around the file.
    File(Envelope),
}

/// A body and its type.
pub(super) struct BuiltBody {
    pub(super) payload: Payload,
    /// None: the body has none.
    pub(super) content_type: Option<String>,
    /// Whether no header can say otherwise.
    pub(super) content_type_is_fixed: bool,
}

impl BuiltBody {
    fn new(payload: Payload, content_type: impl Into<String>) -> Self {
        Self { payload, content_type: Some(content_type.into()), content_type_is_fixed: false }
    }
}

pub(super) fn build(builder: Builder<'_>, step: &str, body: &Body) -> Result<BuiltBody, Unbuildable> {
    let facts = builder.facts;
    match body {
        Body::None => Ok(BuiltBody { payload: Payload::None, content_type: None, content_type_is_fixed: false }),
        Body::File => {
            let media_type = facts.file.as_ref().map(|file| file.content_type.clone()).unwrap_or_default();
            Ok(BuiltBody::new(Payload::File(Envelope::raw()), media_type))
        }
        Body::Json(tree) => Ok(BuiltBody::new(json(tree, facts)?, "application/json")),
        Body::Form(items) => form(builder, step, items),
        Body::Urlencoded(pairs) => {
            let text = urlencoded(pairs, facts)?;
            Ok(BuiltBody::new(Payload::Bytes(text.into()), "application/x-www-form-urlencoded"))
        }
        Body::Text(template) => {
            let text = template.eval_text(facts)?.unwrap_or_default();
            Ok(BuiltBody::new(Payload::Bytes(text.into()), "text/plain; charset=utf-8"))
        }
    }
}

/// JSON text while it is written; `after` begins where the file streams.
#[derive(Default)]
struct JsonWriter {
    text: String,
    stream: Option<(String, Encoding)>,
}

fn json(tree: &Tree, facts: &Facts) -> Result<Payload, Unbuildable> {
    let mut writer = JsonWriter::default();
    if !writer.tree(tree, facts)? {
        return Ok(Payload::None);
    }
    Ok(match writer.stream {
        Some((before, encoding)) => {
            Payload::File(Envelope { prefix: before.into(), encoding, suffix: writer.text.into() })
        }
        None => Payload::Bytes(writer.text.into()),
    })
}

impl JsonWriter {
    /// Writes a value; false: it is `omit`, and nothing was written.
    fn tree(&mut self, tree: &Tree, facts: &Facts) -> Result<bool, Unbuildable> {
        match tree {
            Tree::Constant(value) => self.text.push_str(&value.to_string()),
            Tree::Leaf(template) if template.stream().is_some() => self.streamed(template, facts)?,
            Tree::Leaf(template) => match template.eval(facts)? {
                Some(value) => {
                    let value = to_json(&value)
                        .map_err(|what| Unbuildable::odd_template(template, facts, &format!("a value is {what}")))?;
                    self.text.push_str(&value.to_string());
                }
                None => return Ok(false),
            },
            Tree::List(items) => {
                self.text.push('[');
                let mut first = true;
                for item in items {
                    self.item(&mut first, |writer| writer.tree(item, facts))?;
                }
                self.text.push(']');
            }
            Tree::Map(members) => {
                self.text.push('{');
                let mut first = true;
                for (name, member) in members {
                    self.item(&mut first, |writer| {
                        writer.text.push_str(&quoted(name));
                        writer.text.push(':');
                        writer.tree(member, facts)
                    })?;
                }
                self.text.push('}');
            }
        }
        Ok(true)
    }

    /// One item with its comma; what was written for an omitted one is taken back.
    fn item(
        &mut self,
        first: &mut bool,
        write: impl FnOnce(&mut Self) -> Result<bool, Unbuildable>,
    ) -> Result<(), Unbuildable> {
        let before = self.text.len();
        if !*first {
            self.text.push(',');
        }
        if write(self)? {
            *first = false;
        } else {
            self.text.truncate(before);
        }
        Ok(())
    }

    fn streamed(&mut self, template: &Template, facts: &Facts) -> Result<(), Unbuildable> {
        self.text.push('"');
        for piece in template.pieces() {
            match piece {
                Piece::Stream(_) if self.stream.is_some() => {
                    return Err(Unbuildable::Internal("the file can stream only once".to_owned()));
                }
                Piece::Stream(encoding) => self.stream = Some((std::mem::take(&mut self.text), *encoding)),
                Piece::Text(_) | Piece::Expression(_) => {
                    let text = quoted(&piece.text(facts)?);
                    self.text.push_str(text.get(1..text.len().saturating_sub(1)).unwrap_or_default());
                }
            }
        }
        self.text.push('"');
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A tree as a value, as the receipt's `result` takes it; none: `omit`.
pub(super) fn tree_value(tree: &Tree, facts: &Facts) -> Result<Option<serde_json::Value>, Unbuildable> {
    Ok(Some(match tree {
        Tree::Constant(value) => value.clone(),
        Tree::Leaf(template) => {
            let Some(value) = template.eval(facts)? else { return Ok(None) };
            to_json(&value).map_err(|what| Unbuildable::odd_template(template, facts, &format!("a value is {what}")))?
        }
        Tree::List(items) => {
            let values = items.iter().map(|item| tree_value(item, facts)).collect::<Result<Vec<_>, _>>()?;
            values.into_iter().flatten().collect()
        }
        Tree::Map(members) => {
            let mut object = serde_json::Map::new();
            for (name, member) in members {
                if let Some(value) = tree_value(member, facts)? {
                    object.insert(name.clone(), value);
                }
            }
            serde_json::Value::Object(object)
        }
    }))
}

/// A form's part: a field, or the file.
enum Part {
    Field { name: String, value: String, content_type: Option<String> },
    File { part: String, filename: Option<String>, content_type: Option<String> },
}

fn form(builder: Builder<'_>, step: &str, items: &[FormItem]) -> Result<BuiltBody, Unbuildable> {
    let mut parts = Vec::new();
    for item in items {
        form_item(item, builder.facts, &mut parts)?;
    }
    check_policy(builder, &parts)?;
    let boundary = Boundary::from_random(builder.seed.bytes(&format!("boundary of {step}")));
    let mut writer = FormWriter::new(boundary);
    let mut has_file = false;
    for part in &parts {
        writer = match part {
            Part::Field { name, value, content_type } => {
                writer.field(name, content_type.as_deref(), value.as_bytes()).map_err(unwritable)?
            }
            Part::File { part, filename, content_type } => {
                has_file = true;
                writer.file(part, filename.as_deref(), content_type.as_deref()).map_err(unwritable)?
            }
        };
    }
    let internal = |error: FormWriteError| Unbuildable::Internal(error.to_string());
    let (content_type, payload) = if has_file {
        let body = writer.finish().map_err(internal)?;
        (body.content_type, Payload::File(body.envelope))
    } else {
        let (content_type, bytes) = writer.finish_without_file().map_err(internal)?;
        (content_type, Payload::Bytes(bytes))
    };
    Ok(BuiltBody { payload, content_type: Some(content_type), content_type_is_fixed: true })
}

fn form_item(item: &FormItem, facts: &Facts, parts: &mut Vec<Part>) -> Result<(), Unbuildable> {
    match item {
        FormItem::Field { name, value, content_type } => {
            let (Some(name), Some(value)) = (part_name(name, facts)?, value.eval_text(facts)?) else { return Ok(()) };
            let content_type = content_type.as_ref().map(|template| part_type(template, facts)).transpose()?.flatten();
            parts.push(Part::Field { name, value, content_type });
        }
        FormItem::Fields { from, rename, drop, keep, drop_empty } => {
            for (name, value) in learned_pairs(from, facts)? {
                let kept = keep.is_empty() || keep.contains(&name);
                if !kept || drop.contains(&name) || (*drop_empty && value.is_empty()) {
                    continue;
                }
                let renamed = rename.iter().find(|(old, _)| *old == name).map(|(_, new)| new.clone());
                parts.push(Part::Field { name: renamed.unwrap_or(name), value, content_type: None });
            }
        }
        FormItem::File { part, filename, content_type } => {
            let file = facts.file.as_ref().ok_or_else(|| Unbuildable::Internal("there is no file".to_owned()))?;
            // Written as `omit`: none at all. Not written: the upload's.
            let filename = filename.as_ref().map(|template| part_name(template, facts)).transpose()?;
            let filename = filename.unwrap_or_else(|| Some(file.name.as_str().to_owned()));
            let content_type = content_type.as_ref().map(|template| part_type(template, facts)).transpose()?;
            let content_type = content_type.unwrap_or_else(|| Some(file.content_type.clone()));
            let part = part_name(part, facts)?;
            let part = part.ok_or_else(|| Unbuildable::Internal("the file part has no name".to_owned()))?;
            parts.push(Part::File { part, filename, content_type });
        }
    }
    Ok(())
}

/// A name in the form; none: `omit`.
fn part_name(template: &Template, facts: &Facts) -> Result<Option<String>, Unbuildable> {
    let name = template.eval_text(facts)?;
    if name.as_deref().is_none_or(is_safe_name) {
        return Ok(name);
    }
    let what = "has a backslash or a control character, which no name in a form may have";
    Err(Unbuildable::misplaced(template.pieces(), what))
}

/// The type of a part; none: `omit`.
fn part_type(template: &Template, facts: &Facts) -> Result<Option<String>, Unbuildable> {
    let media_type = template.eval_text(facts)?;
    let what = match media_type.as_deref() {
        Some(text) if text.chars().any(char::is_control) => "has control characters, which no type may have",
        Some(text) if is_multipart(text) => "is a multipart, which no part of a form may be",
        Some(_) | None => return Ok(media_type),
    };
    Err(Unbuildable::misplaced(template.pieces(), what))
}

/// What the writer still refuses came from an answer: all else was checked where it was evaluated.
fn unwritable(error: FormWriteError) -> Unbuildable {
    match error {
        FormWriteError::ControlInContentType | FormWriteError::UnsafeName | FormWriteError::Nested => {
            Unbuildable::Answer(error.to_string())
        }
        FormWriteError::SecondFile | FormWriteError::NoFile | FormWriteError::UnexpectedFile => {
            Unbuildable::Internal(error.to_string())
        }
    }
}

fn check_policy(builder: Builder<'_>, parts: &[Part]) -> Result<(), Unbuildable> {
    let before_file = parts.iter().take_while(|part| matches!(part, Part::Field { .. }));
    let fields: Vec<(String, String)> = before_file
        .filter_map(|part| match part {
            Part::Field { name, value, .. } => Some((name.clone(), value.clone())),
            Part::File { .. } => None,
        })
        .collect();
    let policy = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("policy"));
    let Some(policy) = policy.and_then(|(_, text)| PostPolicy::decode(text)) else { return Ok(()) };
    let Some(file) = &builder.facts.file else { return Ok(()) };
    let sent_name = parts.iter().find_map(|part| match part {
        Part::File { filename, .. } => filename.as_deref(),
        Part::Field { .. } => None,
    });
    let outcome = policy.check(&fields, sent_name.unwrap_or_default(), file.size, builder.soon);
    outcome.map_err(Unbuildable::Policy)
}

/// What the WHATWG URL standard leaves as it is in this format; a space becomes `+`.
const FORM_URLENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

fn urlencoded(pairs: &[(String, Template)], facts: &Facts) -> Result<String, Unbuildable> {
    let encode = |text: &str| utf8_percent_encode(text, FORM_URLENCODED).to_string().replace("%20", "+");
    let mut encoded = Vec::new();
    for (name, template) in pairs {
        if let Some(value) = template.eval_text(facts)? {
            encoded.push(format!("{}={}", encode(name), encode(&value)));
        }
    }
    Ok(encoded.join("&"))
}
