//! The progress of an upload, on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio_util::task::AbortOnDropHandle;

use crate::client::{Chunks, Length};
use crate::commands::numbers::{bytes, mib_per_second};

/// Between two drawings.
const INTERVAL: Duration = Duration::from_millis(200);

/// A drawing that goes on until it is dropped.
pub(super) struct Progress {
    drawing: Option<AbortOnDropHandle<()>>,
}

impl Progress {
    /// Counts the bytes that pass, and draws them if a person watches.
    pub(super) fn watch(chunks: Chunks, file: &str, length: Length) -> (Chunks, Self) {
        if !io::stderr().is_terminal() {
            return (chunks, Self { drawing: None });
        }
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let counted = chunks.inspect(move |chunk| {
            let len = chunk.as_ref().map_or(0, |chunk| u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            counter.fetch_add(len, Ordering::Relaxed);
        });
        let file = file.to_owned();
        let drawing = tokio::spawn(async move {
            let began = Instant::now();
            loop {
                tokio::time::sleep(INTERVAL).await;
                draw(&line(&file, length, sent.load(Ordering::Relaxed), began.elapsed()));
            }
        });
        (counted.boxed(), Self { drawing: Some(AbortOnDropHandle::new(drawing)) })
    }

    /// Wipes the drawing.
    pub(super) fn end(self) {
        if self.drawing.is_some() {
            draw("");
        }
    }
}

/// One line that the next one takes the place of. A terminal that has gone is no reason to stop an upload.
fn draw(line: &str) {
    let mut terminal = io::stderr().lock();
    let _unseen = write!(terminal, "\r\x1b[2K{line}").and_then(|()| terminal.flush());
}

fn line(file: &str, length: Length, sent: u64, elapsed: Duration) -> String {
    let rate = mib_per_second(sent, elapsed);
    let sent_text = bytes(sent);
    match length {
        Length::Exact(total) | Length::Announced(total) => {
            let percent = sent.saturating_mul(100).checked_div(total).unwrap_or(100);
            format!("{file}  {percent:>3} %  {sent_text} of {}  {rate:.0} MiB/s", bytes(total))
        }
        Length::Unknown => format!("{file}  {sent_text}  {rate:.0} MiB/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_length_gives_a_percentage() {
        let second = Duration::from_secs(1);
        let half = line("a.mp4", Length::Exact(100 << 20), 50 << 20, second);
        assert_eq!(half, "a.mp4   50 %  50.0 MiB of 100 MiB  50 MiB/s");
        assert!(line("a.mp4", Length::Exact(0), 0, second).contains("100 %"));
        assert_eq!(line("-", Length::Unknown, 10 << 20, second), "-  10.0 MiB  10 MiB/s");
    }
}
