//! `tidegate upload` against a gateway in front of the stand-ins.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;

use crate::support::{Ended, Site, tidegate};

/// SHA-256 of `CONTENT`.
const DIGEST: &str = "8dea6ed8a86c846ec47df8ca78296d9da4c4bd6569aa31211d5a24de4cc076a3";
const CONTENT: &[u8] = b"one uniform upload\n";

fn file(folder: &TempDir, name: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, CONTENT).expect("it can be written");
    path
}

fn upload(url: &str) -> Command {
    let mut command = tidegate();
    command.args(["upload", url]);
    command
}

#[test]
fn stores_files_and_prints_a_receipt_for_each() {
    let (site, folder) = (Site::shipped(), tempfile::tempdir().expect("a folder"));
    let files = [file(&folder, "a.pdf"), file(&folder, "Übersicht 100%.pdf")];
    for form in [None, Some("--form")] {
        let ended = Ended::of(upload(&site.url("/klinkcx/file")).args(&files).args(form).args([
            "--param",
            "title=Report of May",
            "--json",
        ]));
        assert_eq!(ended.code, 0, "{ended:?}");
        let lines = ended.json_lines();
        assert_eq!(lines.len(), 2);
        for (line, name) in lines.iter().zip(["a.pdf", "Übersicht 100%.pdf"]) {
            assert_eq!(line["status"], 201);
            assert_eq!(line["receipt"]["file"]["name"], name);
            assert_eq!(line["receipt"]["file"]["type"], "application/pdf");
            assert_eq!(line["receipt"]["file"]["digests"]["sha-256"], DIGEST);
        }
    }
}

#[test]
fn tells_a_receipt_in_words() {
    let (site, folder) = (Site::shipped(), tempfile::tempdir().expect("a folder"));
    let ended = Ended::of(upload(&site.url("/kustomer/media")).arg(file(&folder, "a.pdf")));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("a.pdf: stored by kustomer-media, 19 bytes, application/pdf\n"), "{ended:?}");
    assert!(ended.stdout.contains(&format!("  sha-256   {DIGEST}\n")), "{ended:?}");
    assert_eq!(ended.stderr, "", "no progress where no person watches");
}

#[test]
fn goes_on_after_a_file_that_was_refused_and_fails_in_the_end() {
    let (site, folder) = (Site::shipped(), tempfile::tempdir().expect("a folder"));
    let files = [folder.path().join("absent.pdf"), file(&folder, "a.exe"), file(&folder, "a.pdf")];
    let ended = Ended::of(upload(&site.url("/kustomer/media")).args(&files).arg("--json"));
    assert_eq!(ended.code, 1);
    let lines = ended.json_lines();
    assert!(lines[0]["error"].as_str().is_some_and(|error| error.contains("No such file")), "{lines:?}");
    assert_eq!(lines[1]["problem"]["type"], "urn:tidegate:problem:extension-refused");
    assert_eq!(lines[2]["status"], 201);
}

#[test]
fn sends_what_is_in_a_folder_and_prints_one_table() {
    let (site, folder) = (Site::shipped(), tempfile::tempdir().expect("a folder"));
    std::fs::create_dir(folder.path().join("below")).expect("it can be made");
    for name in ["1.pdf", "2.pdf", "3.exe", "below/4.pdf", "below/5.pdf"] {
        file(&folder, name);
    }
    let mut command = upload(&site.url("/kustomer/media"));
    let ended = Ended::of(command.arg(folder.path()).args(["--recursive", "--parallel", "2", "--table"]));
    assert_eq!(ended.code, 1, "{ended:?}");
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 8, "a head, five files, an empty line and the sum: {ended:?}");
    for (line, name) in lines[1..].iter().zip(["1.pdf", "2.pdf", "3.exe", "below/4.pdf", "below/5.pdf"]) {
        assert!(line.starts_with(folder.path().join(name).to_str().expect("UTF-8")), "{line}");
        let became = if name == "3.exe" { "422 extension-refused" } else { "stored" };
        assert!(line.contains(became), "{line}");
    }
    assert_eq!(lines[7], "5 files: 4 stored, 1 not");
    assert_eq!(ended.stderr, "");
}

/// Listens, gives each connection the next answer (or none, and closes it), and returns the `Idempotency-Key` of each.
fn scripted(answers: Vec<Option<&'static str>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/any", listener.local_addr().expect("an address"));
    let keys = std::thread::spawn(move || {
        let answer = |answer: Option<&str>| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = Vec::new();
            while !request.ends_with(CONTENT) {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("more of the request");
                request.extend_from_slice(&byte);
            }
            if let Some(answer) = answer {
                stream.write_all(answer.as_bytes()).expect("it listens");
            }
            let request = String::from_utf8(request).expect("UTF-8").to_lowercase();
            let key = request.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
            key.unwrap_or_default().to_owned()
        };
        answers.into_iter().map(answer).collect()
    });
    (url, keys)
}

