//! Secrets: where they come from, that they are found missing, and that nothing prints them.

use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rules::config::{Auth, HeaderItem, SecretRef, Target};

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

#[test]
fn reads_a_file_without_its_line_break_and_again_when_it_changed() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(b"one\r\n").expect("written");
    let path = file.path().to_str().expect("a path").to_owned();
    let secret = SecretRef::File(path.clone());
    let (secrets, missing) = Secrets::read(&config(&[&bearer(secret.clone())]), &variable);
    assert!(missing.is_empty());
    assert_eq!(secrets.get(&secret).expect("a value").expose(), "one");

    fs::write(&path, "two\n").expect("written");
    let later = Instant::now() + Duration::from_secs(2);
    assert_eq!(secrets.get_at(&secret, later).expect("a value").expose(), "two");

    drop(file);
    let much_later = later + Duration::from_secs(2);
    assert_eq!(secrets.get_at(&secret, much_later).expect("the old value stays").expose(), "two");
}
