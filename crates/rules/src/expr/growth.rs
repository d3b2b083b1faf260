//! How much one evaluation may make out of its values.
//!
//! Fuel counts instructions, and one filter is one instruction however much it writes: `replace` with two texts of an answer, or
//! `slice` with a number of one, would fill the memory. What filters write that can be larger than what they were given is
//! counted together, so that neither a chain of filters nor a `map` over many items escapes the bound.

use minijinja::{Error, State, Value, filters};

use super::filters::{failed, scalar};

/// Bytes that filters may write in one evaluation: eight times the largest answer that is read.
const MAX_GROWN: usize = 8 * 1024 * 1024;

/// What a list takes at least, in bytes.
const LIST_BYTES: usize = 32;

/// Bytes written so far.
struct Grown(usize);

/// Counts bytes that a filter wrote or is about to write.
///
/// # Errors
/// More than one evaluation may write.
pub(super) fn grow(state: &mut State<'_, '_>, len: usize) -> Result<(), Error> {
    let grown = state.get_or_insert_extension(Grown(0));
    grown.0 = grown.0.saturating_add(len);
    if grown.0 > MAX_GROWN { Err(failed("`text` or `list` would become too large")) } else { Ok(()) }
}

/// A filter's text, counted. The filter writes a few times what it was given at most, and that is within the bound.
pub(super) fn counted(state: &mut State<'_, '_>, text: String) -> Result<String, Error> {
    grow(state, text.len())?;
    Ok(text)
}

pub(super) fn replace(state: &mut State<'_, '_>, text: &str, from: &str, to: &str) -> Result<String, Error> {
    grow(state, text.matches(from).count().saturating_mul(to.len()).saturating_add(text.len()))?;
    Ok(text.replace(from, to))
}

#[expect(clippy::needless_pass_by_value, reason = "a filter takes its arguments by value")]
pub(super) fn join(state: &mut State<'_, '_>, items: Value, separator: Option<&str>) -> Result<String, Error> {
    let items = items.try_iter().map_err(|_| failed("`join` needs a list"))?;
    let texts = items.map(|item| scalar(&item)).collect::<Result<Vec<_>, _>>()?;
    let separator = separator.unwrap_or_default();
    let len: usize = texts.iter().map(|text| text.len().saturating_add(separator.len())).sum();
    grow(state, len)?;
    Ok(texts.join(separator))
}

pub(super) fn slice(
    state: &mut State<'_, '_>,
    list: Value,
    count: usize,
    fill_with: Option<Value>,
) -> Result<Value, Error> {
    grow(state, count.saturating_mul(LIST_BYTES))?;
    filters::slice(state, list, count, fill_with)
}

pub(super) fn batch(
    state: &mut State<'_, '_>,
    list: Value,
    count: usize,
    fill_with: Option<Value>,
) -> Result<Value, Error> {
    grow(state, count.saturating_mul(LIST_BYTES))?;
    filters::batch(state, list, count, fill_with)
}
