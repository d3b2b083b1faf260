//! Compiles the scalars of a rule, and puts the compiler's complaints at their place in the file.

use crate::diagnostics::Problems;
use crate::expr::{Template, TemplateError};
use crate::source::{Node, Span, Style};

/// What to say where the compiler has no hint of its own.
const GRAMMAR_HINT: &str = "an expression has names (`create.json.id`), texts in quotes, numbers, `+ - * / ~`, comparisons, \
    `and`, `or`, `not`, `in`, `is`, `a if b else c`, and filters (`| lower`)";

/// Compiles a scalar.
pub(super) fn compile(node: &Node, text: &str, problems: &mut Problems) -> Option<Template> {
    let scalar = node.as_scalar()?;
    if scalar.style == Style::Computed {
        return Some(Template::literal(scalar.text.clone()));
    }
    compile_part(node, 0, &scalar.text, text, problems)
}

/// Compiles a part of a scalar that begins at `offset`.
pub(super) fn compile_part(
    node: &Node,
    offset: usize,
    part: &str,
    text: &str,
    problems: &mut Problems,
) -> Option<Template> {
    match Template::parse(part) {
        Ok(template) => Some(template),
        Err(error) => {
            report(node, offset, &error, text, problems);
            None
        }
    }
}

fn report(node: &Node, offset: usize, error: &TemplateError, text: &str, problems: &mut Problems) {
    let span = node.locate(text, offset.saturating_add(error.offset), error.len);
    let hint = comment_hint(node, text).or_else(|| error.hint.clone()).unwrap_or_else(|| GRAMMAR_HINT.to_owned());
    problems.error(span, error.message.clone()).hint(hint);
}

/// An expression that a ` #` cut off: YAML took the rest for a comment.
fn comment_hint(node: &Node, text: &str) -> Option<String> {
    let scalar = node.as_scalar().filter(|scalar| scalar.style == Style::Plain)?;
    let after = Span::new(node.span.end, text.len()).of(text).lines().next().unwrap_or_default();
    let cut = scalar.text.contains("${") && after.trim_start().starts_with('#');
    cut.then(|| "YAML takes ` #` for the start of a comment: quote the whole value, as in '${ … }'".to_owned())
}
