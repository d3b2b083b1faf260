//! Canaries: every kind of secret is planted, everything that can go wrong does, and nothing that leaves holds one of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Lines, Rig, Rules, client, content};
use http::Request;
use sandbox::peer::{Reply, ScriptedPeer, Then, When};
use serde_json::json;

use crate::forms::forms;

/// In the environment of the gateway.
const VARIABLES: [(&str, &str); 8] = [
    ("C_BEARER", "c4nary/bearer+key=01"),
    ("C_HEADER", "c4nary/header+key=02"),
    ("C_PASSWORD", "c4nary/pass:word=03"),
    ("C_QUERY", "c4nary/query&key=04"),
    ("C_KEY_ID", "C4NARYKEYID05"),
    ("C_AWS_SECRET", "c4nary/aws+secret=06"),
    ("C_AWS_TOKEN", "c4nary/aws+token=07"),
    ("C_STEP", "c4nary/step+header=08"),
];

/// In a file.
const FILED: &str = "c4nary/in+a+file=09";

/// In what the upstream hands out: a signed URL, a form and headers.
const URL_SIGNATURE: &str = "c4nary10urlsignature";
const FORM_SIGNATURE: &str = "c4nary11formsignature";
const FORM_TOKEN: &str = "c4nary/form+token=12";
const POLICY_VALUE: &str = "c4nary13policyvalue";
const HEADER_TOKEN: &str = "c4nary14headertoken";

/// In what clients send about themselves.
const OF_CLIENTS: [(&str, &str); 7] = [
    ("authorization", "Bearer c4nary/client+bearer=20"),
    ("proxy-authorization", "Basic c4nary/client+proxy=21"),
    ("x-api-key", "c4nary/client+key=22"),
    ("cookie", "session=c4nary/client+cookie=23"),
    ("x-amz-security-token", "c4nary/client+aws=24"),
    ("tracestate", "vendor=c4nary25clientstate"),
    ("baggage", "user=c4nary26clientbaggage"),
];

const RULE: &str = "
route: files
path: /files
params: { note: { required: false } }
targets:
  api:
    url: '{peer}'
    auth: { bearer: { env: C_BEARER } }
    headers: { X-Api-Key: { env: C_HEADER } }
  account: { url: '{peer}', auth: { basic: { username: me, password: { env: C_PASSWORD } } } }
  metered: { url: '{peer}', auth: { query: { name: api_key, value: { env: C_QUERY } } } }
  aws:
    url: '{peer}'
    auth:
      sigv4:
        service: connect
        region: us-east-1
        credentials:
          access-key-id: { env: C_KEY_ID }
          secret-access-key: { env: C_AWS_SECRET }
          session-token: { env: C_AWS_TOKEN }
  filed: { url: '{peer}', auth: { header: { name: X-Filed, value: { file: '{file}' } } } }
  storage: { allow: '{peer}' }
steps:
  - { id: login, request: GET /login, target: account }
  - { id: meter, request: GET /meter, target: metered }
  - { id: sign, request: GET /sign, target: aws }
  - { id: look, request: GET /look, target: filed }
  - id: ticket
    request: POST /ticket
    target: api
    headers: { X-Step: { env: C_STEP } }
    json: { name: '${ file.name }' }
    expect: 201
    undo: { request: 'DELETE /ticket/7' }
  - id: store
    request: POST ${ ticket.json.url }
    target: storage
    headers: [ { fields: '${ ticket.json.headers }' } ]
    form: [ { fields: '${ ticket.json.fields }' }, { file: file } ]
    expect: 200
  - id: complete
    request: POST /complete
    target: api
    body: none
    expect: 200
    check: ${ complete.json.size == file.size }
result: { id: '${ ticket.json.id }' }
";

/// The steps in order, by the path that each asks for.
const STEPS: [&str; 7] = ["/login", "/meter", "/sign", "/look", "/ticket", "/store", "/complete"];

/// Ends with the test.
pub(crate) struct Listening {
    _first: tracing::subscriber::DefaultGuard,
    _second: tracing::Dispatch,
}

