//! What a ticket keeps of its minter's standing: it ends with the credentials that it was minted with.

use harness::Rules;
use serde_json::{Value, json};

use crate::stage::{KEY, Stage, hash, verdict};

const LINKS: &str = "links: { tickets: { keys: [ { id: k, secret: { env: TICKET_KEY } } ], mint: teams } }";

fn rules() -> Rules {
    Rules::default().variable("TICKET_KEY", "a secret for tickets, 0123456789abcdef")
}

/// A ticket for two uploads, with the key that holds for all of these tests.
async fn minted(stage: &Stage) -> Value {
    let asked = json!({ "route": "files", "path": { "tenant": "acme" }, "uses": 2 });
    let answer = stage.ask(&asked, &[("x-api-key", KEY)]).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

fn target(ticket: &Value) -> String {
    format!("/t/acme/files/a?ticket={}", ticket["ticket"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_ticket_ends_when_the_key_of_its_minter_is_taken_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.yaml");
    let write = |ids: &[(&str, &str)]| {
        let entries = ids.iter().map(|(id, key)| format!("- {{ id: {id}, sha256: {} }}\n", hash(key)));
        std::fs::write(&path, entries.collect::<String>()).expect("the file is written");
    };
    write(&[("web", KEY), ("app", "another-key")]);
    let teams = format!("teams: {{ api-keys: {{ file: '{}' }} }}", path.display());
    let stage = Stage::with(rules(), "[teams, links]", &[&teams, LINKS]).await;
    let ticket = minted(&stage).await;
    assert_eq!(stage.sender(&target(&ticket), &[]).await, "links web none");
    write(&[("app", "another-key")]);
    // The file is looked at again when a second has passed; how soon that is here does not matter.
    let mut tries = 0;
    while stage.put("/t/acme/files/a", &[("x-api-key", KEY)]).await.status != 401 {
        tries += 1;
        assert!(tries < 1000, "the old key goes on");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(stage.refused(&target(&ticket), &[]).await, verdict(401, "unauthenticated"));
    let metrics = stage.admin("/metrics").await;
    let line = "tidegate_access_refused_total{kind=\"ticket\",reason=\"minter-gone\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_ticket_of_a_provider_that_mints_no_more_is_refused() {
    let teams = crate::stage::teams();
    let apps = format!("apps: {{ api-keys: {{ keys: [ {{ id: web, sha256: {} }} ] }} }}", hash("another-key"));
    let before = Stage::with(rules(), "[teams, links]", &[&teams, &apps, LINKS]).await;
    let ticket = minted(&before).await;
    // Somebody else of the same name, with another provider, is another minter.
    let links = LINKS.replace("mint: teams", "mint: apps");
    let after = Stage::with(rules(), "[teams, links]", &[&teams, &apps, &links]).await;
    assert_eq!(after.refused(&target(&ticket), &[]).await, verdict(401, "unauthenticated"));
    assert_eq!(before.sender(&target(&ticket), &[]).await, "links web acme");
}

#[tokio::test]
async fn a_ticket_says_the_end_of_its_minters_key() {
    let end = time::OffsetDateTime::now_utc() + time::Duration::seconds(300);
    let end = end.replace_nanosecond(0).expect("a time");
    let text = end.format(&time::format_description::well_known::Rfc3339).expect("a time");
    let teams =
        format!("teams: {{ api-keys: {{ keys: [ {{ id: web, sha256: {}, not-after: '{text}' }} ] }} }}", hash(KEY));
    let stage = Stage::with(rules(), "[teams, links]", &[&teams, LINKS]).await;
    assert_eq!(minted(&stage).await["expires_at"], text);
}
