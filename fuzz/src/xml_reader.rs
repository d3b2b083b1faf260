//! The reader of XML answers. The input is a document.

use wire::xml::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NODES, XmlNode};

/// A tree stays within its bounds, holds no more text than the document, and is read again from its canonical form.
pub fn xml_reader(input: &[u8]) {
    let Ok(root) = XmlNode::parse(input) else { return };
    let mut nodes = 0;
    let mut text_len = 0;
    let mut is_plain = true;
    visit(&root, 1, &mut |node, depth| {
        assert!(depth <= MAX_DEPTH && node.attributes.len() <= MAX_ATTRIBUTES);
        nodes += 1 + node.attributes.len();
        text_len += node.name.len() + node.text.len();
        text_len += node.attributes.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        is_plain &= is_name(&node.name) && is_text(&node.text);
        is_plain &= node.attributes.iter().all(|(name, value)| is_name(name) && is_text(value));
        assert_eq!(node.text.trim(), node.text);
    });
    assert!(nodes <= MAX_NODES && text_len <= input.len(), "nothing multiplies");
    if is_plain && !has_twins(&root) {
        let mut canonical = String::new();
        write(&root, &mut canonical);
        assert_eq!(XmlNode::parse(canonical.as_bytes()).as_ref(), Ok(&root), "{canonical}");
    }
}

fn visit(node: &XmlNode, depth: usize, see: &mut impl FnMut(&XmlNode, usize)) {
    see(node, depth);
    node.children.iter().for_each(|child| visit(child, depth + 1, see));
}

/// The parser takes more for names than XML does; only real ones can be written again.
fn is_name(name: &str) -> bool {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && name != "xmlns" && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The parser lets characters through that no XML document may have, not even by reference (XML 1.0, section 2.2).
fn is_text(text: &str) -> bool {
    let is_char = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..) && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().all(is_char)
}

/// Whether an element has two attributes that differ in their namespaces alone: without those they cannot be written again.
fn has_twins(node: &XmlNode) -> bool {
    let names: std::collections::BTreeSet<_> = node.attributes.iter().map(|(name, _)| name).collect();
    names.len() < node.attributes.len() || node.children.iter().any(has_twins)
}

fn write(node: &XmlNode, out: &mut String) {
    out.push('<');
    out.push_str(&node.name);
    for (name, value) in &node.attributes {
        out.push_str(&format!(" {name}=\"{}\"", escaped(value)));
    }
    out.push('>');
    out.push_str(&escaped(&node.text));
    node.children.iter().for_each(|child| write(child, out));
    out.push_str(&format!("</{}>", node.name));
}

/// White space as references, too: attributes and line ends are normalised otherwise.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '<' | '>' | '&' | '"' | '\'' => format!("&#{};", u32::from(c)),
        c if c.is_control() => format!("&#{};", u32::from(c)),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
