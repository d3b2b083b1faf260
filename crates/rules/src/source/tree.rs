//! The tree of a YAML file.

/// A byte range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What stands there.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, a number, nothing…: YAML's types are not applied here.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of writing; its keys are distinct.
    Map(Vec<Entry>),
    /// Something whose fault was reported already; whoever needs it stays silent.
    Unusable,
}

/// A scalar: its text after YAML's quoting and folding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text.
    pub text: String,
    /// How it was written.
    pub style: Style,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes: `null`, `true` and numbers may mean more than their text.
    Plain,
    /// In single or double quotes: always text.
    Quoted,
    /// A block (`|` or `>`): always text.
    Block,
    /// Computed at load from an expression; its text may be the value of a secret and is never shown.
    Computed,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Node,
}

impl Span {
    /// A range.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Line and column of its first byte in the file, both from 1, the column in characters.
    #[must_use]
    pub fn position(self, source: &str) -> (usize, usize) {
        let before = source.get(..self.start).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The text there.
    #[must_use]
    pub fn of(self, source: &str) -> &str {
        source.get(self.start..self.end).unwrap_or_default()
    }
}

impl Node {
    /// The scalar, if it is one.
    #[must_use]
    pub fn as_scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The scalar's text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.as_scalar().map(|scalar| scalar.text.as_str())
    }

    /// The items of a list; of anything else, the node itself: for keys that take one value or a list.
    #[must_use]
    pub fn one_or_more(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// The items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of a map by its key.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of a map by its key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// Whether nothing stands here: an empty value, `~` or `null`, unquoted.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.as_scalar().is_some_and(|scalar| {
            scalar.style == Style::Plain && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
        })
    }

    /// Nodes in this tree, itself included.
    pub(super) fn weight(&self) -> usize {
        let below: usize = match &self.value {
            Value::List(items) => items.iter().map(Self::weight).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.weight().saturating_add(1)).sum(),
            Value::Scalar(_) | Value::Unusable => 0,
        };
        below.saturating_add(1)
    }

    /// Levels of this tree; 1 for a scalar.
    pub(super) fn depth(&self) -> usize {
        let below = match &self.value {
            Value::List(items) => items.iter().map(Self::depth).max(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.depth()).max(),
            Value::Scalar(_) | Value::Unusable => None,
        };
        below.unwrap_or(0).saturating_add(1)
    }

    /// Where a part of the scalar's text stands in the file. Quoting and folding may have moved it; the part is then looked
    /// up by its text, and if it cannot be found the whole scalar is meant.
    #[must_use]
    pub fn locate(&self, source: &str, offset: usize, len: usize) -> Span {
        let Some(text) = self.text() else { return self.span };
        let written = self.span.of(source);
        let part = text.get(offset..offset.saturating_add(len)).unwrap_or_default();
        if part.is_empty() {
            return self.span;
        }
        let before = text.get(..offset).unwrap_or_default();
        let same_before = before.match_indices(part).count();
        let found = written.match_indices(part).nth(same_before).map(|(at, _)| self.span.start + at);
        found.map_or(self.span, |start| Span::new(start, start + part.trim_end().len().max(1)))
    }
}
