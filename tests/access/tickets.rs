//! Upload tickets: minted, used, and abused in every way that their URL invites.

use bytes::Bytes;
use harness::client::{self, Http2Upload};
use harness::{Answer, RawConnection, Rules};
use http::{Request, Version};
use sandbox::peer::{Reply, Then, When};
use serde_json::{Value, json};

use crate::stage::{KEY, Stage, route, teams, verdict};

/// Two secrets, each long enough.
const SECRETS: [(&str, &str); 2] =
    [("NEW_KEY", "a new secret for tickets, 0123456789"), ("OLD_KEY", "an old secret for tickets, 987654321")];

const LINKS: &str = "links: { tickets: { keys: [ { id: new, secret: { env: NEW_KEY } }, { id: old, secret: { env: OLD_KEY } } ], mint: teams, max-lifetime: 1h } }";

const ACCESS: &str = "{ any-of: [teams, links], that: '${ client.claims.tenant == path.tenant }' }";

fn rules() -> Rules {
    SECRETS.iter().fold(Rules::default(), |rules, (name, value)| rules.variable(name, value))
}

async fn stage() -> Stage {
    Stage::with(rules(), ACCESS, &[&teams(), LINKS]).await
}

/// Asks for a ticket with a true key. `more` binds more than the place.
async fn minted(stage: &Stage, more: Value) -> Value {
    let mut asked = json!({ "route": "files", "path": { "tenant": "acme" } });
    for (name, value) in more.as_object().into_iter().flatten() {
        asked[name] = value.clone();
    }
    let answer = stage.ask(&asked, &[("x-api-key", KEY)]).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

/// The target of a ticket's use with a name in the path.
fn target(ticket: &Value, name: &str) -> String {
    format!("/t/acme/files/{name}?ticket={}", text(ticket, "ticket"))
}

#[tokio::test]
async fn a_ticket_uploads_by_its_url_alone_in_the_minters_name() {
    let stage = stage().await;
    let answer = stage.ask(&json!({ "route": "files", "path": { "tenant": "acme" }, "name": "red pixel.png", "types": ["image/*"], "max_size": 1000, "expires_in": 60 }), &[("x-api-key", KEY)]).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")), "{answer:?}");
    let ticket = answer.json();
    let url = format!("/t/acme/files/red%20pixel.png?ticket={}", text(&ticket, "ticket"));
    assert_eq!((text(&ticket, "url"), text(&ticket, "method")), (url.as_str(), "PUT"));
    assert_eq!(
        (&ticket["uses"], &ticket["max_size"], &ticket["types"]),
        (&json!(1), &json!(1000), &json!(["image/*"]))
    );
    assert!(text(&ticket, "expires_at").ends_with('Z'), "{ticket}");
    let (answer, recorded) = stage.store(&url, &[("content-type", "image/png")]).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let recorded = recorded.expect("the upstream was asked");
    let told = ["X-Via", "X-By", "X-Tenant", "X-Name"].map(|name| recorded.header(name).unwrap_or("?").to_owned());
    assert_eq!(told, ["links", "web", "acme", "red pixel.png"]);
    assert!(!format!("{recorded:?}").contains(text(&ticket, "ticket")), "the ticket stays here");
    // It was for one upload.
    assert_eq!(stage.refused(&url, &[("content-type", "image/png")]).await, verdict(403, "forbidden"));
}

#[tokio::test]
async fn a_ticket_is_taken_in_a_field_and_by_every_form_of_upload() {
    let stage = stage().await;
    let ticket = minted(&stage, json!({ "uses": 4, "name": "a.txt" })).await;
    let field = format!("Ticket {}", text(&ticket, "ticket"));
    let fields = [("authorization", field.as_str())];
    assert_eq!(stage.sender("/t/acme/files/a.txt", &fields).await, "links web acme");
    let form = "--b\r\nContent-Disposition: form-data; name=\"folder\"\r\n\r\n7\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\nhello\r\n--b--\r\n";
    let post = |target: String| {
        Request::post(target)
            .header("content-type", "multipart/form-data; boundary=b")
            .body(form.into())
            .expect("a request")
    };
    stage.peer.push(Reply::json(201, &json!({})));
    let by_form =
        client::http1(stage.rig.address(), post(format!("/t/acme/files?ticket={}", text(&ticket, "ticket")))).await;
    assert_eq!(by_form.expect("an answer").status, 201);
    stage.peer.push(Reply::json(201, &json!({})));
    let request = post(format!("/t/acme/files?ticket={}", text(&ticket, "ticket")));
    assert_eq!(client::http2(stage.rig.address(), request).await.expect("an answer").status, 201);
    // A raw upload without a name has the ticket's.
    stage.peer.push(Reply::json(201, &json!({})));
    let raw = Request::post("/t/acme/files").header("authorization", &field).body(b"raw".to_vec()).expect("a request");
    assert_eq!(client::http1(stage.rig.address(), raw).await.expect("an answer").status, 201);
    assert_eq!(
        stage.peer.requests().last().and_then(|request| request.header("x-name").map(str::to_owned)).as_deref(),
        Some("a.txt")
    );
}

#[tokio::test]
async fn a_ticket_is_refused_for_everything_that_it_does_not_bind() {
    let stage = stage().await;
    let ticket = minted(
        &stage,
        json!({ "name": "a.png", "types": ["image/*"], "max_size": 20, "uses": 5, "params": { "folder": 7 } }),
    )
    .await;
    let image = ("content-type", "image/png");
    let at = |name: &str| target(&ticket, name);
    let token = text(&ticket, "ticket").to_owned();
    let cases = [
        (at("b.png"), image, verdict(403, "forbidden")),
        (at("a.png"), ("content-type", "text/html"), verdict(403, "forbidden")),
        (at("a.png"), ("accept", "*/*"), verdict(403, "forbidden")),
        (format!("{}&folder=8", at("a.png")), image, verdict(403, "forbidden")),
        (format!("/t/evil/files/a.png?ticket={token}"), image, verdict(403, "forbidden")),
        (format!("{}&ticket={token}", at("a.png")), image, verdict(400, "malformed-request")),
        (at("a.png"), ("x-api-key", KEY), verdict(400, "malformed-request")),
        (format!("/t/acme/files/a.png?ticket={}", token.to_uppercase()), image, verdict(401, "unauthenticated")),
        ("/t/acme/files/a.png?ticket=".to_owned(), image, verdict(401, "unauthenticated")),
    ];
    for (target, field, expected) in cases {
        assert_eq!(stage.refused(&target, &[field]).await, expected, "{target} {field:?}");
    }
    assert_eq!(stage.sender(&at("a.png"), &[image]).await, "links web acme", "refusals cost no use");
    assert_eq!(stage.peer.requests()[0].header("x-folder"), Some("7"), "the fixed parameter is filled in");
}

#[tokio::test]
async fn a_ticket_is_for_its_path_and_route_also_where_the_route_has_no_condition() {
    let other = crate::stage::route("links", &sandbox::peer::ScriptedPeer::start([]).await.expect("a peer"));
    let other = other.replace("route: files", "route: other").replace("/t/{tenant}/files", "/other/{tenant}/files");
    let stage = Stage::with(rules().route(&other), "[teams, links]", &[&teams(), LINKS]).await;
    let ticket = minted(&stage, json!({ "uses": 2 })).await;
    for place in ["/t/evil/files/a", "/other/acme/files/a"] {
        let target = format!("{place}?ticket={}", text(&ticket, "ticket"));
        assert_eq!(stage.refused(&target, &[]).await, verdict(403, "forbidden"), "{place}");
    }
    // No expression of the route uses claims but the one with a default, and that one is carried.
    assert_eq!(stage.sender(&target(&ticket, "a"), &[]).await, "links web acme");
}

#[tokio::test]
async fn every_changed_character_of_a_ticket_is_noticed_over_http() {
    let stage = stage().await;
    let ticket = minted(&stage, json!({})).await;
    let sealed = text(&ticket, "ticket").to_owned();
    for at in 0..sealed.len() {
        let mut bytes = sealed.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).expect("ASCII");
        let refused = stage.refused(&format!("/t/acme/files/a?ticket={changed}"), &[]).await;
        assert_eq!(refused, verdict(401, "unauthenticated"), "character {at}");
    }
    assert_eq!(stage.sender(&target(&ticket, "a"), &[]).await, "links web acme");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_its_body_or_cut_while_it_streams() {
    let stage = stage().await;
    let ticket = minted(&stage, json!({ "max_size": 1000, "uses": 9 })).await;
    // Announced: the answer comes in the place of the 100.
    let mut connection = RawConnection::open(stage.rig.address()).await.expect("a connection");
    let head = format!(
        "PUT {} HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
        target(&ticket, "a")
    );
    connection.send(head).await.expect("the gateway listens");
    let answer = connection.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.problem().as_str()), (413, "file-too-large"));
    assert!(text(&answer.json(), "detail").contains("1000"), "{answer:?}");
    assert!(stage.peer.requests().is_empty());
    // Not announced: the upstream sees a body without an end.
    let uri = format!("http://{}{}", stage.rig.address(), target(&ticket, "a"));
    let request = Request::put(uri).version(Version::HTTP_2).body(()).expect("a request");
    let mut upload = Http2Upload::begin(stage.rig.address(), request).await.expect("a stream");
    upload.send(Bytes::from(vec![1; 1000]), false).await.expect("as much as is allowed");
    let _cut = upload.send(Bytes::from(vec![1; 1]), true).await;
    let answer = upload.answer().await.expect("an answer");
    assert_eq!(
        (answer.status, answer.problem(), text(&answer.json(), "committed")),
        (413, "file-too-large".to_owned(), "no")
    );
    assert!(stage.peer.requests().iter().all(|request| !request.complete), "nothing was committed");
    // Exactly as much goes through.
    stage.peer.push(Reply::json(201, &json!({})));
    let answer = stage.put_bytes(&target(&ticket, "a"), &[], &[1; 1000]).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn uses_are_counted_while_they_run_and_come_back_when_nothing_was_stored() {
    let stage = stage().await;
    let ticket = minted(&stage, json!({ "uses": 1 })).await;
    let url = target(&ticket, "a");
    // One upload is under way: its body has not ended.
    let mut first = RawConnection::open(stage.rig.address()).await.expect("a connection");
    first
        .send(format!("PUT {url} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"))
        .await
        .expect("sent");
    assert_eq!(first.answer().await.expect("an answer").status, 100);
    assert_eq!(stage.refused(&url, &[]).await, verdict(403, "forbidden"), "the one use is taken");
    // It fails at the upstream before anything was stored: the use comes back.
    stage.peer.push(Reply::json(403, &json!({})).after(When::Head).then(Then::Close));
    first.send("abc").await.expect("sent");
    let failed = first.answer().await.expect("an answer");
    assert_eq!((failed.status, text(&failed.json(), "committed")), (502, "no"), "{failed:?}");
    assert_eq!(stage.sender(&url, &[]).await, "links web acme");
    assert_eq!(stage.put(&url, &[]).await.status, 403, "now it is spent");
    // An upload that may be stored is one.
    let ticket = minted(&stage, json!({ "uses": 1 })).await;
    let url = target(&ticket, "a");
    stage.peer.push(Reply::none(When::BodyComplete, Then::Reset));
    let lost = stage.put(&url, &[]).await;
    assert_eq!(text(&lost.json(), "committed"), "unknown", "{lost:?}");
    assert_eq!(stage.put(&url, &[]).await.status, 403);
}

