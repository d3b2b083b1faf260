//! The command as its users run it: exit codes, streams and signals.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const MAIN: &str =
    "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\nroutes: routes/*.yaml\n";
const ROUTE: &str = "\
route: raw
path: /raw
targets:
  store: { url: 'https://store.example.com' }
steps:
  - { id: put, request: 'PUT /files/${ file.name }', target: store, body: file, expect: 2xx }
result: { id: '${ file.name }' }
";

fn tidegate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.env_clear();
    command
}

/// A configuration of one route, and its main file.
fn configuration(route: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("routes")).expect("a folder in it");
    fs::write(folder.path().join("routes/raw.yaml"), route).expect("a file in it");
    let main = folder.path().join("tidegate.yaml");
    fs::write(&main, MAIN).expect("a file in it");
    (folder, main)
}

fn check(route: &str, flags: &[&str]) -> Output {
    let (_folder, main) = configuration(route);
    tidegate().arg("check").arg("--config").arg(main).args(flags).output().expect("it runs")
}

/// A gateway in a process of its own; killed when dropped.
struct Served {
    process: Child,
    log: BufReader<ChildStderr>,
    _folder: TempDir,
}

impl Served {
    fn start() -> Self {
        let (folder, main) = configuration(ROUTE);
        let mut process =
            tidegate().arg("serve").arg("--config").arg(main).stderr(Stdio::piped()).spawn().expect("it runs");
        let log = BufReader::new(process.stderr.take().expect("it is piped"));
        Self { process, log, _folder: folder }
    }

    /// Reads the log up to this message.
    fn line(&mut self, message: &str) -> Value {
        let mut text = String::new();
        while self.log.read_line(&mut text).expect("the log can be read") > 0 {
            let line: Value = serde_json::from_str(&text).expect("every line is JSON");
            if line["message"] == message {
                return line;
            }
            text.clear();
        }
        panic!("the log ends without `{message}`");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.process.id().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _has_ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

#[test]
fn serves_until_it_is_told_to_end_and_exits_0_when_nothing_was_lost() {
    for signal in ["TERM", "INT"] {
        let mut served = Served::start();
        let admin = served.line("metrics and health are served")["address"].as_str().expect("a text").to_owned();
        served.line("tidegate is ready");
        let mut stream = TcpStream::connect(admin).expect("it listens");
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it can be sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        served.signal(signal);
        served.line("drained");
        assert_eq!(served.process.wait().expect("it ends").code(), Some(0));
    }
}

#[test]
fn does_not_serve_a_configuration_with_errors() {
    let (_folder, main) = configuration(&ROUTE.replace("target: store", "target: stor"));
    let output = tidegate().arg("serve").arg("--config").arg(main).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("raw.yaml:6:") && said.contains("stor"), "{said}");
}

#[test]
fn check_exits_0_for_a_sound_configuration_and_1_for_one_with_errors() {
    let sound = check(ROUTE, &[]);
    assert_eq!(sound.status.code(), Some(0), "{}", String::from_utf8_lossy(&sound.stdout));
    let wrong = check(&ROUTE.replace("expect: 2xx", "expct: 2xx"), &["--json"]);
    assert_eq!(wrong.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&wrong.stdout).expect("it is JSON");
    assert_eq!(report["errors"], 1, "{report}");
    assert_eq!(report["problems"][0]["line"], 6, "{report}");
}

#[test]
fn check_takes_absent_variables_for_warnings_where_it_is_told_to() {
    let route = ROUTE.replace("com' }", "com', auth: { bearer: { env: TOKEN_OF_STORE } } }");
    assert_eq!(check(&route, &[]).status.code(), Some(1));
    assert_eq!(check(&route, &["--without-environment"]).status.code(), Some(0));
}

#[test]
fn wrong_usage_exits_2() {
    let output = tidegate().arg("serv").output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_filter_that_is_none_is_refused_before_anything_listens() {
    let (_folder, main) = configuration(ROUTE);
    let output = tidegate().env("RUST_LOG", "=[").arg("serve").arg("--config").arg(main).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("RUST_LOG"));
}