/// Everything that the gateway and its libraries log on this thread, with what `filter` adds.
pub(crate) fn listen(filter: &str) -> (Lines, Listening) {
    let lines = Lines::default();
    let subscriber =
        tracing_subscriber::fmt().json().with_env_filter(format!("trace{filter}")).with_writer(lines.clone()).finish();
    // With one subscriber alone, tracing lets whichever thread comes first decide for all whether a line is wanted.
    let second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    (lines, Listening { _first: tracing::subscriber::set_default(subscriber), _second: second })
}

struct Scene {
    rig: Rig,
    peer: ScriptedPeer,
    /// All that left the gateway towards clients and operators.
    told: String,
    _file: tempfile::NamedTempFile,
}

impl Scene {
    async fn set() -> Self {
        let peer = ScriptedPeer::start([]).await.expect("the peer starts");
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), FILED).expect("written");
        let rule = RULE.replace("{peer}", &peer.origin()).replace("{file}", file.path().to_str().expect("a path"));
        let rules = VARIABLES.iter().fold(Rules::default(), |rules, (name, value)| rules.variable(name, value));
        Self { rig: rules.route(&rule).start(), peer, told: String::new(), _file: file }
    }

    /// What the upstream hands out, for this storage URL.
    fn ticket(&self, origin: &str) -> Reply {
        let fields = json!({
            "x-note": "a", "acl": POLICY_VALUE, "policy": policy(),
            "x-amz-signature": FORM_SIGNATURE, "x-amz-security-token": FORM_TOKEN,
        });
        let url = format!("{origin}/store?X-Amz-Signature={URL_SIGNATURE}&X-Amz-Expires=60");
        let headers = json!({ "X-Upload-Token": HEADER_TOKEN });
        Reply::json(201, &json!({ "id": 7, "url": url, "fields": fields, "headers": headers })).at("/ticket")
    }

    /// The replies of a good upload, up to one of the steps, then this one.
    fn script(&self, step: &str, reply: Reply) {
        for path in STEPS.iter().take_while(|path| **path != step) {
            self.peer.push(match *path {
                "/ticket" => self.ticket(&self.peer.origin()),
                path => Reply::json(200, &json!({ "size": 3000 })).at(path),
            });
        }
        self.peer.push(reply.at(step));
        self.peer.push(Reply::empty(204).at("/ticket/7"));
    }

    async fn upload(&mut self) -> Answer {
        self.send(Request::put("/files/a.bin"), content::bytes(3000)).await
    }

    async fn send(&mut self, request: http::request::Builder, body: Vec<u8>) -> Answer {
        let request = request.body(body).expect("a request");
        let answer = client::http1(self.rig.address(), request).await.expect("an answer");
        self.hear(&answer);
        answer
    }

    fn hear(&mut self, answer: &Answer) {
        let text = format!("{:?}\n{}\n", answer.headers, String::from_utf8_lossy(&answer.body));
        self.told.push_str(&text);
    }

    async fn visit_admin(&mut self) {
        for path in ["/", "/uploads", "/routes", "/metrics", "/healthz", "/readyz", "/openapi.json", "/nowhere"] {
            for accept in ["text/html", "application/json", "application/openmetrics-text"] {
                let request = Request::get(path).header("accept", accept).body(Vec::new()).expect("a request");
                let answer = client::http1(self.rig.admin(), request).await.expect("an answer");
                self.hear(&answer);
            }
        }
    }
}

/// A POST policy with a canary in it.
fn policy() -> String {
    let policy = json!({ "expiration": "2099-01-01T00:00:00Z", "conditions": [
        ["starts-with", "$x-note", ""], ["starts-with", "$x-amz-security-token", ""], { "acl": POLICY_VALUE },
    ] });
    STANDARD.encode(policy.to_string())
}

/// Everything that must not leave.
fn planted() -> Vec<String> {
    let basic = STANDARD.encode(format!("me:{}", VARIABLES[2].1));
    let of_clients =
        OF_CLIENTS.iter().map(|(_, value)| value.split_at(value.find("c4nary").expect("a canary")).1.to_owned());
    let learned = [FILED, URL_SIGNATURE, FORM_SIGNATURE, FORM_TOKEN, POLICY_VALUE, HEADER_TOKEN].map(str::to_owned);
    VARIABLES.iter().map(|(_, value)| (*value).to_owned()).chain(learned).chain([basic]).chain(of_clients).collect()
}

