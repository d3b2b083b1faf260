//! A secret in a file, read again while it is used.
//!
//! The file is opened by its path each time, so a rename and Kubernetes' swap of a symbolic link are seen. A file that
//! vanishes, cannot be read or holds what can be no secret keeps its last value: a rotation that goes wrong must not stop uploads.
//! That is logged once, and counted in a metric until the file can be read again.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::value::SecretValue;
use crate::files::{self, Followed, Follower};

/// How long the value of a file is used before the file is looked at again.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// Bytes of a secret file: tokens and keys are far smaller, a device or a log given by mistake is not read to its end.
const MAX_FILE_LEN: u64 = 64 * 1024;

/// Mode bits by which everybody may write: whoever can change a credential decides where uploads go.
const WRITABLE_BY_ALL: u32 = 0o002;

/// Mode bits by which everybody may read. Kubernetes mounts secrets so, hence no more than a hint.
const READABLE_BY_ALL: u32 = 0o004;

/// A file, its last value, and what became of the last look at it.
#[derive(Debug)]
pub(super) struct SecretFile(Follower<Last>);

#[derive(Debug)]
struct Last {
    path: Arc<str>,
    value: Option<SecretValue>,
    /// The value before: an upstream may still repeat it.
    previous: Option<SecretValue>,
    is_unreadable: bool,
}

/// Why a file gives no value.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the user that the gateway runs as may not read it")]
    Forbidden,
    #[error("it is empty")]
    Empty,
    #[error("it holds nothing but white space")]
    Blank,
    /// Such a value cannot be sent in a header: one secret a file, on one line.
    #[error("it holds a line break, a NUL or another control character within its value; a secret is one line")]
    Control,
    #[error("it is not UTF-8 text")]
    NoText,
    #[error("reading it does not end")]
    Hangs,
}

impl SecretFile {
    /// Looks at a file for the first time.
    pub(super) fn open(path: &str, now: Instant) -> Self {
        let mut last = Last { path: path.into(), value: None, previous: None, is_unreadable: false };
        match read(path) {
            Ok(value) => {
                hint_at_permissions(path);
                last.value = Some(value);
            }
            Err(error) => last.cannot_be_read(&error),
        }
        Self(Follower::new(last, REREAD_AFTER, Some(now)))
    }

    /// The value, looked up again when the last look is older than [`REREAD_AFTER`].
    pub(super) fn value(&self, now: Instant) -> Option<SecretValue> {
        self.0.with(now, |last| last.value.clone())
    }

    /// The value, and the one before it.
    pub(super) fn known_values(&self, now: Instant) -> Vec<SecretValue> {
        self.0.with(now, |last| last.value.iter().chain(&last.previous).cloned().collect())
    }

    /// Whether the last look gave no value.
    pub(super) fn is_unreadable(&self, now: Instant) -> bool {
        self.0.with(now, |last| last.is_unreadable)
    }
}

impl Followed for Last {
    type Seen = Result<SecretValue, ReadError>;

    fn look(&self) -> Box<dyn FnOnce() -> Self::Seen + Send> {
        let path = Arc::clone(&self.path);
        Box::new(move || read(&path))
    }

    fn take(&mut self, seen: Self::Seen) {
        let path = &*self.path;
        let value = match seen {
            Ok(value) => value,
            Err(error) => return self.cannot_be_read(&error),
        };
        if self.is_unreadable {
            tracing::info!(path, "a secret file can be read again");
        } else if self.value.as_ref() != Some(&value) {
            tracing::info!(path, "a secret file changed; its new value is used");
        }
        if self.value.as_ref() != Some(&value) {
            self.previous = self.value.replace(value);
        }
        self.is_unreadable = false;
    }

    fn hangs(&mut self) {
        self.cannot_be_read(&ReadError::Hangs);
    }
}

impl Last {
    fn cannot_be_read(&mut self, error: &ReadError) {
        if !self.is_unreadable {
            let keeps = self.value.is_some();
            tracing::warn!(path = &*self.path, %error, keeps_last_value = keeps, "a secret file cannot be read");
        }
        self.is_unreadable = true;
    }
}

/// One trailing line break is the editor's and not the secret's.
fn read(path: &str) -> Result<SecretValue, ReadError> {
    let bytes = files::read(path, MAX_FILE_LEN).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => ReadError::Forbidden,
        _ => ReadError::Io(error),
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|_| ReadError::NoText)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    value_of(line.strip_suffix('\r').unwrap_or(line))
}

/// A mistake in a file is told from a value here, and not by the upstream to which it would be sent.
fn value_of(text: &str) -> Result<SecretValue, ReadError> {
    let value = SecretValue::new(text).ok_or(ReadError::Empty)?;
    // Asked first: a file of line breaks alone is blank, and not two lines.
    if text.trim().is_empty() {
        return Err(ReadError::Blank);
    }
    // RFC 9110, 5.5: a field value may hold a tab, and no other control character of ASCII.
    if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(ReadError::Control);
    }
    Ok(value)
}

#[cfg(unix)]
fn hint_at_permissions(path: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = std::fs::metadata(path) else { return };
    let mode = metadata.permissions().mode();
    if mode & WRITABLE_BY_ALL != 0 {
        tracing::warn!(path, "a secret file may be written by everybody on this machine; `chmod 600` it");
    } else if mode & READABLE_BY_ALL != 0 {
        tracing::info!(path, "a secret file may be read by everybody on this machine; `chmod 600` is enough");
    }
}

#[cfg(not(unix))]
fn hint_at_permissions(_: &str) {}
