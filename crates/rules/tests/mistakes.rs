//! Every kind of mistake that people make in a rule, each a file with the report that they see. The reports are snapshots: a
//! change to one is a change to what users read.

use std::path::{Path, PathBuf};

use rules::check::{Environment, Source, load};
use rules::diagnostics::{Colours, Report};

const GOOD: &str = "\
route: good
path: /good
targets: { api: { url: https://api.example.com } }
steps:
  - { id: store, request: POST /files, target: api, body: file }
";

/// The main file around a route: one provider of each kind, though no listener asks for certificates.
const MAIN: &str = "\
routes: route.yaml
access:
  teams: { api-keys: { keys: [ { id: web, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } ] } }
  devices: { mtls: {} }
  links: { tickets: { keys: [ { id: k1, secret: { file: ticket.key } } ], mint: teams } }
";

/// A file of keys with every mistake in it.
const BAD_KEYS: &str = "\
- { id: web, sha256: hunter2-is-a-secret }
- { id: app, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08, not-after: soon }
- { id: one, sha256: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752, claims: [a] }
- { id: two, sha256: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752, claims: { now: '${ env.TOKEN }' } }
- { id: three, sha256: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752 }
- { id: three, sha256: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752, key: hunter2-is-a-secret }
";

/// A secret that is long enough and no secret.
const BLANK: &str = "                                        ";

/// One file under test, and good ones around it.
struct Around {
    name: &'static str,
    text: String,
}

impl Source for Around {
    fn read(&self, path: &str) -> Result<String, String> {
        match path {
            _ if path == self.name => Ok(self.text.clone()),
            "tidegate.yaml" => Ok(MAIN.to_owned()),
            "bad-keys.yaml" => Ok(BAD_KEYS.to_owned()),
            "jwks.json" => Ok("{ \"keys\": [] }".to_owned()),
            "no-jwks.json" => Ok("{ \"kty\": \"EC\" }".to_owned()),
            "ticket.key" => Ok("0123456789abcdefghijklmnopqrstuvwxyz\n".to_owned()),
            "short.key" => Ok("hunter2".to_owned()),
            "weak.key" => Ok("a".repeat(40)),
            "empty-keys.yaml" => Ok("# none yet\n".to_owned()),
            "null-keys.yaml" => Ok("null\n".to_owned()),
            "good.yaml" => Ok(GOOD.to_owned()),
            "same-name.yaml" => Ok(GOOD.replace("path: /good", "path: /other")),
            "below.yaml" => Ok(GOOD.replace("good", "good/{folder}").replacen("good/{folder}", "below", 1)),
            _ => Err("no such file".to_owned()),
        }
    }

    fn glob(&self, _: &str, pattern: &str) -> Result<Vec<String>, String> {
        Ok(if pattern.contains('*') { Vec::new() } else { vec![pattern.to_owned()] })
    }
}

fn report(name: &'static str, text: String) -> Report {
    let env: Environment = [("TOKEN", "hunter2-is-a-secret"), ("BLANK", BLANK)].into_iter().collect();
    match load("tidegate.yaml", &Around { name, text }, &env) {
        Ok(checked) => checked.warnings,
        Err(report) => report,
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes").join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("can be listed").path()).collect();
    files.sort();
    files
}

fn snapshot(folder: &str, name: &'static str) {
    for path in files(folder) {
        let text = std::fs::read_to_string(&path).expect("can be read");
        let report = report(name, text);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("named in ASCII");
        assert!(!report.is_empty(), "{stem} is no mistake");
        for problem in report.problems() {
            assert!(problem.hint.is_some(), "{stem} gets no hint for: {}", problem.message);
        }
        let rendered = report.render(Colours::Never);
        let json = serde_json::to_string(&report).expect("serialises");
        assert!(!rendered.contains("hunter2") && !json.contains("hunter2"), "{stem} shows a secret");
        insta::assert_snapshot!(format!("{folder}-{stem}"), rendered);
    }
}

#[test]
fn mistakes_in_routes_are_explained() {
    snapshot("routes", "route.yaml");
}

#[test]
fn mistakes_in_the_main_file_are_explained() {
    snapshot("main", "tidegate.yaml");
}
