//! What is sent: a file, or standard input.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use crate::cli::Upload;
use crate::client::{Chunks, Length, READ_SIZE, of_reader};

/// Where the bytes are.
pub(super) enum Place {
    File(PathBuf),
    StandardInput,
}

/// What is known of a file before it is sent.
pub(super) struct Source {
    place: Place,
    pub(super) name: String,
    pub(super) length: Length,
    pub(super) sha256: Option<[u8; 32]>,
}

impl Source {
    /// Looks at a file, and reads it once for its digest unless that is unwanted.
    ///
    /// # Errors
    /// It is not there, no regular file, has no name, or cannot be read.
    pub(super) async fn look_at(place: Place, flags: &Upload) -> anyhow::Result<Self> {
        let Place::File(path) = &place else {
            // No digest: it would be known only when everything was sent.
            let name = flags.name.clone().context("standard input has no name: give it one by `--name`")?;
            let length = flags.size.map_or(Length::Unknown, |size| Length::Announced(size.0));
            return Ok(Self { place, name, length, sha256: None });
        };
        if flags.size.is_some() {
            bail!("`--size` is for standard input: a file has its own size");
        }
        let own = || path.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned);
        let name = flags.name.clone().or_else(own).context("it has no name: give it one by `--name`")?;
        let (path, with_digest) = (path.clone(), !flags.no_digest);
        let (size, sha256) = tokio::task::spawn_blocking(move || measure(&path, with_digest)).await??;
        Ok(Self { place, name, length: Length::Exact(size), sha256 })
    }

    /// Whether the bytes are still there after they were sent.
    pub(super) fn is_repeatable(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// The bytes.
    ///
    /// # Errors
    /// The file cannot be opened any more.
    pub(super) async fn chunks(&self) -> anyhow::Result<Chunks> {
        let path = match &self.place {
            Place::File(path) => path,
            Place::StandardInput => return Ok(of_reader(tokio::io::stdin())),
        };
        let file = tokio::fs::File::open(path).await.context("it cannot be opened")?;
        // A file that grows meanwhile is sent as it was; one that shrinks ends short, which the gateway refuses.
        Ok(match self.length {
            Length::Exact(len) | Length::Announced(len) => of_reader(file.take(len)),
            Length::Unknown => of_reader(file),
        })
    }
}

/// A file's size in bytes, and its SHA-256.
fn measure(path: &Path, with_digest: bool) -> anyhow::Result<(u64, Option<[u8; 32]>)> {
    // Asked by its name: opening a pipe would wait for somebody to write.
    if !path.metadata().context("it cannot be opened")?.is_file() {
        bail!("it is no regular file; pipe it in and name it: `- --name NAME`");
    }
    let file = File::open(path).context("it cannot be opened")?;
    let size = file.metadata().context("it cannot be looked at")?.len();
    let sha256 = if with_digest { Some(digest(file, size).context("it cannot be read")?) } else { None };
    Ok((size, sha256))
}

fn digest(file: File, size: u64) -> std::io::Result<[u8; 32]> {
    let mut file = file.take(size);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_SIZE];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            len => hash.update(buffer.get(..len).unwrap_or_default()),
        }
    }
}
