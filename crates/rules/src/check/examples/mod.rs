//! `examples` of a route: read strictly, so that a slip in one is no test that passes by itself.

mod exchange;
mod pattern;
mod request;

use std::collections::BTreeMap;

use super::fields::Fields;
use super::variables::Variables;
use crate::config::{Environment, Example, Outcome, Pattern, PatternValue, TextMatcher};
use crate::diagnostics::{Problems, did_you_mean};
use crate::failure::Problem;
use crate::schema::table::example::EXAMPLE;
use crate::source::{Node, Span};
use request::About;

/// What the names of problems begin with in the JSON.
const URN: &str = "urn:tidegate:problem:";

/// Reads the examples of a route's file. One that cannot be used is left out after it was reported. Everything else of the file was
/// read before, so that the variables are known that it names.
pub(super) fn read(root: &Node, text: &str, variables: &Variables<'_>, problems: &mut Problems) -> Vec<Example> {
    let about = About {
        path: root.get("path").and_then(Node::text),
        knows_clients: root.get("access").is_some_and(|access| access.text() != Some(super::access::PUBLIC)),
    };
    let nodes = root.get("examples").map(Node::items).unwrap_or_default();
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for name in nodes.iter().filter_map(|node| node.get("name")) {
        let Some(said) = name.text() else { continue };
        if let Some(first) = names.insert(said, name.span) {
            problems
                .error(name.span, "two examples have this name")
                .related(first, "first given here")
                .hint("say what this one shows");
        }
    }
    nodes.iter().filter_map(|node| example(node, about, text, variables, problems)).collect()
}

fn example(
    node: &Node,
    about: About<'_>,
    text: &str,
    variables: &Variables<'_>,
    problems: &mut Problems,
) -> Option<Example> {
    let file = Fields::new(Some(node), &EXAMPLE);
    let name = file.get("name").and_then(|node| Some(pattern::placed(node, node.text()?.to_owned())));
    let env = environment(file.get("env"), variables, problems);
    let request = file.get("request").and_then(|node| request::read(node, about, problems));
    let exchanges = file.get("upstream").map(Node::items).unwrap_or_default();
    let exchanges: Vec<_> = exchanges.iter().map(|node| exchange::read(node, text, problems)).collect();
    let outcome = outcome(&file, node, text, problems);
    Some(Example {
        name: name?,
        env,
        request: request?,
        exchanges: exchanges.into_iter().collect::<Option<_>>()?,
        outcome: outcome?,
    })
}

/// A variable that the rule does not read is a slip in its name.
fn environment(node: Option<&Node>, variables: &Variables<'_>, problems: &mut Problems) -> Environment {
    let entries = node.map(Node::entries).unwrap_or_default();
    for entry in entries.iter().filter(|entry| !variables.names(&entry.key)) {
        let known = variables.all_names();
        let hint = did_you_mean(&entry.key, known.iter().map(String::as_str))
            .unwrap_or_else(|| "remove it, or read it in the rule".to_owned());
        problems.error(entry.key_span, format!("this rule reads no variable `{}`", entry.key)).hint(hint);
    }
    entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned()))).collect()
}

fn outcome(file: &Fields<'_>, node: &Node, text: &str, problems: &mut Problems) -> Option<Outcome> {
    if let Some(node) = file.get("receipt") {
        return map(node, "receipt", text, problems).map(Outcome::Receipt);
    }
    let Some(node) = file.get("problem") else {
        // A key that is not known may have been meant for one of the two, and was reported.
        if node.entries().iter().any(|entry| EXAMPLE.key(&entry.key).is_none()) {
            return None;
        }
        problems
            .error(node.span, "this example does not say what the client is told")
            .hint("add `receipt: { status: stored }`, or `problem: { type: … }`");
        return None;
    };
    let pattern = map(node, "problem", text, problems)?;
    with_whole_type(pattern, problems).map(Outcome::Problem)
}

fn map(node: &Node, key: &str, text: &str, problems: &mut Problems) -> Option<Pattern> {
    let pattern = pattern::pattern(node, text, problems)?;
    if matches!(pattern.value, PatternValue::Map(_)) {
        return Some(pattern);
    }
    problems.error(node.span, format!("`{key}` is a map")).hint("name what must be in the JSON, such as `status`");
    None
}

/// Problems are called by the last part of their `type`.
fn with_whole_type(mut pattern: Pattern, problems: &mut Problems) -> Option<Pattern> {
    let PatternValue::Map(entries) = &mut pattern.value else { return None };
    let found = entries.iter_mut().find(|(key, _)| key == "type");
    let Some(Pattern { span, value: PatternValue::Text(TextMatcher::Is(name)) }) = found.map(|(_, value)| value) else {
        problems
            .error(pattern.span, "this does not say which problem it is")
            .hint("add `type: …`, such as `type: upstream-refused-file`; docs/errors.md lists them");
        return None;
    };
    let known = || Problem::ALL.iter().map(|problem| problem.name());
    let short = name.strip_prefix(URN).unwrap_or(name);
    if !known().any(|known| known == short) {
        let hint = did_you_mean(short, known()).unwrap_or_else(|| "docs/errors.md lists them".to_owned());
        problems.error(*span, format!("there is no problem `{short}`")).hint(hint);
        return None;
    }
    *name = format!("{URN}{short}");
    Some(pattern)
}
