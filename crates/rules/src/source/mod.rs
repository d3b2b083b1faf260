//! YAML text → a tree in which every key and value knows its place.
//!
//! The text is operator's input, yet bounded like a stranger's: size, nodes, depth and aliases have limits, so that a pasted
//! alias bomb is a message and not a frozen process. What a value means is decided later, by `schema` and `check`.

mod budget;
mod parse;
mod syntax;
mod tree;

pub use parse::parse;
pub use tree::{Entry, Node, Scalar, Span, Style, Value};

/// The largest file in bytes. The longest rule in use has a few kilobytes.
pub const MAX_FILE_LEN: usize = 1 << 20;

#[cfg(test)]
mod tests;
