//! Values that no text may repeat, taken out of texts that others wrote.
//!
//! An upstream that says "invalid key 5f3c…" tells the caller the key, whatever it looks like. What was sent, or handed out, as
//! a credential is known exactly, so it is looked for exactly, however it is spelled: see `view`. This comes before everything
//! else that happens to a text. A pattern or a cut that takes a part of a value away would hide the rest from the search, and
//! the rest would leave.

mod view;

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use view::{Layer, layers};

/// Shorter values are not looked for, in bytes: they are words, and a text without its words says nothing.
const MIN_WITHHELD_LEN: usize = 6;

/// Bytes of a text that are searched. What is shown has some hundred characters; a page of HTML must not cost the memory of
/// four layers of a megabyte.
pub(crate) const MAX_SEARCHED: usize = 96 * 1024;

/// Bytes at the end of a text that was cut there: a value may begin in them, so they are not shown. A token of 10 KiB has room,
/// each character written as `\uXXXX`.
const MAX_SPELLED: usize = 64 * 1024;

/// Bytes that are compared for one layer. Texts that repeat a value a thousand times need some ten thousand; an upstream that
/// hands out `aaaa…` a hundred times and then complains about it gets a text that says nothing.
const MAX_COMPARED: usize = 4 * 1024 * 1024;

/// What stands in the place of a value.
const BLACK: &str = "***";

/// How texts end that were cut.
const CUTS: [&str; 2] = ["…", "..."];

/// What no text may repeat. It prints none of it, and overwrites it in memory when it goes.
#[derive(Default)]
pub struct Withheld {
    values: Vec<Zeroizing<String>>,
    /// In order, so that those which can begin at a place are found at once: an upstream decides how many there are, and how long
    /// the text is.
    needles: Vec<Needle>,
}

/// A way to find a value in a layer.
struct Needle {
    text: Zeroizing<String>,
    /// Base64 shares characters with what stands before and after a value.
    is_base64: bool,
}

/// Who knows what was sent as a credential: it may change while an upload runs.
pub trait KnowsSecrets: fmt::Debug + Send + Sync {
    /// All that may have been sent until now.
    fn withheld(&self) -> Withheld;
}

impl Withheld {
    /// These values, except those that are too short.
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut withheld = Self::default();
        for value in values.into_iter().filter(|value| value.len() >= MIN_WITHHELD_LEN) {
            withheld.values.push(Zeroizing::new(value.to_owned()));
            withheld.needles.extend(needles(value));
        }
        withheld.sort();
        withheld
    }

    /// These and the others.
    #[must_use]
    pub fn and(mut self, mut others: Self) -> Self {
        self.values.append(&mut others.values);
        self.needles.append(&mut others.needles);
        self.sort();
        self
    }

    fn sort(&mut self) {
        self.needles.sort_by(|one, other| one.text.cmp(&other.text).then(one.is_base64.cmp(&other.is_base64)));
        self.needles.dedup_by(|one, other| one.text == other.text && one.is_base64 == other.is_base64);
    }

    /// The text without them. A very long text is cut.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let (searched, shown_len) = bounded(text);
        if self.values.is_empty() {
            return searched.get(..shown_len).unwrap_or_default().to_owned();
        }
        let mut found: Vec<Range<usize>> = Vec::new();
        for value in &self.values {
            found.extend(searched.match_indices(value.as_str()).map(|(start, all)| start..start + all.len()));
        }
        let kept = CUTS.iter().find_map(|cut| searched.strip_suffix(cut));
        for layer in layers(kept.unwrap_or(searched)) {
            match self.find(&layer, kept.is_some()) {
                Some(places) => found.extend(places.iter().filter_map(|place| layer.source(place))),
                None => return BLACK.to_owned(),
            }
        }
        blacken(searched, shown_len, found)
    }

    /// Where a layer spells a value, overlapping places too; a text that was cut may end in the beginning of one. None: the text
    /// nearly repeats so many values that it would cost too much to tell.
    fn find(&self, layer: &Layer, was_cut: bool) -> Option<Vec<Range<usize>>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        let (mut run_end, mut compared) = (0, 0_usize);
        for (start, beginning) in layer.text.as_bytes().windows(MIN_WITHHELD_LEN).enumerate() {
            let first = self.needles.partition_point(|needle| needle.beginning() < beginning);
            let candidates = self.needles.iter().skip(first).take_while(|needle| needle.beginning() == beginning);
            let rest = layer.text.as_bytes().get(start..).unwrap_or_default();
            for needle in candidates {
                let text = needle.text.as_bytes();
                compared = compared.saturating_add(text.len().min(rest.len()));
                if compared > MAX_COMPARED {
                    return None;
                }
                if !(rest.starts_with(text) || (was_cut && text.starts_with(rest))) {
                    continue;
                }
                let end = start.saturating_add(text.len().min(rest.len()));
                if !needle.is_base64 {
                    found.push(start..end);
                } else if end > run_end {
                    let run = layer.whole_base64(start, end);
                    run_end = run.end;
                    found.push(run);
                }
            }
        }
        Some(found)
    }
}

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BLACK)
    }
}

