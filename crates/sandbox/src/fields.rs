//! Typed access to the members of a JSON body, collecting every problem, each vendor words them its own way.

use serde_json::{Map, Value};

/// What is wrong with one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    /// It is not there, null, or empty.
    Missing,
    /// It is not of this kind.
    Wrong(&'static str),
    /// Nobody asked for it.
    Unknown,
}

/// One member with a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) field: String,
    pub(crate) lack: Lack,
}

/// A JSON object being read.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    problems: Vec<Problem>,
}

impl<'a> Fields<'a> {
    /// Notes every member that is not in `known`.
    pub(crate) fn new(map: &'a Map<String, Value>, known: &[&str]) -> Fields<'a> {
        let unknown = map.keys().filter(|key| !known.contains(&key.as_str()));
        let problems = unknown.map(|key| Problem { field: key.clone(), lack: Lack::Unknown }).collect();
        Fields { map, problems }
    }

    /// A string that must be there and not be empty.
    pub(crate) fn text(&mut self, field: &str) -> String {
        match self.map.get(field) {
            None | Some(Value::Null) => self.note(field, Lack::Missing),
            Some(Value::String(text)) if text.is_empty() => self.note(field, Lack::Missing),
            Some(Value::String(text)) => return text.clone(),
            Some(_) => self.note(field, Lack::Wrong("string")),
        }
        String::new()
    }

    /// A string that may be missing or null.
    pub(crate) fn optional_text(&mut self, field: &str) -> Option<String> {
        match self.map.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => return Some(text.clone()),
            Some(_) => self.note(field, Lack::Wrong("string")),
        }
        None
    }

    /// One of these strings.
    pub(crate) fn choice(&mut self, field: &str, choices: &[&str], wording: &'static str) -> String {
        let text = self.text(field);
        if !text.is_empty() && !choices.contains(&text.as_str()) {
            self.note(field, Lack::Wrong(wording));
        }
        text
    }

    /// A whole number that must be there.
    pub(crate) fn integer(&mut self, field: &str) -> u64 {
        if self.map.get(field).is_none_or(Value::is_null) {
            self.note(field, Lack::Missing);
        }
        self.optional_integer(field).unwrap_or_default()
    }

    /// A whole number that may be missing or null.
    pub(crate) fn optional_integer(&mut self, field: &str) -> Option<u64> {
        let value = self.map.get(field).filter(|value| !value.is_null())?;
        if value.as_u64().is_none() {
            self.note(field, Lack::Wrong("integer"));
        }
        value.as_u64()
    }

    /// A boolean that may be missing or null.
    pub(crate) fn optional_boolean(&mut self, field: &str) -> Option<bool> {
        let value = self.map.get(field).filter(|value| !value.is_null())?;
        if value.as_bool().is_none() {
            self.note(field, Lack::Wrong("boolean"));
        }
        value.as_bool()
    }

    /// Notes a problem of a member.
    pub(crate) fn note(&mut self, field: &str, lack: Lack) {
        self.problems.push(Problem { field: field.to_owned(), lack });
    }

    /// All problems, in the order found.
    pub(crate) fn problems(self) -> Vec<Problem> {
        self.problems
    }
}
