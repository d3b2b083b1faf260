//! The commands as a shell sees them: the real binary, its output and its exit codes.

mod check;
mod demo;
mod deploy;
mod explain;
mod keys;
mod logs;
mod reload;
mod sandbox;
mod secrets;
mod serve;
mod shell;
mod support;
mod test;
mod upload;

use support::{Ended, tidegate};

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let ended = Ended::of(tidegate().args(["upload"]));
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("Usage: tidegate upload"), "{}", ended.stderr);
}

#[test]
fn the_version_is_the_packages() {
    let ended = Ended::of(tidegate().arg("--version"));
    assert_eq!((ended.code, ended.stdout.trim()), (0, concat!("tidegate ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let mut child = tidegate().arg("schema").stdout(std::process::Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}
