//! `tidegate explain` with the shipped routes.

use std::process::Command;

use crate::support::{Ended, shipped, tidegate};

fn explain(arguments: &[&str]) -> Ended {
    let printed = Ended::of(tidegate().args(["sandbox", "--env"]));
    let variables = printed.stdout.lines().map(|line| {
        let (name, value) = line.trim_start_matches("export ").split_once('=').expect("an assignment");
        (name.to_owned(), value.trim_matches('\'').to_owned())
    });
    let mut command: Command = tidegate();
    command.arg("explain").arg("--config").arg(shipped("config/tidegate.yaml")).envs(variables);
    Ended::of(command.args(arguments))
}

#[test]
fn shows_the_requests_of_an_upload_without_its_file() {
    let ended = explain(&["klinkcx-file", "--file", "photo.jpg", "--size", "70", "--param", "title=Red pixel"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn takes_the_size_of_a_file_that_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("photo.jpg");
    std::fs::write(&path, [7; 1234]).expect("it can be written");
    let ended = explain(&["kustomer-media", "--json", "--file", path.to_str().expect("UTF-8")]);
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&told["file"]["name"], &told["file"]["size"]), (&"photo.jpg".into(), &1234.into()));
    assert_eq!(told["file"]["type"], "image/jpeg");
}

#[test]
fn says_that_the_size_is_unknown_because_the_file_is_not_there() {
    let ended = explain(&["kustomer-media", "--file", "no-such.jpg"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stdout.contains("411 length-required"), "{ended:?}");
    assert!(ended.stderr.starts_with("note: there is no file `no-such.jpg`"), "{ended:?}");
    assert!(!explain(&["kustomer-media", "--file", "no-such.jpg", "--size", "1B"]).stderr.contains("note:"));
}

#[test]
fn tells_the_problem_that_a_client_would_see() {
    let ended = explain(&["kustomer-media", "--file", "setup.exe", "--size", "70"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stdout.starts_with("this upload would be refused: 422 extension-refused: "), "{ended:?}");
    let ended = explain(&["amazon-connect-file", "--file", "a.pdf", "--size", "70", "--json"]);
    assert_eq!(ended.code, 1);
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(told["type"], "urn:tidegate:problem:missing-parameter");
}

#[test]
fn names_the_routes_when_there_is_none_of_that_name() {
    let ended = explain(&["kustomer"]);
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("there is no route `kustomer`; there are: amazon-connect-file, "), "{ended:?}");
}
