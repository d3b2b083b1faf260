//! Every job once with little, through the gateway that was built: content verified, figures taken.

use std::path::PathBuf;
use std::process::Command;

use benches::job::{Scale, Stage};
use benches::peer::{Peer, Setting, TlsFiles};
use benches::peers::tidegate::Tidegate;
use benches::run::certificate;
use benches::sink::Sink;

/// The gateway, which `cargo test --workspace` has built; where this package was tested alone, it is built here.
fn program() -> PathBuf {
    let own = std::env::current_exe().expect("a test has a program");
    let folder = own.ancestors().nth(2).expect("tests lie in `deps` below the folder of programs");
    let program = folder.join("tidegate");
    if !program.is_file() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(["build", "--locked", "--package", "tidegate"]).status();
        assert!(built.expect("cargo can be started").success(), "the gateway cannot be built");
    }
    program
}

#[test]
fn every_job_works_through_the_gateway() {
    let peer = Tidegate::released(program());
    let folder = tempfile::tempdir().expect("a folder");
    let tls: TlsFiles = certificate(folder.path()).expect("a certificate");
    let sink = Sink::start(None).expect("a sink");
    for job in benches::jobs::all() {
        let dir = folder.path().join(job.kind().name());
        std::fs::create_dir(&dir).expect("a folder");
        let setting = Setting { upstream: sink.address(), job: job.kind(), dir, core: None, tls: tls.clone() };
        let stage = Stage { peer: &peer, setting: &setting, sink: &sink, scale: Scale::Smoke, other_core: None };
        job.verify(&stage).unwrap_or_else(|error| panic!("{}: {error:#}", job.kind().name()));
        let sample = job.measure(&stage).unwrap_or_else(|error| panic!("{}: {error:#}", job.kind().name()));
        assert!(!sample.is_empty(), "{} gives no figure", job.kind().name());
        for (figure, value) in sample {
            assert!(value.is_finite() && value >= 0.0, "{} of {}: {value}", figure.name, peer.name());
        }
    }
}
