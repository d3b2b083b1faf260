//! How programs are started, looked at and ended.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use benches::job::JobKind;
use benches::peer::{Running, Setting, TlsFiles};
use benches::process::{Group, pause};

fn setting(dir: &Path) -> Setting {
    let tls = TlsFiles { certificate: "none".into(), key: "none".into() };
    Setting { upstream: ([127, 0, 0, 1], 1).into(), job: JobKind::Raw, dir: dir.to_owned(), core: None, tls }
}

/// One test at a time: the group of this process is what all of them started, and what one starts another would see end.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn a_program_and_what_it_started_are_one_group_that_ends_with_it() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let running = Running::spawn(&setting(folder.path()), shell("sleep 600 & sleep 600 & wait"), address);
    let running = running.expect("it runs");
    let group = loop {
        let group = running.processes().expect("it runs");
        if group.count() == 3 {
            break group;
        }
        pause(Duration::from_millis(1));
    };
    assert!(group.cpu().expect("all run") > Duration::ZERO);
    group.reset_peak().expect("the peak is reset");
    let memory = group.memory();
    assert!(memory.resident > 0 && memory.peak >= memory.resident, "{memory:?}");

    let id = running.id();
    drop(running);
    Group::of(id).expect_err("it has ended");
    while group.memory().resident > 0 {
        pause(Duration::from_millis(1));
    }
}

#[test]
fn a_program_that_does_not_start_is_told_with_its_last_words() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let address = benches::peer::free_address().expect("an address");
    let error = Running::spawn(&setting(folder.path()), shell("echo no luck today >&2; exit 3"), address);
    let error = format!("{:#}", error.expect_err("it ended"));
    assert!(error.contains("no luck today") && error.contains('3'), "{error}");
}

#[test]
fn time_of_threads_that_ended_counts() {
    let _alone = alone();
    let before = benches::process::own_cpu().expect("a clock");
    let spent = std::thread::spawn(|| {
        let began = benches::process::own_cpu().expect("a clock");
        // Work, however fast the machine: until the clock has moved by a millisecond.
        while benches::process::own_cpu().expect("a clock") - began < Duration::from_millis(1) {}
    });
    spent.join().expect("it ends");
    assert!(benches::process::own_cpu().expect("a clock") - before >= Duration::from_millis(1));
    let group = Group::of(std::process::id()).expect("this runs");
    assert!(group.cpu().expect("this runs") >= Duration::from_millis(1));
}
