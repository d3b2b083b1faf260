//! `tidegate keys`.

use sha2::{Digest as _, Sha256};

use crate::support::{Ended, tidegate};

fn hash(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_new_key_comes_with_the_entry_that_knows_it() {
    let ended = Ended::of(tidegate().args(["keys", "new", "--id", "web-team", "--not-after", "2030-01-31"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    let key = ended.stdout.lines().map(str::trim).find(|line| line.starts_with("tk_")).expect("a key");
    // 256 bits in base64url.
    assert_eq!(key.len(), 3 + 43, "{key}");
    let entry = format!("- {{ id: web-team, sha256: {}, not-after: 2030-01-31 }}", hash(key));
    assert!(ended.stdout.contains(&entry), "{ended:?}");
    assert!(rules::check::key_file("keys.yaml", &entry).is_ok());
}

#[test]
fn no_two_keys_are_the_same_and_scripts_can_read_them() {
    let one = Ended::of(tidegate().args(["keys", "new", "--id", "ci", "--json"]));
    let two = Ended::of(tidegate().args(["keys", "new", "--id", "ci", "--json"]));
    let read = |ended: &Ended| -> serde_json::Value { serde_json::from_str(&ended.stdout).expect("JSON") };
    let (one, two) = (read(&one), read(&two));
    assert_ne!(one["key"], two["key"]);
    assert_eq!(one["entry"]["sha256"], hash(one["key"].as_str().expect("text")).as_str());
}

/// The entry of a key without an end had `not-after: null`, which a file of keys refuses.
#[test]
fn the_entry_that_scripts_read_is_one_that_a_file_of_keys_takes() {
    for end in [&[][..], &["--not-after", "2030-01-31"]] {
        let ended = Ended::of(tidegate().args(["keys", "new", "--id", "ci", "--json"]).args(end));
        let made: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let file = serde_json::json!([made["entry"]]).to_string();
        assert!(rules::check::key_file("keys.yaml", &file).is_ok(), "{file}");
    }
}

#[test]
fn an_id_or_time_that_a_configuration_would_not_take_is_refused() {
    for arguments in [vec!["--id", "Web Team"], vec!["--id", "web", "--not-after", "soon"]] {
        let ended = Ended::of(tidegate().args(["keys", "new"]).args(arguments));
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.stdout.is_empty() && ended.stderr.contains("this is no "), "{ended:?}");
    }
}
