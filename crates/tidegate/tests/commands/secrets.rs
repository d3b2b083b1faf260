//! What the commands print, and log at their most talkative, holds no secret.

use std::path::Path;

use crate::support::{Ended, configuration, tidegate};

const VARIABLE: &str = "c4nary/in+a+variable=1";
const FILED: &str = "c4nary/in+a+file=2";

const ROUTE: &str = "\
route: raw
path: /raw
targets:
  store:
    url: 'https://store.example.com'
    auth: { query: { name: key, value: { env: CANARY } } }
    headers: { X-Key: { file: '{file}' } }
  other: { url: 'https://other.example.com', auth: { basic: { username: { env: CANARY }, password: { env: CANARY } } } }
steps:
  - { id: ask, request: GET /ask, target: other }
  - { id: put, request: 'PUT /files/${ file.name }', target: store, body: file, expect: 2xx }
result: { id: '${ file.name }' }
";

fn run(route: &str, file: &Path, arguments: &[&str]) -> Ended {
    let route = route.replace("{file}", file.to_str().expect("a path"));
    let (_folder, main) = configuration(&route);
    let mut command = tidegate();
    command.args(arguments).arg("--config").arg(&main).env("CANARY", VARIABLE).env("RUST_LOG", "trace");
    let tail: &[&str] = if arguments[0] == "explain" { &["raw", "--file", "a.bin", "--size", "7"] } else { &[] };
    Ended::of(command.args(tail))
}

#[test]
fn check_and_explain_print_no_secret() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), FILED).expect("written");
    // A value in the wrong place, a mistake beside it, and a URL that a variable spoils.
    let spoilt = [
        ROUTE.replace("https://store.example.com", "${ env.CANARY }"),
        ROUTE.replace("expect: 2xx", "expect: ${ env.CANARY }"),
        ROUTE.replace("key, value", "key, valeu"),
    ];
    for (route, code) in std::iter::once((ROUTE, 0)).chain(spoilt.iter().map(|route| (route.as_str(), 1))) {
        for arguments in [&["check"][..], &["check", "--json"], &["explain"], &["explain", "--json"]] {
            let ended = run(route, file.path(), arguments);
            assert_eq!(ended.code, code, "{arguments:?}: {ended:?}");
            for secret in [VARIABLE, FILED, "c4nary", "c4nary%2F"] {
                assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{secret}: {ended:?}");
            }
        }
    }
    let shown = run(ROUTE, file.path(), &["explain"]);
    assert!(shown.stdout.contains("***"), "{shown:?}");
}
