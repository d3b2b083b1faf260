//! Every peer that is installed carries the content of every job that it says it can do.
//!
//! The relays are always there. nginx, HAProxy and Node may not be; what is missing is told and passed over.

use benches::job::{Job, Scale, Stage};
use benches::jobs::throughput;
use benches::peer::{Peer, Setting, TlsFiles};
use benches::peers::haproxy::Haproxy;
use benches::peers::nginx::Nginx;
use benches::peers::node::Node;
use benches::peers::relay::Relay;
use benches::sink::Sink;
use tempfile::TempDir;

#[test]
fn relays_carry_what_they_say_they_can() {
    for relay in Relay::ALL {
        assert_eq!(relay.installed(), Ok(()));
        prove(&relay);
    }
}

#[test]
fn nginx_carries_what_it_says_it_can() {
    Nginx::ALL.iter().for_each(|nginx| prove_if_installed(nginx));
}

#[test]
fn haproxy_carries_what_it_says_it_can() {
    Haproxy::ALL.iter().for_each(|haproxy| prove_if_installed(haproxy));
}

#[test]
fn node_carries_what_it_says_it_can() {
    Node::ALL.iter().for_each(|node| prove_if_installed(node));
}

fn prove_if_installed(peer: &dyn Peer) {
    match peer.installed() {
        Ok(()) => prove(peer),
        #[expect(
            clippy::print_stderr,
            reason = "whoever reads that the test passed should know what it did not look at"
        )]
        Err(missing) => eprintln!("{} was passed over, as this is missing: {missing}", peer.name()),
    }
}

/// Smoke is the scale at which empty files are proved as well.
fn prove(peer: &dyn Peer) {
    let jobs = throughput::ALL.into_iter().filter(|job| peer.supports(job.kind()));
    let mut proved = 0;
    for job in jobs {
        let folder = TempDir::new().expect("a folder");
        let sink = Sink::start(None).expect("a sink");
        let setting = Setting {
            upstream: sink.address(),
            job: job.kind(),
            dir: folder.path().to_owned(),
            core: None,
            tls: certificate(&folder),
        };
        let stage = Stage { peer, setting: &setting, sink: &sink, scale: Scale::Smoke, other_core: None };
        if let Err(error) = job.verify(&stage) {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("{} fails {}: {error:#}\n{log}", peer.name(), job.kind().name());
        }
        proved += 1;
    }
    assert!(proved > 0, "{} can do nothing", peer.name());
}

fn certificate(folder: &TempDir) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let files = TlsFiles { certificate: folder.path().join("certificate.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).expect("written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    files
}