#[tokio::test]
async fn of_many_at_once_as_many_as_bound_get_through() {
    let stage = stage().await;
    let ticket = minted(&stage, json!({ "uses": 3 })).await;
    for _ in 0..3 {
        stage.peer.push(Reply::json(201, &json!({})));
    }
    let url = target(&ticket, "a");
    let answers = futures::future::join_all((0..20).map(|_| stage.put(&url, &[]))).await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(
        (count(201), count(403)),
        (3, 17),
        "{:?}",
        answers.iter().map(|answer| answer.status).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn keys_rotate_without_breaking_tickets_that_are_out() {
    let old_alone = "links: { tickets: { keys: [ { id: old, secret: { env: OLD_KEY } } ], mint: teams } }";
    let before = Stage::with(rules(), ACCESS, &[&teams(), old_alone]).await;
    let ticket = minted(&before, json!({})).await;
    let after = stage().await;
    assert_eq!(after.sender(&target(&ticket, "a"), &[]).await, "links web acme", "the old key still verifies");
    let new = minted(&after, json!({})).await;
    assert!(text(&new, "ticket").starts_with("tt1.new."), "the first key signs");
    assert_eq!(
        before.refused(&target(&new, "a"), &[]).await,
        verdict(401, "unauthenticated"),
        "a key that is not known"
    );
    // The same id with another secret is another key.
    let swapped = "links: { tickets: { keys: [ { id: new, secret: { env: OLD_KEY } } ], mint: teams } }";
    let swapped = Stage::with(rules(), ACCESS, &[&teams(), swapped]).await;
    assert_eq!(swapped.refused(&target(&new, "a"), &[]).await, verdict(401, "unauthenticated"));
}

#[tokio::test]
async fn an_expired_ticket_says_so() {
    let stage = stage().await;
    let ticket = minted(&stage, json!({ "expires_in": 1 })).await;
    let url = target(&ticket, "a");
    let mut tries = 0;
    let refused = loop {
        let answer = stage.put(&url, &[]).await;
        if answer.status == 401 {
            break answer;
        }
        tries += 1;
        assert!(tries < 1000, "it never expires");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(text(&refused.json(), "detail"), "these credentials have expired");
}

#[tokio::test]
async fn minting_is_for_whom_the_provider_names_and_within_what_they_may_do() {
    let peer = sandbox::peer::ScriptedPeer::start([]).await.expect("the peer starts");
    let guests = format!(
        "guests: {{ api-keys: {{ keys: [ {{ id: g, sha256: {}, claims: {{ tenant: acme }} }} ] }} }}",
        crate::stage::hash("guest-key")
    );
    let plain = route("teams", &peer).replace("route: files", "route: plain").replace("/t/{tenant}", "/plain/{tenant}");
    let rules = rules().route(&plain);
    let stage = Stage::with(
        rules,
        "{ any-of: [teams, guests, links], that: '${ client.claims.tenant == path.tenant }' }",
        &[&teams(), LINKS, &guests],
    )
    .await;
    let ask = async |body: Value, fields: &[(&str, &str)]| -> Answer { stage.ask(&body, fields).await };
    let good = json!({ "route": "files", "path": { "tenant": "acme" } });
    let key = [("x-api-key", KEY)];
    let told = |answer: &Answer| (answer.status, answer.problem());
    assert_eq!(told(&ask(good.clone(), &[]).await), verdict(401, "unauthenticated"));
    assert_eq!(
        told(&ask(good.clone(), &[("x-api-key", "guest-key")]).await),
        verdict(401, "unauthenticated"),
        "guests may upload, not mint"
    );
    let evil = json!({ "route": "files", "path": { "tenant": "evil" } });
    assert_eq!(told(&ask(evil, &key).await), verdict(403, "forbidden"), "a minter cannot give what it has not");
    let unknown = ask(json!({ "route": "nowhere" }), &key).await;
    let plain = ask(json!({ "route": "plain", "path": { "tenant": "acme" } }), &key).await;
    assert_eq!(told(&unknown), verdict(403, "forbidden"));
    assert_eq!(unknown.json()["detail"], plain.json()["detail"], "which routes there are is not told");
    for (body, status, problem) in [
        (json!({ "route": "files" }), 400, "invalid-parameter"),
        (json!({ "route": "files", "path": { "tenant": "acme" }, "expires_in": 3601 }), 400, "invalid-parameter"),
        (json!({ "route": "files", "path": { "tenant": "acme" }, "uses": 101 }), 400, "invalid-parameter"),
        (json!({ "route": "files", "path": { "tenant": "acme" }, "params": { "nope": 1 } }), 400, "invalid-parameter"),
        (json!({ "route": "files", "path": { "tenant": "acme" }, "max-size": 1 }), 400, "malformed-request"),
        (json!(["files"]), 400, "malformed-request"),
        (json!(["files", { "tenant": "acme" }, null, [], null, null, null, {}]), 400, "malformed-request"),
        (json!({ "route": "files", "path": { "tenant": ".." } }), 400, "invalid-parameter"),
        (json!({ "route": "files", "path": { "tenant": "a\u{0}" } }), 400, "invalid-parameter"),
        (json!({ "route": "files", "path": { "tenant": "x".repeat(20_000) } }), 400, "malformed-request"),
        (json!({ "route": "files", "path": { "tenant": "acme" }, "name": "x".repeat(256) }), 400, "invalid-parameter"),
    ] {
        assert_eq!(told(&ask(body.clone(), &key).await), verdict(status, problem), "{body}");
    }
    // A ticket mints no ticket.
    let ticket = minted(&stage, json!({})).await;
    let with_ticket = ask(good.clone(), &[("authorization", &format!("Ticket {}", text(&ticket, "ticket")))]).await;
    assert_eq!(told(&with_ticket), verdict(401, "unauthenticated"));
    let request = Request::get("/-/tickets").header("x-api-key", KEY).body(Vec::new()).expect("a request");
    let get = client::http1(stage.rig.address(), request).await.expect("an answer");
    assert_eq!((told(&get), get.header("allow")), (verdict(405, "method-not-allowed"), Some("POST")));
    let metrics = stage.admin("/metrics").await;
    assert!(metrics.contains("tidegate_tickets_minted_total 1\n"), "{metrics}");
    assert!(
        !metrics.contains("outcome=\"refused\",reason=\"unauthenticated\",route=\"none\""),
        "minting is no upload: {metrics}"
    );
}

#[tokio::test]
async fn no_100_before_a_minter_is_known() {
    let stage = stage().await;
    let head = |key: &str| {
        format!(
            "POST /-/tickets HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Length: 51\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut connection = RawConnection::open(stage.rig.address()).await.expect("a connection");
    connection.send(head("wrong")).await.expect("sent");
    let answer = connection.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (401, Some("close")), "{answer:?}");
    let mut connection = RawConnection::open(stage.rig.address()).await.expect("a connection");
    connection.send(head(KEY)).await.expect("sent");
    assert_eq!(connection.answer().await.expect("an answer").status, 100);
    let body = r#"{ "route": "files", "path": { "tenant": "acme" } }"#;
    connection.send(format!("{body:<51}")).await.expect("sent");
    assert_eq!(connection.answer().await.expect("an answer").status, 201);
}

#[tokio::test]
async fn without_a_provider_of_tickets_there_is_no_such_place() {
    let stage = Stage::new("teams", &[&teams()]).await;
    let answer = stage.ask(&json!({}), &[("x-api-key", KEY)]).await;
    assert_eq!((answer.status, answer.problem().as_str()), (404, "no-such-route"));
}

#[tokio::test]
async fn a_secret_in_a_file_signs_once_it_is_long_enough() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ticket.key");
    std::fs::write(&path, "too short\n").expect("written");
    let links = format!(
        "links: {{ tickets: {{ keys: [ {{ id: f, secret: {{ file: '{}' }} }} ], mint: teams }} }}",
        path.display()
    );
    let stage = Stage::with(rules(), "[teams, links]", &[&teams(), &links]).await;
    let asked = json!({ "route": "files", "path": { "tenant": "acme" } });
    let answer = stage.ask(&asked, &[("x-api-key", KEY)]).await;
    assert_eq!((answer.status, answer.problem().as_str()), (500, "internal"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("short"), "{answer:?}");
    std::fs::write(&path, "a secret that is long enough to sign tickets\n").expect("written");
    // The file is looked at again when a second has passed; how soon that is here does not matter.
    let mut tries = 0;
    let ticket = loop {
        let answer = stage.ask(&asked, &[("x-api-key", KEY)]).await;
        if answer.status == 201 {
            break answer.json();
        }
        tries += 1;
        assert!(tries < 1000, "the new secret is not seen");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert_eq!(stage.sender(&target(&ticket, "a"), &[]).await, "links web acme");
}

#[tokio::test]
async fn the_url_begins_where_the_operator_says() {
    let links = LINKS.replace("mint: teams", "mint: teams, origin: 'https://uploads.example.com'");
    let stage = Stage::with(rules(), ACCESS, &[&teams(), &links]).await;
    let ticket = minted(&stage, json!({})).await;
    assert!(text(&ticket, "url").starts_with("https://uploads.example.com/t/acme/files?ticket=tt1."), "{ticket}");
    assert_eq!(text(&ticket, "method"), "POST");
}