/// Fails if one of the secrets is in one of the texts, in any form.
fn search(secrets: &[String], texts: &[(&str, &str)]) {
    for secret in secrets {
        for form in forms(secret) {
            assert!(form.len() >= 8, "{form:?} is too short to be searched for");
            for (place, text) in texts {
                let found = text.lines().find(|line| line.contains(&form));
                assert_eq!(found, None, "{secret:?} is in the {place} as {form:?}");
            }
        }
    }
}

/// What an upstream says that repeats a secret, in as many ways as texts reach people.
fn echoes(said: &str) -> Vec<Reply> {
    let xml = said.replace('&', "&amp;").replace('<', "&lt;");
    let xml = format!("<?xml version=\"1.0\"?><Error><Code>{xml}</Code><Message>no {xml} here</Message></Error>");
    let html = format!("<html>{said}</html>");
    let torn: String = said.chars().flat_map(|c| ['\u{200b}', c]).collect();
    let cut = format!("{} {said}", "x".repeat(299 - said.len() / 2));
    vec![
        Reply::json(400, &json!({ "message": format!("invalid key {said}") })),
        Reply::json(401, &json!({ "error": { "code": said, "message": said } })),
        Reply { body: xml.into(), ..Reply::empty(403).with("Content-Type", "application/xml") },
        Reply { body: html.into(), ..Reply::empty(404).with("Content-Type", "text/html") },
        Reply::json(422, &json!({ "errors": { (said): [said] } })),
        Reply::json(409, &json!({ "violations": [{ "propertyPath": said, "message": said }] })),
        Reply::json(400, &json!({ "message": torn })),
        Reply::json(400, &json!({ "message": cut })),
        Reply::json(400, &json!({ "message": format!("see https://h.example/{said}?k={said}#{said}") })),
        Reply::empty(302).with("Location", &format!("https://elsewhere.example/?key={said}")),
        Reply::empty(400).with("X-Debug", said).with("WWW-Authenticate", said).with("x-amzn-errortype", said),
        Reply::json(200, &json!({ "unexpected": said, "size": said })),
        Reply::json(201, &json!({ "id": said.len(), "url": { "oops": said }, "fields": said, "headers": [said] })),
        Reply::json(
            201,
            &json!({ "id": 7, "url": format!("https://{said}@h.example/{said}?{said}"), "fields": {}, "headers": {} }),
        ),
        Reply::json(
            201,
            &json!({ "id": 7, "url": format!("https://h.example/{said}?{said}"), "fields": {}, "headers": {} }),
        ),
        Reply::empty(200).with("Content-Length", said).then(Then::Close),
        Reply::empty(200).with("Transfer-Encoding", said).then(Then::Close),
    ]
}

