//! What is sent: a file, or standard input.

use std::path::Path;

use anyhow::{Context as _, bail};
use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use crate::cli::Upload;
use crate::client::{Chunks, Length, of_reader};

/// The name of standard input on the command line.
const STANDARD_INPUT: &str = "-";

/// A file that is ready to be sent.
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) length: Length,
    pub(super) sha256: Option<[u8; 32]>,
    pub(super) chunks: Chunks,
}

impl Opened {
    /// Opens a file, and reads it once for its digest unless that is unwanted.
    pub(super) async fn open(file: &str, flags: &Upload) -> anyhow::Result<Self> {
        if file == STANDARD_INPUT {
            return Self::standard_input(flags);
        }
        if flags.size.is_some() {
            bail!("`--size` is for standard input: a file has its own size");
        }
        let mut opened = File::open(file).await.context("it cannot be opened")?;
        let facts = opened.metadata().await.context("it cannot be looked at")?;
        if !facts.is_file() {
            bail!("it is no regular file; pipe it in and name it: `- --name NAME`");
        }
        let sha256 = if flags.no_digest { None } else { Some(digest(&mut opened).await?) };
        // A file that grows meanwhile is sent as it was; one that shrinks ends short, which the gateway refuses.
        let chunks = of_reader(opened.take(facts.len()));
        Ok(Self { name: name_of(file, flags)?, length: Length::Exact(facts.len()), sha256, chunks })
    }

    /// No digest: it would be known only when everything was sent.
    fn standard_input(flags: &Upload) -> anyhow::Result<Self> {
        let name = flags.name.clone().context("standard input has no name: give it one by `--name`")?;
        let length = flags.size.map_or(Length::Unknown, |size| Length::Announced(size.0));
        Ok(Self { name, length, sha256: None, chunks: of_reader(tokio::io::stdin()) })
    }
}

fn name_of(file: &str, flags: &Upload) -> anyhow::Result<String> {
    let own = || Path::new(file).file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned);
    flags.name.clone().or_else(own).context("it has no name: give it one by `--name`")
}

async fn digest(file: &mut File) -> anyhow::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut chunks = of_reader(file.try_clone().await.context("it cannot be read")?);
    while let Some(chunk) = chunks.try_next().await.context("it cannot be read")? {
        hash.update(&chunk);
    }
    // The clone shares its place in the file with the original.
    file.rewind().await.context("it cannot be read twice")?;
    Ok(hash.finalize().into())
}
