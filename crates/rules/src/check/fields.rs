//! Reads the keys of an object, with the table's defaults in place of those that are not there.
//!
//! What cannot be read was reported by the walk over the structure, so nothing is reported here: `None` means "not usable".

use crate::schema::{Complaint, Need, Object};
use crate::source::Node;

/// An object in a file, or the defaults where the file has none.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    node: Option<&'n Node>,
    object: &'static Object,
}

impl<'n> Fields<'n> {
    /// The object at a node; without a node, its defaults.
    pub(super) fn new(node: Option<&'n Node>, object: &'static Object) -> Self {
        Self { node, object }
    }

    /// The value of a key, if it stands in the file.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.node.and_then(|node| node.get(key))
    }

    /// The object at a key.
    pub(super) fn object(&self, key: &str, object: &'static Object) -> Fields<'n> {
        Fields::new(self.get(key), object)
    }

    /// A scalar, or its default.
    pub(super) fn read<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, Complaint>) -> Option<T> {
        match self.get(key) {
            Some(node) => parse(node.text()?).ok(),
            None => match self.object.key(key)?.need {
                Need::Default(text) => parse(text).ok(),
                Need::Required | Need::Optional => None,
            },
        }
    }

    /// A scalar that may be missing: `Some(None)` if it is, `None` if it is not usable.
    pub(super) fn read_optional<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Option<Option<T>> {
        match self.get(key) {
            Some(node) => parse(node.text()?).ok().map(Some),
            None => Some(None),
        }
    }

    /// A text, or its default.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.read(key, |text| Ok(text.to_owned()))
    }

    /// The texts of a list, or of a single scalar; none if the key is not there.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let nodes = self.get(key).map(Node::one_or_more).unwrap_or_default();
        nodes.iter().filter_map(Node::text).map(ToOwned::to_owned).collect()
    }

    /// The first word of a text key with a closed choice, if it is there.
    pub(super) fn is(&self, key: &str, word: &str) -> bool {
        self.get(key).and_then(Node::text) == Some(word)
    }
}
