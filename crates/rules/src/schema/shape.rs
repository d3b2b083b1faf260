//! The vocabulary of the table.

use super::Leaf;
use crate::source::{Node, Value};

/// What may stand at a place.
#[derive(Debug)]
pub(crate) enum Shape {
    /// One scalar.
    Leaf(Leaf),
    /// Text with run-time expressions.
    Template,
    /// A condition: an expression, or `true` or `false`.
    Condition,
    /// A JSON tree with expressions at its leaves.
    Tree,
    /// A list.
    List(&'static Shape),
    /// One value, or a list of them.
    OneOrMore(&'static Shape),
    /// A map whose keys the author chooses.
    Map {
        /// What the keys are, such as `NAME`.
        key: &'static str,
        /// What the values are.
        value: &'static Shape,
    },
    /// A map with known keys.
    Object(&'static Object),
    /// One of several shapes, told apart by kind and, among objects, by their first key.
    OneOf(&'static [Shape]),
    /// A key that is planned: using it is refused with a word about that.
    Later,
}

/// A map with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its name in the reference and in messages, such as `step`.
    pub(crate) name: &'static str,
    /// What it is, in full sentences.
    pub(crate) doc: &'static str,
    /// Its keys in the order in which people write them.
    pub(crate) keys: &'static [Key],
    /// How many of them there must be.
    pub(crate) rule: Rule,
}

/// A key of an object.
#[derive(Debug)]
pub(crate) struct Key {
    /// As written.
    pub(crate) name: &'static str,
    /// Whether it must be there.
    pub(crate) need: Need,
    /// What stands in it.
    pub(crate) shape: Shape,
    /// What it means, in full sentences.
    pub(crate) doc: &'static str,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// It must.
    Required,
    /// It need not.
    Optional,
    /// It need not: this is taken instead, read as if it stood in the file.
    Default(&'static str),
}

/// How many keys of an object there must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    /// Any that are there.
    Any,
    /// Exactly one of all.
    ExactlyOne,
    /// At most one of these.
    AtMostOneOf(&'static [&'static str]),
}

impl Object {
    /// The key by its name.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of the keys that can be used.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().filter(|key| !matches!(key.shape, Shape::Later)).map(|key| key.name)
    }
}

impl Shape {
    /// In words, with an article: "a list", "a size such as `10MiB`".
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Leaf(leaf) => leaf.describe(),
            Self::Template => "text or an expression `${ … }`".to_owned(),
            Self::Condition => "a condition such as `${ json.ok }`".to_owned(),
            Self::Tree => "any value".to_owned(),
            Self::List(Self::Leaf(item)) => format!("a list, each item {}", item.describe()),
            Self::List(_) => "a list".to_owned(),
            Self::OneOrMore(item) => format!("{}, or a list of such", item.describe()),
            Self::Map { key, .. } => format!("a map `{{ {key}: … }}`"),
            Self::Object(object) => describe_object(object),
            Self::OneOf(shapes) => shapes.iter().map(Self::describe).collect::<Vec<_>>().join(", or "),
            Self::Later => "nothing yet".to_owned(),
        }
    }

    /// Whether a node is of the right kind, so that messages can speak of what is inside it.
    pub(crate) fn fits(&self, node: &Node) -> bool {
        match (self, &node.value) {
            (_, Value::Unusable) | (Self::Tree, _) => true,
            (Self::OneOf(shapes), _) => shapes.iter().any(|shape| shape.fits(node)),
            (Self::OneOrMore(_) | Self::List(_), Value::List(_))
            | (Self::Map { .. } | Self::Object(_), Value::Map(_)) => true,
            (Self::OneOrMore(item), _) => item.fits(node),
            (Self::Leaf(_) | Self::Template | Self::Condition, Value::Scalar(_)) => true,
            _ => false,
        }
    }

    /// The shape that a node is meant to have, among alternatives.
    pub(crate) fn choose<'s>(shapes: &'s [Self], node: &Node) -> Option<&'s Self> {
        let marked = shapes.iter().find(|shape| match shape {
            Self::Object(object) => {
                object.keys.iter().any(|key| matches!(key.need, Need::Required) && node.get(key.name).is_some())
            }
            _ => false,
        });
        marked.or_else(|| shapes.iter().find(|shape| shape.fits(node)))
    }
}

fn describe_object(object: &Object) -> String {
    match (object.rule, object.keys) {
        (Rule::ExactlyOne, keys) => {
            let forms: Vec<_> = keys
                .iter()
                .filter(|key| !matches!(key.shape, Shape::Later))
                .map(|key| format!("`{{ {}: … }}`", key.name))
                .collect();
            forms.join(" or ")
        }
        (_, [first, ..]) => format!("a map `{{ {}: … }}`", first.name),
        (_, []) => "a map".to_owned(),
    }
}
