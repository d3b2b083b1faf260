//! The shapes of the language, in one table: which keys there are, what stands in them, and what they mean.
//!
//! The checker walks files with this table, and the JSON Schema and the reference page are made from it, so that the three
//! cannot disagree. What needs more than one key to judge is in `check`.

mod json_schema;
mod leaf;
mod reference;
mod shape;
pub(crate) mod table;

pub use json_schema::{Which, json_schema};
pub(crate) use leaf::{Complaint, Leaf};
pub(crate) mod values {
    pub(crate) use super::leaf::{
        address, boolean, integer, is_identifier, key_hash, media_range, moment, networks, number, parse_duration,
        parse_frequency, parse_rate, parse_size, parse_statuses,
    };
}
pub use reference::reference;
pub(crate) use shape::{Key, Need, Object, Rule, Shape};
pub(crate) use table::main::MAIN;
pub(crate) use table::route::ROUTE;

/// Bytes of a size as files write it, such as `5MiB`; none if it is no size. For command lines, so that they take the same.
#[must_use]
pub fn size_in_bytes(text: &str) -> Option<u64> {
    leaf::parse_size(text).ok()
}

#[cfg(test)]
mod tests;
