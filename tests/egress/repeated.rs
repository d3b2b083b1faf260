//! Secrets that an upstream repeats as no list of spellings foresees, and that patterns for unknown credentials take only a part of.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use harness::{Rig, Rules, client, content};
use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sandbox::peer::{Reply, ScriptedPeer};
use serde_json::{Value, json};

use crate::canaries::listen;

/// The operator's. Of each, a pattern or the cutting of codes takes a part away.
const OWN: [&str; 6] = [
    "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIj-Q7tailTAIL1234567-zz99yyXX",
    "xoxb-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG:9876-TAILtail",
    "P4ssw0rd!with$specials",
    "abcDEF12&ghi;jkl,MNO345",
    "CANARY-up+t0ken/xyz=9876",
    "aaaaaaaaaa#bbbbbbbbbbbbbbb",
];

/// Handed out by the upstream for this upload.
const LEARNED: &str = "LEARNED-up+s1gn/zyx&=5432!tail-TAIL";

/// What stands before and after a secret in a text.
const SENTENCES: [&str; 8] = [
    "KEY",
    "bad token KEY",
    "Bearer KEY",
    "token KEY",
    "password=KEY",
    "api_key: 'KEY' is unknown",
    "see https://KEY@h.example/KEY?k=KEY#KEY",
    "com.example#KEY:http://h.example/KEY",
];

/// A rule that shows a part of a text alone.
const CUTTING: &str = "\"${ (json.cut | split('-'))[2] }\", \"${ json.cut | regex('(.{12})$') }\"";

/// Characters in a row that would be enough of a secret to recognize it by.
const TELLING: usize = 8;

fn rule(peer: &str) -> String {
    let headers: Vec<_> = (0..OWN.len()).map(|number| format!("X-Key-{number}: {{ env: UP_{number} }}")).collect();
    format!(
        "
route: files
path: /files
targets: {{ api: {{ url: '{peer}', auth: {{ bearer: {{ env: UP_0 }} }}, headers: {{ {} }}, errors: {{ detail: [ {CUTTING} ] }} }} }}
steps:
  - {{ id: ask, request: GET /ask, target: api }}
  - {{ id: put, request: PUT /put, target: api, headers: {{ X-Signature: '${{ ask.json.signature }}' }}, body: file, expect: 2xx }}
result: {{ id: a }}
",
        headers.join(", ")
    )
}

/// The ways in which texts were seen to repeat a value, and some that nobody would list.
fn spellings(secret: &str) -> Vec<String> {
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let each = |spell: &dyn Fn(u8) -> String| secret.bytes().map(spell).collect::<String>();
    let json = Value::from(secret).to_string().trim_matches('"').to_owned();
    vec![
        secret.to_owned(),
        percent.clone(),
        lower_hex(&percent),
        percent.replace("%2F", "/").replace("%2D", "-"),
        lower_hex(&percent.replace("%2F", "/")),
        percent.replace('%', "%25"),
        json.replace('/', "\\/"),
        json.replacen(secret.split_at(1).0, &format!("\\u{:04x}", secret.as_bytes()[0]), 1),
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| format!("\\u{byte:04X}")),
        each(&|byte| format!("&#{byte};")),
        each(&|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("&#x{byte:x};") }),
        each(&|byte| format!("{byte:02x}")),
        secret.to_lowercase(),
        secret.to_uppercase(),
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(format!("a{secret}")),
        URL_SAFE.encode(format!("me{secret}!")),
        STANDARD.encode(format!("key:{secret}")),
    ]
}

/// The digits of the escapes alone, as Python and browsers differ in them.
fn lower_hex(percent: &str) -> String {
    let mut parts = percent.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at(2);
        format!("{text}%{}{rest}", digits.to_lowercase())
    })
}

/// As messages, codes, complaints and details; the last ones are also a part of the log's line.
fn replies(said: &str) -> Vec<Reply> {
    let error = json!({ "error": { "code": said, "message": said } });
    let complaints = json!({ "violations": [{ "propertyPath": said, "message": said }], "code": said, "detail": said });
    vec![
        Reply::json(400, &error),
        Reply::json(401, &json!({ "code": 7, "detail": said, "errors": { (said): [said] } })),
        Reply::json(422, &complaints),
        Reply::empty(400).with("x-amzn-errortype", said),
        Reply::json(400, &json!({ "cut": said })),
    ]
}

