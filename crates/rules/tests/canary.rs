//! Credentials that somebody wrote where they do not belong: no report shows them, whatever else is wrong around them.

use rules::check::{Environment, Missing, Source, check, key_file};
use rules::diagnostics::{Colours, Report};

/// What somebody wrote out.
const CANARY: &str = "tk_CaNaRy0123456789abcdef0123456789abcdef";

const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

const MAIN: &str = "routes: route.yaml\naccess:\n  teams: { api-keys: { file: keys.yaml } }\n";

const ROUTE: &str = "\
route: good
path: /good
access: [teams]
targets: { api: { url: https://api.example.com } }
steps:
  - { id: store, request: POST /files, target: api, body: file }
";

/// Files of keys in which a key, `KEY`, stands in place of its hash or beside it. `HASH` is a good hash.
const KEY_FILES: &[&str] = &[
    "KEY\n",
    "- KEY\n",
    "keys: [KEY]\n",
    "keys:\n  - KEY\n",
    "- { id: KEY, sha256: HASH }\n",
    "- { id: web, sha256: KEY }\n",
    "- { id: web, sha256: [KEY] }\n",
    "- { id: web, sha256: { x: KEY } }\n",
    "- { id: web, sha256: { KEY: x } }\n",
    "- { id: web, sha256: KEY\n- { id: app }\n",
    "- { id: web, sha256: 'KEY }\n",
    "- { id: web, sha256: HASH, claims: KEY }\n",
    "- { id: web, sha256: HASH, claims: [ KEY ] }\n",
    "- { id: web, sha256: HASH, claims: { now: '${ env.X }', key: KEY } }\n",
    "- { id: web, sha256: HASH, not-after: KEY }\n",
    "- { id: web, sha256: HASH, key: KEY }\n",
    "- { id: web, sha256: HASH, KEY: x }\n",
    "- { id: web, sha256: HASH, KEY }\n",
    "- { id: web, sha256: HASH, KEY: 1, KEY: 2 }\n",
    "- id: web\n  sha256: HASH\n  not-after: soon # KEY\n",
    "- id: web\n  sha256: |\n    KEY\n",
    "- id: web\n\tsha256: KEY\n",
    "- !KEY { id: web, sha256: HASH }\n",
    "- *KEY\n",
    "- &KEY { id: web }\n",
    "- { id: web, sha256: '${ KEY }' }\n",
    "- { id: web, sha256: '${ env.KEY }' }\n",
    "- id: web\n  sha256: HASH: KEY\n",
    "KEY: { id: web, sha256: HASH }\n",
    "- { ? [KEY] : x }\n",
    "- \"\\qKEY\"\n",
    "- [ KEY\n",
    "---\n- { id: web, sha256: HASH }\n---\n- KEY\n",
];

/// Main files in which a secret, `KEY`, is written out, with a mistake there or beside it.
const MAINS: &[&str] = &[
    "access: { teams: { api-keys: { keys: [ KEY ] } } }",
    "access:\n  teams:\n    api-keys:\n      keys:\n      - KEY",
    "access: { teams: { api-keys: { keys: KEY } } }",
    "access: { teams: { api-keys: KEY } }",
    "access: { teams: { api-keys: { file: keys.yaml, key: KEY } } }",
    "access: { teams: { api-keys: { keys: [ { id: web, sha256: KEY } ] } } }",
    "access: { teams: { api-keys: { keys: [ { id: web, sha256: HASH, KEY } ] } } }",
    "access: { teams: { api-keys: { keys: [ { id: KEY, sha256: HASH } ] } } }",
    "access: { links: { tickets: { mint: teams, keys: [ { id: k1, secret: KEY } ] } } }",
    "access: { links: { tickets: { mint: teams, keys: [ { id: k1, secret: { KEY } } ] } } }",
    "access: { links: { tickets: { mint: teams, keys: [ { id: k1, secret: { value: KEY } } ] } } }",
    "access: { links: { tickets: { mint: nobody, keys: [ { id: k1, secret: [ KEY ] } ], max-uses: none } } }",
    "access:\n  links:\n    tickets:\n      keys:\n        - id: k1\n          secret:\n            KEY\n      mint: teams",
    "access: { links: { tickets: { keys: [ { id: k1, secret: 'KEY } ] } } }",
];

/// Routes likewise; `TARGET` is the place of the target.
const TARGETS: &[&str] = &[
    "auth: KEY",
    "auth: { bearer: KEY }",
    "auth: { bearer: { KEY } }",
    "auth: { bearer: { env: X, value: KEY } }",
    "auth: { KEY }",
    "auth: { token: KEY }",
    "auth: { basic: { username: me, password: KEY } }",
    "auth: { basic: KEY }",
    "auth: { header: { name: X-Key, value: KEY } }",
    "auth: { header: { name: X-Key, value: KEY }, oops: 1 }",
    "auth: { query: { name: key, value: KEY } }",
    "auth: { sigv4: { service: s3, region: eu, credentials: { access-key-id: KEY, secret-access-key: KEY } } }",
    "auth: { bearer: KEY",
    "auth: { bearer: 'KEY }",
    "timeout: never, auth: { bearer: KEY }",
    "headers: { Authorization: 'Bearer KEY' }",
    "headers: { Authorization: 'Bearer KEY' }, timeout: never",
    "headers: { Authorization: Bearer KEY, Host: x }",
    "headers: [ { cookie: 'a=KEY' }, { Cookie: 'b=KEY' } ]",
    "headers: { X-Api-Key: KEY }",
    "headers: { Proxy-Authorization: KEY }",
    "headers: { X-Upload-Token: KEY }",
    "headers: { X-Client-Secret: KEY }",
];

struct Files {
    main: String,
    route: String,
    keys: String,
}

impl Source for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        match path {
            "tidegate.yaml" => Ok(self.main.clone()),
            "route.yaml" => Ok(self.route.clone()),
            "keys.yaml" => Ok(self.keys.clone()),
            _ => Err("no such file".to_owned()),
        }
    }

    fn glob(&self, _: &str, pattern: &str) -> Result<Vec<String>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

fn filled(text: &str) -> String {
    text.replace("KEY", CANARY).replace("HASH", HASH)
}

fn checked(main: &str, route: &str, keys: &str) -> Report {
    let files = Files { main: filled(main), route: filled(route), keys: filled(keys) };
    check("tidegate.yaml", &files, &Environment::default(), Missing::Tolerated)
}

/// The spellings whose report shows the canary, or says nothing at all.
fn shown<'t>(spellings: &[&'t str], report: impl Fn(&'t str) -> Report) -> Vec<String> {
    let mut shown = Vec::new();
    for spelling in spellings {
        let report = report(spelling);
        let texts =
            [report.render(Colours::Never), serde_json::to_string(&report).expect("serialises"), report.to_string()];
        if report.is_empty() {
            shown.push(format!("nothing is said of: {spelling}"));
        }
        if let Some(text) = texts.iter().find(|text| text.contains("CaNaRy")) {
            shown.push(format!("{spelling}\n{text}"));
        }
    }
    shown
}

