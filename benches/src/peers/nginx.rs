//! nginx, with request buffering off and its buffers at several sizes.

use std::process::Command;

use anyhow::Context;

use super::config::{Connections, fill};
use crate::job::JobKind;
use crate::peer::{Peer, Running, Setting, find_program, free_address};
use crate::process::pause;

const TEMPLATE: &str = include_str!("../../peers/nginx.conf");

/// Until the worker runs; the master listens before.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(1);

/// Looks for the worker: some seconds.
const LOOKS: usize = 5000;

/// nginx with one size of `client_body_buffer_size`, which is also how much it reads at once.
#[derive(Debug, Clone, Copy)]
pub struct Nginx {
    name: &'static str,
    buffer: &'static str,
}

impl Nginx {
    /// The sizes that are measured: the best for its memory, the best for its CPU time, and the default.
    pub const ALL: [Self; 3] = [
        Self { name: "nginx-512k", buffer: "512k" },
        Self { name: "nginx-2m", buffer: "2m" },
        Self { name: "nginx-16k", buffer: "16k" },
    ];
}

impl Peer for Nginx {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> String {
        let version = super::version("nginx", "-v");
        format!(
            "{version}, one worker, `proxy_request_buffering off`, `client_body_buffer_size {}`, access log on",
            self.buffer
        )
    }

    fn supports(&self, job: JobKind) -> bool {
        super::passes_bodies_on(job)
    }

    fn installed(&self) -> Result<(), String> {
        find_program("nginx").map(drop).ok_or_else(|| "the package nginx-light or nginx of the system".to_owned())
    }

    fn start(&self, setting: &Setting) -> anyhow::Result<Running> {
        let address = free_address()?;
        let connections = Connections::of(setting.job);
        let protocols = match setting.job {
            JobKind::TlsIn => "ssl",
            JobKind::Http2In => "ssl http2",
            _ => "",
        };
        let file = fill(
            TEMPLATE,
            &[
                ("dir", &setting.dir.display()),
                ("address", &address),
                ("upstream", &setting.upstream),
                ("buffer", &self.buffer),
                ("connections", &connections.both_sides),
                ("open_files", &connections.open_files),
                ("protocols", &protocols),
                ("tls", &tls(setting)),
            ],
        );
        let path = setting.dir.join("nginx.conf");
        std::fs::write(&path, file)?;
        let mut command = Command::new(find_program("nginx").context("nginx is not installed")?);
        command.arg("-e").arg("stderr").arg("-p").arg(&setting.dir).arg("-c").arg(path);
        let running = Running::spawn(setting, command, address)?;
        await_worker(&running)?;
        Ok(running)
    }
}

/// The client's order of ciphers decides, as in rustls.
fn tls(setting: &Setting) -> String {
    if !setting.job.tls() {
        return String::new();
    }
    let (certificate, key) = (setting.tls.certificate.display(), setting.tls.key.display());
    format!("ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; {HTTP2}")
}

/// The window of a stream; the default of 64 KiB has the client wait for each.
const HTTP2: &str = "http2_body_preread_size 1m;";

/// A worker that starts later would not be counted.
fn await_worker(running: &Running) -> anyhow::Result<()> {
    for _ in 0..LOOKS {
        if running.processes()?.count() > 1 {
            return Ok(());
        }
        pause(LOOK_EVERY);
    }
    anyhow::bail!("nginx has no worker")
}
