//! HAProxy, with buffers of 64 KiB, and with splicing.

use std::process::Command;

use anyhow::Context;

use super::config::{Connections, fill};
use crate::job::JobKind;
use crate::peer::{Peer, Running, Setting, find_program, free_address};

const TEMPLATE: &str = include_str!("../../peers/haproxy.cfg");

/// HAProxy with one way of moving bodies.
#[derive(Debug, Clone, Copy)]
pub struct Haproxy {
    name: &'static str,
    splice: bool,
}

impl Haproxy {
    /// Through its buffers, and through pipes.
    pub const ALL: [Self; 2] =
        [Self { name: "haproxy-64k", splice: false }, Self { name: "haproxy-splice", splice: true }];
}

impl Peer for Haproxy {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> String {
        let version = super::version("haproxy", "-v");
        let splice = if self.splice { ", `option splice-request`, `tune.pipesize 1048576`" } else { "" };
        format!("{version}, one thread, `tune.bufsize 65536`{splice}, `http-reuse always`, HTTP log on")
    }

    /// Bytes of TLS cannot be spliced, so that way is measured in cleartext only.
    fn supports(&self, job: JobKind) -> bool {
        super::passes_bodies_on(job) && !(self.splice && job.tls())
    }

    fn installed(&self) -> Result<(), String> {
        find_program("haproxy").map(drop).ok_or_else(|| "the package haproxy of the system".to_owned())
    }

    fn start(&self, setting: &Setting) -> anyhow::Result<Running> {
        let address = free_address()?;
        let connections = Connections::of(setting.job);
        let file = fill(
            TEMPLATE,
            &[
                ("address", &address),
                ("upstream", &setting.upstream),
                ("connections", &connections.clients),
                ("splice", &if self.splice { "option splice-request" } else { "" }),
                ("tls", &tls(setting)?),
            ],
        );
        let path = setting.dir.join("haproxy.cfg");
        std::fs::write(&path, file)?;
        let mut command = Command::new(find_program("haproxy").context("haproxy is not installed")?);
        command.arg("-db").arg("-f").arg(path);
        Running::spawn(setting, command, address)
    }
}

/// HAProxy takes certificate and key from one file.
fn tls(setting: &Setting) -> anyhow::Result<String> {
    let protocols = match setting.job {
        JobKind::TlsIn => "http/1.1",
        JobKind::Http2In => "h2",
        _ => return Ok(String::new()),
    };
    let both = setting.dir.join("both.pem");
    let mut pem = std::fs::read(&setting.tls.certificate)?;
    pem.extend(std::fs::read(&setting.tls.key)?);
    std::fs::write(&both, pem)?;
    Ok(format!("ssl crt {} alpn {protocols}", both.display()))
}