/// Every text of a document: the bytes of JSON would hide what is escaped in it.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            found.push(name.clone());
            texts(member, found);
        }),
        _ => {}
    }
}

/// The texts that hold a telling part of what was said.
fn leaks(said: &str, place: &str, document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    texts(document, &mut found);
    let chars: Vec<char> = said.chars().collect();
    let parts: Vec<String> = chars.windows(TELLING).map(|part| part.iter().collect()).collect();
    found.retain(|text| parts.iter().any(|part| text.contains(part)));
    found.iter().map(|text| format!("{place}: {text:?} for {said:?}")).collect()
}

#[tokio::test]
async fn no_part_of_a_secret_leaves_however_it_is_spelled_and_whatever_stands_before_it() {
    let (log, _listening) = listen(",hyper=off,hyper_util=off");
    let peer = ScriptedPeer::start([]).await.expect("the peer starts");
    let rig = start(&peer);
    let mut found = Vec::new();
    let mut all_spelled = Vec::new();
    for secret in OWN.into_iter().chain([LEARNED]) {
        for (number, spelled) in spellings(secret).iter().enumerate() {
            // As it is in every sentence; the other spellings in two of them, in turns.
            let turns = if number == 0 { 0..SENTENCES.len() } else { number..number + 2 };
            for sentence in turns.map(|turn| SENTENCES[turn % SENTENCES.len()]) {
                let said = sentence.replace("KEY", spelled);
                for reply in replies(&said) {
                    peer.push(Reply::json(200, &json!({ "signature": LEARNED })).at("/ask"));
                    peer.push(reply.at("/put"));
                    let request = Request::put("/files/a.bin").body(content::bytes(300)).expect("a request");
                    let answer = client::http1(rig.address(), request).await.expect("an answer");
                    assert!(answer.status >= 400, "{answer:?}");
                    found.extend(leaks(spelled, "answer", &answer.json()));
                    all_spelled.push(spelled.clone());
                }
            }
        }
    }
    let received = format!("{:?}", peer.requests());
    assert!(OWN.iter().chain([&LEARNED]).all(|secret| received.contains(secret)), "they were sent");
    let log = log.text();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("upload ended")).collect();
    assert!(lines.len() == all_spelled.len() && lines.len() > 1000, "{}", lines.len());
    for (spelled, line) in all_spelled.iter().zip(lines) {
        found.extend(leaks(spelled, "log", &serde_json::from_str(line).expect("JSON")));
    }
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
}

/// A gateway with all of [`OWN`] before a peer.
fn start(peer: &ScriptedPeer) -> Rig {
    let variables = OWN.iter().enumerate();
    let rules =
        variables.fold(Rules::default(), |rules, (number, value)| rules.variable(&format!("UP_{number}"), value));
    rules.route(&rule(&peer.origin())).start()
}

/// What people need to read of a text stays.
#[tokio::test]
async fn the_words_around_a_secret_stay() {
    let peer = ScriptedPeer::start([]).await.expect("the peer starts");
    let rig = start(&peer);
    for (spelled, shown) in [(OWN[4], "***"), ("CANARY-up%2bt0ken%2fxyz%3d9876", "***"), ("another", "another")] {
        peer.push(Reply::json(200, &json!({ "signature": LEARNED })).at("/ask"));
        let message = format!("The key “{spelled}” has no right to write in folder 7.");
        peer.push(Reply::json(400, &json!({ "code": "NoRight", "message": message })).at("/put"));
        let request = Request::put("/files/a.bin").body(content::bytes(300)).expect("a request");
        let answer = client::http1(rig.address(), request).await.expect("an answer").json();
        let expected = format!("The key “{shown}” has no right to write in folder 7.");
        assert_eq!(
            (&answer["upstream"]["code"], &answer["upstream"]["message"]),
            (&"NoRight".into(), &expected.into())
        );
    }
}
