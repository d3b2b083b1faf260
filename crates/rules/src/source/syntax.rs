//! YAML's syntax errors in words for somebody who writes their first rule.

use granit_parser::ErrorKind;

/// A message and a hint for a syntax error; `line` is the text of the line it is in, up to the error.
pub(super) fn explain(kind: &ErrorKind, line: &str) -> (String, Option<String>) {
    let (message, hint) = match kind {
        ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => (
            "there is a tab where YAML wants spaces".to_owned(),
            Some("replace each tab by two spaces; most editors can do that for the whole file"),
        ),
        ErrorKind::UnknownAnchor => (
            "this alias names an anchor that is not there".to_owned(),
            Some("an alias `*name` needs an anchor `&name` before it; quote a value that begins with `*`"),
        ),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            ("this quoted value is never closed".to_owned(), Some("end it with the same quote that it began with"))
        }
        ErrorKind::UnknownQuotedScalarEscape => (
            "this escape sequence does not exist".to_owned(),
            Some(
                "inside double quotes write `\\\\` for a backslash, or use single quotes, in which nothing is escaped",
            ),
        ),
        ErrorKind::MappingValueNotAllowed => (
            "there is a second `: ` in this line".to_owned(),
            Some("quote the value if the colon belongs to it; else check the indentation of this line"),
        ),
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("a value cannot begin with `{character}`"), Some("quote the whole value"))
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("this line is neither `key: value` nor `- item`".to_owned(), Some("put a colon and a space after the key"))
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation | ErrorKind::MappingKeyNotAllowed => (
            "this line is not indented like the ones it belongs to".to_owned(),
            Some("give all keys of one map the same number of spaces"),
        ),
        ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::BlockSequenceEntryNotAllowed => (
            "a list item cannot stand here".to_owned(),
            Some("write each item as `- item`, all with the same number of spaces before the dash"),
        ),
        ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            ("a `,` or `}` is missing in this map".to_owned(), Some("write `{ key: value, key: value }`"))
        }
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::UnexpectedEofFlowSequence => {
            ("a `,` or `]` is missing in this list".to_owned(), Some("write `[ item, item ]`"))
        }
        ErrorKind::UnclosedFlowCollection { open } => (format!("this `{open}` is never closed"), None),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => (format!("this `{close}` closes a `{open}`"), None),
        ErrorKind::RecursionLimitExceeded => ("maps and lists are nested too deeply".to_owned(), None),
        other => (format!("this is not YAML: {other}"), None),
    };
    (message, quoting_hint(kind, line).or(hint.map(ToOwned::to_owned)))
}

/// Most syntax errors in a rule come from an expression that YAML reads as its own punctuation.
fn quoting_hint(kind: &ErrorKind, line: &str) -> Option<String> {
    let expression = line.rfind("${")?;
    let before = line.get(..expression).unwrap_or_default();
    if before.ends_with(['\'', '"']) {
        return None;
    }
    if matches!(kind, ErrorKind::MappingValueNotAllowed) {
        return Some(
            "YAML takes the `: ` inside this expression for a key: quote the whole value, as in '${ … }'".to_owned(),
        );
    }
    let in_flow = before.matches(['{', '[']).count() > before.matches(['}', ']']).count();
    in_flow.then(|| "inside { … } and [ … ] an expression must be quoted, as in '${ env.NAME }'".to_owned())
}
