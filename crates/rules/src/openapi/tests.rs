use std::collections::BTreeSet;

use serde_json::Value;

use super::document;
use crate::check::{Environment, Source, load};

struct Files(&'static str, &'static str);

impl Source for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        Ok(if path == "main" { self.0 } else { self.1 }.to_owned())
    }
    fn glob(&self, _: &str, pattern: &str) -> Result<Vec<String>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

const MAIN: &str = "
listeners: [{ address: '0.0.0.0:8080' }, { address: '[::1]:8443' }, { address: '127.0.0.1:0' }]
routes: [route]
access:
  keys: { api-keys: { keys: [{ id: billing, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 }] } }
  tickets: { tickets: { keys: [{ id: k1, secret: { env: TICKET_KEY } }], mint: keys } }
";

const ROUTE: &str = "
route: notes
path: /t/{tenant}/notes
description: Notes of a tenant.
access: { any-of: [keys, tickets] }
params:
  title: { pattern: '[a-z]+', max-bytes: 20, description: For people. }
  pages: { type: integer, min: 1, max: 99, default: 1 }
  kind: { enum: [draft, final], required: false }
accept: { size: { max: 5MiB }, types: { allow: [image/png, application/pdf] } }
targets: { store: { url: 'https://secret-upstream.example.com' } }
steps:
  - { id: save, request: 'PUT /${ path.tenant }/${ file.name }', target: store, body: file }
result: { id: '${ upload.id }', url: 'https://files.example.com/x' }
";

fn openapi(main: &'static str, route: &'static str) -> Value {
    let environment = Environment::from_iter([("TICKET_KEY", "0123456789abcdef0123456789abcdefXYZ")]);
    let checked = load("main", &Files(main, route), &environment).unwrap_or_else(|report| panic!("{report}"));
    document(&checked.config, "1.2.3")
}

#[test]
fn tells_what_a_route_takes_and_nothing_of_what_is_behind_it() {
    let document = openapi(MAIN, ROUTE);
    let text = document.to_string();
    for hidden in ["secret-upstream", "TICKET_KEY", "9f86d0", "billing"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
    let mut put = document["paths"]["/t/{tenant}/notes/{filename}"]["put"].clone();
    put["responses"] = serde_json::json!({ "201": put["responses"]["201"], "503": put["responses"]["503"] });
    let schemes = &document["components"]["securitySchemes"];
    let shown = serde_json::json!({ "servers": document["servers"], "put": put, "securitySchemes": schemes });
    insta::assert_json_snapshot!("operations", shown);
    let post = &document["paths"]["/t/{tenant}/notes"]["post"];
    let kinds: Vec<_> =
        post["requestBody"]["content"].as_object().into_iter().flatten().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["image/png", "application/pdf", "multipart/form-data"]);
    let fields = &post["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"];
    assert_eq!((&fields["pages"]["default"], &fields["title"]["pattern"]), (&1.into(), &"^(?:[a-z]+)$".into()));
    assert_eq!(
        fields.as_object().and_then(|fields| fields.keys().next_back()).map(String::as_str),
        Some("file"),
        "the file comes last"
    );
}

#[test]
fn every_file_of_this_folder_is_json() {
    for text in [include_str!("components.json"), include_str!("headers.json"), include_str!("mint.json")] {
        assert!(!super::response::from_file(text).is_null());
    }
    let document = openapi(MAIN, ROUTE);
    let mint = &document["paths"]["/-/tickets"]["post"];
    let asked = &mint["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert_eq!(asked["route"]["enum"], serde_json::json!(["notes"]));
    assert_eq!(mint["security"], serde_json::json!([{ "keys": [] }, { "keys-bearer": [] }]));
    assert!(mint["responses"]["401"].is_object() && mint["responses"]["201"].is_object());
    let kinds = &document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    assert_eq!(kinds.as_array().map(Vec::len), Some(crate::failure::Problem::ALL.len()));
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = openapi(MAIN, ROUTE);
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 4, "{found:?}");
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn a_path_of_several_segments_takes_both_methods_and_a_public_route_no_credentials() {
    const OPEN: &str = "
route: r
path: /r/{filename}/{key...}
access: public
targets: { store: { url: 'https://example.com', chunked: true } }
steps: [{ id: save, request: PUT /x, target: store, body: file }]
";
    let document = openapi("listeners: [{ address: '127.0.0.1:8080' }]\nroutes: [route]", OPEN);
    let item = &document["paths"]["/r/{filename}/{key}"];
    assert!(item["put"].is_object() && item["post"].is_object(), "{document}");
    assert!(item["put"]["security"].is_null() && item["put"]["responses"]["401"].is_null());
    assert_eq!(item["put"]["requestBody"]["content"], serde_json::json!({ "*/*": {} }));
    assert!(document["paths"]["/-/tickets"].is_null());
}

#[test]
fn every_status_that_a_route_can_answer_is_named_with_its_problems() {
    let document = openapi(MAIN, ROUTE);
    let answers = document["paths"]["/t/{tenant}/notes"]["post"]["responses"].as_object().expect("answers");
    for problem in crate::failure::Problem::ALL {
        let told = answers.get(&problem.status().to_string());
        let is_named = told.is_some_and(|told| {
            told["description"].as_str().is_some_and(|text| text.contains(&format!("`{}`", problem.name())))
        });
        let is_expected = !matches!(problem.name(), "client-gone" | "idempotency-conflict");
        assert_eq!(is_named, is_expected, "{}", problem.name());
    }
    assert!(answers["503"]["headers"]["Retry-After"].is_object());
}
