//! A file against the table of shapes: unknown and missing keys, wrong kinds, scalars that cannot be read.
//!
//! On the way, `${ env.NAME }` in scalars that are needed at load is replaced by its value. What is reported here becomes
//! [`Value::Unusable`], so that the checks that follow need not report it again.

use crate::diagnostics::{Problems, did_you_mean, listing};
use crate::schema::{Complaint, Key, Leaf, Need, Object, Rule, Shape};
use crate::source::{Entry, Node, Span, Style, Value};

use super::variables::Variables;

/// Objects in which people write a secret under a key of their own making.
const KEEPS_SECRETS: [&str; 5] = ["API key", "ticket key", "secret", "optional secret", "auth"];

/// Walks a file. `text` is what it was parsed from.
pub(super) fn walk(
    node: &mut Node,
    shape: &'static Shape,
    text: &str,
    variables: &Variables<'_>,
    problems: &mut Problems,
) {
    Walk { text, variables, problems }.shape(node, shape, "this file");
}

struct Walk<'w, 'e> {
    text: &'w str,
    variables: &'w Variables<'e>,
    problems: &'w mut Problems,
}

impl Walk<'_, '_> {
    /// `place`: what the node is the value of, for messages.
    fn shape(&mut self, node: &mut Node, shape: &'static Shape, place: &str) {
        if matches!(node.value, Value::Unusable) || matches!(shape, Shape::Tree) {
            return;
        }
        if !shape.fits(node) {
            return self.wrong_kind(node, shape, place);
        }
        match shape {
            Shape::Leaf(leaf) => self.leaf(node, *leaf, place),
            Shape::Template | Shape::Condition => self.template(node, place),
            Shape::List(item) => self.items(node, item, place),
            Shape::OneOrMore(item) => match node.value {
                Value::List(_) => self.items(node, item, place),
                _ => self.shape(node, item, place),
            },
            Shape::Map { value, .. } => self.map(node, value),
            Shape::Object(object) => self.object(node, object),
            Shape::OneOf(shapes) => {
                if let Some(chosen) = Shape::choose(shapes, node) {
                    self.shape(node, chosen, place);
                }
            }
            Shape::Tree | Shape::Later => {}
        }
    }

    fn wrong_kind(&mut self, node: &mut Node, shape: &Shape, place: &str) {
        let hint = format!("write {}", shape.describe());
        if node.is_nothing() {
            let what = if node.text() == Some("") { "empty" } else { "null" };
            self.problems.error(Span::new(node.span.start, node.span.start), format!("{place} is {what}")).hint(hint);
        } else {
            let found = match &node.value {
                Value::List(_) => "a list",
                Value::Map(_) => "a map",
                Value::Scalar(_) | Value::Unusable => "text",
            };
            self.problems.error(node.span, format!("{place} cannot be {found}")).hint(hint);
        }
        node.value = Value::Unusable;
    }

    fn items(&mut self, node: &mut Node, item: &'static Shape, place: &str) {
        if let Value::List(items) = &mut node.value {
            for child in items {
                self.shape(child, item, &format!("an item of {place}"));
            }
        }
    }

    fn map(&mut self, node: &mut Node, value: &'static Shape) {
        if let Value::Map(entries) = &mut node.value {
            for entry in entries {
                self.literal_key(&entry.key, entry.key_span);
                let place = format!("`{}`", entry.key);
                self.shape(&mut entry.value, value, &place);
            }
        }
    }

    fn literal_key(&mut self, key: &str, span: Span) {
        if key.contains("${") {
            self.problems
                .error(span, "a key cannot be computed")
                .hint("write the key out; only values take expressions");
        }
    }

    fn object(&mut self, node: &mut Node, object: &'static Object) {
        let span = node.span;
        let Value::Map(entries) = &mut node.value else { return };
        for entry in &mut *entries {
            match object.key(&entry.key) {
                None => self.unknown_key(entry, object),
                Some(key) => self.known_key(entry, key),
            }
        }
        self.missing_keys(entries, object, span);
        self.count_keys(entries, object, span);
    }

    fn known_key(&mut self, entry: &mut Entry, key: &'static Key) {
        if matches!(key.shape, Shape::Later) {
            let message = format!("`{}` comes with a later version", entry.key);
            self.problems.error(entry.key_span, message).hint("remove it; this version cannot do what it says");
            return;
        }
        let place = format!("`{}`", entry.key);
        self.shape(&mut entry.value, &key.shape, &place);
    }

    fn unknown_key(&mut self, entry: &Entry, object: &Object) {
        if entry.key == "<<" {
            return;
        }
        let keeps_secrets = KEEPS_SECRETS.contains(&object.name);
        let hint = did_you_mean(&entry.key, object.names());
        // A key that is no slip of another may be the secret itself, written into braces of its own.
        let message = match hint {
            None if keeps_secrets => format!("{} has no such key", a(object.name)),
            _ => format!("{} has no key `{}`", a(object.name), entry.key),
        };
        let hint = hint.unwrap_or_else(|| format!("its keys are {}", listing(object.names()).replace(" or ", " and ")));
        let problem = self.problems.error(entry.key_span, message).label("unknown key").hint(hint);
        if keeps_secrets {
            problem.mask(entry.value.span);
        }
    }

