//! YAML's syntax errors in words for somebody who writes their first rule.

use granit_parser::ErrorKind;

use super::Span;
use super::budget::MAX_DEPTH;

/// What to say where nothing better is known: most errors are seen only after the line that caused them.
const GENERAL_HINT: &str =
    "look at this line and the one before it: indentation, quotes, brackets, and the space after `:` and `-`";

/// A message and a hint for a syntax error at byte `at`.
pub(super) fn explain(kind: &ErrorKind, text: &str, at: usize) -> (String, String) {
    let (message, hint) = match kind {
        kind if is_tab(kind) => (
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
        ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::InvalidIndentation
        | ErrorKind::MappingKeyNotAllowed => (
            "this line is not indented like the ones it belongs to".to_owned(),
            Some("give all keys of one map, and all items of one list, the same number of spaces"),
        ),
        ErrorKind::BlockSequenceEntryNotAllowed => (
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
        ErrorKind::RecursionLimitExceeded => {
            (format!("maps and lists are nested more than {MAX_DEPTH} levels deep"), None)
        }
        other => (format!("this is not YAML: {other}"), None),
    };
    (message, quoting_hint(kind, text, at).unwrap_or_else(|| hint.unwrap_or(GENERAL_HINT).to_owned()))
}

/// Where to look: where the author has to change something, which is not always where the parser noticed.
pub(super) fn place(kind: &ErrorKind, text: &str, at: usize) -> Span {
    let found = match kind {
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => opening_quote(text, at),
        kind if is_tab(kind) => indenting_tab(text, at),
        _ => None,
    };
    let start = found.unwrap_or(at);
    let len = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Span::new(start, start + len)
}

fn is_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabInIndentation
            | ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar
    )
}

/// The first tab in the white space before a line's text, from the line of the error on.
fn indenting_tab(text: &str, at: usize) -> Option<usize> {
    let mut from = line_start(text, at);
    for line in text.get(from..)?.split_inclusive('\n') {
        let indentation = line.len() - line.trim_start().len();
        if let Some(tab) = line.get(..indentation).and_then(|blank| blank.find('\t')) {
            return Some(from + tab);
        }
        from += line.len();
    }
    None
}

/// The quote before the error whose line has no second one.
fn opening_quote(text: &str, at: usize) -> Option<usize> {
    let mut end = at;
    for line in text.get(..at)?.split_inclusive('\n').rev() {
        let start = end - line.len();
        let odd = ['"', '\''].into_iter().find(|quote| line.matches(*quote).count() % 2 == 1);
        if let Some(quote) = odd {
            return line.rfind(quote).map(|offset| start + offset);
        }
        end = start;
    }
    None
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Most syntax errors in a rule come from an expression that YAML reads as its own punctuation.
fn quoting_hint(kind: &ErrorKind, text: &str, at: usize) -> Option<String> {
    let from = line_start(text, at);
    // The brace itself belongs to what is looked at: YAML stumbles between `$` and `{`.
    let line = text.get(from..at.saturating_add(1)).or_else(|| text.get(from..at))?;
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