#[test]
fn no_report_about_a_file_of_keys_shows_a_key() {
    let found = shown(KEY_FILES, |text| checked(MAIN, ROUTE, text));
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), KEY_FILES.len(), found.join("\n"));
    let found = shown(KEY_FILES, |text| key_file("keys.yaml", &filled(text)).err().unwrap_or_default());
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), KEY_FILES.len(), found.join("\n"));
}

#[test]
fn a_file_of_keys_that_is_taken_for_a_route_is_not_shown_either() {
    let main = MAIN.replace("route.yaml", "[route.yaml, keys.yaml]");
    let found = shown(KEY_FILES, |text| checked(&main, ROUTE, text));
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), KEY_FILES.len(), found.join("\n"));
}

#[test]
fn no_report_about_a_main_file_shows_a_secret_in_it() {
    let found = shown(MAINS, |text| checked(&format!("routes: route.yaml\n{text}\n"), ROUTE, "[]"));
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), MAINS.len(), found.join("\n"));
}

#[test]
fn no_report_about_a_route_shows_a_secret_in_it() {
    let route = |target: &str| {
        ROUTE.replace("url: https://api.example.com", &format!("url: https://api.example.com, {target}"))
    };
    let found = shown(TARGETS, |text| checked(MAIN, &route(text), "[]"));
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), TARGETS.len(), found.join("\n"));
}

/// Targets written in lines of their own.
const BLOCKS: &[&str] = &[
    "    auth:\n      bearer: KEY",
    "    auth:\n      bearer: >-\n        KEY",
    "    auth:\n      bearer:\n      KEY",
    "    auth:\n      KEY",
    "    auth:\n    KEY",
    "    auth:\n      header:\n        name: X-Key\n        value: KEY\n        oops: KEY",
    "    headers:\n      - Authorization: Bearer KEY\n        Host: x",
    "    headers:\n      Authorization: >-\n        Bearer KEY",
    "    headers:\n      Authorization: |\n        Bearer\n        KEY",
    "    auth: { header: {\n      name: X-Key,\n      value: KEY,\n      oops: 1 } }",
];

#[test]
fn no_report_about_a_route_in_block_style_shows_a_secret_in_it() {
    let route = |target: &str| {
        ROUTE.replace(
            "{ api: { url: https://api.example.com } }",
            &format!("\n  api:\n    url: https://api.example.com\n{target}"),
        )
    };
    let found = shown(BLOCKS, |text| checked(MAIN, &route(text), "[]"));
    assert!(found.is_empty(), "{} of {}:\n{}", found.len(), BLOCKS.len(), found.join("\n"));
}
