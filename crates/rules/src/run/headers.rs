//! Header fields of a request: written ones, learned ones that win over them, and what may never be among them.

use super::body::BuiltBody;
use super::request::learned_pairs;
use super::unbuildable::Unbuildable;
use super::{Facts, HeaderText};
use crate::config::HeaderItem;
use crate::expr::{Piece, Template};
use crate::url::Url;

/// Fields that speak of one connection or of the framing: never a rule's business (RFC 9110, 7.6.1).
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// What a receiver cuts at both ends of a value.
const CUT: [char; 2] = [' ', '\t'];

/// Header fields while they are collected.
#[derive(Default)]
pub(super) struct HeaderList {
    fields: Vec<Field>,
}

struct Field {
    name: String,
    /// None: written as `omit`, so that no default takes its place.
    value: Option<HeaderText>,
    learned: bool,
}

impl HeaderList {
    pub(super) fn add(&mut self, items: &[HeaderItem], facts: &Facts) -> Result<(), Unbuildable> {
        for item in items {
            match item {
                HeaderItem::Written(name, template) => {
                    let text = template.eval_text(facts)?;
                    let odd = || {
                        Unbuildable::misplaced(template.pieces(), "has control characters, which no header may have")
                    };
                    let value = text.map(|text| header_text(&text).ok_or_else(odd)).transpose()?;
                    if value.is_some() {
                        check_edges(template, facts)?;
                    }
                    self.set(name, value, false)?;
                }
                HeaderItem::Secret(name, secret) => self.set(name, Some(HeaderText::Secret(secret.clone())), false)?,
                HeaderItem::Learned(template) => {
                    for (name, text) in learned_pairs(template, facts)? {
                        let value = plain(&name, &text)?;
                        self.set(&name, Some(value), true)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Later ones win over earlier ones, learned ones over written ones; case does not count. The name is kept as last given.
    fn set(&mut self, name: &str, value: Option<HeaderText>, learned: bool) -> Result<(), Unbuildable> {
        check_name(name)?;
        let field = Field { name: name.to_owned(), value, learned };
        match self.fields.iter_mut().find(|present| present.name.eq_ignore_ascii_case(name)) {
            Some(present) if present.learned && !learned => {}
            Some(present) => *present = field,
            None => self.fields.push(field),
        }
        Ok(())
    }

    /// Checks what is an assertion and no field, and adds the body's content type where none is said.
    pub(super) fn finish(
        mut self,
        url: &Url,
        body: &BuiltBody,
        body_len: Option<u64>,
    ) -> Result<Vec<(String, HeaderText)>, Unbuildable> {
        self.assert_field("content-length", |value| match body_len {
            Some(len) => value.trim().parse::<u64>().ok() == Some(len),
            None => false,
        })?;
        self.assert_field("host", |value| value.trim().eq_ignore_ascii_case(&url.origin.authority()))?;
        if let Some(own) = &body.content_type {
            let said = self.fields.iter().position(|field| field.name.eq_ignore_ascii_case("content-type"));
            let field =
                Field { name: "Content-Type".to_owned(), value: Some(plain("Content-Type", own)?), learned: false };
            match said {
                None => self.fields.insert(0, field),
                // Only the gateway knows the boundary of its form.
                Some(at) if body.content_type_is_fixed => {
                    self.fields.remove(at);
                    self.fields.insert(0, field);
                }
                Some(_) => {}
            }
        }
        Ok(self.fields.into_iter().filter_map(|field| Some((field.name, field.value?))).collect())
    }

    /// Takes a field out that only says what will be true anyway.
    fn assert_field(&mut self, name: &str, holds: impl Fn(&str) -> bool) -> Result<(), Unbuildable> {
        let Some(at) = self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name)) else {
            return Ok(());
        };
        let field = self.fields.remove(at);
        match &field.value {
            Some(HeaderText::Plain(value)) if holds(value) => Ok(()),
            None => Ok(()),
            Some(_) => {
                Err(Unbuildable::Answer(format!("the header `{name}` that it asks for is not what will be sent")))
            }
        }
    }
}

/// Whether a template makes a value that a header can hold as it is.
pub(crate) fn is_header_text(template: &Template, facts: &Facts) -> bool {
    match template.eval_text(facts) {
        Ok(Some(text)) => header_text(&text).is_some() && check_edges(template, facts).is_ok(),
        Ok(None) => true,
        Err(_) => false,
    }
}

/// A receiver cuts white space at both ends of a value (RFC 9110, 5.5): what a caller says would arrive as something else, and
/// ` alice` would be `alice`. Of answers that is taken as it comes.
fn check_edges(template: &Template, facts: &Facts) -> Result<(), Unbuildable> {
    let blank = |piece: &&Piece| !matches!(piece, Piece::Text(text) if text.trim_matches(CUT).is_empty());
    let first = template.pieces().iter().find(blank);
    let last = template.pieces().iter().rfind(blank);
    for (edge, is_first) in [(first, true), (last, false)] {
        let Some(piece @ Piece::Expression(expression)) = edge else { continue };
        let said = expression.uses_client() || expression.client_value().is_some() || expression.of_file().is_some();
        if !said || expression.answer_of().is_some() {
            continue;
        }
        let text = piece.text(facts)?;
        if if is_first { text.starts_with(CUT) } else { text.ends_with(CUT) } {
            let what = "begins or ends with white space, which a header would lose";
            return Err(Unbuildable::misplaced(std::slice::from_ref(piece), what));
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Unbuildable> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(Unbuildable::Answer("a header name has characters that none may have".to_owned()));
    }
    if HOP_BY_HOP.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Unbuildable::Answer(format!("the header `{name}` belongs to the connection and cannot be set")));
    }
    Ok(())
}

fn plain(name: &str, text: &str) -> Result<HeaderText, Unbuildable> {
    header_text(text)
        .ok_or_else(|| Unbuildable::Answer(format!("the value for header `{name}` has control characters")))
}

fn header_text(text: &str) -> Option<HeaderText> {
    let fits = !text.chars().any(|c| c.is_control() && c != '\t');
    // Only what a receiver cuts as well (RFC 9110, 5.5): another white space is a part of the value.
    fits.then(|| HeaderText::Plain(text.trim_matches(CUT).to_owned()))
}
