//! Planted secrets are searched for in answers, in metrics and in the most talkative log.

use harness::{Rules, client, content};
use http::Request;
use sandbox::peer::{Reply, ScriptedPeer, Then, When};
use sandbox::{Fault, FaultKind, Options, Sandbox, Step, System};
use serde_json::json;

use crate::support::{Stage, listen};

/// Fails if one of the secrets is in one of the texts.
fn search(secrets: &[(&str, String)], texts: &[(&str, String)]) {
    for (place, text) in texts {
        for (what, secret) in secrets {
            assert!(secret.len() >= 8, "{what} is too short to be searched for: {secret:?}");
            let found = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(found, None, "{what} is in the {place}");
        }
    }
}

const SECRETIVE: &str = "
route: files
path: /files
targets:
  api:
    url: '{peer}'
    auth: { bearer: { env: API_TOKEN } }
    headers: { X-Api-Key: { env: API_KEY } }
  account:
    url: '{peer}'
    auth: { basic: { username: me, password: { env: API_PASSWORD } } }
  metered:
    url: '{peer}'
    auth: { query: { name: api_key, value: { env: QUERY_KEY } } }
  storage: { allow: '{peer}' }
steps:
  - id: login
    request: GET /login
    target: account
  - id: meter
    request: GET /meter
    target: metered
  - id: ticket
    request: POST /tickets
    target: api
    json: { name: '${ file.name }' }
    expect: 201
    undo: { request: 'DELETE /tickets/7' }
  - id: store
    request: POST ${ ticket.json.url }
    target: storage
    form:
      - fields: ${ ticket.json.fields }
      - file: file
result: { id: '${ ticket.json.id }' }
";

/// Planted in the environment and in the answers of the upstream.
const PLANTED: [(&str, &str); 8] = [
    ("API_TOKEN", "planted-bearer-token-1f0a"),
    ("API_KEY", "planted-header-key-2e1b"),
    ("API_PASSWORD", "planted-password-3d2c"),
    ("QUERY_KEY", "planted-query-key-4c3d"),
    ("signature of a URL", "planted0signature5b4e"),
    ("signature of a form", "planted0form0signature6a5f"),
    ("session token", "planted0session0token7960"),
    ("echoed token", "planted-echoed-token-8871"),
];

#[tokio::test]
async fn no_planted_secret_leaves_by_an_answer_a_log_or_a_metric() {
    let (log, _listening) = listen();
    let rules = PLANTED.iter().take(4).fold(Rules::default(), |rules, (name, value)| rules.variable(name, value));
    let stage = Stage::with(rules, SECRETIVE, []).await;
    let ticket = |url: String| {
        let fields = json!({ "key": "a", "X-Amz-Signature": PLANTED[5].1, "X-Amz-Security-Token": PLANTED[6].1 });
        Reply::json(201, &json!({ "id": 7, "url": url, "fields": fields })).at("/tickets")
    };
    let signed = |origin: &str| format!("{origin}/store?X-Amz-Signature={}&X-Amz-Expires=60", PLANTED[4].1);
    let echo = format!(
        "invalid: Authorization: Bearer {} and X-Amz-Security-Token={} at {}",
        PLANTED[7].1,
        PLANTED[6].1,
        signed("https://bucket.s3.amazonaws.com")
    );
    let ends = [
        (ticket(signed(&stage.peer.origin())), Reply::empty(200), 201),
        (ticket(signed(&stage.peer.origin())), Reply::json(403, &json!({ "message": echo })), 502),
        (ticket(signed(&stage.peer.origin())), Reply::none(When::BodyComplete, Then::Reset), 502),
        (ticket(signed(&stage.peer.origin())), Reply::empty(302).with("Location", &signed("http://elsewhere")), 502),
        (ticket(signed(&stage.peer.origin())), Reply::json(422, &json!({ "errors": { "file": [echo] } })), 422),
        (ticket(signed("http://127.0.0.1:1")), Reply::empty(200), 502),
        (Reply::json(500, &json!({ "message": echo })).at("/tickets"), Reply::empty(200), 502),
        (
            Reply::json(201, &json!({ "id": 7, "url": { "oops": PLANTED[4].1 }, "fields": {} })).at("/tickets"),
            Reply::empty(200),
            502,
        ),
    ];
    let mut answers = String::new();
    for (prepare, store, status) in ends {
        for reply in [Reply::empty(200).at("/login"), Reply::empty(200).at("/meter"), prepare, store.at("/store")] {
            stage.peer.push(reply);
        }
        for _ in 0..3 {
            stage.peer.push(Reply::empty(204).at("/tickets/7"));
        }
        let answer = stage.send(crate::support::put("a.png"), content::bytes(3000)).await;
        assert_eq!(answer.status, status, "{answer:?}");
        answers.push_str(&format!("{:?}\n{}\n", answer.headers, String::from_utf8_lossy(&answer.body)));
    }
    for path in ["/status", "/uploads", "/routes", "/openapi.json"] {
        answers.push_str(&String::from_utf8_lossy(&stage.admin(path).await.body));
    }
    // The upstream got them: a search for what was never there would prove nothing.
    let received = format!("{:?}", stage.peer.requests());
    for planted in [PLANTED[0].1, PLANTED[1].1, PLANTED[3].1, PLANTED[4].1] {
        assert!(received.contains(planted), "{planted} was not used");
    }
    let secrets: Vec<_> = PLANTED.iter().map(|(what, secret)| (*what, (*secret).to_owned())).collect();
    let log = log.text();
    assert!(log.contains("\"target\":\"hyper"), "the libraries' own words are searched too");
    assert!(log.contains("\"level\":\"TRACE\"") && log.matches("upload ended").count() == 8, "{log}");
    search(&secrets, &[("answers", answers), ("metrics", stage.scrape().await), ("log", log)]);
}