#[tokio::test]
async fn no_canary_leaves_whatever_an_upstream_repeats() {
    let (log, _listening) = listen("");
    let mut scene = Scene::set().await;
    let secrets = planted();
    scene.script("/complete", Reply::json(200, &json!({ "size": 3000 })));
    assert_eq!(scene.upload().await.status, 201, "{}", scene.told);
    // They were really used: a search for what was never there would prove nothing.
    let received = format!("{:?}", scene.peer.requests());
    let basic = secrets.iter().find(|secret| secret.starts_with("bWU6")).expect("the pair").clone();
    let used = [VARIABLES[0].1, VARIABLES[1].1, VARIABLES[4].1, VARIABLES[6].1, VARIABLES[7].1, FILED, &basic];
    for secret in used.into_iter().chain([URL_SIGNATURE, FORM_SIGNATURE, FORM_TOKEN, POLICY_VALUE, HEADER_TOKEN]) {
        assert!(received.contains(secret), "{secret} was not used: {received}");
    }
    // What an upstream was sent, or handed out, comes back by it.
    let mut ends = 0;
    let repeated = secrets.iter().filter(|secret| !secret.contains("client"));
    for (number, secret) in repeated.enumerate() {
        // Of a policy, the document is the secret, and not each word that is in it.
        let secret = if secret == POLICY_VALUE { &policy() } else { secret };
        let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
        for (index, said) in [secret.clone(), percent, STANDARD.encode(secret)].iter().enumerate() {
            // Plain in every way; the other forms in texts of JSON, which reach people as they are.
            let ways = if index == 0 { usize::MAX } else { 2 };
            for (way, reply) in echoes(said).into_iter().enumerate().take(ways) {
                // What storage handed out is repeated by storage and later; over all of them, each step has each way.
                let from =
                    if secret.contains("c4nary1") || secret == FORM_TOKEN || *secret == policy() { 5 } else { 0 };
                let step = STEPS[from + (number + index + way) % (STEPS.len() - from)];
                scene.script(step, reply);
                let answer = scene.upload().await;
                assert!(answer.status >= 400 || (200..300).contains(&answer.status), "{answer:?}");
                ends += 1;
            }
        }
    }
    scene.visit_admin().await;
    let log = log.text();
    assert!(log.contains("\"target\":\"hyper") && log.contains("\"level\":\"TRACE\""), "libraries are searched too");
    assert_eq!(log.matches("upload ended").count(), ends + 1);
    assert!(ends >= 300, "{ends}");
    search(&secrets, &[("answers and admin pages", &scene.told), ("log", &log)]);
}

#[tokio::test]
async fn no_canary_leaves_however_an_upload_breaks() {
    let (log, _listening) = listen("");
    let mut scene = Scene::set().await;
    for step in STEPS {
        let failures = [
            Reply::none(When::Head, Then::Reset),
            Reply::none(When::BodyComplete, Then::Close),
            Reply::empty(500),
            Reply::empty(429).with("Retry-After", "600"),
            Reply::json(200, &json!({})).with("Content-Encoding", "gzip"),
            Reply { body: vec![b'a'; (1 << 20) + 1].into(), ..Reply::empty(200) },
            Reply::empty(101),
            Reply::empty(200).with("Bad Name", "x"),
        ];
        for reply in failures {
            // Asked again, an idempotent step meets the same.
            scene.script(step, reply.clone());
            scene.peer.push(reply.clone().at(step));
            scene.peer.push(reply.at(step));
            scene.upload().await;
        }
    }
    // Clients that break their own uploads, with their credentials in everything.
    let with_credentials = |request: http::request::Builder| {
        OF_CLIENTS.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let secret = "c4nary/client+query=30";
    let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    for target in [
        "/files/a.bin".to_owned(),
        format!("/files/a.bin?api_key={encoded}"),
        format!("/files/a.bin?note={encoded}&note={encoded}"),
        format!("/files/a.bin?note=%zz{encoded}"),
        format!("/nowhere?token={encoded}"),
        format!("/files/a.bin?note={encoded}"),
    ] {
        for (name, value) in
            [("x-plain", "1"), ("repr-digest", "sha-256=:AAAA:"), ("upload-length", "5"), ("content-md5", "x")]
        {
            scene.script("/complete", Reply::json(200, &json!({ "size": 3000 })));
            scene.send(with_credentials(Request::put(&target)).header(name, value), content::bytes(3000)).await;
        }
        for method in ["GET", "DELETE"] {
            scene.send(with_credentials(Request::builder().method(method).uri(&target)), Vec::new()).await;
        }
    }
    scene.visit_admin().await;
    let mut secrets = planted();
    secrets.push(secret.to_owned());
    let received: Vec<_> = scene.peer.requests().into_iter().map(|request| format!("{:?}", request.headers)).collect();
    let of_clients: Vec<_> = secrets.iter().filter(|secret| secret.contains("client")).cloned().collect();
    search(&of_clients, &[("requests to upstreams", &received.join("\n"))]);
    search(&secrets, &[("answers and admin pages", &scene.told), ("log", &log.text())]);
}

/// Over HTTP/2, where h2 itself logs frames: it is one of the crates that the command keeps quiet.
#[tokio::test]
async fn no_canary_of_a_client_is_logged_over_http2() {
    let (log, _listening) = listen(",h2=warn");
    let mut scene = Scene::set().await;
    for path in ["/files/a.bin", "/nowhere"] {
        scene.script("/complete", Reply::json(200, &json!({ "size": 3000 })));
        let request = OF_CLIENTS
            .iter()
            .fold(Request::put(path), |request, (name, value)| request.header(*name, *value))
            .body(content::bytes(3000))
            .expect("a request");
        let answer = client::http2(scene.rig.address(), request).await.expect("an answer");
        scene.hear(&answer);
    }
    assert!(log.text().contains("upload ended"));
    search(&planted(), &[("answers", &scene.told), ("log", &log.text())]);
}

/// Whoever prints a value of ours while debugging prints no secret.
#[tokio::test]
async fn no_canary_is_in_the_debug_form_of_what_holds_it() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), FILED).expect("written");
    let rule = RULE.replace("{peer}", "http://127.0.0.1:9").replace("{file}", file.path().to_str().expect("a path"));
    let rules =
        VARIABLES.iter().fold(Rules::default(), |rules, (name, value)| rules.variable(name, value)).route(&rule);
    let checked = rules.check();
    let lookup = |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let (secrets, missing) = gateway::secrets::Secrets::read(&checked.config, &lookup);
    let target = &checked.config.routes[0].targets[0];
    let Some(rules::config::Auth::Bearer(reference)) = &target.auth else { panic!("{target:?}") };
    let value = secrets.get(reference).expect("a value");
    let url = rules::url::Url::parse(&format!("https://h.example/a?X-Amz-Signature={URL_SIGNATURE}")).expect("a URL");
    let texts = format!("{secrets:#?} {missing:?} {value} {value:?} {:#?} {url} {url:?}", checked.config);
    let texts = format!("{texts} {} {:?}", checked.warnings, rules.try_check().is_ok());
    search(&planted(), &[("debug forms", &texts)]);
}

