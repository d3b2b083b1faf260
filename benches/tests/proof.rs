//! What a proof must notice: a peer that alters, loses or invents content is named and never measured.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use benches::job::{Job, JobKind, Scale, Stage};
use benches::jobs::throughput;
use benches::peer::{Peer, Running, Setting};
use benches::run::certificate;
use benches::sink::Sink;

/// What a relay does to what passes through it.
#[derive(Debug, Clone, Copy)]
enum Relay {
    Honest,
    /// Changes the last byte of what the client sends at once, which is the file's: heads stay as they are.
    Alters,
    /// Answers itself and sends nothing on.
    Keeps,
}

impl Peer for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    fn about(&self) -> String {
        format!("{self:?}")
    }

    fn supports(&self, _: JobKind) -> bool {
        true
    }

    fn installed(&self) -> Result<(), String> {
        Ok(())
    }

    fn start(&self, setting: &Setting) -> anyhow::Result<Running> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let (relay, upstream) = (*self, setting.upstream);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || relay.carry(client, upstream));
            }
        });
        // The relay lives in this test; a process must be there to be measured.
        let mut idle = Command::new("sleep");
        idle.arg("600");
        Running::spawn(setting, idle, address)
    }
}

impl Relay {
    fn carry(self, mut client: TcpStream, upstream: SocketAddr) -> std::io::Result<()> {
        if matches!(self, Self::Keeps) {
            let mut buffer = vec![0; 1 << 20];
            while client.read(&mut buffer)? > 0 {
                client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")?;
            }
            return Ok(());
        }
        let mut server = TcpStream::connect(upstream)?;
        let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
        thread::spawn(move || std::io::copy(&mut answers, &mut back));
        let mut buffer = vec![0; 1 << 20];
        loop {
            let len = client.read(&mut buffer)?;
            let Some(piece) = buffer.get_mut(..len).filter(|piece| !piece.is_empty()) else { break };
            if let (Self::Alters, Some(last)) = (self, piece.last_mut().filter(|last| **last != b'\n')) {
                *last ^= 1;
            }
            server.write_all(piece)?;
        }
        server.shutdown(Shutdown::Write)
    }
}

fn verdict(relay: Relay) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let sink = Sink::start(None).expect("a sink");
    let setting = Setting {
        upstream: sink.address(),
        job: JobKind::Raw,
        dir: folder.path().to_owned(),
        core: None,
        tls: certificate(folder.path()).expect("a certificate"),
    };
    let stage = Stage { peer: &relay, setting: &setting, sink: &sink, scale: Scale::Smoke, other_core: None };
    let raw = throughput::ALL.into_iter().find(|job| job.kind() == JobKind::Raw).expect("there is such a job");
    raw.verify(&stage).map_err(|error| format!("{error:#}"))
}

#[test]
fn a_relay_that_alters_a_byte_fails_its_proof() {
    let error = verdict(Relay::Alters).expect_err("a byte was changed");
    assert!(error.contains("other bytes arrived"), "{error}");
}

#[test]
fn a_relay_that_answers_and_sends_nothing_on_fails_its_proof() {
    let error = verdict(Relay::Keeps).expect_err("nothing arrived");
    assert!(error.contains("0 files arrived"), "{error}");
}

#[test]
fn a_relay_that_changes_nothing_passes() {
    assert_eq!(verdict(Relay::Honest), Ok(()));
}
