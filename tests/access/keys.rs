//! API keys, and what holds for credentials of every kind.

use bytes::Bytes;
use harness::RawConnection;
use harness::client::{self, Http2Upload};
use http::{Request, Version};
use sandbox::peer::Reply;
use serde_json::json;

use crate::log;
use crate::stage::{KEY, Stage, hash, teams, verdict};

const TARGET: &str = "/t/acme/files/a.txt";

#[tokio::test]
async fn a_key_is_taken_in_either_field_and_its_holder_is_a_fact() {
    let stage = Stage::new("teams", &[&teams()]).await;
    let bearer = format!("Bearer {KEY}");
    for field in [("x-api-key", KEY), ("authorization", bearer.as_str())] {
        assert_eq!(stage.sender(TARGET, &[field]).await, "teams web acme");
    }
    let request = Request::put(TARGET).header("x-api-key", KEY).body(b"by http2".to_vec()).expect("a request");
    stage.peer.push(Reply::json(201, &json!({})));
    assert_eq!(client::http2(stage.rig.address(), request).await.expect("an answer").status, 201);
}

#[tokio::test]
async fn whoever_shows_nothing_or_something_wrong_is_told_one_and_the_same() {
    let old = "tk_an-old-key-that-was-valid-until-the-year-2020";
    let keys =
        format!("old: {{ api-keys: {{ keys: [ {{ id: old, sha256: {}, not-after: 2020-01-01 }} ] }} }}", hash(old));
    let other_key = "tk_of-a-provider-that-this-route-does-not-take-0123";
    let other = format!("other: {{ api-keys: {{ keys: [ {{ id: x, sha256: {} }} ] }} }}", hash(other_key));
    let stage = Stage::new("[teams, old]", &[&teams(), &keys, &other]).await;
    let almost = format!("{}b", KEY.trim_end_matches('a'));
    let hashed = hash(KEY);
    let mut bodies = Vec::new();
    for (name, value) in [
        ("x-api-key", "wrong"),
        ("x-api-key", almost.as_str()),
        // The hash is no key: a file of keys that leaks lets nobody in.
        ("x-api-key", hashed.as_str()),
        ("x-api-key", other_key),
        ("authorization", "Bearer a.b.c"),
        ("authorization", "Ticket tt1.k.p.s"),
    ] {
        let answer = stage.put(TARGET, &[(name, value)]).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{name}: {value}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"tidegate\", error=\"invalid_token\""));
        let mut body = answer.json();
        body["upload_id"] = json!(null);
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    for (fields, detail) in [
        (vec![], "this route wants to know who you are"),
        (vec![("authorization", "Basic d2ViOnNlY3JldA==")], "this kind of credential is not known here"),
        (vec![("x-api-key", old)], "these credentials have expired"),
    ] {
        let answer = stage.put(TARGET, &fields).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"));
        let told = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(told.starts_with(detail), "{told}");
    }
    for fields in [&[] as &[_], &[("authorization", "Basic d2ViOnNlY3JldA==")], &[("authorization", "Bearer")]] {
        let answer = stage.put(TARGET, fields).await;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"tidegate\""),
            "no token was wrong: {fields:?}"
        );
    }
    assert_eq!(
        stage.refused(TARGET, &[("x-api-key", KEY), ("authorization", "Bearer x")]).await,
        verdict(400, "malformed-request")
    );
    assert!(stage.peer.requests().is_empty(), "nothing of this reached the upstream");
    let metrics = stage.admin("/metrics").await;
    for (kind, reason, count) in [
        ("api-key", "unknown-key", 4),
        ("jwt", "not-taken", 1),
        ("ticket", "not-taken", 1),
        ("none", "missing", 2),
        ("other", "unknown-scheme", 3),
        ("api-key", "expired", 1),
    ] {
        let line = format!("tidegate_access_refused_total{{kind=\"{kind}\",reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    assert!(
        metrics.contains("tidegate_uploads_total{outcome=\"refused\",reason=\"unauthenticated\",route=\"files\"} 12\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_predicate_over_claims_and_path_decides() {
    let access = "{ any-of: teams, that: '${ client.claims.tenant == path.tenant }' }";
    let stage = Stage::new(access, &[&teams()]).await;
    assert_eq!(stage.sender("/t/acme/files/a.txt", &[("x-api-key", KEY)]).await, "teams web acme");
    for target in ["/t/evil/files/a.txt", "/t/ACME/files/a.txt", "/t/acme%20/files/a.txt"] {
        assert_eq!(stage.refused(target, &[("x-api-key", KEY)]).await, verdict(403, "forbidden"), "{target}");
    }
    assert_eq!(stage.refused("/t/acme/files/a.txt", &[]).await, verdict(401, "unauthenticated"));
}

#[tokio::test]
async fn a_file_of_keys_is_followed_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.yaml");
    let write = |keys: &[(&str, &str)]| {
        let entries = keys.iter().map(|(id, key)| format!("- {{ id: {id}, sha256: {} }}\n", hash(key)));
        std::fs::write(&path, entries.collect::<String>()).expect("the file is written");
    };
    write(&[("one", "first-key")]);
    let provider = format!("teams: {{ api-keys: {{ file: '{}' }} }}", path.display());
    let stage = Stage::new("teams", &[&provider]).await;
    assert_eq!(stage.sender(TARGET, &[("x-api-key", "first-key")]).await, "teams one none");
    write(&[("two", "second-key")]);
    // The file is looked at again when a second has passed; how soon that is here does not matter.
    let mut tries = 0;
    while stage.put(TARGET, &[("x-api-key", "first-key")]).await.status != 401 {
        tries += 1;
        assert!(tries < 1000, "the old key goes on");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(stage.sender(TARGET, &[("x-api-key", "second-key")]).await, "teams two none");
}

#[tokio::test]
async fn a_key_that_is_written_into_the_file_by_mistake_is_not_logged() {
    log::listen();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.yaml");
    std::fs::write(&path, format!("- {{ id: one, sha256: {} }}\n", hash("first-key"))).expect("written");
    let stage = Stage::new("teams", &[&format!("teams: {{ api-keys: {{ file: '{}' }} }}", path.display())]).await;
    let mistakes =
        [KEY.to_owned(), format!("- {KEY}\n"), format!("keys: [{KEY}]\n"), format!("- {{ id: web, sha256: [{KEY}\n")];
    for (complaints, text) in mistakes.iter().enumerate() {
        std::fs::write(&path, text).expect("written");
        let mut tries = 0;
        while log::heard().matches("a file of keys is wrong").count() <= complaints {
            assert_eq!(stage.sender(TARGET, &[("x-api-key", "first-key")]).await, "teams one none");
            tries += 1;
            assert!(tries < 1000, "no complaint of `{text}`");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    let heard = log::heard();
    assert!(heard.contains("keys.yaml:1:3") && !heard.contains(KEY.trim_start_matches("tk_")), "{heard}");
}

#[tokio::test]
async fn no_100_and_no_byte_of_the_body_before_a_client_is_known() {
    let stage = Stage::new("teams", &[&teams()]).await;
    let head = |key: &str| {
        format!(
            "PUT {TARGET} HTTP/1.1\r\nHost: a\r\nX-Api-Key: {key}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut connection = RawConnection::open(stage.rig.address()).await.expect("a connection");
    connection.send(head("wrong")).await.expect("the gateway listens");
    let answer = connection.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "and no 100 before it");
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(connection.is_closed().await);

    let mut connection = RawConnection::open(stage.rig.address()).await.expect("a connection");
    connection.send(head(KEY)).await.expect("the gateway listens");
    stage.peer.push(Reply::json(201, &json!({})));
    assert_eq!(
        connection.answer().await.expect("an answer").status,
        100,
        "a client that is known is asked for its body"
    );
    connection.send("1234").await.expect("the gateway listens");
    assert_eq!(connection.answer().await.expect("an answer").status, 201);

    let uri = format!("http://{}{TARGET}", stage.rig.address());
    let request = Request::put(uri).version(Version::HTTP_2).header("content-length", "4").body(()).expect("a request");
    let upload = Http2Upload::begin(stage.rig.address(), request).await.expect("a stream");
    let answer = upload.answer().await.expect("an answer without a byte of the body");
    assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"));
}

#[tokio::test]
async fn a_form_is_asked_before_its_fields_are_read() {
    let stage = Stage::new("teams", &[&teams()]).await;
    let uri = format!("http://{}/t/acme/files", stage.rig.address());
    let request = Request::post(uri).version(Version::HTTP_2).header("content-type", "multipart/form-data; boundary=b");
    let upload = Http2Upload::begin(stage.rig.address(), request.body(()).expect("a request")).await.expect("a stream");
    assert_eq!(upload.answer().await.expect("an answer").status, 401);
}

#[tokio::test]
async fn a_public_route_asks_nobody_and_keeps_credentials_to_itself() {
    let stage = Stage::new("public", &[&teams()]).await;
    assert_eq!(stage.sender(TARGET, &[]).await, "nothing nobody none");
    assert_eq!(stage.sender(TARGET, &[("x-api-key", KEY)]).await, "nothing nobody none", "nobody looked at it");
    assert_eq!(stage.sender("/t/acme/files/a.txt?ticket=tt1.a.b.c", &[]).await, "nothing nobody none");
}

#[tokio::test]
async fn credentials_reach_neither_upstream_nor_log_nor_answer() {
    log::listen();
    let stage = Stage::new("teams", &[&teams()]).await;
    let planted = ["tk_planted-key-f00d", "planted.token.f11d", "tt1.planted.ticket.f22d"];
    let mut answers = String::new();
    for http2 in [false, true] {
        for (target, name, value) in [
            (TARGET.to_owned(), "x-api-key", KEY.to_owned()),
            (TARGET.to_owned(), "authorization", format!("Bearer {KEY}")),
            (TARGET.to_owned(), "x-api-key", planted[0].to_owned()),
            (TARGET.to_owned(), "authorization", format!("Bearer {}", planted[1])),
            (TARGET.to_owned(), "authorization", format!("Ticket {}", planted[2])),
            (format!("{TARGET}?ticket={}", planted[2]), "accept", "*/*".to_owned()),
            (format!("/nowhere?ticket={}", planted[2]), "x-api-key", planted[0].to_owned()),
            (format!("/-/tickets?ticket={}", planted[2]), "accept", "*/*".to_owned()),
        ] {
            stage.peer.push(Reply::json(201, &json!({})));
            let request = Request::put(target).header(name, value).body(b"x".to_vec()).expect("a request");
            let answer = match http2 {
                false => client::http1(stage.rig.address(), request).await,
                true => client::http2(stage.rig.address(), request).await,
            };
            let answer = answer.expect("an answer");
            answers.push_str(&format!(
                "{} {:?}\n{}\n",
                answer.status,
                answer.headers,
                String::from_utf8_lossy(&answer.body)
            ));
        }
    }
    assert_eq!(answers.matches("201 {").count(), 4, "{answers}");
    let upstream = format!("{:?}", stage.peer.requests());
    let log = log::heard();
    assert!(log.contains("\"level\":\"TRACE\"") && log.contains("upload ended") && log.contains("teams/web"), "{log}");
    let places = [
        ("upstream", upstream),
        ("answers", answers),
        ("metrics", stage.admin("/metrics").await),
        ("routes", stage.admin("/routes").await),
        ("log", log),
    ];
    for (place, text) in &places {
        for secret in planted.iter().copied().chain([KEY]) {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} is in the {place}");
        }
    }
}

#[tokio::test]
async fn a_browsers_question_needs_no_credentials_and_a_page_may_read_its_refusal() {
    let origin = ("origin", "https://app.example.com");
    let stage = Stage::new("teams\ncors: { origins: 'https://app.example.com' }", &[&teams()]).await;
    let preflight = Request::options(TARGET).header(origin.0, origin.1).header("access-control-request-method", "PUT");
    let preflight =
        preflight.header("access-control-request-headers", "x-api-key").body(Vec::new()).expect("a request");
    assert_eq!(client::http1(stage.rig.address(), preflight).await.expect("an answer").status, 204);
    let refused = stage.put(TARGET, &[origin]).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(origin.1)));
    // Whose page it is, is asked before who its user is: a page that is not listed cannot try keys.
    let elsewhere = ("origin", "https://evil.example.com");
    assert_eq!(stage.refused(TARGET, &[elsewhere, ("x-api-key", "wrong")]).await, verdict(403, "forbidden"));
    assert_eq!(stage.refused(TARGET, &[elsewhere, ("x-api-key", KEY)]).await, verdict(403, "forbidden"));
    assert_eq!(stage.sender(TARGET, &[origin, ("x-api-key", KEY)]).await, "teams web acme");
}

#[tokio::test]
async fn limits_know_a_client_by_who_it_proved_to_be() {
    let other = "tk_another-key-at-the-same-address-0123456789";
    let apps = format!("apps: {{ api-keys: {{ keys: [ {{ id: app, sha256: {} }} ] }} }}", hash(other));
    let access = "[teams, apps]\nlimits: { client: { requests: 1/h, burst: 1 } }";
    let stage = Stage::new(access, &[&teams(), &apps]).await;
    assert_eq!(stage.sender(TARGET, &[("x-api-key", KEY)]).await, "teams web acme");
    assert_eq!(stage.refused(TARGET, &[("x-api-key", KEY)]).await, verdict(429, "rate-limited"));
    assert_eq!(stage.sender(TARGET, &[("x-api-key", other)]).await, "apps app none", "another client, one address");
    // Who is refused takes nothing of anybody's limits.
    assert_eq!(stage.refused(TARGET, &[]).await, verdict(401, "unauthenticated"));
}

#[tokio::test]
async fn the_admin_side_tells_what_a_route_demands() {
    let access = "{ any-of: teams, that: '${ client.claims.tenant == path.tenant }' }";
    let stage = Stage::new(access, &[&teams()]).await;
    let routes: serde_json::Value = serde_json::from_str(&stage.admin("/routes").await).expect("JSON");
    assert_eq!(
        routes["routes"][0]["access"],
        json!({
            "public": false,
            "any_of": [{ "provider": "teams", "kind": "api-keys" }],
            "that": "client.claims.tenant == path.tenant",
            "in_words": "teams (api-keys), and client.claims.tenant == path.tenant",
        })
    );
}

#[tokio::test]
async fn a_refused_client_that_sends_on_hears_its_answer() {
    let stage = Stage::new("teams", &[&teams()]).await;
    let body = Bytes::from(vec![7; 3 << 20]);
    let answer = stage.put_bytes(TARGET, &[("x-api-key", "wrong")], &body).await;
    assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"));
}
