//! The results, for people and for scripts.

use std::fmt::Write as _;

use rules::config::{Example, Examples};
use rules::diagnostics::{Colours, Report};
use rules::source::Span;
use serde_json::{Value, json};

use super::compare::Difference;
use super::run::Verdict;

/// What became of one file.
pub(super) struct FileResult {
    pub(super) file: String,
    pub(super) outcome: FileOutcome,
}

/// What became of its examples.
pub(super) enum FileOutcome {
    /// The file has errors, so nothing of it was run.
    Unusable(Report),
    /// Those that were run, in the order of the file.
    Run(Examples, Vec<(Example, Verdict)>),
}

/// What became of everything.
pub(super) struct Results {
    pub(super) files: Vec<FileResult>,
    /// Whether a route without examples is a failure.
    pub(super) require_examples: bool,
}

impl FileResult {
    fn verdicts(&self) -> &[(Example, Verdict)] {
        match &self.outcome {
            FileOutcome::Unusable(_) => &[],
            FileOutcome::Run(_, verdicts) => verdicts,
        }
    }

    fn has_no_examples(&self) -> bool {
        matches!(&self.outcome, FileOutcome::Run(examples, _) if examples.list.is_empty())
    }

    fn is_unusable(&self) -> bool {
        matches!(self.outcome, FileOutcome::Unusable(_))
    }
}

impl Results {
    /// Whether nothing failed.
    pub(super) fn is_good(&self) -> bool {
        let empty = self.require_examples && self.files.iter().any(FileResult::has_no_examples);
        self.count(false) == 0 && !empty && !self.files.iter().any(FileResult::is_unusable)
    }

    /// How many examples ran.
    pub(super) fn run(&self) -> usize {
        self.files.iter().map(|file| file.verdicts().len()).sum()
    }

    fn count(&self, good: bool) -> usize {
        let all = self.files.iter().flat_map(FileResult::verdicts);
        all.filter(|(_, verdict)| verdict.is_good() == good).count()
    }

    /// One line for each example, its differences below it, and a summary.
    pub(super) fn for_people(&self, colours: Colours) -> String {
        let mut text = String::new();
        for file in &self.files {
            match &file.outcome {
                FileOutcome::Unusable(report) => {
                    line(&mut text, format_args!("{} {}: the file has errors\n", failed(colours), file.file));
                    text.push_str(&report.render(colours));
                    text.push('\n');
                }
                FileOutcome::Run(examples, verdicts) => {
                    if examples.list.is_empty() {
                        let word = if self.require_examples { failed(colours) } else { "none" };
                        line(
                            &mut text,
                            format_args!("{word} {}: it has no `examples` ({})", examples.route, file.file),
                        );
                    }
                    for (example, verdict) in verdicts {
                        show(&mut text, &file.file, examples, example, verdict, colours);
                    }
                }
            }
        }
        text + &self.summary()
    }

    fn summary(&self) -> String {
        let unusable = self.files.iter().filter(|file| file.is_unusable()).count();
        let empty = self.files.iter().filter(|file| file.has_no_examples()).count();
        let mut parts = vec![format!("{} passed", self.count(true)), format!("{} failed", self.count(false))];
        parts.extend((unusable > 0).then(|| format!("{unusable} with errors")));
        parts.extend((empty > 0).then(|| format!("{empty} without examples")));
        format!("{}\n", parts.join(", "))
    }

    /// The same as JSON.
    pub(super) fn as_json(&self) -> Value {
        let files: Vec<_> = self.files.iter().map(file_as_json).collect();
        json!({ "passed": self.count(true), "failed": self.count(false), "files": files })
    }
}

fn failed(colours: Colours) -> &'static str {
    match colours {
        Colours::Always => "\u{1b}[1;31mFAIL\u{1b}[0m",
        Colours::Never => "FAIL",
    }
}

/// A String takes whatever is written.
fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _never_fails = writeln!(text, "{arguments}");
}

fn show(text: &mut String, file: &str, examples: &Examples, example: &Example, verdict: &Verdict, colours: Colours) {
    let word = if verdict.is_good() { "ok  " } else { failed(colours) };
    line(text, format_args!("{word} {}: {}", examples.route, example.name.value));
    match verdict {
        Verdict::Compared(differences) => {
            for Difference { span, what, expected, actual } in differences {
                let (row, column) = span.position(&examples.text);
                line(text, format_args!("     {file}:{row}:{column}: {what}"));
                line(text, format_args!("       expected  {expected}"));
                line(text, format_args!("       actual    {actual}"));
            }
        }
        Verdict::Unusable(report) => {
            line(text, format_args!("     the rule cannot be used with the `env` of this example\n"));
            text.push_str(&report.render(colours));
            text.push('\n');
        }
        Verdict::Broken(error) => {
            let (row, column) = example.name.span.position(&examples.text);
            line(text, format_args!("     {file}:{row}:{column}: it could not be run: {error:#}"));
        }
    }
}

fn file_as_json(file: &FileResult) -> Value {
    match &file.outcome {
        FileOutcome::Unusable(report) => json!({ "file": file.file, "report": report }),
        FileOutcome::Run(examples, verdicts) => {
            let results: Vec<_> =
                verdicts.iter().map(|(example, verdict)| example_as_json(examples, example, verdict)).collect();
            json!({ "file": file.file, "route": &*examples.route, "examples": results })
        }
    }
}

fn example_as_json(examples: &Examples, example: &Example, verdict: &Verdict) -> Value {
    let place = |span: Span| span.position(&examples.text);
    let (line, column) = place(example.name.span);
    let mut told = json!({ "name": example.name.value, "line": line, "column": column, "passed": verdict.is_good() });
    match verdict {
        Verdict::Compared(differences) => {
            let differences: Vec<_> = differences
                .iter()
                .map(|Difference { span, what, expected, actual }| {
                    let (line, column) = place(*span);
                    json!({ "line": line, "column": column, "what": what, "expected": expected, "actual": actual })
                })
                .collect();
            told["differences"] = differences.into();
        }
        Verdict::Unusable(report) => told["report"] = json!(report),
        Verdict::Broken(error) => told["error"] = format!("{error:#}").into(),
    }
    told
}
