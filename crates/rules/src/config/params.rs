//! Parameters: what a caller may send beside the file.

use regex::Regex;

/// A declared parameter.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name in the query or form.
    pub name: String,
    /// What values it takes.
    pub kind: ParamKind,
    /// If set, the value must be one of these (compared as text).
    pub one_of: Vec<String>,
    /// The value when the caller gives none.
    pub default: Option<serde_json::Value>,
    /// Whether the caller must give it. Without `default` and `required: false` this is true.
    pub required: bool,
    /// For people.
    pub description: Option<String>,
}

/// The type of a parameter and its bounds.
#[derive(Debug, Clone)]
pub enum ParamKind {
    /// Text.
    String {
        /// Matches the whole value.
        pattern: Option<Regex>,
        /// Longest value in bytes.
        max_bytes: usize,
        /// Whether the value must be a UUID in its hyphenated form.
        uuid: bool,
    },
    /// `true` or `false`.
    Boolean,
    /// A 64-bit integer in an inclusive range.
    Integer {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A finite JSON number in an inclusive range.
    Number {
        /// Smallest value.
        min: f64,
        /// Largest value.
        max: f64,
    },
}
