//! Bytes of a regular file, in bounds.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};

use zeroize::Zeroizing;

/// What is said of pipes, devices, sockets and folders.
pub(crate) const NOT_REGULAR: &str = "it is no regular file";

/// Reads a regular file of `max_len` bytes at most. What it holds may be a secret, so it is wiped when it is dropped.
///
/// # Errors
/// It cannot be read, is no regular file, or is longer.
pub(crate) fn read(path: &str, max_len: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let file = open(path)?;
    let mut bytes = Zeroizing::new(Vec::new());
    // All the room at once, as a text that grows leaves copies of its beginning behind; the length is a hint that may be outdated.
    let len = file.metadata()?.len().min(max_len).saturating_add(1);
    bytes.reserve_exact(usize::try_from(len).unwrap_or_default());
    file.take(max_len.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > max_len) {
        return Err(io::Error::other(format!("it is longer than {max_len} bytes")));
    }
    Ok(bytes)
}

/// Opens a file and looks at what was opened, so that it cannot be exchanged in between.
fn open(path: &str) -> io::Result<File> {
    // Asked before as well: opening some devices does something.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other(NOT_REGULAR));
    }
    let mut options = OpenOptions::new();
    options.read(true);
    do_not_block(&mut options);
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other(NOT_REGULAR)) }
}

/// A pipe that took the file's place in this very moment is opened at once and refused, instead of waited for.
#[cfg(unix)]
fn do_not_block(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
}

#[cfg(not(unix))]
fn do_not_block(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_regular_files_in_bounds_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let path = path.to_str().expect("UTF-8");
        std::fs::write(path, "12345").expect("written");
        assert_eq!(read(path, 5).expect("is read").as_slice(), b"12345");
        assert!(read(path, 4).expect_err("is too long").to_string().contains("longer than 4 bytes"));
        assert!(read(folder.path().to_str().expect("UTF-8"), 5).is_err());
        assert_eq!(read("/dev/zero", 5).expect_err("is a device").to_string(), NOT_REGULAR);
    }

    #[cfg(unix)]
    #[test]
    fn does_not_wait_for_the_writer_of_a_pipe() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR).expect("a pipe");
        assert_eq!(read(path.to_str().expect("UTF-8"), 5).expect_err("is a pipe").to_string(), NOT_REGULAR);
    }
}
