//! The writer of JSON bodies around a base64 file. The input: the file's name, two parameters, its type, and the file.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use rules::admission::{Offer, admit};
use rules::config::Route;
use rules::plan::plan;
use rules::run::{Action, Run, TransferRequest};
use serde_json::{Value, json};
use wire::name::FileName;

use crate::fields::Fields;
use crate::routes;

/// The file inside a longer text, between values that the client says.
const STANDARD: &str = "
route: json
path: /json
params: { title: { default: none }, note: { default: none } }
targets: { api: { url: https://api.example.com } }
steps:
  - id: store
    request: POST /files
    target: api
    json:
      title: ${ params.title }
      both: '${ params.note }: ${ params.title }'
      file: [ 'data:${ file.type };name=${ file.name };base64,${ file.base64 }#${ params.note }', '${ file.size }' ]
      left-out: ${ omit }
      'a \\ \" key': null
";

/// The same with the other alphabet and the file alone.
const URL_SAFE: &str = "
route: json
path: /json
params: { title: { default: none }, note: { default: none } }
targets: { api: { url: https://api.example.com } }
steps:
  - { id: store, request: POST /files, target: api, json: [ '${ params.title }', '${ file.base64url }', '${ params.note }' ] }
";

/// Whatever name, type and parameters are, the body is one JSON text with the values that were meant in their places, and
/// exactly as long as planned.
pub fn json_writer(input: &[u8]) {
    static ROUTES: LazyLock<[Arc<Route>; 2]> = LazyLock::new(|| [routes::route(STANDARD), routes::route(URL_SAFE)]);
    let mut fields = Fields::of(input);
    let (name, title, note, media_type) = (fields.text(), fields.text(), fields.text(), fields.text());
    let file = fields.rest();
    let Ok(file_name) = FileName::parse(&name) else { return };
    for (route, is_standard) in ROUTES.iter().zip([true, false]) {
        let pairs = [("title", &title), ("note", &note)];
        let offer = Offer {
            params: pairs.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect(),
            name: Some(file_name.clone()),
            declared_type: Some(media_type.clone()),
            size: Some(file.len() as u64),
            ..routes::offer(&name)
        };
        // A type that is none is refused; nothing else of these can be.
        let Ok(admission) = admit(route, offer) else { return };
        let request = transfer(&mut Run::begin(&plan(admission).expect("all is known"), [7; 16]));
        let declared = if media_type.trim().is_empty() { "application/octet-stream" } else { media_type.trim() };
        let meant = if is_standard {
            let text = format!("data:{declared};name={name};base64,{}#{note}", BASE64_STANDARD.encode(file));
            json!({ "title": title, "both": format!("{note}: {title}"), "file": [text, file.len()], "a \\ \" key": null })
        } else {
            json!([title, BASE64_URL_SAFE.encode(file), note])
        };
        check(&request, file, &meant, is_standard);
    }
}

fn transfer(run: &mut Run) -> TransferRequest {
    match run.next(routes::NOW) {
        Action::Transfer(request) => request,
        other => panic!("the only step is the transfer, not {other:?}"),
    }
}

fn check(request: &TransferRequest, file: &[u8], meant: &Value, is_standard: bool) {
    let envelope = &request.envelope;
    let encoded = if is_standard { BASE64_STANDARD.encode(file) } else { BASE64_URL_SAFE.encode(file) };
    let body = [&envelope.prefix, encoded.as_bytes(), &envelope.suffix].concat();
    assert_eq!(request.body_len, Some(body.len() as u64), "the length is exact");
    let read: Value = serde_json::from_slice(&body).expect("the body is one JSON text");
    assert_eq!(read, *meant, "each value stands in its place");
}
