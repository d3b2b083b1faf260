//! A program that could carry an upload: how it is started, pinned, and ended.

use std::fmt;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::Pid;

use crate::job::JobKind;
use crate::orphans;
use crate::process::{self, Group};

/// How long a program may take until it takes connections; Node with its modules needs a second on a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Between two looks whether it takes connections. Short, since a cold start may be 10 ms.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// What is told of a log when a program does not start.
const LOG_TAIL: usize = 2000;

/// A program that could carry an upload.
pub trait Peer: fmt::Debug {
    /// As flags, the report and the history write it.
    fn name(&self) -> &'static str;

    /// Name, version and the settings that matter, for the report.
    fn about(&self) -> String;

    /// Whether it can do that job at all.
    fn supports(&self, job: JobKind) -> bool;

    /// Whether everything that it needs is installed.
    ///
    /// # Errors
    /// What to install, and how.
    fn installed(&self) -> Result<(), String>;

    /// Starts it and waits until it takes connections.
    ///
    /// # Errors
    /// It did not start; the message holds the end of its log.
    fn start(&self, setting: &Setting) -> anyhow::Result<Running>;
}

/// What a peer is started with.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Where it sends to, in cleartext.
    pub upstream: SocketAddr,
    /// What it is asked to do; the paths are written at the variants.
    pub job: JobKind,
    /// A folder for its configuration and logs.
    pub dir: PathBuf,
    /// The core to run on.
    pub core: Option<usize>,
    /// The certificate that it shows where the job comes over TLS, and its key, as PEM files.
    pub tls: TlsFiles,
}

/// Files of a certificate for `localhost` and of its key.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// PEM.
    pub certificate: PathBuf,
    /// PEM, PKCS #8.
    pub key: PathBuf,
}

/// A peer that runs. It ends with its whole process group when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where clients come in.
    pub address: SocketAddr,
    /// Where it tells of itself, if it does: `/metrics`, `/readyz`.
    pub admin: Option<SocketAddr>,
    /// From the start of the process until it took a connection.
    pub ready_after: Duration,
}

impl Running {
    /// Starts `command` in a process group of its own on the setting's core, with its output in `DIR/log`, and waits until
    /// it takes connections at `address`.
    ///
    /// # Errors
    /// It ended, or took no connection in time; the message holds the end of its log.
    pub fn spawn(setting: &Setting, mut command: Command, address: SocketAddr) -> anyhow::Result<Self> {
        let log = setting.dir.join("log");
        let file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
        let started = Instant::now();
        let child = orphans::started(|| {
            let child = process::pinned(setting.core, || command.spawn())?.with_context(|| format!("{command:?}"))?;
            Ok((Pid::from_child(&child), child))
        })?;
        let mut running = Self { child, address, admin: None, ready_after: Duration::ZERO };
        running.await_ready(started, &log)?;
        Ok(running)
    }

    fn await_ready(&mut self, started: Instant, log: &Path) -> anyhow::Result<()> {
        while !takes_connections(self.address) {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}:\n{}", tail(log));
            }
            if started.elapsed() > READY_WITHIN {
                bail!("it took no connection within {READY_WITHIN:?}:\n{}", tail(log));
            }
            process::pause(LOOK_EVERY);
        }
        self.ready_after = started.elapsed();
        Ok(())
    }

    /// Its processes: the one that was started and all below it.
    ///
    /// # Errors
    /// It has ended.
    pub fn processes(&self) -> anyhow::Result<Group> {
        Group::of(self.child.id())
    }

    /// The id of the process that was started.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Measured programs have nothing to lose, so none is asked to end gently.
        orphans::end(Pid::from_child(&self.child));
        let _ = self.child.wait();
    }
}

/// On a port from which the system also takes those of clients, a client can meet itself before anyone listens.
fn takes_connections(address: SocketAddr) -> bool {
    let connected = TcpStream::connect_timeout(&address, READY_WITHIN);
    connected.and_then(|stream| stream.local_addr()).is_ok_and(|own| own != address)
}

/// A loopback address that was free a moment ago, for programs that cannot tell which one they took.
///
/// # Errors
/// The system has none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// Where a program lies on `PATH`, or in the folders of system programs that are not always on it.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(text.get(text.len().saturating_sub(LOG_TAIL)..).unwrap_or_default()).into_owned()
}
