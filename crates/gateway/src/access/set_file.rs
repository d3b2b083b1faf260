//! The file of an issuer's public keys. What is in it is parsed, and kept for a while, by `jwks`.

use std::sync::Arc;

use bytes::Bytes;

use super::watched;
use crate::files::Followed;

/// A file, and what the last look at it brought.
pub(super) struct SetFile {
    path: Arc<str>,
    last: Result<Bytes, String>,
}

impl SetFile {
    pub(super) fn new(path: &str) -> Self {
        Self { path: path.into(), last: Err("it was not read yet".to_owned()) }
    }

    /// The text, or in words why there is none.
    pub(super) fn text(&self) -> Result<Bytes, String> {
        self.last.clone()
    }
}

impl Followed for SetFile {
    type Seen = Result<Bytes, String>;

    fn look(&self) -> Box<dyn FnOnce() -> Self::Seen + Send> {
        let path = Arc::clone(&self.path);
        Box::new(move || watched::read(&path).map(Bytes::from).map_err(|error| error.to_string()))
    }

    fn take(&mut self, seen: Self::Seen) {
        self.last = seen;
    }

    fn hangs(&mut self) {
        self.last = Err("reading it does not end".to_owned());
    }
}
