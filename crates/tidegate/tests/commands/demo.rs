//! `tidegate demo` with small files.

use crate::support::{Ended, tidegate};

#[test]
fn uploads_through_every_route_from_any_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = Ended::of(tidegate().current_dir(folder.path()).args(["demo", "--largest", "70"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    for route in ["kustomer-media", "flowkiwi-media", "klinkcx-file", "teamwork-desk-file", "amazon-connect-file"] {
        let lines = ended.stdout.lines().filter(|line| line.starts_with(route));
        assert_eq!(lines.filter(|line| line.ends_with("  verified")).count(), 4, "{}", ended.stdout);
    }
    assert!(ended.stdout.contains("all verified"), "{}", ended.stdout);
    assert_eq!(ended.stderr, "", "neither progress nor log");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn tells_scripts_in_json() {
    let ended = Ended::of(tidegate().args(["demo", "--largest", "5MiB", "--json"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("one JSON document");
    assert_eq!(told["failed"], 0);
    let uploads = told["uploads"].as_array().expect("a list");
    assert_eq!(uploads.len(), 40);
    assert!(uploads.iter().any(|upload| upload["sent_by"] == "PUT, HTTP/2" && upload["size"] == 5 << 20));
}

#[test]
fn nothing_to_upload_is_no_success() {
    let ended = Ended::of(tidegate().args(["demo", "--largest", "0"]));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("leaves no file to upload"), "{}", ended.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn holds_the_gateways_memory_against_its_bounds() {
    let ended = Ended::of(tidegate().args(["demo", "--memory", "--largest", "32MiB", "--json"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("one JSON document");
    let loads = told["loads"].as_array().expect("a list");
    assert_eq!(loads.len(), 7);
    for load in loads {
        let growth = load["growth_bytes"].as_u64().expect("Linux tells");
        assert!(growth < load["bound_bytes"].as_u64().expect("a bound"), "{load}");
    }
}
