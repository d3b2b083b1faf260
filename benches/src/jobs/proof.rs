//! Proves once that a peer passes a file on, byte for byte, before it is measured.

use anyhow::ensure;
use sha2::{Digest as _, Sha256};

use crate::content::Content;
use crate::job::Stage;
use crate::load::Load;
use crate::load::message::{Message, Request};
use crate::peer::Running;
use crate::sink::Mode;

/// Sends one file of `len` bytes and looks at what arrives.
///
/// # Errors
/// It did not arrive, or not as it was sent.
pub(super) fn prove(stage: &Stage<'_>, running: &Running, len: usize) -> anyhow::Result<()> {
    stage.sink.reset(Mode::Keep);
    let content = Content::unique(len);
    let sha256: [u8; 32] = content.pieces().fold(Sha256::new(), Sha256::chain_update).finalize().into();
    let load = Load {
        job: stage.setting.job,
        content,
        uploads: 1,
        connections: 1,
        core: stage.other_core,
        tls: stage.setting.tls.clone(),
    };
    load.run(running.address)?;
    let stored = stage.sink.stored();
    // Not all of these need be of this upload: what a peer before was sending may only now break off.
    let complaint = stage.sink.complaints().pop().unwrap_or_default();
    stage.sink.reset(Mode::Count);
    ensure!(stored.len() == 1, "{} files arrived {complaint}", stored.len());
    let is_same = stored.iter().all(|file| file.len == len as u64 && file.sha256 == sha256);
    ensure!(is_same, "other bytes arrived: {stored:?}");
    Ok(())
}

/// The whole request of one upload of `len` bytes.
///
/// # Errors
/// None in practice: memory takes all that is written.
pub(super) fn request(stage: &Stage<'_>, len: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Message::new(&Request::of(stage.setting.job), &Content::repeated(len)).write(&mut bytes)?;
    Ok(bytes)
}
