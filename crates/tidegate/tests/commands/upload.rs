//! `tidegate upload` against a gateway in front of the stand-ins.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

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
    let cases: [(&[&str], &str); 6] = [
        (&[nobody, path], "cannot connect to 127.0.0.1:1"),
        (&["ftp://127.0.0.1/a", path], "the URL must begin with http:// or https://"),
        (&[nobody, "-"], "give it one by `--name`"),
        (&[nobody, path, "--size", "5"], "`--size` is for standard input"),
        (&[nobody, folder.path().to_str().expect("UTF-8")], "it is no regular file"),
        (&[nobody, path, "--header", "a"], "write `NAME: VALUE`"),
    ];
    for (arguments, words) in cases {
        let ended = Ended::of(tidegate().arg("upload").args(arguments));
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
