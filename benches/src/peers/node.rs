//! Node: the service of `peers/node`, once with undici and once with the SDK of AWS.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::job::JobKind;
use crate::peer::{Peer, Running, Setting, find_program, free_address};

/// The lock file that belongs to the modules; the installation keeps a copy of what it installed.
const LOCK: &str = include_str!("../../peers/node/package-lock.json");

/// The scripts. Modules are found beside them, so they are written to where these were installed.
const SCRIPTS: [(&str, &str); 3] = [
    ("service.mjs", include_str!("../../peers/node/service.mjs")),
    ("bodies.mjs", include_str!("../../peers/node/bodies.mjs")),
    ("sdk.mjs", include_str!("../../peers/node/sdk.mjs")),
];

/// One of the two services.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    name: &'static str,
    script: &'static str,
}

impl Node {
    /// With undici, which does all jobs but HTTP/2, as express knows none; and with lib-storage.
    pub const ALL: [Self; 2] =
        [Self { name: "node", script: "service.mjs" }, Self { name: "node-sdk", script: "sdk.mjs" }];

    fn sdk(self) -> bool {
        self.name == "node-sdk"
    }
}

impl Peer for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> String {
        let modules = if self.sdk() { "express, busboy, @aws-sdk/lib-storage" } else { "express, busboy, undici" };
        format!("Node {} with {modules}, one process, one line of log per upload", super::version("node", "--version"))
    }

    fn supports(&self, job: JobKind) -> bool {
        if self.sdk() { job == JobKind::FormToRaw } else { job != JobKind::Http2In }
    }

    fn installed(&self) -> Result<(), String> {
        if find_program("node").is_none() {
            return Err("Node 20.18.1 or later, with npm".to_owned());
        }
        match std::fs::read_to_string(modules().join("installed")) {
            Ok(lock) if lock == LOCK => Ok(()),
            _ => Err("Node's modules, with `benches/peers/install`".to_owned()),
        }
    }

    fn start(&self, setting: &Setting) -> anyhow::Result<Running> {
        let address = free_address()?;
        let folder = modules();
        for (name, text) in SCRIPTS {
            write_if_other(&folder.join(name), text)?;
        }
        let mut command = Command::new(find_program("node").context("node is not installed")?);
        command.arg(folder.join(self.script)).env("NODE_ENV", "production");
        command.env("LISTEN", address.to_string()).env("UPSTREAM", setting.upstream.to_string());
        if setting.job.tls() {
            command.env("TLS_CERT", &setting.tls.certificate).env("TLS_KEY", &setting.tls.key);
        }
        Running::spawn(setting, command, address)
    }
}

/// Where `peers/install` puts the modules.
fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench-peers/node")
}

fn write_if_other(path: &Path, text: &str) -> anyhow::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
