//! `tidegate sandbox` as a shell uses it.

use std::net::TcpListener;
use std::process::Command;

use crate::support::{Background, Ended, tidegate};

#[test]
fn its_environment_can_be_evaluated_without_starting_it() {
    let printed = Ended::of(tidegate().args(["sandbox", "--address", "127.0.0.1:9300", "--env"]));
    assert_eq!(printed.code, 0);
    let script = format!("{}printf '%s %s' \"$KUSTOMER_URL\" \"$KUSTOMER_STORAGE\"", printed.stdout);
    let ended = Ended::of(Command::new("sh").args(["-euc", &script]));
    assert_eq!((ended.code, ended.stdout.as_str()), (0, "http://127.0.0.1:9300 http://127.0.0.1:9305"));
}

#[test]
fn tells_its_origins_writes_its_environment_and_ends_by_a_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sandbox.env");
    let mut sandbox = tidegate();
    sandbox.args(["sandbox", "--address", "127.0.0.1:0", "--env-file"]).arg(&file);
    let mut sandbox = Background::speaking(&mut sandbox);
    assert!(sandbox.line().starts_with("The stand-ins listen"));
    assert_eq!(sandbox.line(), "");
    let kustomer = sandbox.line();
    let origin = kustomer.trim().strip_prefix("kustomer").expect("the first system").trim();
    let written = std::fs::read_to_string(&file).expect("it was written before");
    assert!(written.contains(&format!("export KUSTOMER_URL='{origin}'\n")), "{written}");
    sandbox.signal("TERM");
    assert_eq!(sandbox.code(), 0);
}

#[test]
fn says_why_it_cannot_start() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let ended = Ended::of(tidegate().args(["sandbox", "--address", &address]));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains(&format!("cannot listen from {address} on")), "{}", ended.stderr);
    let ended = Ended::of(tidegate().args(["sandbox", "--address", "0.0.0.0:9100", "--env"]));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("loopback"), "{}", ended.stderr);
    let ended = Ended::of(tidegate().args(["sandbox", "--address", "127.0.0.1:0", "--env"]));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("its ports are known once it runs"), "{}", ended.stderr);
}
