//! What a rule means once it passed the checks: requests, retries, digests, and what it needs of clients.

use std::sync::Arc;

use rules::check::{Environment, Source, load};
use rules::config::{
    Auth, Body, FormItem, HeaderItem, Param, ParamKind, RetryClass, Route, SecretRef, TextOrSecret, Tree, UrlRule,
};
use wire::digest::Algorithm;

struct Rule<'t>(&'t str);

impl Source for Rule<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        Ok(if path == "main" { "routes: rule" } else { self.0 }.to_owned())
    }

    fn glob(&self, _: &str, pattern: &str) -> Result<Vec<String>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

fn route(text: &str) -> Arc<Route> {
    let env: Environment = [("TOKEN", "t"), ("REGION", "eu"), ("UNUSED", "u"), ("EMPTY", "")].into_iter().collect();
    let checked = load("main", &Rule(text), &env).unwrap_or_else(|report| panic!("{report}"));
    assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    Arc::clone(&checked.config.routes[0])
}

/// A rule with one target and these steps.
fn with_steps(head: &str, steps: &str) -> Arc<Route> {
    route(&format!(
        "route: r\npath: /r\n{head}\ntargets: {{ api: {{ url: https://api.example.com, allow: https://*.example.com }} }}\nsteps:\n{steps}\n"
    ))
}

const STORE: &str = "  - { id: store, request: PUT /f, target: api, body: file }";

#[test]
fn a_body_of_known_length_needs_the_size_and_a_chunked_target_does_not() {
    let needs = with_steps("", STORE).needs.clone();
    let size = needs.size.expect("is needed");
    assert_eq!(size.step.as_deref(), Some("store"));
    assert!(size.why.contains("Content-Length"), "{}", size.why);
    let chunked = "route: r\npath: /r\ntargets: { api: { url: https://api.example.com, chunked: true } }\nsteps:\n";
    let needs = route(&format!("{chunked}{STORE}")).needs.clone();
    assert!(needs.size.is_none() && needs.first_bytes.is_none() && needs.digest.is_none());
    let told = format!(
        "{chunked}  - {{ id: tell, request: POST /t, target: api, json: {{ n: '${{ file.size }}' }} }}\n{STORE}"
    );
    assert_eq!(route(&told).needs.size.as_ref().and_then(|need| need.step.as_deref()), Some("tell"));
    let after = format!(
        "{chunked}{STORE}\n  - {{ id: tell, request: POST /t, target: api, json: {{ n: '${{ file.size }}' }} }}"
    );
    assert!(route(&after).needs.size.is_none(), "after the transfer the size is known anyway");
}

#[test]
fn detection_and_expiry_need_the_first_bytes() {
    assert!(with_steps("accept: { types: { detect: must-match } }", STORE).needs.first_bytes.is_some());
    let expiring = "  - { id: a, request: POST /a, target: api, expires: '${ json.end }' }\n  - { id: store, request: 'PUT ${ a.json.url }', target: api, body: file }";
    let need = with_steps("", expiring).needs.first_bytes.clone().expect("is needed");
    assert_eq!(need.step.as_deref(), Some("a"));
}

#[test]
fn a_digest_is_known_early_only_when_clients_must_bring_it() {
    let steps =
        format!("  - {{ id: a, request: POST /a, target: api, json: {{ sum: '${{ file.sha256.hex }}' }} }}\n{STORE}");
    let route = with_steps("require: [digest]", &steps);
    assert!(route.require_digest && route.needs.digest.is_some());
    assert!(route.needs.early_digests.contains(Algorithm::Sha256));
    let late = with_steps(
        "digests: [md5]",
        "  - { id: store, request: PUT /f, target: api, body: file, check: '${ json.sum == file.sha512.hex }' }",
    );
    let digests: Vec<_> = late.digests.iter().collect();
    assert_eq!(digests, [Algorithm::Sha512, Algorithm::Md5, Algorithm::Crc64Nvme]);
    assert!(late.needs.early_digests.is_empty());
}

#[test]
fn methods_and_idempotency_keys_decide_what_is_sent_again() {
    let steps = "  - { id: a, request: POST /a, target: api }
  - { id: b, request: DELETE /b, target: api }
  - { id: c, request: POST /c, target: api, headers: { Idempotency-Key: '${ upload.idempotency_key }' } }
  - { id: d, request: POST /d, target: api, json: { list: [ { key: '${ upload.idempotency_key }' } ] } }
  - { id: e, request: PATCH /e, target: api, retry: idempotent }
  - { id: f, request: GET /f, target: api, retry: never }
  - { id: store, request: PUT /f, target: api, body: file }";
    let retries: Vec<_> = with_steps("", steps).steps.iter().map(|step| step.retry).collect();
    use RetryClass::{Idempotent, Never};
    assert_eq!(retries, [Never, Idempotent, Idempotent, Idempotent, Idempotent, Never, Idempotent]);
}

