//! Splits a scalar at `${` and its matching `}`; quotes and brackets inside an expression are respected.

use super::TemplateError;

/// A part of a scalar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scanned<'a> {
    /// Text as it stands, `$${` already undone.
    Text(String),
    /// The source between the braces, and its byte offset in the scalar.
    Expression { source: &'a str, offset: usize },
}

/// Splits a scalar.
pub(super) fn scan(scalar: &str) -> Result<Vec<Scanned<'_>>, TemplateError> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut offset = 0;
    while let Some(rest) = scalar.get(offset..) {
        let Some(dollar) = rest.find("${") else {
            text.push_str(rest);
            break;
        };
        let before = rest.get(..dollar).unwrap_or_default();
        let opening = offset + dollar;
        if let Some(escaped) = before.strip_suffix('$') {
            text.push_str(escaped);
            text.push_str("${");
            offset = opening + 2;
            continue;
        }
        text.push_str(before);
        let inside = scalar.get(opening + 2..).unwrap_or_default();
        let Some(len) = expression_len(inside) else { return Err(unclosed(scalar, opening)) };
        if !text.is_empty() {
            parts.push(Scanned::Text(std::mem::take(&mut text)));
        }
        parts.push(Scanned::Expression { source: inside.get(..len).unwrap_or_default(), offset: opening + 2 });
        offset = opening + 2 + len + 1;
    }
    if !text.is_empty() || parts.is_empty() {
        parts.push(Scanned::Text(text));
    }
    Ok(parts)
}

/// Bytes up to the `}` that closes the expression.
fn expression_len(source: &str) -> Option<usize> {
    let mut depth = 0usize;
    let mut quote = None;
    let mut escaped = false;
    for (index, c) in source.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(index),
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    None
}

fn unclosed(scalar: &str, offset: usize) -> TemplateError {
    TemplateError {
        offset,
        len: scalar.len().saturating_sub(offset),
        message: "this `${` is never closed".to_owned(),
        hint: Some("close it with `}`, or write `$${` for a literal `${`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(scalar: &str) -> String {
        let parts = scan(scalar).expect("scans");
        parts
            .iter()
            .map(|part| match part {
                Scanned::Text(text) => format!("[{text}]"),
                Scanned::Expression { source, offset } => format!("<{offset}:{source}>"),
            })
            .collect()
    }

    #[test]
    fn splits_text_and_expressions_and_keeps_offsets() {
        let table = [
            ("", "[]"),
            ("plain", "[plain]"),
            ("${a}", "<2:a>"),
            ("x ${ a } y", "[x ]<4: a >[ y]"),
            ("${a}${b}", "<2:a><6:b>"),
            ("$${a}", "[${a}]"),
            ("$${a}${b}", "[${a}]<7:b>"),
            ("a$b", "[a$b]"),
            ("${ '}' }", "<2: '}' >"),
            (r#"${ "\"}" }"#, r#"<2: "\"}" >"#),
            ("${ {'a': {'b': 1}} }", "<2: {'a': {'b': 1}} >"),
            ("${ a[b['}']] }x", "<2: a[b['}']] >[x]"),
            ("é${ 'é' }é", "[é]<4: 'é' >[é]"),
        ];
        for (scalar, expected) in table {
            assert_eq!(show(scalar), expected, "{scalar}");
        }
    }

    #[test]
    fn says_where_an_unclosed_expression_begins() {
        for (scalar, offset) in [("${", 0), ("ab ${ c", 3), ("${a} ${ '}", 5), ("${ {a }", 0)] {
            assert_eq!(scan(scalar).expect_err(scalar).offset, offset, "{scalar}");
        }
    }
}