    fn missing_keys(&mut self, entries: &[Entry], object: &Object, span: Span) {
        for key in object.keys.iter().filter(|key| matches!(key.need, Need::Required)) {
            // A misspelt key was reported with the right one as its hint.
            let misspelt =
                |entry: &Entry| object.key(&entry.key).is_none() && did_you_mean(&entry.key, [key.name]).is_some();
            if entries.iter().any(|entry| entry.key == key.name || misspelt(entry)) {
                continue;
            }
            let message = format!("{} needs `{}`", a(object.name), key.name);
            let hint = format!("add `{}: …`, {}", key.name, key.shape.describe());
            self.problems.error(span, message).hint(hint);
        }
    }

    fn count_keys(&mut self, entries: &[Entry], object: &Object, span: Span) {
        let (among, exactly): (Vec<&str>, bool) = match object.rule {
            Rule::Any => return,
            Rule::ExactlyOne => {
                (object.keys.iter().map(|key| key.name).filter(|name| *name != "optional").collect(), true)
            }
            Rule::AtMostOneOf(names) => (names.to_vec(), false),
        };
        let mut given = entries.iter().filter(|entry| among.contains(&entry.key.as_str()));
        match (given.next(), given.next()) {
            (None, _) if exactly && entries.is_empty() => {
                let choices = listing(object.names());
                self.problems
                    .error(span, format!("{} is empty", a(object.name)))
                    .hint(format!("give it one of {choices}"));
            }
            (Some(first), Some(second)) => {
                let message = format!("{} takes `{}` or `{}`, not both", a(object.name), first.key, second.key);
                self.problems
                    .error(second.key_span, message)
                    .related(first.key_span, "first given here")
                    .hint("keep one of the two");
            }
            _ => {}
        }
    }

    fn template(&mut self, node: &mut Node, place: &str) {
        if node.is_nothing() {
            let span = Span::new(node.span.start, node.span.start);
            self.problems
                .error(span, format!("{place} is empty"))
                .hint("write `\"\"` for an empty text, `none` in quotes for that word, or remove the key");
            node.value = Value::Unusable;
        }
    }

    fn leaf(&mut self, node: &mut Node, leaf: Leaf, place: &str) {
        if node.is_nothing() && !means_itself(node, leaf) {
            return self.wrong_kind(node, &Shape::Leaf(leaf), place);
        }
        let has_expression = node.text().is_some_and(|text| text.contains("${"));
        if has_expression && leaf.takes_variables() {
            self.variables.resolve(node, self.text, self.problems);
        } else if has_expression && !matches!(leaf, Leaf::Prose | Leaf::Request | Leaf::Regex) {
            self.problems
                .error(node.span, format!("{place} cannot be computed"))
                .hint(format!("write {}", leaf.describe()));
            node.value = Value::Unusable;
        }
        let Some(scalar) = node.as_scalar() else { return };
        if let Err(complaint) = leaf.verify(&scalar.text) {
            self.complain(node, complaint, place);
            node.value = Value::Unusable;
        }
    }

    fn complain(&mut self, node: &Node, complaint: Complaint, place: &str) {
        report(self.problems, self.text, node, complaint, Some(place));
    }
}

/// Reports what is wrong with a scalar. The text of a computed one is not shown.
pub(super) fn report(problems: &mut Problems, text: &str, node: &Node, complaint: Complaint, place: Option<&str>) {
    let computed = node.as_scalar().is_some_and(|scalar| scalar.style == Style::Computed);
    let message = match place {
        Some(place) => format!("{place}: {}", complaint.message),
        None => complaint.message,
    };
    if computed {
        problems
            .error(node.span, message)
            .label("this gives a value that cannot be used")
            .hint("look at the variable's value, or at the default");
        return;
    }
    let span = complaint.part.map_or(node.span, |(offset, len)| node.locate(text, offset, len));
    let problem = problems.error(span, message).maybe_hint(complaint.hint);
    if complaint.secret {
        problem.mask(node.span);
    }
}

/// Whether a plain `null` or nothing at all is what its author wrote and not a value that was forgotten. As an origin, `null` is
/// what browsers send for pages without one.
fn means_itself(node: &Node, leaf: Leaf) -> bool {
    match leaf {
        Leaf::Literal | Leaf::Prose => true,
        Leaf::WebOrigin => node.text() == Some("null"),
        _ => false,
    }
}

/// A noun with its article.
fn a(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u', 'A']);
    match noun {
        "accept" | "errors" | "limits" | "timeouts" | "credentials" | "admin" | "egress" | "log" | "auth" | "types"
        | "extensions" | "cors" => format!("`{noun}`"),
        "main file" => "the main file".to_owned(),
        _ if vowel => format!("an {noun}"),
        _ => format!("a {noun}"),
    }
}