#[test]
fn trees_are_typed_as_json_is_and_not_as_yaml_is() {
    let steps = "  - id: store
    request: POST /f
    target: api
    json:
      typed: [true, false, null, 12, -0.5, 1e3, 18446744073709551615]
      texts: [no, on, True, ~, 0x1F, 2024-01-01, .5, 1_000, 007, +1, 'true', \"12\"]
      data: 'data:x;base64,${ file.base64 }'";
    let route = with_steps("", steps);
    let Body::Json(Tree::Map(entries)) = &route.steps[0].request.body else { panic!("a tree was written") };
    let Tree::List(typed) = &entries[0].1 else { panic!("a list was written") };
    let typed: Vec<_> = typed.iter().map(|item| matches!(item, Tree::Constant(_))).collect();
    assert_eq!(typed, [true; 7]);
    let Tree::List(texts) = &entries[1].1 else { panic!("a list was written") };
    let texts: Vec<_> = texts
        .iter()
        .map(|item| match item {
            Tree::Leaf(template) => template.as_literal().unwrap_or_default(),
            _ => "typed",
        })
        .collect();
    assert_eq!(texts, ["no", "on", "True", "~", "0x1F", "2024-01-01", ".5", "1_000", "007", "+1", "true", "12"]);
}

#[test]
fn secrets_stay_references_and_variables_are_only_those_that_are_named() {
    let text = "route: r
path: /r
targets:
  api:
    url: https://${ env.REGION }.example.com
    auth: { basic: { username: 'me-${ env.REGION }', password: { env: TOKEN } } }
    headers: { X-Key: { file: /run/key }, X-Region: '${ env.REGION }' }
steps:
  - { id: store, request: PUT /f, target: api, body: file }
result: { id: '${ env.EMPTY | default(\"none\") }' }
";
    let route = route(text);
    let target = &route.targets[0];
    assert_eq!(target.origin.as_ref().map(ToString::to_string).as_deref(), Some("https://eu.example.com"));
    let Some(Auth::Basic { username: TextOrSecret::Text(name), password }) = &target.auth else {
        panic!("basic was written")
    };
    assert_eq!((name.as_str(), password), ("me-eu", &SecretRef::Env("TOKEN".to_owned())));
    assert!(
        matches!(&target.headers[0], HeaderItem::Secret(name, SecretRef::File(path)) if name == "X-Key" && path == "/run/key")
    );
    assert_eq!(route.env.names().collect::<Vec<_>>(), ["REGION"], "not the secret, not what the rule does not name");
}

#[test]
fn forms_keep_their_order_and_options() {
    let steps = "  - { id: a, request: POST /a, target: api }
  - id: store
    request: POST ${ a.json.url }
    target: api
    form:
      - { field: 'a b', value: 1, type: text/plain }
      - { fields: '${ a.json.fields }', rename: { old: new }, drop: [x], keep: [y, z], drop-empty: true }
      - { file: file, filename: '${ file.stem }.bin', type: image/png }";
    let route = with_steps("", steps);
    let request = &route.steps[1].request;
    assert!(matches!(request.url, UrlRule::Learned(_)));
    let Body::Form(items) = &request.body else { panic!("a form was written") };
    let [
        FormItem::Field { content_type: Some(_), .. },
        FormItem::Fields { rename, drop, keep, drop_empty, .. },
        FormItem::File { filename: Some(_), .. },
    ] = items.as_slice()
    else {
        panic!("in this order: {items:?}")
    };
    assert_eq!(
        (rename.as_slice(), drop.len(), keep.len(), *drop_empty),
        ([("old".to_owned(), "new".to_owned())].as_slice(), 1, 2, true)
    );
}

#[test]
fn a_skipped_answer_may_be_used_under_the_same_condition() {
    let head = "params: { wait: { type: boolean, default: false }, note: { required: false } }";
    let steps = format!(
        "{STORE}
  - {{ id: scan, when: '${{ params.wait }}', request: GET /s, target: api }}
  - {{ id: tell, when: '${{params.wait}}', request: POST /t, target: api, json: {{ state: '${{ scan.json.state }}' }} }}
  - {{ id: note, when: '${{ params.note is defined }}', request: POST /n, target: api, json: {{ note: '${{ params.note }}' }} }}
  - {{ id: last, request: POST /l, target: api, json: {{ state: '${{ scan.json.state | default(none) }}', a: '${{ params.note if params.note is defined else omit }}' }} }}"
    );
    assert_eq!(with_steps(head, &steps).steps.len(), 5);
}

#[test]
fn undo_and_polling_have_their_defaults() {
    let steps = format!(
        "  - {{ id: a, request: POST /a, target: api, undo: {{ request: 'DELETE /a/${{ json.id }}' }} }}\n{STORE}\n  - {{ id: wait, request: GET /w, target: api, until: '${{ json.done }}' }}"
    );
    let route = with_steps("", &steps);
    let undo = route.steps[0].undo.as_ref().expect("was written");
    assert_eq!(undo.statuses, [(200, 299), (404, 404)]);
    assert_eq!(&*undo.request.target.name, "api");
    let poll = route.steps[2].poll.as_ref().expect("was written");
    assert_eq!((poll.every.as_secs(), poll.within.as_secs(), poll.otherwise_processing), (1, 30, false));
    assert_eq!(route.steps[2].expect.statuses, [(200, 299)]);
}

#[test]
fn parameters_are_required_unless_they_have_a_default_or_say_no() {
    let head = "params:
  a: {}
  b: { default: x }
  c: { required: false }
  d: { type: integer, default: 007, min: 1 }
  e: { enum: [no, 001], default: no }
  f: { pattern: 'a|b' }";
    let steps = "  - { id: store, request: PUT /f, target: api, body: file, query: { a: '${ params.a }', b: '${ params.b }', c: '${ params.c | default(omit) }', d: '${ params.d }', e: '${ params.e }', f: '${ params.f }' } }";
    let route = with_steps(head, steps);
    let required: Vec<_> = route.params.iter().map(|param| param.required).collect();
    assert_eq!(required, [true, false, false, false, false, true]);
    let default = |param: &Param| param.default.clone().unwrap_or_default();
    assert_eq!((default(&route.params[3]), default(&route.params[4])), (7.into(), "no".into()));
    let ParamKind::String { pattern: Some(pattern), .. } = &route.params[5].kind else {
        panic!("a pattern was written")
    };
    assert!(pattern.is_match("a") && !pattern.is_match("ab") && !pattern.is_match("a\n"), "the whole value");
}

#[test]
fn what_a_route_does_not_limit_is_limited_by_the_main_file() {
    struct Files(&'static str);
    impl Source for Files {
        fn read(&self, path: &str) -> Result<String, String> {
            Ok(match path {
                "main" => "routes: rule\nfair-use: { clients: 1000, route: { uploads: 9 }, client: { uploads: 5, bytes: 1MiB/s } }".to_owned(),
                _ => format!("route: r\npath: /r\n{}\ntargets: {{ api: {{ url: https://api.example.com }} }}\nsteps:\n{STORE}\n", self.0),
            })
        }

        fn glob(&self, _: &str, pattern: &str) -> Result<Vec<String>, String> {
            Ok(vec![pattern.to_owned()])
        }
    }
    let limits = |written: &'static str| {
        let checked =
            load("main", &Files(written), &Environment::default()).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(checked.config.clients.remembered, 1000);
        checked.config.routes[0].limits.clone()
    };
    let defaults = limits("");
    assert_eq!(
        (defaults.route.uploads, defaults.client.uploads, defaults.client.bytes_per_second),
        (Some(9), Some(5), Some(1 << 20))
    );
    // Each of the two stands for itself and as a whole.
    let own = limits("limits: { client: { requests: 100/min, quota: [ { bytes: 1GiB, per: 24h } ] } }");
    assert_eq!((own.route.uploads, own.client.uploads, own.client.bytes_per_second), (Some(9), None, None));
    let rate = own.client.requests.expect("it is limited");
    assert_eq!((rate.count, rate.per.as_secs(), rate.burst), (100, 60, 100));
    assert_eq!((own.client.quotas[0].bytes, own.client.quotas[0].per.as_secs()), (Some(1 << 30), 86_400));
    let lifted = limits("limits: { route: {}, client: {} }");
    assert!(lifted.route.is_unlimited() && lifted.client.is_unlimited());
}
