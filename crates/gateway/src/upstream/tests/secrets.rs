//! Secrets: where they come from, that they are found missing, and that nothing prints them.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rules::config::{Auth, HeaderItem, SecretRef, Target};
use rules::failure::{Failure, Problem, UpstreamError, Violation};

use super::{config, target, variable};
use crate::secrets::Secrets;

fn bearer(secret: SecretRef) -> Arc<Target> {
    Arc::new(Target { auth: Some(Auth::Bearer(secret)), ..target() })
}

#[test]
fn lists_each_required_secret_without_a_value_once() {
    let unset = SecretRef::Env("UNSET".to_owned());
    let headers = vec![HeaderItem::Secret("X".to_owned(), unset.clone())];
    let first = Arc::new(Target { auth: Some(Auth::Bearer(unset.clone())), headers, ..target() });
    let second = bearer(SecretRef::Env("TOKEN".to_owned()));
    let (secrets, missing) = Secrets::read(&config(&[&first, &second]), &variable);
    let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing, ["route `route` needs the environment variable `UNSET`, which has no value"]);
    assert!(secrets.get(&unset).is_none());
}

#[test]
fn prints_no_value() {
    let token = SecretRef::Env("TOKEN".to_owned());
    let (secrets, _missing) = Secrets::read(&config(&[&bearer(token.clone())]), &variable);
    let value = secrets.get(&token).expect("a value");
    assert_eq!(format!("{value} {value:?}"), "*** ***");
    assert!(!format!("{secrets:?}").contains("t0ken"));
}

/// A file with a value, and what the gateway reads from it at later and later times.
struct Rotation {
    folder: tempfile::TempDir,
    secrets: Secrets,
    secret: SecretRef,
    now: Instant,
}

