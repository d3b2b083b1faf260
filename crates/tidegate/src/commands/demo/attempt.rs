//! One upload, from the connection to the proof that the right bytes arrived.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use http::{HeaderMap, Uri};
use sandbox::{ObjectState, Sandbox};
use serde_json::Value;

use super::case::Case;
use super::content::Content;
use crate::client::{Answer, Chunks, Connection, Length, Offer, of_chunks};

/// Where uploads go, and where they arrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'s> {
    pub(super) gateway: SocketAddr,
    pub(super) sandbox: &'s Sandbox,
}

/// What one upload came to.
#[derive(Debug)]
pub(super) struct Attempt {
    /// From the connection to the receipt.
    pub(super) elapsed: Duration,
    /// Why it failed.
    pub(super) error: Option<String>,
}

impl Site<'_> {
    /// Uploads the file of the case's size. Its digest is computed before the clock runs.
    pub(super) async fn attempt(self, case: &Case, number: usize) -> Attempt {
        let content = Content::new(case.size);
        let sha256 = hex(&content.sha256());
        self.attempt_with(case, number, of_chunks(content.chunks()), &sha256).await
    }

    /// Uploads `chunks`, whose SHA-256 in hex is known.
    pub(super) async fn attempt_with(self, case: &Case, number: usize, chunks: Chunks, sha256: &str) -> Attempt {
        let began = Instant::now();
        let answer = self.upload(case, number, chunks).await;
        let elapsed = began.elapsed();
        let verified = answer.and_then(|answer| {
            check_receipt(&answer, case, sha256)?;
            self.check_arrival(case, number, sha256)
        });
        Attempt { elapsed, error: verified.err().map(|error| format!("{error:#}")) }
    }

    async fn upload(self, case: &Case, number: usize, chunks: Chunks) -> anyhow::Result<Answer> {
        let url: Uri = format!("http://{}{}", self.gateway, case.path()).parse()?;
        let offer = Offer {
            url,
            form: case.form,
            name: case.file_name(number),
            media_type: case.media_type.to_owned(),
            length: Length::Exact(case.size),
            sha256: None,
            params: case.params(),
            headers: HeaderMap::new(),
        };
        Connection::open(&offer.url, case.protocol).await?.send(offer.request(chunks)?).await
    }

    /// The system has the file, whole, once, and in its last state.
    fn check_arrival(self, case: &Case, number: usize, sha256: &str) -> anyhow::Result<()> {
        let name = case.file_name(number);
        let mut stored = self.sandbox.objects().into_iter().filter(|object| object.name == name);
        let object = stored.next().with_context(|| format!("{} has no file `{name}`", case.system))?;
        ensure!(stored.next().is_none() && object.writes == 1, "`{name}` was stored more than once");
        ensure!(object.system == case.system, "`{name}` went to {}", object.system);
        ensure!(object.size == case.size, "{} bytes arrived", object.size);
        ensure!(object.sha256 == sha256, "other bytes arrived: SHA-256 {} in the place of {sha256}", object.sha256);
        match object.state {
            ObjectState::Stored | ObjectState::Active | ObjectState::Processing | ObjectState::Approved => Ok(()),
            state => bail!("the upstream was left in the state {state:?}"),
        }
    }
}

fn check_receipt(answer: &Answer, case: &Case, sha256: &str) -> anyhow::Result<()> {
    ensure!(answer.is_receipt(), "{}", answer.problem());
    ensure!(answer.text("/route") == case.route(), "the receipt speaks of route `{}`", answer.text("/route"));
    let size = answer.json.pointer("/file/size").and_then(Value::as_u64);
    ensure!(size == Some(case.size), "the receipt speaks of another size");
    let digest = answer.text("/file/digests/sha-256");
    ensure!(digest == sha256, "the receipt speaks of SHA-256 {digest} in the place of {sha256}");
    Ok(())
}

/// Lower-case hex.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
