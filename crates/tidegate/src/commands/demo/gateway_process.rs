//! A gateway in a process of its own, so that its memory can be told from everything else.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use sandbox::Sandbox;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio_util::task::AbortOnDropHandle;

use super::peak::Process;
use super::shipped;
use crate::client::{Connection, Protocol};

/// For the gateway to listen; it takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running gateway; it ends when this is dropped.
pub(super) struct GatewayProcess {
    child: Child,
    /// Where it takes uploads.
    pub(super) address: SocketAddr,
    admin: SocketAddr,
    _log: AbortOnDropHandle<()>,
    // The process looks into it when it is told to reload.
    _config: TempDir,
}

impl GatewayProcess {
    /// Starts this very binary as `tidegate serve` with the shipped configuration.
    pub(super) async fn start(sandbox: &Sandbox, verbose: bool) -> anyhow::Result<Self> {
        let config = tempfile::tempdir().context("no folder for the configuration")?;
        let main = shipped::write_to(config.path()).context("the configuration cannot be written")?;
        let program = std::env::current_exe().context("this program's file is not known")?;
        let mut child = Command::new(program)
            .args(["serve".as_ref(), "--config".as_ref(), main.as_os_str()])
            .envs(shipped::environment(sandbox))
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the gateway cannot be started")?;
        let mut log = BufReader::new(child.stderr.take().context("the gateway has no log")?).lines();
        let addresses = tokio::time::timeout(PATIENCE, addresses(&mut log)).await;
        let (address, admin) = addresses.context("the gateway does not listen")??;
        let log = AbortOnDropHandle::new(tokio::spawn(follow(log, verbose)));
        Ok(Self { child, address, admin, _log: log, _config: config })
    }

    /// Whose memory is measured.
    pub(super) fn process(&self) -> anyhow::Result<Process> {
        self.child.id().map(Process::Numbered).context("the gateway has ended")
    }

    /// File bytes that each upload in flight has brought so far.
    pub(super) async fn received_by_upload(&self) -> anyhow::Result<Vec<u64>> {
        let url = format!("http://{}/uploads", self.admin).parse()?;
        let answer = Connection::open(&url, Protocol::Http1).await?.get(url).await?;
        let uploads = answer.json["uploads"].as_array().context("the gateway does not tell its uploads")?;
        Ok(uploads.iter().map(|upload| upload["received_bytes"].as_u64().unwrap_or_default()).collect())
    }
}

/// Reads the log until it has told where uploads and metrics are.
async fn addresses(log: &mut Lines<BufReader<ChildStderr>>) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let mut told: HashMap<String, SocketAddr> = HashMap::new();
    let mut lines = String::new();
    while let Some(line) = log.next_line().await? {
        let event: Value = serde_json::from_str(&line).unwrap_or_default();
        let address = event["address"].as_str().and_then(|address| address.parse().ok());
        if let (Some(message), Some(address)) = (event["message"].as_str(), address) {
            told.insert(message.to_owned(), address);
        }
        if let (Some(uploads), Some(admin)) = (told.get("listening"), told.get("metrics and health are served")) {
            return Ok((*uploads, *admin));
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    bail!("the gateway ended:\n{lines}")
}

/// Keeps the log flowing; what is worse than information is always shown.
#[expect(clippy::print_stderr, reason = "the log of another process")]
async fn follow(mut log: Lines<BufReader<ChildStderr>>, verbose: bool) {
    while let Ok(Some(line)) = log.next_line().await {
        if verbose || !line.contains("\"level\":\"INFO\"") {
            eprintln!("{line}");
        }
    }
}
