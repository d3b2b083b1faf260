//! Starting the binary, waiting for what it says, and ending it.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longest wait for anything: a test that would hang fails.
const PATIENCE: Duration = Duration::from_secs(60);

const MAIN: &str =
    "listeners: [{ address: '127.0.0.1:0' }]\nadmin: { address: '127.0.0.1:0' }\nroutes: routes/*.yaml\n";

/// A route that needs nothing from outside.
pub(crate) const ROUTE: &str = "\
route: raw
path: /raw
targets:
  store: { url: 'https://store.example.com' }
steps:
  - { id: put, request: 'PUT /files/${ file.name }', target: store, body: file, expect: 2xx }
result: { id: '${ file.name }' }
";

/// A configuration of one route, and its main file.
pub(crate) fn configuration(route: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("routes")).expect("a folder in it");
    std::fs::write(folder.path().join("routes/raw.yaml"), route).expect("a file in it");
    let main = folder.path().join("tidegate.yaml");
    std::fs::write(&main, MAIN).expect("a file in it");
    (folder, main)
}

/// The binary, in an environment in which nothing is set.
pub(crate) fn tidegate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.env_clear().env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the binary runs");
        Self {
            code: output.status.code().expect("no signal ended it"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Standard output, one JSON document a line.
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

/// A command that runs beside the test; it is killed when dropped.
pub(crate) struct Background {
    child: Child,
    lines: Receiver<String>,
}

impl Background {
    /// Starts a command and reads its standard output.
    pub(crate) fn speaking(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let lines = lines_of(child.stdout.take().expect("it is piped"));
        Self { child, lines }
    }

    /// Starts a command and reads its log.
    pub(crate) fn logging(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let lines = lines_of(child.stderr.take().expect("it is piped"));
        Self { child, lines }
    }

    /// The next line.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line in time")
    }

    /// A line that was not expected, and what follows.
    fn with_rest(&self, line: String) -> String {
        std::iter::once(line).chain(self.lines.iter()).collect::<Vec<_>>().join("\n")
    }

    /// The next log event with this message.
    pub(crate) fn event(&self, message: &str) -> Value {
        loop {
            let line = self.line();
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{}", self.with_rest(line)));
            if event["message"] == message {
                return event;
            }
        }
    }

    /// Sends it a signal: `TERM` or `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("a system has kill").success());
    }

    /// Every further line until its end.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect()
    }

    /// Waits for its end: the end of what it says.
    pub(crate) fn code(&mut self) -> i32 {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it did not end"),
            }
        }
        self.child.wait().expect("it can be waited for").code().expect("no signal ended it")
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _gone = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// `tidegate sandbox` and `tidegate serve`, talking to each other on ports that the system chose.
pub(crate) struct Site {
    pub(crate) gateway: Background,
    pub(crate) environment: Vec<(String, String)>,
    /// Where uploads go: `127.0.0.1:port`.
    pub(crate) address: String,
    /// Where metrics are.
    pub(crate) admin: String,
    _sandbox: Background,
    folder: TempDir,
}

impl Site {
    /// One listener that speaks HTTP/1.1.
    pub(crate) fn shipped() -> Self {
        Self::listening("[{ address: \"127.0.0.1:0\" }]", |_| {})
    }

    /// The shipped routes with other listeners: `listeners` is YAML in which `FOLDER` is a folder that `prepare` may fill.
    pub(crate) fn listening(listeners: &str, prepare: impl FnOnce(&Path)) -> Self {
        Self::start(&format!("routes: routes/*.yaml\nlisteners: {listeners}"), prepare)
    }

    /// The shipped routes and one more.
    pub(crate) fn with_route(route: &str) -> Self {
        let main = "routes: [routes/*.yaml, FOLDER/more.yaml]\nlisteners: [{ address: \"127.0.0.1:0\" }]";
        Self::start(main, |folder| std::fs::write(folder.join("more.yaml"), route).expect("it can be written"))
    }

    fn start(main: &str, prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        let routes = shipped("config/routes").to_string_lossy().into_owned();
        let main = main.replace("routes/*.yaml", &format!("{routes}/*.yaml"));
        let main = main.replace("FOLDER", &folder.path().to_string_lossy());
        let admin = "admin: { address: \"127.0.0.1:0\" }\negress: { allow-private: 127.0.0.0/8 }";
        let file = folder.path().join("tidegate.yaml");
        std::fs::write(&file, format!("{main}\n{admin}\n")).expect("it can be written");

        let sandbox = Background::speaking(tidegate().args(["sandbox", "--address", "127.0.0.1:0", "--json"]));
        let told: Value = serde_json::from_str(&sandbox.line()).expect("JSON");
        let environment: Vec<_> = told["environment"]
            .as_object()
            .expect("variables")
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
            .collect();
        let mut serve = tidegate();
        serve.args(["serve".as_ref(), "--config".as_ref(), file.as_os_str()]).envs(environment.clone());
        let gateway = Background::logging(&mut serve);
        let address = gateway.event("listening")["address"].as_str().expect("an address").to_owned();
        let admin = gateway.event("metrics and health are served")["address"].as_str().expect("an address").to_owned();
        Self { gateway, environment, address, admin, _sandbox: sandbox, folder }
    }

    /// Replaces a file of the configuration, in one step as it should be.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, self.folder.path().join(name)))
            .expect("it is written");
    }

    /// The main file of the configuration.
    pub(crate) fn main(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("tidegate.yaml")).expect("it is there")
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits until so many uploads have brought some bytes of their files.
    pub(crate) fn wait_for_uploads(&self, count: usize) {
        let began = Instant::now();
        loop {
            let uploads = get(&self.admin, "/uploads");
            let uploads = uploads["uploads"].as_array().expect("a list");
            if uploads.iter().filter(|upload| upload["received_bytes"] != 0).count() == count {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{uploads:?}");
            std::thread::yield_now();
        }
    }
}

/// A path of the repository.
pub(crate) fn shipped(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path).canonicalize().expect("it is shipped")
}

/// A JSON document.
fn get(address: &str, path: &str) -> Value {
    serde_json::from_str(get_text(address, path).split_once("\r\n\r\n").expect("an answer has a body").1).expect("JSON")
}

/// A whole answer.
pub(crate) fn get_text(address: &str, path: &str) -> String {
    ask(address, "GET", path)
}

/// The whole answer to a request without a body.
pub(crate) fn ask(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}
