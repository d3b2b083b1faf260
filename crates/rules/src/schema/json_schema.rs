//! The table as JSON Schema (draft 2020-12), for editors.
//!
//! It says what the table says: keys, kinds, words, units. What `check` finds beyond that, no schema could.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Key, Leaf, MAIN, Need, Object, ROUTE, Rule, Shape};

/// Which file a schema describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The main file.
    Config,
    /// A route's file.
    Route,
}

/// The JSON Schema of a file.
#[must_use]
pub fn json_schema(which: Which) -> Value {
    let object = match which {
        Which::Config => &MAIN,
        Which::Route => &ROUTE,
    };
    let mut definitions = BTreeMap::new();
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_owned(), format!("Tidegate {}", object.name).into());
    schema.extend(self::object(object, &mut definitions));
    let definitions = definitions.into_iter().map(|(name, schema)| (name, schema.unwrap_or_default()));
    schema.insert("$defs".to_owned(), Value::Object(definitions.collect()));
    Value::Object(schema)
}

/// Objects that were met; one that is still being written has no schema yet.
type Definitions = BTreeMap<String, Option<Value>>;

fn object(object: &'static Object, definitions: &mut Definitions) -> Map<String, Value> {
    let usable = || object.keys.iter().filter(|key| !matches!(key.shape, Shape::Later));
    let properties: Map<_, _> = usable().map(|key| (key.name.to_owned(), property(key, definitions))).collect();
    let required: Vec<_> = usable().filter(|key| matches!(key.need, Need::Required)).map(|key| key.name).collect();
    let mut schema = Map::new();
    schema.insert("description".to_owned(), object.doc.into());
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema.insert("additionalProperties".to_owned(), false.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    match object.rule {
        Rule::Any => {}
        Rule::ExactlyOne => {
            schema.insert("minProperties".to_owned(), 1.into());
            schema.insert("maxProperties".to_owned(), 1.into());
        }
        Rule::AtMostOneOf(names) => {
            schema.insert("not".to_owned(), json!({ "anyOf": pairs(names) }));
        }
    }
    schema
}

/// Every two of some keys.
fn pairs(names: &[&str]) -> Vec<Value> {
    let with_later = |(index, first): (usize, &&str)| {
        let later = names.get(index + 1..).unwrap_or_default().iter();
        later.map(|second| json!({ "required": [first, second] })).collect::<Vec<_>>()
    };
    names.iter().enumerate().flat_map(with_later).collect()
}

fn property(key: &'static Key, definitions: &mut Definitions) -> Value {
    let mut schema = match shape(&key.shape, definitions) {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    schema.insert("description".to_owned(), key.doc.into());
    if let Need::Default(text) = key.need {
        schema.insert("default".to_owned(), serde_json::from_str(text).unwrap_or_else(|_| text.into()));
    }
    Value::Object(schema)
}

fn shape(shape: &'static Shape, definitions: &mut Definitions) -> Value {
    match shape {
        Shape::Leaf(leaf) => self::leaf(*leaf),
        Shape::Template => json!({ "type": ["string", "number", "boolean"] }),
        Shape::Condition => json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "pattern": "\\$\\{" }] }),
        Shape::Tree | Shape::Later => json!({}),
        Shape::List(item) => json!({ "type": "array", "items": self::shape(item, definitions) }),
        Shape::OneOrMore(item) => {
            let item = self::shape(item, definitions);
            json!({ "anyOf": [item, { "type": "array", "items": item }] })
        }
        Shape::Map { value, .. } => {
            json!({ "type": "object", "additionalProperties": self::shape(value, definitions) })
        }
        Shape::Object(object) => reference(object, definitions),
        Shape::OneOf(shapes) => {
            let any: Vec<_> = shapes.iter().map(|one| self::shape(one, definitions)).collect();
            json!({ "anyOf": any })
        }
    }
}

fn reference(object: &'static Object, definitions: &mut Definitions) -> Value {
    let name = object.name.replace(' ', "-").to_lowercase();
    if !definitions.contains_key(&name) {
        definitions.insert(name.clone(), None);
        let schema = self::object(object, definitions);
        definitions.insert(name.clone(), Some(Value::Object(schema)));
    }
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn leaf(leaf: Leaf) -> Value {
    let schema = match leaf {
        // YAML reads an unquoted `404` or `no` as something else than text; the checker takes its characters.
        Leaf::Text | Leaf::Literal | Leaf::Prose | Leaf::StatusOrCode => {
            json!({ "type": ["string", "number", "boolean"] })
        }
        Leaf::Name => json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$" }),
        Leaf::Identifier | Leaf::Variable => json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,62}$" }),
        Leaf::Bool => json!({ "type": "boolean" }),
        Leaf::Int(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Leaf::Number => json!({ "type": "number" }),
        Leaf::Size => json!({ "type": "string", "pattern": "^[0-9]+ ?([KMGT]iB|[kKMGT]?B)$" }),
        Leaf::Duration => json!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h)$" }),
        Leaf::Rate => json!({ "type": "string", "pattern": "^[0-9]+ ?([KMGT]iB|[kKMGT]?B)/s$" }),
        Leaf::Frequency => json!({ "type": "string", "pattern": "^[0-9]+ ?/ ?(s|min|h)$" }),
        Leaf::Status => json!({ "anyOf": [
            { "type": "integer", "minimum": 200, "maximum": 599 },
            { "type": "string", "pattern": "^([2-5][0-9]{2}|[2-5][xX]{2})$" },
        ] }),
        Leaf::Choice(words) => json!({ "enum": words }),
        Leaf::Address | Leaf::Networks | Leaf::Regex => json!({ "type": "string" }),
        // `null` is what a browser writes for a page without an origin; YAML reads it as nothing.
        Leaf::WebOrigin => json!({ "type": ["string", "null"] }),
        Leaf::MediaRange => json!({ "type": "string", "pattern": "^[^/ ]+/[^/ ]+$" }),
        Leaf::Request => json!({ "type": "string", "pattern": "^(GET|HEAD|POST|PUT|PATCH|DELETE)\\s+(/|\\$\\{)" }),
        Leaf::PathPattern => json!({ "type": "string", "pattern": "^/[^/]" }),
        Leaf::KeyHash => json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" }),
        Leaf::Moment => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.+)?$" }),
        Leaf::Algorithm => {
            let names: Vec<_> = wire::digest::Algorithm::ALL.into_iter().map(wire::digest::Algorithm::name).collect();
            json!({ "enum": names })
        }
    };
    if leaf.takes_variables() && !matches!(leaf, Leaf::Text) {
        json!({ "anyOf": [schema, { "type": "string", "pattern": "\\$\\{" }] })
    } else {
        schema
    }
}