/// Text of an upstream reaches people's terminals: nothing in it may move the cursor, forge a line or turn words around.
#[tokio::test]
async fn no_control_or_bidirectional_character_of_an_upstream_s_text_gets_through() {
    let (log, _listening) = listen("");
    let mut scene = Scene::set().await;
    let evil = "a\u{202e}b\u{2066}c\u{200f}d\u{1b}[2Je\r\nf\u{85}g\u{2028}h\u{feff}i\u{9b}j\u{e0041}k";
    let fields = json!({ (evil): "x", "policy": STANDARD.encode(json!({ "conditions": [["starts-with", "$k", ""]] }).to_string()) });
    let ticket = json!({ "id": 7, "url": format!("{}/store", scene.peer.origin()), "fields": fields, "headers": {} });
    for (step, reply) in [
        ("/ticket", Reply::json(400, &json!({ "code": evil, "message": evil, "errors": { (evil): [evil] } }))),
        ("/store", Reply::json(422, &json!({ "violations": [{ "propertyPath": evil, "message": evil }] }))),
        ("/ticket", Reply::json(201, &ticket)),
        ("/ticket", Reply::json(201, &json!({ "id": 7, "url": evil, "fields": {}, "headers": {} }))),
        (
            "/ticket",
            Reply::json(
                201,
                &json!({ "id": 7, "url": format!("{}/store", scene.peer.origin()), "fields": {}, "headers": { (evil): evil } }),
            ),
        ),
    ] {
        scene.script(step, reply);
        let answer = scene.upload().await;
        assert!(answer.status >= 400, "{answer:?}");
        let shown = answer.json().to_string();
        for (place, text) in [("answer", shown.as_str()), ("log", &log.text())] {
            for c in evil.chars().filter(|c| !c.is_ascii_alphanumeric() && !matches!(c, '[' | '\n')) {
                let escaped = format!("\\u{:04x}", u32::from(c));
                assert!(!text.contains(c) && !text.contains(&escaped), "{c:?} of {step} is in the {place}: {shown}");
            }
        }
    }
}
