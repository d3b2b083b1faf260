//! The explanation for people.

use std::fmt;

use super::{Explanation, StepExplanation, UndoExplanation};

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "route {} at {}", self.route, self.path)?;
        if let Some(description) = &self.description {
            writeln!(f, "  {description}")?;
        }
        writeln!(f, "  access   {}", self.access)?;
        let size = self.file.size.map_or_else(|| "size not known".to_owned(), |size| format!("{size} bytes"));
        let max = self.file.max_size.map(|max| format!(", at most {max}")).unwrap_or_default();
        writeln!(f, "  file     {} ({}, {size}{max})", self.file.name, self.file.media_type)?;
        for need in &self.needs {
            writeln!(f, "  needs    {need}")?;
        }
        if let Some(pages) = &self.pages {
            writeln!(f, "  pages    {pages}")?;
        }
        for limit in &self.limits {
            writeln!(f, "  limits   {limit}")?;
        }
        writeln!(f, "  100      {}", self.continue_after)?;
        writeln!(f, "  digests  {}", self.digests.join(", "))?;
        let held = self.memory.held_bytes.map(|held| format!("{held} bytes around the file, and ")).unwrap_or_default();
        writeln!(f, "  memory   {held}{}", self.memory.bound)?;
        for (at, step) in self.steps.iter().enumerate() {
            writeln!(f)?;
            step_lines(f, at + 1, step)?;
        }
        writeln!(f)?;
        writeln!(f, "commit   {}", self.commit)?;
        writeln!(f, "result   {}", self.result)
    }
}

fn step_lines(f: &mut fmt::Formatter<'_>, number: usize, step: &StepExplanation) -> fmt::Result {
    writeln!(f, "{number}. {} ({}), target {}", step.id, step.stage, step.request.target)?;
    if let Some(when) = &step.when {
        writeln!(f, "   when     {when}")?;
    }
    writeln!(f, "   {} {}", step.request.method, step.request.url)?;
    for (name, value) in &step.request.headers {
        writeln!(f, "   {name}: {value}")?;
    }
    writeln!(f, "   body     {}", lengths(step))?;
    for line in &step.request.body {
        writeln!(f, "            {line}")?;
    }
    writeln!(f, "   expect   {}", step.expect)?;
    writeln!(f, "   retry    {}", step.retry)?;
    let more = [("polls", &step.poll), ("expires", &step.expires)];
    for (word, text) in more {
        if let Some(text) = text {
            writeln!(f, "   {word:<8} {text}")?;
        }
    }
    step.checks.iter().try_for_each(|check| writeln!(f, "   check    {check}"))?;
    step.undo.iter().try_for_each(|undo| undo_lines(f, undo))
}

fn undo_lines(f: &mut fmt::Formatter<'_>, undo: &UndoExplanation) -> fmt::Result {
    writeln!(f, "   undo     {} {}, target {}", undo.request.method, undo.request.url, undo.request.target)?;
    for (name, value) in &undo.request.headers {
        writeln!(f, "            {name}: {value}")?;
    }
    undo.request.body.iter().try_for_each(|line| writeln!(f, "            {line}"))?;
    writeln!(f, "            expect {}", undo.expect)
}

fn lengths(step: &StepExplanation) -> String {
    let total = match step.body_len {
        Some(0) if step.request.body.is_empty() => return "none".to_owned(),
        Some(total) => format!("{total} bytes"),
        None => "length known after the answers before it".to_owned(),
    };
    match (step.before_file, step.after_file) {
        (Some(before), Some(after)) => format!("{total}: {before} before the file, {after} after it"),
        _ => total,
    }
}
