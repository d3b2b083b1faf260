//! A secret in a file, read again while it is used.
//!
//! The file is opened by its path each time, so a rename and Kubernetes' swap of a symbolic link are seen. A file that
//! vanishes, cannot be read or holds what can be no secret keeps its last value: a rotation that goes wrong must not stop uploads.
//! That is logged once, and counted in a metric until the file can be read again.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::value::SecretValue;

/// How long the value of a file is used before the file is looked at again.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// Bytes of a secret file: tokens and keys are far smaller, a device or a log given by mistake is not read to its end.
const MAX_FILE_LEN: u64 = 64 * 1024;

/// Mode bits by which everybody may write: whoever can change a credential decides where uploads go.
const WRITABLE_BY_ALL: u32 = 0o002;

/// Mode bits by which everybody may read. Kubernetes mounts secrets so, hence no more than a hint.
const READABLE_BY_ALL: u32 = 0o004;

/// A file's last value and what became of the last look at it.
#[derive(Debug, Default)]
pub(super) struct SecretFile(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    value: Option<SecretValue>,
    /// The value before: an upstream may still repeat it.
    previous: Option<SecretValue>,
    looked_at: Option<Instant>,
    is_unreadable: bool,
}

/// Why a file gives no value.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the user that the gateway runs as may not read it")]
    Forbidden,
    #[error("it is no regular file")]
    NoFile,
    #[error("it is empty")]
    Empty,
    #[error("it holds nothing but white space")]
    Blank,
    /// Such a value cannot be sent in a header: one secret a file, on one line.
    #[error("it holds a line break, a NUL or another control character within its value; a secret is one line")]
    Control,
    #[error("it is longer than {MAX_FILE_LEN} bytes")]
    TooLong,
    #[error("it is not UTF-8 text")]
    NoText,
}

impl SecretFile {
    /// The value, looked up again when the last look is older than [`REREAD_AFTER`].
    pub(super) fn value(&self, path: &str, now: Instant) -> Option<SecretValue> {
        let mut last = self.lock();
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < REREAD_AFTER;
        if !last.looked_at.is_some_and(is_fresh) {
            last.look(path, now);
        }
        last.value.clone()
    }

    /// The value, and the one before it.
    pub(super) fn known_values(&self, path: &str, now: Instant) -> Vec<SecretValue> {
        let current = self.value(path, now);
        current.into_iter().chain(self.lock().previous.clone()).collect()
    }

    /// Whether the last look gave no value.
    pub(super) fn is_unreadable(&self, path: &str, now: Instant) -> bool {
        let _current = self.value(path, now);
        self.lock().is_unreadable
    }

    /// A panic while the lock is held leaves the last value behind, which is as good as before.
    fn lock(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    fn look(&mut self, path: &str, now: Instant) {
        match read(path) {
            Ok(value) => {
                if self.is_unreadable {
                    tracing::info!(path, "a secret file can be read again");
                } else if self.looked_at.is_none() {
                    hint_at_permissions(path);
                } else if self.value.as_ref() != Some(&value) {
                    tracing::info!(path, "a secret file changed; its new value is used");
                }
                if self.value.as_ref() != Some(&value) {
                    self.previous = self.value.replace(value);
                }
                self.is_unreadable = false;
            }
            Err(error) => {
                if !self.is_unreadable {
                    let keeps = self.value.is_some();
                    tracing::warn!(path, %error, keeps_last_value = keeps, "a secret file cannot be read");
                }
                self.is_unreadable = true;
            }
        }
        self.looked_at = Some(now);
    }
}

/// One trailing line break is the editor's and not the secret's.
fn read(path: &str) -> Result<SecretValue, ReadError> {
    let allowed = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => ReadError::Forbidden,
        io::ErrorKind::InvalidData => ReadError::NoText,
        _ => ReadError::Io(error),
    };
    // Asked before it is opened: a pipe would block until somebody writes to it.
    if !std::fs::metadata(path).map_err(allowed)?.is_file() {
        return Err(ReadError::NoFile);
    }
    // All the room at once: a text that grows leaves copies of its beginning behind.
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MAX_FILE_LEN).unwrap_or_default() + 1));
    File::open(path).map_err(allowed)?.take(MAX_FILE_LEN + 1).read_to_string(&mut text).map_err(allowed)?;
    if u64::try_from(text.len()).is_ok_and(|len| len > MAX_FILE_LEN) {
        return Err(ReadError::TooLong);
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
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
