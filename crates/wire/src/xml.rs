//! Small XML answers as a tree: `<Error><Code>…</Code></Error>` of S3 and its kin.
//!
//! Namespaces are ignored, order is kept. A hostile upstream would send entity bombs, external entities and towers of
//! elements: document types and entities other than the five of XML are refused, depth and node count are bounded, and the
//! tree is built without recursion. The size of the input is bounded by whoever read it.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Nested elements; answers of storage services have four.
pub const MAX_DEPTH: usize = 32;

/// Elements and attributes in one document; a list of a thousand objects with ten properties each fits.
pub const MAX_NODES: usize = 10_000;

/// Attributes of one element. That none is given twice is checked in quadratic time, so this is far lower.
pub const MAX_ATTRIBUTES: usize = 64;

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// It is not UTF-8.
    #[error("the document is not valid UTF-8")]
    NotUtf8,
    /// It is not well-formed.
    #[error("the document is not well-formed")]
    Malformed,
    /// It has a document type, which could define entities.
    #[error("the document has a document type")]
    DocumentType,
    /// It uses an entity that is none of XML's five.
    #[error("the document uses the entity `{0}`")]
    Entity(String),
    /// More than [`MAX_DEPTH`] nested elements.
    #[error("the document is nested deeper than {MAX_DEPTH} elements")]
    TooDeep,
    /// More than [`MAX_ATTRIBUTES`] in one element.
    #[error("an element of the document has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// More than [`MAX_NODES`] elements and attributes.
    #[error("the document has more than {MAX_NODES} nodes")]
    TooManyNodes,
}

/// One element.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct XmlNode {
    /// The local name.
    pub name: String,
    /// The attributes in order, by local name; namespace declarations are left out.
    pub attributes: Vec<(String, String)>,
    /// Its own text without surrounding whitespace, without that of its children.
    pub text: String,
    /// The elements in it, in order.
    pub children: Vec<XmlNode>,
}

impl XmlNode {
    /// Reads a document and returns its root.
    ///
    /// # Errors
    /// Whatever [`XmlError`] lists.
    pub fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let text = std::str::from_utf8(document).map_err(|_| XmlError::NotUtf8)?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}'));
        let mut tree = Tree::default();
        loop {
            match reader.read_event().map_err(|_| XmlError::Malformed)? {
                Event::Start(start) => tree.open(&start)?,
                Event::Empty(start) => {
                    tree.open(&start)?;
                    tree.close()?;
                }
                Event::End(_) => tree.close()?,
                Event::Text(text) => tree.text(&text.xml10_content())?,
                Event::CData(text) => tree.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => tree.reference(&reference)?,
                Event::DocType(_) => return Err(XmlError::DocumentType),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => return tree.finish(),
            }
        }
    }

    /// The first child of that name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first element under this one at that path of names.
    #[must_use]
    pub fn find(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.child(name))
    }

    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_str())
    }
}

/// The tree while it grows: the elements that are open, outermost first.
#[derive(Debug, Default)]
struct Tree {
    open: Vec<XmlNode>,
    root: Option<XmlNode>,
    nodes: usize,
}

impl Tree {
    fn open(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.root.is_some() {
            return Err(XmlError::Malformed);
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        self.count()?;
        let mut node = XmlNode { name: start.local_name().as_ref().to_owned(), ..XmlNode::default() };
        for (index, attribute) in start.attributes().enumerate() {
            let attribute = attribute.map_err(|_| XmlError::Malformed)?;
            if index >= MAX_ATTRIBUTES {
                return Err(XmlError::TooManyAttributes);
            }
            self.count()?;
            let name = attribute.key.as_ref();
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| XmlError::Malformed)?;
            node.attributes.push((attribute.key.local_name().as_ref().to_owned(), value.into_owned()));
        }
        self.open.push(node);
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let mut node = self.open.pop().ok_or(XmlError::Malformed)?;
        node.text = node.text.trim().to_owned();
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }

    /// Outside of the root only whitespace may stand.
    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(node) => node.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(XmlError::Malformed),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), XmlError> {
        if let Some(c) = reference.resolve_char_ref().map_err(|_| XmlError::Malformed)? {
            return self.text(c.encode_utf8(&mut [0; 4]));
        }
        let name = reference.xml10_content();
        match quick_xml::escape::resolve_predefined_entity(&name) {
            Some(text) => self.text(text),
            None => Err(XmlError::Entity(name.into_owned())),
        }
    }

    fn count(&mut self) -> Result<(), XmlError> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES { Err(XmlError::TooManyNodes) } else { Ok(()) }
    }

    fn finish(self) -> Result<XmlNode, XmlError> {
        if self.open.is_empty() { self.root.ok_or(XmlError::Malformed) } else { Err(XmlError::Malformed) }
    }
}
