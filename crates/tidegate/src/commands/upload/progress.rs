//! Progress bars on standard error, where a person watches.

use std::borrow::Cow;

use futures::StreamExt as _;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::client::{Chunks, Length};

const OF_KNOWN_LENGTH: &str =
    "{prefix}  {bar:24} {percent:>3} %  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}";
const OF_UNKNOWN_LENGTH: &str = "{prefix}  {spinner} {binary_bytes}  {binary_bytes_per_sec}";
const OF_ALL: &str = "{pos} of {len} files  {elapsed}";

/// The bars of all files that are being sent, and below them one of the files themselves.
pub(super) struct Progress {
    bars: MultiProgress,
    files: Option<ProgressBar>,
}

/// The bar of one file; it is gone once dropped.
pub(super) struct Bar(ProgressBar);

impl Progress {
    /// For so many files. Nothing is drawn where standard error is no terminal.
    pub(super) fn of(files: usize) -> Self {
        let bars = MultiProgress::new();
        let files = (files > 1).then(|| {
            let len = u64::try_from(files).unwrap_or(u64::MAX);
            bars.add(ProgressBar::new(len).with_style(style(OF_ALL)))
        });
        Self { bars, files }
    }

    /// Counts the bytes that pass.
    pub(super) fn watch(&self, chunks: Chunks, label: &str, length: Length) -> (Chunks, Bar) {
        let bar = match length {
            Length::Exact(len) | Length::Announced(len) => ProgressBar::new(len).with_style(style(OF_KNOWN_LENGTH)),
            Length::Unknown => ProgressBar::new_spinner().with_style(style(OF_UNKNOWN_LENGTH)),
        };
        let bar = match &self.files {
            Some(files) => self.bars.insert_before(files, bar),
            None => self.bars.add(bar),
        };
        bar.set_prefix(Cow::Owned(visible(label)));
        let counter = bar.clone();
        let counted = chunks.inspect(move |chunk| {
            let len = chunk.as_ref().map_or(0, |chunk| u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            counter.inc(len);
        });
        (counted.boxed(), Bar(bar))
    }

    /// One more file has its outcome.
    pub(super) fn file_ended(&self) {
        if let Some(files) = &self.files {
            files.inc(1);
        }
    }

    /// Does something to the terminal while no bar is on it.
    pub(super) fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        self.bars.suspend(act)
    }

    /// A line for whoever watches, or reads the log of a script.
    #[expect(clippy::print_stderr, reason = "the results themselves go to stdout")]
    pub(super) fn note(&self, text: &str) {
        self.aside(|| eprintln!("note: {text}"));
    }

    /// Wipes what is left.
    pub(super) fn end(&self) {
        if let Some(files) = &self.files {
            files.finish_and_clear();
        }
        // A terminal that has gone is no reason to fail.
        let _unseen = self.bars.clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A template of ours; one that is malformed leaves the bar as the library draws it.
fn style(template: &'static str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A name without what would move the cursor.
fn visible(label: &str) -> String {
    label.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_well_formed() {
        for template in [OF_KNOWN_LENGTH, OF_UNKNOWN_LENGTH, OF_ALL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        assert_eq!(visible("a\x1b[2Jb\r\n"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}");
    }
}
