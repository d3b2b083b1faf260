//! A file that is replaced by a pipe nobody writes to: opening it would wait without end, and with it every upload.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use rustix::fs::{CWD, Mode, mkfifoat};
use serde_json::json;

use crate::issuer::{ISSUER, SigningKey, claims};
use crate::log;
use crate::stage::{KEY, Stage, hash, teams};

const TARGET: &str = "/t/acme/files/a.txt";

/// A file in a folder of its own.
struct Replaced {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Replaced {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, text).expect("written");
        Self { _folder: folder, path }
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn by_a_pipe(&self) {
        std::fs::remove_file(&self.path).expect("it is there");
        mkfifoat(CWD, &self.path, Mode::RUSR | Mode::WUSR).expect("a pipe");
    }

    fn by_a_file(&self, text: &str) {
        std::fs::remove_file(&self.path).expect("it is there");
        std::fs::write(&self.path, text).expect("written");
    }
}

/// Sends the same until the answer has this status, and the log these words. Files are looked at again when a second has passed;
/// how soon that is here does not matter.
async fn until(stage: &Stage, field: (&str, &str), status: u16, words: &str) {
    for _ in 0..1000 {
        let (answer, _) = stage.store(TARGET, &[field]).await;
        if answer.status == status && log::heard().contains(words) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never {status} with `{words}`: {}", log::heard());
}

/// Everything goes on, and the end is not held up.
async fn goes_on(stage: &Stage, field: (&str, &str), words: &str) {
    until(stage, field, 201, words).await;
    assert_eq!(stage.store(TARGET, &[field]).await.0.status, 201);
    assert!(stage.admin("/healthz").await.contains("ok"));
    assert!(stage.admin("/metrics").await.contains("tidegate_secret_files_unreadable"));
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_of_keys_stops_nothing() {
    log::listen();
    let entry = |id: &str, key: &str| format!("- {{ id: {id}, sha256: {} }}\n", hash(key));
    let file = Replaced::new(&entry("one", "first-key"));
    let stage =
        Stage::new("teams", &[&format!("teams: {{ api-keys: {{ file: '{}' }} }}", file.path().display())]).await;
    file.by_a_pipe();
    goes_on(&stage, ("x-api-key", "first-key"), "a file of keys cannot be read").await;
    file.by_a_file(&entry("two", "second-key"));
    until(&stage, ("x-api-key", "first-key"), 401, "").await;
    assert_eq!(stage.sender(TARGET, &[("x-api-key", "second-key")]).await, "teams two none");
    file.by_a_pipe();
    assert_eq!(stage.rig.drain(Duration::ZERO).await, 0);
}

#[tokio::test]
async fn a_pipe_in_place_of_an_issuers_keys_stops_nothing() {
    log::listen();
    let (old, new) = (SigningKey::new("one", Algorithm::ES256), SigningKey::new("two", Algorithm::ES256));
    let set = |key: &SigningKey| json!({ "keys": [key.public] }).to_string();
    let file = Replaced::new(&set(&old));
    let jwt = format!(
        "staff: {{ jwt: {{ issuer: '{ISSUER}', audience: tidegate, jwks: {{ file: '{}' }}, algorithms: ES256 }} }}",
        file.path().display()
    );
    let stage = Stage::new("staff", &[&jwt]).await;
    let bearer = |key: &SigningKey| format!("Bearer {}", key.sign(&claims(&json!({}))));
    // The set is fetched with the first token.
    assert_eq!(stage.store(TARGET, &[("authorization", &bearer(&old))]).await.0.status, 201);
    file.by_a_pipe();
    goes_on(&stage, ("authorization", &bearer(&old)), "the keys of an issuer cannot be fetched").await;
    file.by_a_file(&set(&new));
    until(&stage, ("authorization", &bearer(&old)), 401, "").await;
    assert_eq!(stage.store(TARGET, &[("authorization", &bearer(&new))]).await.0.status, 201);
    file.by_a_pipe();
    assert_eq!(stage.rig.drain(Duration::ZERO).await, 0);
}

#[tokio::test]
async fn a_pipe_in_place_of_a_secret_stops_nothing() {
    log::listen();
    let file = Replaced::new("a secret that is long enough to sign tickets\n");
    let links = format!(
        "links: {{ tickets: {{ keys: [ {{ id: f, secret: {{ file: '{}' }} }} ], mint: teams }} }}",
        file.path().display()
    );
    let stage = Stage::new("[teams, links]", &[&teams(), &links]).await;
    let asked = json!({ "route": "files", "path": { "tenant": "acme" }, "uses": 100 });
    let minted = async || {
        let answer = stage.ask(&asked, &[("x-api-key", KEY)]).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        format!("Ticket {}", answer.json()["ticket"].as_str().expect("a ticket"))
    };
    let ticket = minted().await;
    file.by_a_pipe();
    goes_on(&stage, ("authorization", &ticket), "a secret file cannot be read").await;
    assert!(stage.admin("/metrics").await.contains("tidegate_secret_files_unreadable 1"));
    minted().await;
    file.by_a_file("another secret that is long enough to sign tickets\n");
    until(&stage, ("authorization", &ticket), 401, "a secret file can be read again").await;
    assert!(stage.admin("/metrics").await.contains("tidegate_secret_files_unreadable 0"));
    let ticket = minted().await;
    assert_eq!(stage.store(TARGET, &[("authorization", &ticket)]).await.0.status, 201);
    file.by_a_pipe();
    assert_eq!(stage.rig.drain(Duration::ZERO).await, 0);
}