const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 106\r\nconnection: close\r\n\r\n\
    {\"type\":\"urn:tidegate:problem:overloaded\",\"detail\":\"full\",\"retryable\":true,\"committed\":\"no\"}              ";
const UNSURE: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 106\r\nconnection: close\r\n\r\n\
    {\"type\":\"urn:tidegate:problem:overloaded\",\"detail\":\"full\",\"retryable\":true,\"committed\":\"unknown\"}         ";
const STORED: &str = "HTTP/1.1 201 Created\r\ncontent-length: 19\r\nconnection: close\r\n\r\n{\"status\":\"stored\"}";

#[test]
fn sends_a_file_again_under_the_same_key_while_nothing_was_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let (url, keys) = scripted(vec![Some(BUSY), Some(BUSY), Some(STORED)]);
    let ended = Ended::of(upload(&url).arg(file(&folder, "a.pdf")).arg("--json"));
    let keys = keys.join().expect("three requests");
    assert_eq!((ended.code, &ended.json_lines()[0]["attempts"]), (0, &3.into()), "{ended:?}");
    assert!(keys[0].len() == 36 && keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert_eq!(ended.stderr.matches("a.pdf: trying again in 0.0 s: 503 overloaded: full").count(), 2, "{ended:?}");
}

#[test]
fn does_not_send_again_what_may_have_been_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    for (answer, words) in [(Some(UNSURE), "stored upstream: unknown"), (None, "it may have been stored")] {
        let (url, keys) = scripted(vec![answer]);
        let ended = Ended::of(upload(&url).arg(file(&folder, "a.pdf")));
        assert_eq!(keys.join().expect("one request").len(), 1);
        assert_eq!(ended.code, 1);
        assert!(ended.stdout.contains(words), "{ended:?}");
    }
}

#[test]
fn streams_standard_input_whose_size_is_told() {
    let site = Site::shipped();
    let sent = |arguments: &[&str]| {
        let mut command = upload(&site.url("/teamwork/desk/file"));
        command.args(["-", "--name", "a.pdf", "--json"]).args(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("it is piped").write_all(CONTENT).expect("it listens");
        let output = child.wait_with_output().expect("it ends");
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a line of JSON");
        (output.status.code(), line)
    };
    let (code, line) = sent(&["--size", "19"]);
    assert_eq!((code, &line["receipt"]["file"]["digests"]["sha-256"]), (Some(0), &DIGEST.into()), "{line}");
    let (code, line) = sent(&["--size", "19", "--form"]);
    assert_eq!((code, &line["status"]), (Some(0), &201.into()), "{line}");
    let (code, line) = sent(&["--size", "20"]);
    assert_eq!((code, &line["problem"]["type"]), (Some(1), &"urn:tidegate:problem:length-mismatch".into()), "{line}");
    let (code, line) = sent(&[]);
    assert_eq!((code, &line["problem"]["type"]), (Some(1), &"urn:tidegate:problem:length-required".into()), "{line}");
}

#[test]
fn says_what_is_wrong_before_anything_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(&folder, "a.pdf");
    let path = path.to_str().expect("UTF-8");
    let nobody = "http://127.0.0.1:1/kustomer/media";
    let cases: [(&[&str], &str); 7] = [
        (&[nobody, path], "cannot connect to 127.0.0.1:1"),
        (&["ftp://127.0.0.1/a", path], "the URL must begin with http:// or https://"),
        (&[nobody, "-"], "give it one by `--name`"),
        (&[nobody, path, "--size", "5"], "`--size` is for standard input"),
        (&[nobody, folder.path().to_str().expect("UTF-8")], "it is a folder: `--recursive` sends what is in it"),
        (&[nobody, "/dev/null"], "it is no regular file"),
        (&[nobody, path, "--header", "a"], "write `NAME: VALUE`"),
    ];
    for (arguments, words) in cases {
        let ended = Ended::of(tidegate().arg("upload").args(arguments).args(["--retries", "0"]));
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stdout.contains(words) || ended.stderr.contains(words), "{words}: {ended:?}");
    }
}

#[test]
fn speaks_tls_and_http2_with_a_gateway_that_the_system_trusts() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = folder.path().join("cert.pem");
    let site = Site::listening(
        "[{ address: \"127.0.0.1:0\", tls: { cert: { file: FOLDER/cert.pem }, key: { file: FOLDER/key.pem } } }]",
        |config| {
            let CertifiedKey { cert, signing_key } =
                generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
            std::fs::write(config.join("cert.pem"), cert.pem()).expect("it can be written");
            std::fs::write(config.join("key.pem"), signing_key.serialize_pem()).expect("it can be written");
            std::fs::write(&certificate, cert.pem()).expect("it can be written");
        },
    );
    let url = format!("https://localhost:{}/flowkiwi/media", site.address.rsplit(':').next().expect("a port"));
    let path = file(&folder, "a.png");
    for http2 in [None, Some("--http2")] {
        let ended = Ended::of(upload(&url).arg(&path).args(http2).env("SSL_CERT_FILE", &certificate));
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    let ended = Ended::of(upload(&url).arg(&path).env("SSL_CERT_FILE", "/nonexistent"));
    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("SSL_CERT_FILE"), "{ended:?}");
}
