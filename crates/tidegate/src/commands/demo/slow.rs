//! Many slow uploads at once: all are opened and begun, then all trickle to their ends.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use sandbox::System;
use tokio_util::sync::CancellationToken;

use super::attempt::{Attempt, Site, hex};
use super::case::Case;
use super::content::Content;
use super::gateway_process::GatewayProcess;
use crate::client::{Chunks, Form, Protocol};

/// Uploads at once.
pub(super) const UPLOADS: usize = 200;
/// Bytes of each file.
const SIZE: u64 = 256 * 1024;
/// Bytes of all files together.
pub(super) const TOTAL: u64 = SIZE * UPLOADS as u64;
/// Bytes that are sent at once, with a pause after them.
const PIECE: usize = 8 * 1024;
/// What every upload has sent while all are held.
const FIRST: u64 = 2 * PIECE as u64;
/// Between two pieces: 80 KiB/s each.
const PAUSE: Duration = Duration::from_millis(100);
/// Time for all to begin.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the gateway.
const LOOK: Duration = Duration::from_millis(100);

/// Opens all, waits until the gateway has all of them in flight with their first bytes, and lets them end.
pub(super) async fn run(site: Site<'_>, gateway: &GatewayProcess, first_number: usize) -> anyhow::Result<Attempt> {
    let content = Content::new(SIZE);
    let sha256 = hex(&content.sha256());
    let released = CancellationToken::new();
    let began = Instant::now();
    let mut attempts: FuturesUnordered<_> = (0..UPLOADS)
        .zip(System::ALL.into_iter().cycle())
        .map(|(index, system)| {
            let chunks = trickle(&content, released.clone());
            let sha256 = &sha256;
            let case = Case::new(system, form_of(index), Protocol::Http1, SIZE);
            async move { site.attempt_with(&case, first_number.saturating_add(index), chunks, sha256).await }
        })
        .collect();
    let held = async {
        all_begun(gateway).await?;
        released.cancel();
        anyhow::Ok(())
    };
    tokio::pin!(held);
    let mut errors = Vec::new();
    let mut holding = true;
    loop {
        tokio::select! {
            begun = &mut held, if holding => {
                begun?;
                holding = false;
            }
            ended = attempts.next() => match ended {
                Some(attempt) => errors.extend(attempt.error),
                None => break,
            },
        }
    }
    let failed = errors.len();
    let error = errors.into_iter().next().map(|first| format!("{failed} failed, the first: {first}"));
    Ok(Attempt { elapsed: began.elapsed(), error })
}

/// All forms take part.
fn form_of(index: usize) -> Form {
    match index % 3 {
        0 => Form::NamedPut,
        1 => Form::Post,
        _ => Form::Multipart,
    }
}

/// A file that stops after its first pieces until it is released, and then comes with pauses.
fn trickle(content: &Content, released: CancellationToken) -> Chunks {
    let pieces = content.pieces(PIECE);
    let begin = (pieces, 0_u64, released);
    stream::unfold(begin, |(mut pieces, sent, released)| async move {
        if sent >= FIRST {
            released.cancelled().await;
            tokio::time::sleep(PAUSE).await;
        }
        let piece: Bytes = pieces.next()?;
        let sent = sent.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        Some((Ok(piece), (pieces, sent, released)))
    })
    .boxed()
}

/// Returns when the gateway has every upload's first bytes.
async fn all_begun(gateway: &GatewayProcess) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let received = gateway.received_by_upload().await?;
        let begun = received.iter().filter(|bytes| **bytes >= FIRST).count();
        if begun == UPLOADS {
            return Ok(());
        }
        ensure!(began.elapsed() < PATIENCE, "only {begun} of {UPLOADS} slow uploads began");
        tokio::time::sleep(LOOK).await;
    }
}