impl Needle {
    /// The first bytes; no needle is shorter.
    fn beginning(&self) -> &[u8] {
        self.text.as_bytes().get(..MIN_WITHHELD_LEN).unwrap_or_default()
    }
}

/// Every way in which a value is looked for: as it is, undone as far as the texts are, in hexadecimal, and in base64 of either
/// alphabet at each place that it can have within other bytes. The case of base64 is ignored as all case is.
fn needles(value: &str) -> Vec<Needle> {
    let needle = |text: String, is_base64| Needle { text: Zeroizing::new(text), is_base64 };
    let mut needles: Vec<Needle> = layers(value).into_iter().map(|layer| needle(layer.text, false)).collect();
    let hex: String = value
        .bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect();
    needles.push(needle(hex, false));
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for offset in 0..3_usize {
            let bytes = Zeroizing::new([&[0; 2][..offset.min(2)], value.as_bytes()].concat());
            let encoded = Zeroizing::new(engine.encode(&*bytes));
            // Characters with bits of the bytes before; the last one has bits of those after, unless it is full.
            let first = [0, 2, 3].get(offset).copied().unwrap_or_default();
            let last = encoded.len().saturating_sub(usize::from(!bytes.len().is_multiple_of(3)));
            let alone = encoded.get(first..last).unwrap_or_default();
            needles.extend(layers(alone).into_iter().take(1).map(|layer| needle(layer.text, true)));
        }
    }
    needles.retain(|needle| needle.text.len() >= MIN_WITHHELD_LEN);
    needles
}

/// What is searched of a text, and how many bytes of that may be shown.
fn bounded(text: &str) -> (&str, usize) {
    if text.len() <= MAX_SEARCHED {
        return (text, text.len());
    }
    let boundary = |len: usize| text.floor_char_boundary(len);
    (text.get(..boundary(MAX_SEARCHED)).unwrap_or_default(), boundary(MAX_SEARCHED.saturating_sub(MAX_SPELLED)))
}

/// The first bytes of a text with the stretches replaced that were found.
fn blacken(text: &str, shown_len: usize, mut found: Vec<Range<usize>>) -> String {
    found.sort_unstable_by_key(|place| place.start);
    let mut shown = String::with_capacity(shown_len);
    let mut at = 0;
    let mut black_until = None;
    for place in found {
        if place.start >= shown_len {
            break;
        }
        // Stretches that overlap or touch are one.
        if black_until.is_none_or(|until| place.start > until) {
            shown.push_str(text.get(at..place.start).unwrap_or_default());
            shown.push_str(BLACK);
        }
        at = at.max(place.end);
        black_until = Some(at);
    }
    shown.push_str(text.get(at..shown_len).unwrap_or_default());
    shown
}

#[cfg(test)]
mod tests;