impl Rotation {
    fn of(content: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        fs::write(&path, content).expect("written");
        let secret = SecretRef::File(path.to_str().expect("a path").to_owned());
        let (secrets, _missing) = Secrets::read(&config(&[&bearer(secret.clone())]), &variable);
        Self { folder, secrets, secret, now: Instant::now() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("secret")
    }

    /// What is read when the last value is old enough for another look.
    fn later(&mut self) -> Option<String> {
        self.now += Duration::from_secs(2);
        self.secrets.get_at(&self.secret, self.now).map(|value| value.expose().to_owned())
    }
}

#[test]
fn reads_a_file_without_its_line_break_and_again_when_it_changed() {
    let mut rotation = Rotation::of(b"one\r\n");
    assert_eq!(rotation.later().as_deref(), Some("one"));
    fs::write(rotation.path(), "two \n").expect("written");
    let soon = rotation.now + Duration::from_millis(500);
    let value = rotation.secrets.get_at(&rotation.secret, soon).expect("a value");
    assert_eq!(value.expose(), "one", "looked at once a second at most");
    assert_eq!(rotation.later().as_deref(), Some("two "), "the line break at its end is not part of it, a space is");
}

#[test]
fn a_file_that_gives_no_value_keeps_the_last_one_is_counted_and_is_read_again() {
    let mut rotation = Rotation::of(b"one");
    assert_eq!(rotation.later().as_deref(), Some("one"));
    let spoil: [&dyn Fn(&std::path::Path); 13] = [
        &|path| fs::write(path, "").expect("written"),
        &|path| fs::write(path, "\n").expect("written"),
        &|path| fs::write(path, " \t \r\n").expect("written"),
        &|path| fs::write(path, "\n\n").expect("written"),
        &|path| fs::write(path, "\u{a0}\u{3000}").expect("written"),
        &|path| fs::write(path, "two\nthree\n").expect("written"),
        &|path| fs::write(path, "two\n\n").expect("written"),
        &|path| fs::write(path, "two\0").expect("written"),
        &|path| fs::write(path, "two\u{1b}[2J").expect("written"),
        &|path| fs::write(path, [0xff, 0xfe, b'a']).expect("written"),
        &|path| fs::write(path, "a".repeat(64 * 1024 + 1)).expect("written"),
        &|path| fs::remove_file(path).expect("removed"),
        &|path| fs::create_dir(path).expect("made"),
    ];
    for (index, spoil) in spoil.iter().enumerate() {
        spoil(&rotation.path());
        assert_eq!(rotation.later().as_deref(), Some("one"), "case {index}");
        // A file whose metric is asked for is looked at as one that is used.
        assert_eq!(rotation.secrets.unreadable_files(), 1, "case {index}");
    }
    fs::remove_dir(rotation.path()).expect("removed");
    fs::write(rotation.path(), "three").expect("written");
    assert_eq!(rotation.later().as_deref(), Some("three"));
    assert_eq!(rotation.secrets.unreadable_files(), 0);
}

#[test]
fn a_file_that_can_be_no_secret_gives_no_value_at_the_start_and_says_why() {
    for (content, why) in [(" \n", "nothing but white space"), ("hunter2\nhunter3\n", "a secret is one line")] {
        let text = logged(|| {
            let mut rotation = Rotation::of(content.as_bytes());
            for _ in 0..3 {
                assert_eq!(rotation.later(), None, "{content:?}");
            }
            assert_eq!(rotation.secrets.unreadable_files(), 1, "{content:?}");
        });
        assert_eq!(text.matches("cannot be read").count(), 1, "{text}");
        assert!(text.contains(why) && !text.contains("hunter"), "{text}");
    }
}

#[test]
fn a_value_that_was_replaced_is_still_taken_out_of_texts() {
    let mut rotation = Rotation::of(b"hunter2-one");
    assert_eq!(rotation.later().as_deref(), Some("hunter2-one"));
    let masked = |rotation: &Rotation| {
        let mut failure = Failure::new(Problem::UpstreamRefused, "neither hunter2-one nor hunter2-two");
        rotation.secrets.mask_failure(&mut failure);
        failure.detail
    };
    // What was prepared for the first value does not stay.
    assert_eq!(masked(&rotation), "neither *** nor hunter2-two");
    fs::write(rotation.path(), "hunter2-two").expect("written");
    assert_eq!(rotation.later().as_deref(), Some("hunter2-two"));
    assert_eq!(masked(&rotation), "neither *** nor ***");
}

#[cfg(unix)]
#[test]
fn sees_a_symbolic_link_that_was_swapped_as_kubernetes_does() {
    let mut rotation = Rotation::of(b"");
    let folder = rotation.folder.path().to_owned();
    for (version, value) in [("v1", "first"), ("v2", "second")] {
        fs::create_dir(folder.join(version)).expect("made");
        fs::write(folder.join(version).join("secret"), value).expect("written");
    }
    fs::remove_file(rotation.path()).expect("removed");
    std::os::unix::fs::symlink("v1", folder.join("data")).expect("linked");
    std::os::unix::fs::symlink("data/secret", rotation.path()).expect("linked");
    assert_eq!(rotation.later().as_deref(), Some("first"));
    std::os::unix::fs::symlink("v2", folder.join("fresh")).expect("linked");
    fs::rename(folder.join("fresh"), folder.join("data")).expect("swapped");
    assert_eq!(rotation.later().as_deref(), Some("second"));
}

/// Log lines in memory.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("a lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged meanwhile.
fn logged(during: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    // With one subscriber alone, tracing lets whichever thread comes first decide for all whether a line is wanted.
    let _second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    tracing::subscriber::with_default(subscriber, during);
    let bytes = lines.0.lock().expect("a lock").clone();
    String::from_utf8(bytes).expect("text")
}

#[test]
fn says_once_that_a_file_cannot_be_read_and_once_that_it_can_again() {
    let text = logged(|| {
        let mut rotation = Rotation::of(b"hunter2-one");
        for _ in 0..3 {
            fs::remove_file(rotation.path()).expect("removed");
            for _ in 0..5 {
                assert!(rotation.later().is_some());
            }
            fs::write(rotation.path(), "hunter2-two").expect("written");
            assert!(rotation.later().is_some());
        }
    });
    assert_eq!(text.matches("cannot be read").count(), 3, "{text}");
    assert_eq!(text.matches("can be read again").count(), 3, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

/// An upstream that says what it was sent must not tell it to the caller.
#[test]
fn no_text_of_a_failure_holds_a_secret_in_any_form() {
    let basic = Auth::Basic {
        username: rules::config::TextOrSecret::Text("me".to_owned()),
        password: SecretRef::Env("KEY".to_owned()),
    };
    let targets = [bearer(SecretRef::Env("TOKEN".to_owned())), Arc::new(Target { auth: Some(basic), ..target() })];
    let (secrets, _missing) = Secrets::read(&config(&[&targets[0], &targets[1]]), &variable);
    let key = variable("KEY").expect("a key");
    let spoken = format!(
        "invalid t0ken/+ or t0ken%2F%2B or dDBrZW4vKw== or {key} or {}",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("me:{key}"))
    );
    let mut failure = Failure::new(Problem::UpstreamRefused, spoken.clone()).with_cause(spoken.clone());
    failure.upstream =
        Some(UpstreamError {
            status: 400, code: Some(key.clone()), message: Some(format!("{}…", key.split_at(12).0))
        });
    failure.violations = vec![Violation { field: "t0ken/+".to_owned(), message: spoken }];
    secrets.mask_failure(&mut failure);
    assert_eq!(failure.detail, "invalid *** or *** or *** or *** or ***");
    assert_eq!(failure.cause.as_deref(), Some("invalid *** or *** or *** or *** or ***"));
    let upstream = failure.upstream.expect("it stays");
    assert_eq!((upstream.code.as_deref(), upstream.message.as_deref()), (Some("***"), Some("***…")));
    assert_eq!(failure.violations[0].field, "***");
    assert_eq!(failure.violations[0].message, failure.detail);
}
