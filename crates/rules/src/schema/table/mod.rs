//! The table itself. Its sentences are the reference page: write them for somebody who has read nothing else.

pub(crate) mod accept;
pub(crate) mod access;
pub(crate) mod body;
pub(crate) mod cors;
pub(crate) mod example;
pub(crate) mod fair_use;
pub(crate) mod main;
pub(crate) mod route;
pub(crate) mod secret;
pub(crate) mod step;
pub(crate) mod target;

use super::{Key, Leaf, Need, Object, Rule, Shape};

/// A key that must be there.
const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, need: Need::Required, shape, doc }
}

/// A key that may be there.
const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, need: Need::Optional, shape, doc }
}

/// A key with a default.
const fn default(name: &'static str, text: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, need: Need::Default(text), shape, doc }
}

/// A key that comes with a later version.
const fn later(name: &'static str) -> Key {
    Key { name, need: Need::Optional, shape: Shape::Later, doc: "" }
}

/// A map with any of its keys.
const fn object(name: &'static str, doc: &'static str, keys: &'static [Key]) -> Object {
    Object { name, doc, keys, rule: Rule::Any }
}

const TEXT: Shape = Shape::Leaf(Leaf::Text);
const PROSE: Shape = Shape::Leaf(Leaf::Prose);
const LITERAL: Shape = Shape::Leaf(Leaf::Literal);
const BOOL: Shape = Shape::Leaf(Leaf::Bool);
const SIZE: Shape = Shape::Leaf(Leaf::Size);
const DURATION: Shape = Shape::Leaf(Leaf::Duration);
