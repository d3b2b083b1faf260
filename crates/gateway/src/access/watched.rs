//! A file whose content is used while the gateway runs: looked at again now and then, parsed again when it changed.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rules::source::MAX_FILE_LEN;

use crate::files::{self, Followed, Follower};

/// How long a file's content is used before the file is looked at again: a removed key stops working within this.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// What makes a value of a file's path and text.
type Parse<T> = fn(&str, &str) -> Result<T, String>;

/// A file and what was last made of it.
pub(super) struct Watched<T: Send + Sync + 'static>(Follower<Last<T>>);

struct Last<T> {
    path: Arc<str>,
    parse: Parse<T>,
    text: Arc<str>,
    value: Arc<T>,
    /// Why the last look brought nothing: it is said once.
    error: Option<String>,
}

/// What a look at a file brings.
pub(super) enum Seen<T> {
    Unreadable(String),
    Same,
    Changed { text: Arc<str>, value: Result<T, String> },
}

/// Reads a file of text, of as many bytes as any file of the configuration, which `rules` parses: about seven thousand
/// keys.
///
/// # Errors
/// It cannot be read, is no regular file, is too long, or is no UTF-8.
pub(super) fn read(path: &str) -> io::Result<String> {
    let bytes = files::read(path, u64::try_from(MAX_FILE_LEN).unwrap_or(u64::MAX))?;
    std::str::from_utf8(&bytes).map(str::to_owned).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Reads and parses a file for the first time.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub(super) fn open(path: &str, parse: Parse<T>) -> Result<Self, String> {
        let text = read(path).map_err(|error| format!("`{path}`: {error}"))?;
        let value = Arc::new(parse(path, &text)?);
        let last = Last { path: path.into(), parse, text: text.into(), value, error: None };
        Ok(Self(Follower::new(last, REREAD_AFTER, Some(Instant::now()))))
    }

    /// What the file says. Where it cannot be read or parsed any more, what it said last.
    pub(super) fn value(&self, now: Instant) -> Arc<T> {
        self.0.with(now, |last| Arc::clone(&last.value))
    }
}

impl<T: Send + Sync + 'static> Followed for Last<T> {
    type Seen = Seen<T>;

    fn look(&self) -> Box<dyn FnOnce() -> Seen<T> + Send> {
        let (path, parse, before) = (Arc::clone(&self.path), self.parse, Arc::clone(&self.text));
        Box::new(move || match read(&path) {
            Err(error) => Seen::Unreadable(error.to_string()),
            Ok(text) if *text == *before => Seen::Same,
            Ok(text) => Seen::Changed { value: parse(&path, &text), text: text.into() },
        })
    }

    fn take(&mut self, seen: Seen<T>) {
        let path = &*self.path;
        let (text, value) = match seen {
            Seen::Unreadable(error) => return self.cannot_be_read(error),
            Seen::Same => {
                if self.error.take().is_some() {
                    tracing::info!(path, "a file of keys can be read again");
                }
                return;
            }
            Seen::Changed { text, value } => (text, value),
        };
        self.error = None;
        match value {
            Ok(value) => {
                tracing::info!(path, "a file of keys was read again");
                self.value = Arc::new(value);
            }
            Err(error) => tracing::warn!(path, error, "a file of keys is wrong; the last one stays"),
        }
        // A wrong file is complained of once.
        self.text = text;
    }

    fn hangs(&mut self) {
        self.cannot_be_read("reading it does not end".to_owned());
    }
}

impl<T> Last<T> {
    fn cannot_be_read(&mut self, error: String) {
        if self.error.as_ref() != Some(&error) {
            tracing::warn!(path = &*self.path, error, "a file of keys cannot be read; the last one stays");
        }
        self.error = Some(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(_: &str, text: &str) -> Result<usize, String> {
        text.trim().parse().map_err(|_| "no number".to_owned())
    }

    #[test]
    fn follows_the_file_and_keeps_the_last_that_was_right() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("n");
        let write = |text: &str| std::fs::write(&path, text).expect("it can be written");
        write("1");
        let file = Watched::open(path.to_str().expect("UTF-8"), parse).unwrap_or_else(|error| panic!("{error}"));
        let start = Instant::now();
        let mut looks = 0;
        let mut look = || {
            looks += 2;
            *file.value(start + Duration::from_secs(looks))
        };
        write("2");
        assert_eq!(*file.value(start), 1, "not looked at again so soon");
        assert_eq!(look(), 2);
        write("two");
        assert_eq!(look(), 2);
        std::fs::remove_file(&path).expect("it is there");
        assert_eq!(look(), 2);
        write("3");
        assert_eq!(look(), 3);
        assert!(Watched::open("/nonexistent/keys.yaml", parse).is_err());
    }
}