#[tokio::test]
async fn no_credential_of_a_shipped_system_leaves() {
    let (log, _listening) = listen();
    let token = "planted-session-token-of-aws".to_owned();
    let options = Options { session_token: Some(token.clone()), ..Options::default() };
    let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
    let rig = Rules::shipped(&sandbox).start();
    let paths = [
        (System::Kustomer, "/kustomer/media/a.png"),
        (System::Flowkiwi, "/flowkiwi/media/a.png"),
        (System::KlinkCx, "/klinkcx/file/a.png"),
        (System::TeamworkDesk, "/teamwork/desk/file/a.png"),
        (
            System::AmazonConnect,
            "/amazon/connect/file/a.png?associated_resource_arn=arn%3Aaws%3Acases%3Aus-east-1%3A123456789012%3Adomain%2Fd1%2Fcase%2Fc1",
        ),
    ];
    let (mut answers, mut exchanges) = (String::new(), Vec::new());
    for (system, path) in paths {
        for fault in
            [None, Some(FaultKind::Fail { status: 403, retry_after: None }), Some(FaultKind::Reset { after: 0 })]
        {
            let fails = fault.is_some();
            sandbox.clear();
            fault.into_iter().for_each(|kind| sandbox.script(Fault::once(system, Step::Store, kind).always()));
            let request =
                Request::put(path).header("content-type", "image/png").body(content::bytes(70)).expect("a request");
            let answer = client::http1(rig.address(), request).await.expect("an answer");
            exchanges.extend(sandbox.journal());
            assert_eq!(answer.status >= 400, fails, "{path}: {answer:?}");
            answers.push_str(&format!("{:?}\n{}\n", answer.headers, String::from_utf8_lossy(&answer.body)));
        }
    }
    let secret_names =
        ["KUSTOMER_API_KEY", "FLOWKIWI_TOKEN", "KLINKCX_TOKEN", "TEAMWORK_DESK_API_KEY", "AWS_SECRET_ACCESS_KEY"];
    let mut secrets: Vec<(&str, String)> = vec![("session token", token)];
    let environment = sandbox.environment();
    for name in secret_names {
        let value = environment.iter().find(|(known, _)| known == name).expect("the sandbox names it").1.clone();
        secrets.push((name, value));
    }
    // Every signature and policy that was handed out or made, as the upstreams saw them.
    for exchange in exchanges {
        let body = String::from_utf8_lossy(exchange.body.as_deref().unwrap_or_default()).into_owned();
        for field in ["name=\"X-Amz-Signature\"", "name=\"Policy\"", "name=\"policy\"", "name=\"x-amz-signature\""] {
            let value = body.split_once(field).and_then(|(_, rest)| rest.trim_start().lines().next());
            secrets.extend(value.map(|value| ("a form's signature or policy", value.to_owned())));
        }
        let authorization = exchange.header("authorization").unwrap_or_default().to_owned();
        let parameters = exchange.target.split(['?', '&']).map(str::to_owned);
        for text in parameters.chain(authorization.split([',', ' ']).map(str::to_owned)) {
            if let Some((name, value)) = text.split_once('=')
                && ["Signature", "X-Amz-Signature", "X-Amz-Security-Token", "X-Amz-Credential"].contains(&name)
                && value.len() >= 8
            {
                secrets.push(("a signature", value.to_owned()));
            }
        }
    }
    for expected in ["a signature", "a form's signature or policy"] {
        assert!(secrets.iter().any(|(what, _)| *what == expected), "the journal shows no {expected}");
    }
    let request = Request::get("/metrics").body(Vec::new()).expect("a request");
    let scrape = client::http1(rig.admin(), request).await.expect("an answer");
    let metrics = String::from_utf8_lossy(&scrape.body).into_owned();
    search(&secrets, &[("answers", answers), ("metrics", metrics), ("log", log.text())]);
}

/// What a client sends about itself is not the log's business either.
#[tokio::test]
async fn a_clients_own_credentials_are_not_logged() {
    let (log, _listening) = listen();
    let peer = ScriptedPeer::start([Reply::json(201, &json!({ "id": 1 }))]).await.expect("the peer starts");
    let rig = Rules::default().route(&crate::support::PLAIN.replace("{peer}", &peer.origin())).start();
    let request = Request::put("/files/a.png")
        .header("authorization", "Bearer planted-client-token-9782")
        .header("cookie", "session=planted-client-cookie-a693")
        .body(b"x".to_vec())
        .expect("a request");
    let answer = client::http1(rig.address(), request).await.expect("an answer");
    assert_eq!(answer.status, 201);
    let planted = ["planted-client-token-9782", "planted-client-cookie-a693"]
        .map(|secret| ("a client's secret", secret.to_owned()));
    search(&planted, &[("log", log.text()), ("upstream", format!("{:?}", peer.requests()))]);
}
