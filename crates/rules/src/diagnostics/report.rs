//! Every problem of a configuration, with the texts that it is about.

use std::fmt;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::hidden::{Hidden, Hiding};
use super::render::{self, Colours};
use super::{Problem, Severity};
use crate::source::Span;

/// Problems that are kept. Who has more has one that causes the others; the counts stay exact.
const MAX_PROBLEMS: usize = 500;

/// Every problem of a configuration: files in the order they were read, problems in the order of their places.
#[derive(Debug, Clone, Default)]
pub struct Report {
    sources: Vec<(Arc<str>, Arc<str>)>,
    problems: Vec<Problem>,
    errors: usize,
    warnings: usize,
}

impl Report {
    /// A report about these files (name and text, in the order they were read).
    #[must_use]
    pub fn new(sources: Vec<(Arc<str>, Arc<str>)>, problems: Vec<Problem>) -> Self {
        Self::hiding(sources, problems, &[])
    }

    /// The same, where some of the files hold credentials and are not shown.
    pub(crate) fn hiding(
        mut sources: Vec<(Arc<str>, Arc<str>)>,
        mut problems: Vec<Problem>,
        hidden_files: &[Arc<str>],
    ) -> Self {
        for (file, text) in &mut sources {
            let hiding = if hidden_files.contains(file) { Hiding::All } else { Hiding::Secrets };
            let hidden = Hidden::of(text, hiding);
            let of_file = || problems.iter().filter(|problem| problem.file == *file);
            *text = of_file().flat_map(|problem| &problem.masked).fold(hidden.text.as_str().into(), masked);
            problems
                .iter_mut()
                .filter(|problem| problem.file == *file)
                .for_each(|problem| hide(problem, &hidden, hiding));
        }
        let position = |file: &Arc<str>| sources.iter().position(|(name, _)| name == file);
        problems.sort_by_key(|problem| (position(&problem.file), problem.span));
        problems.dedup();
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let warnings = problems.len() - errors;
        problems.truncate(MAX_PROBLEMS);
        Self { sources, problems, errors, warnings }
    }

    /// The problems in order; of very many, the first 500.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// How many problems forbid the use of the configuration.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many do not.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// The report for people: each problem with its source line, a caret and a hint.
    #[must_use]
    pub fn render(&self, colours: Colours) -> String {
        render::render(self, colours)
    }

    /// The text of a file; empty for one that could not be read.
    pub(super) fn source(&self, file: &str) -> &str {
        self.sources.iter().find(|(name, _)| &**name == file).map_or("", |(_, text)| text)
    }

    /// Line and column, both from 1, the column in characters.
    #[must_use]
    pub fn position(&self, problem: &Problem) -> (usize, usize) {
        problem.span.position(self.source(&problem.file))
    }
}

/// A text in which a range shows asterisks, byte for byte, so that every other place keeps its offset.
fn masked(text: Arc<str>, span: &Span) -> Arc<str> {
    let (Some(before), Some(after)) = (text.get(..span.start), text.get(span.end..)) else { return text };
    let hidden: String = span.of(&text).bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }).collect();
    format!("{before}{hidden}{after}").into()
}

/// Takes hidden words out of what a problem says.
fn hide(problem: &mut Problem, hidden: &Hidden, hiding: Hiding) {
    let labels = problem.related.iter_mut().map(|related| &mut related.label);
    // Hints quote what should stand there, which may stand elsewhere in the file.
    let hint = problem.hint.as_mut().filter(|_| hiding == Hiding::All);
    let texts = std::iter::once(&mut problem.message).chain(&mut problem.label).chain(hint).chain(labels);
    for text in texts {
        if let Some(without) = hidden.message(text) {
            *text = without;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colours::Never))
    }
}

impl std::error::Error for Report {}

/// What `check --json` prints.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut report = serializer.serialize_struct("Report", 3)?;
        report.serialize_field("errors", &self.errors())?;
        report.serialize_field("warnings", &self.warnings())?;
        let problems: Vec<_> = self.problems.iter().map(|problem| Row::new(self, problem)).collect();
        report.serialize_field("problems", &problems)?;
        report.end()
    }
}

#[derive(serde::Serialize)]
struct Row<'a> {
    severity: Severity,
    file: &'a str,
    line: usize,
    column: usize,
    text: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<RelatedRow<'a>>,
}

#[derive(serde::Serialize)]
struct RelatedRow<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    label: &'a str,
}

impl<'a> Row<'a> {
    fn new(report: &'a Report, problem: &'a Problem) -> Self {
        let (line, column) = report.position(problem);
        let related = problem.related.iter().map(|related| {
            let (line, column) = related.span.position(report.source(&related.file));
            RelatedRow { file: &related.file, line, column, label: &related.label }
        });
        Self {
            severity: problem.severity,
            file: &problem.file,
            line,
            column,
            text: problem.span.of(report.source(&problem.file)),
            message: &problem.message,
            label: problem.label.as_deref(),
            hint: problem.hint.as_deref(),
            related: related.collect(),
        }
    }
}
