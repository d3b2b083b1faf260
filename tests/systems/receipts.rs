//! Receipts, as the contract shows them.

use harness::{Answer, Rig, content};
use sandbox::{Fault, FaultKind, Options, Sandbox, Step, System};
use serde_json::Value;

use crate::stored::assert_stored;
use crate::upload::{Form, Protocol, Upload};

/// The header fields and the body of an answer, with whatever differs from run to run named instead of shown.
fn shown(answer: &Answer, sandbox: &Sandbox) -> String {
    let mut receipt = answer.json();
    let mut replacements = vec![(upload_id(answer), "[upload id]".to_owned())];
    for member in ["id", "upload_id", "arn"] {
        if let Some(Value::String(text)) = receipt["result"].get_mut(member) {
            replacements.push((std::mem::take(text), format!("[{member}]")));
            *text = format!("[{member}]");
        }
    }
    for system in System::ALL {
        replacements.push((sandbox.origin(system).to_owned(), format!("[{system}]")));
    }
    let mut text = format!("{}\n", answer.status);
    let mut names: Vec<_> = answer.headers.keys().filter(|name| *name != "date").collect();
    names.sort_by_key(|name| name.as_str());
    for name in names {
        text.push_str(&format!("{name}: {}\n", answer.header(name.as_str()).unwrap_or_default()));
    }
    text.push_str(&serde_json::to_string_pretty(&receipt).expect("JSON"));
    for (from, to) in replacements {
        text = text.replace(&from, &to);
    }
    // Its value is the length of what was replaced.
    let kept = text.lines().filter(|line| !line.starts_with("content-length: "));
    kept.collect::<Vec<_>>().join("\n")
}

fn upload_id(answer: &Answer) -> String {
    let id = answer.header("tidegate-upload-id").expect("the id is in every answer").to_owned();
    // RFC 9562: the version is the first digit of the third group.
    assert_eq!((id.len(), id.as_bytes().get(14)), (36, Some(&b'7')), "{id}");
    id
}

#[tokio::test]
async fn each_system_has_its_receipt() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let mut all = Vec::new();
    for system in System::ALL {
        let upload = Upload::to(system, content::bytes(70)).named("red pixel.png").header("x-request-id", "request-7");
        let answer = upload.send(&rig).await;
        assert_stored(&sandbox, &upload, &answer);
        assert_eq!(answer.json()["upload_id"], upload_id(&answer));
        assert_eq!(answer.header("repr-digest"), Some(content::repr_digest(&upload.content).as_str()));
        all.push(format!("{system}\n{}", shown(&answer, &sandbox)));

        let over_http2 = upload.clone().by(Form::Multipart, Protocol::Http2).send(&rig).await;
        let members = |answer: &Answer| answer.json().as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
        assert_eq!(members(&over_http2), members(&answer));
        assert_eq!(over_http2.header("x-request-id"), Some("request-7"));
    }
    insta::assert_snapshot!("receipts", all.join("\n\n"));
}

#[tokio::test]
async fn ids_beyond_the_reach_of_doubles_are_exact() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    for number in 1..=3_u64 {
        let answer = Upload::to(System::TeamworkDesk, content::bytes(7)).send(&rig).await;
        let id = 9_007_199_254_740_993 + 2 * number;
        assert_eq!(answer.json()["result"]["id"], id);
        assert!(String::from_utf8_lossy(&answer.body).contains(&format!("\"id\":{id}")));
        let activated = format!("/desk/api/v2/files/{id}.json");
        assert!(
            sandbox.journal().iter().any(|exchange| exchange.step == Step::Finalize && exchange.target == activated)
        );
    }
}

#[tokio::test]
async fn a_location_is_given_where_the_result_has_a_url() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    for system in System::ALL {
        let answer = Upload::to(system, content::bytes(7)).named("é \"1\".png").send(&rig).await;
        let url = answer.json()["result"]["url"].as_str().map(str::to_owned);
        assert_eq!(answer.header("location"), url.as_deref());
        let has_url = matches!(system, System::Flowkiwi | System::KlinkCx);
        assert_eq!(url.is_some_and(|url| url.starts_with(sandbox.origin(system))), has_url, "{system}");
    }
}

#[tokio::test]
async fn flowkiwis_hash_is_compared_in_hex_and_in_base64() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let upload = Upload::to(System::Flowkiwi, content::bytes(1000));
    sandbox.script(Fault::once(System::Flowkiwi, Step::Store, FaultKind::Base64Hash));
    let answer = upload.send(&rig).await;
    assert_stored(&sandbox, &upload, &answer);
    assert_ne!(answer.json()["result"]["hash"], content::sha256_hex(&upload.content));

    sandbox.script(Fault::once(System::Flowkiwi, Step::Store, FaultKind::WrongHash));
    let problem = upload.send(&rig).await.json();
    assert_eq!((&problem["status"], &problem["committed"]), (&502.into(), &"yes".into()));
    assert_eq!(problem["type"], "urn:tidegate:problem:upstream-misbehaved");
}

#[tokio::test]
async fn digests_that_the_client_brings_are_verified_and_shown() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for system in System::ALL {
        let upload = Upload::to(system, content::bytes(1000));
        let right = upload.clone().header("repr-digest", &content::repr_digest(&upload.content));
        assert_stored(&sandbox, &upload, &right.send(&rig).await);
        let stored = sandbox.objects().len();
        let wrong = upload.header("repr-digest", &content::repr_digest(b"another file"));
        let answer = wrong.send(&rig).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "digest-mismatch"), "{system}");
        assert_eq!(answer.json()["committed"], "no");
        assert_eq!(sandbox.objects().len(), stored, "{system}");
    }
}
