//! A file whose content is used while the gateway runs: looked at again now and then, parsed again when it changed.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a file's content is used before the file is looked at again: a removed key stops working within this.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// Bytes of a file: ten thousand keys have about one and a half million.
const MAX_FILE_LEN: u64 = 4 * 1024 * 1024;

/// What makes a value of a file's path and text.
type Parse<T> = fn(&str, &str) -> Result<T, String>;

/// A file and what was last made of it.
pub(super) struct Watched<T> {
    path: String,
    parse: Parse<T>,
    last: Mutex<Last<T>>,
}

struct Last<T> {
    looked: Instant,
    text: String,
    value: Arc<T>,
}

/// Reads a file, in bounds.
///
/// # Errors
/// It cannot be read, is too long, or is no UTF-8.
pub(super) fn read(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let len = File::open(path)?.take(MAX_FILE_LEN).read_to_string(&mut text)?;
    if u64::try_from(len).unwrap_or(u64::MAX) >= MAX_FILE_LEN {
        return Err(io::Error::other(format!("it has {MAX_FILE_LEN} bytes or more")));
    }
    Ok(text)
}

impl<T> Watched<T> {
    /// Reads and parses a file for the first time.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub(super) fn open(path: &str, parse: Parse<T>) -> Result<Self, String> {
        let text = read(path).map_err(|error| format!("`{path}`: {error}"))?;
        let value = Arc::new(parse(path, &text)?);
        let last = Mutex::new(Last { looked: Instant::now(), text, value });
        Ok(Self { path: path.to_owned(), parse, last })
    }

    /// What the file says. Where it cannot be read or parsed any more, what it said last.
    pub(super) fn value(&self, now: Instant) -> Arc<T> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(last.looked) >= REREAD_AFTER {
            last.looked = now;
            self.look(&mut last);
        }
        Arc::clone(&last.value)
    }

    fn look(&self, last: &mut Last<T>) {
        let text = match read(&self.path) {
            Ok(text) if text == last.text => return,
            Ok(text) => text,
            Err(error) => {
                return tracing::warn!(path = self.path, %error, "a file of keys cannot be read; the last one stays");
            }
        };
        match (self.parse)(&self.path, &text) {
            Ok(value) => {
                tracing::info!(path = self.path, "a file of keys was read again");
                last.value = Arc::new(value);
            }
            Err(error) => tracing::warn!(path = self.path, %error, "a file of keys is wrong; the last one stays"),
        }
        // A wrong file is complained of once.
        last.text = text;
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
