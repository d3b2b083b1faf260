//! The report as text, laid out as compilers do.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use super::{Problem, Report, Severity};
use crate::source::Span;

/// Whether a report is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colours {
    /// Plain text.
    #[default]
    Never,
    /// With ANSI escapes, for a terminal.
    Always,
}

pub(super) fn render(report: &Report, colours: Colours) -> String {
    let renderer = match colours {
        Colours::Never => Renderer::plain(),
        Colours::Always => Renderer::styled(),
    };
    let mut text = String::new();
    for problem in report.problems() {
        text.push_str(&renderer.render(&[group(report, problem)]));
        text.push_str("\n\n");
    }
    text.push_str(&summary(report));
    text
}

fn group<'a>(report: &'a Report, problem: &'a Problem) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let group = level.primary_title(normalize_untrusted_str(&problem.message));
    // A file that could not be read has no line to show.
    let mut group = if report.source(&problem.file).is_empty() {
        group.element(Origin::path(problem.file.as_ref()))
    } else {
        group.element(snippet(report, problem))
    };
    for related in problem.related.iter().filter(|related| related.file != problem.file) {
        let source = report.source(&related.file);
        let annotation = AnnotationKind::Context.span(visible(source, related.span)).label(related.label.as_str());
        group = group.element(Snippet::source(source).path(related.file.as_ref()).annotation(annotation));
    }
    match &problem.hint {
        Some(hint) => group.element(Level::HELP.message(normalize_untrusted_str(hint))),
        None => group,
    }
}

fn snippet<'a>(report: &'a Report, problem: &'a Problem) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let source = report.source(&problem.file);
    let primary = AnnotationKind::Primary.span(visible(source, problem.span)).label(problem.label.as_deref());
    let here = problem.related.iter().filter(|related| related.file == problem.file);
    let others =
        here.map(|related| AnnotationKind::Context.span(visible(source, related.span)).label(related.label.as_str()));
    Snippet::source(source).path(problem.file.as_ref()).annotation(primary).annotations(others)
}

/// The first line of a range: a caret under a whole map would hide what it points at.
fn visible(source: &str, span: Span) -> Range<usize> {
    let len = span.of(source).lines().next().map_or(0, |line| line.trim_end().len());
    span.start.min(source.len())..(span.start + len).min(source.len())
}

fn summary(report: &Report) -> String {
    let count = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        more => Some(format!("{more} {word}s")),
    };
    let parts: Vec<_> =
        [count(report.errors(), "error"), count(report.warnings(), "warning")].into_iter().flatten().collect();
    let hidden = report.errors() + report.warnings() - report.problems().len();
    match (parts.is_empty(), hidden) {
        (true, _) => String::new(),
        (false, 0) => format!("{}\n", parts.join(", ")),
        (false, hidden) => format!("{}, of which {hidden} are not shown\n", parts.join(", ")),
    }
}
