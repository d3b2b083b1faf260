//! XML answers as expression values: element text by path, namespaces ignored.
//!
//! `<Error><Code>X</Code></Error>` is `{Error: {Code: "X"}, Code: "X"}`: the root may be named or left out. Elements that
//! repeat become a list. Of an element with children, attributes have an `@` before their name and its own text is `#text`.

use minijinja::Value;
use wire::xml::XmlNode;

/// The value of a document; undefined if it is no XML.
pub(super) fn parse(document: &[u8]) -> Value {
    let Ok(root) = XmlNode::parse(document) else { return Value::UNDEFINED };
    let mut pairs = vec![(root.name.clone(), value_of(&root))];
    pairs.extend(members_of(&root).into_iter().filter(|(name, _)| *name != root.name));
    Value::from_pairs(pairs)
}

fn value_of(node: &XmlNode) -> Value {
    if node.children.is_empty() {
        return node.text.as_str().into();
    }
    let mut members = members_of(node);
    if !node.text.is_empty() {
        members.push(("#text".to_owned(), node.text.as_str().into()));
    }
    Value::from_pairs(members)
}

fn members_of(node: &XmlNode) -> Vec<(String, Value)> {
    let attributes = node.attributes.iter().map(|(name, value)| (format!("@{name}"), Value::from(value)));
    let mut members: Vec<(String, Vec<Value>)> = Vec::new();
    for child in &node.children {
        match members.iter_mut().find(|(name, _)| *name == child.name) {
            Some((_, values)) => values.push(value_of(child)),
            None => members.push((child.name.clone(), vec![value_of(child)])),
        }
    }
    let one_or_list = |mut values: Vec<Value>| match values.len() {
        1 => values.remove(0),
        _ => Value::from(values),
    };
    attributes.chain(members.into_iter().map(|(name, values)| (name, one_or_list(values)))).collect()
}
