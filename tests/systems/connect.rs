//! What Amazon Connect alone has: a scan to wait for, a token that makes Start repeatable, and SigV4.

use harness::{Answer, Rules, content};
use sandbox::{Exchange, Fault, FaultKind, ObjectState, Options, Sandbox, Step, System};
use serde_json::Value;

use crate::stored::assert_stored;
use crate::upload::Upload;

/// The rule with questions in quick succession.
fn hurried(sandbox: &Sandbox) -> Rules {
    Rules::shipped(sandbox).edit("every: 1s", "every: 10ms")
}

async fn started(options: Options) -> Sandbox {
    Sandbox::start(Options { keep_objects: true, ..options }).await.expect("a sandbox")
}

fn waiting() -> Upload {
    Upload::to(System::AmazonConnect, content::bytes(1000)).param("wait", "true")
}

fn exchanges(sandbox: &Sandbox, step: Step) -> Vec<Exchange> {
    sandbox.journal().into_iter().filter(|exchange| exchange.step == step).collect()
}

fn state(sandbox: &Sandbox) -> Option<ObjectState> {
    sandbox.objects().first().map(|object| object.state)
}

#[tokio::test]
async fn a_file_that_passes_the_scan_is_stored() {
    let sandbox = started(Options { connect_scan_polls: 2, ..Options::default() }).await;
    let answer = waiting().send(&hurried(&sandbox).start()).await;
    assert_eq!((answer.status, &answer.json()["status"]), (201, &"stored".into()), "{}", answer.json());
    assert_eq!(answer.json()["result"]["file_status"], "APPROVED");
    assert_eq!((state(&sandbox), exchanges(&sandbox, Step::Status).len()), (Some(ObjectState::Approved), 3));
}

#[tokio::test]
async fn a_file_that_the_scan_rejects_is_the_clients_fault_and_is_deleted() {
    let sandbox = started(Options { connect_scan_polls: 1, ..Options::default() }).await;
    let answer = waiting().named("eicar.png").send(&hurried(&sandbox).start()).await;
    let problem = answer.json();
    assert_eq!((answer.status, answer.problem().as_str()), (422, "upstream-refused-file"), "{problem}");
    assert_eq!((&problem["blame"], &problem["step"]), (&"client".into(), &"scan".into()));
    assert_eq!((&problem["committed"], &problem["retryable"]), (&"no".into(), &false.into()));
    assert_eq!((sandbox.announced(), exchanges(&sandbox, Step::Undo).len()), (Vec::new(), 1));
}

#[tokio::test]
async fn a_scan_that_takes_too_long_leaves_the_file_processing() {
    let sandbox = started(Options { connect_scan_polls: u32::MAX, ..Options::default() }).await;
    let rig = hurried(&sandbox).edit("within: 30s", "within: 60ms").start();
    let answer = waiting().send(&rig).await;
    assert_eq!((answer.status, &answer.json()["status"]), (202, &"processing".into()), "{}", answer.json());
    assert_eq!(answer.json()["result"]["file_status"], "PROCESSING");
    assert_eq!(answer.json()["result"]["id"], sandbox.objects()[0].id.as_str());
    assert_eq!((state(&sandbox), exchanges(&sandbox, Step::Undo).len()), (Some(ObjectState::Processing), 0));
}

#[tokio::test]
async fn nobody_asks_for_the_scan_unless_the_client_waits() {
    let sandbox = started(Options::default()).await;
    let rig = hurried(&sandbox).start();
    let silent = Upload::to(System::AmazonConnect, content::bytes(1000));
    for upload in [silent.clone(), silent.param("wait", "false")] {
        let answer = upload.send(&rig).await;
        assert_stored(&sandbox, &upload, &answer);
        assert_eq!(answer.json()["result"]["file_status"], "PROCESSING");
    }
    assert_eq!(exchanges(&sandbox, Step::Status), []);
}

#[tokio::test]
async fn the_clients_idempotency_key_is_connects_token() {
    let sandbox = started(Options::default()).await;
    let rig = Rules::shipped(&sandbox).start();
    let upload = Upload::to(System::AmazonConnect, content::bytes(1000)).header("idempotency-key", "key-1");
    let answer = upload.send(&rig).await;
    let object = assert_stored(&sandbox, &upload, &answer);
    assert_eq!(object.fields["ClientToken"], "key-1");
    let again = upload.send(&rig).await;
    assert_eq!(again.json()["result"]["id"], answer.json()["result"]["id"], "the same token is the same file");
    assert_eq!(sandbox.announced().len(), 1);
}

#[tokio::test]
async fn the_token_is_the_same_in_every_attempt_and_another_in_every_upload() {
    let sandbox = started(Options::default()).await;
    let rig = Rules::shipped(&sandbox).start();
    let upload = Upload::to(System::AmazonConnect, content::bytes(1000));
    let failed = FaultKind::Fail { status: 500, retry_after: None };
    sandbox.script(Fault::once(System::AmazonConnect, Step::Prepare, failed));
    sandbox.script(Fault::once(System::AmazonConnect, Step::Prepare, FaultKind::DropReply));
    assert_stored(&sandbox, &upload, &upload.send(&rig).await);
    assert_stored(&sandbox, &upload, &upload.send(&rig).await);
    let tokens: Vec<String> = exchanges(&sandbox, Step::Prepare).iter().map(client_token).collect();
    let [first, second, third, other] = tokens.as_slice() else { panic!("four attempts: {tokens:?}") };
    assert!(first == second && second == third && third != other, "{tokens:?}");
    assert_eq!(sandbox.announced().len(), 2, "the attempt whose answer was lost began no file of its own");
}

fn client_token(exchange: &Exchange) -> String {
    let body: Value = serde_json::from_slice(exchange.body.as_deref().unwrap_or_default()).unwrap_or_default();
    body["ClientToken"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn complete_is_sent_again_when_its_answer_is_lost() {
    let sandbox = started(Options::default()).await;
    let rig = Rules::shipped(&sandbox).start();
    let upload = Upload::to(System::AmazonConnect, content::bytes(1000));
    sandbox.script(Fault::once(System::AmazonConnect, Step::Finalize, FaultKind::DropReply));
    assert_stored(&sandbox, &upload, &upload.send(&rig).await);
    assert_eq!(exchanges(&sandbox, Step::Finalize).len(), 2);
}

#[tokio::test]
async fn a_signed_length_is_an_assertion_and_no_second_header() {
    let sandbox = started(Options { connect_signs_length: true, ..Options::default() }).await;
    let rig = Rules::shipped(&sandbox).start();
    let upload = Upload::to(System::AmazonConnect, content::bytes(1000));
    assert_stored(&sandbox, &upload, &upload.send(&rig).await);
    let store = exchanges(&sandbox, Step::Store);
    let lengths = store[0].headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    assert_eq!(lengths.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["1000"]);
    assert_eq!(store[0].header("authorization"), None);
    assert_eq!(store[0].header("x-amz-server-side-encryption"), Some("aws:kms"));
}

/// The sandbox computes every signature anew, with a signer that shares no code with the gateway's.
#[tokio::test]
async fn every_request_is_signed_with_and_without_a_session_token() {
    for session_token in [None, Some("FwoGZXIvYXdzE//token+with/odd=characters==".to_owned())] {
        let sandbox = started(Options { session_token: session_token.clone(), ..Options::default() }).await;
        let rig = hurried(&sandbox).start();
        for resource in ["domain/d1/case/c1", "domain/ü~x+y=z&%25:é*'()!/case/c1", "case/🦀"] {
            let arn = format!("arn:aws:cases:us-east-1:123456789012:{resource}");
            let mut upload = waiting();
            upload.params[0].1 = arn;
            let answer = upload.send(&rig).await;
            assert_eq!(answer.status, 201, "{}", answer.json());
        }
        for exchange in sandbox.journal().iter().filter(|exchange| exchange.step != Step::Store) {
            assert_eq!(exchange.header("x-amz-security-token"), session_token.as_deref());
            assert!(exchange.header("authorization").is_some_and(|field| field.starts_with("AWS4-HMAC-SHA256 ")));
        }
    }
}

/// Who passes the signature and names another instance is told `AccessDenied`; a wrong signature has a code of its own. So
/// this shows that paths are encoded twice, as every service but S3 wants it.
#[tokio::test]
async fn paths_with_odd_characters_are_signed_right() {
    let sandbox = started(Options::default()).await;
    for instance in ["a b", "50%", "a%2Fb", "ü", "~_.-", "a+b=c&d", "*'()!"] {
        let rig = Rules::shipped(&sandbox).variable("CONNECT_INSTANCE_ID", instance).start();
        let answer = Upload::to(System::AmazonConnect, content::bytes(10)).send(&rig).await;
        assert_eq!(code(&answer), "AccessDeniedException", "{instance}: {}", answer.json());
    }
}

#[tokio::test]
async fn wrong_credentials_are_the_operators_fault() {
    let sandbox = started(Options { session_token: Some("token".to_owned()), ..Options::default() }).await;
    let shipped = || Rules::shipped(&sandbox);
    let table = [
        (shipped().variable("AWS_SECRET_ACCESS_KEY", "another"), "InvalidSignatureException"),
        (shipped().variable("AWS_ACCESS_KEY_ID", "AKIAANOTHER"), "UnrecognizedClientException"),
        (shipped().variable("AWS_SESSION_TOKEN", "another"), "UnrecognizedClientException"),
        (shipped().variable("AWS_REGION", "eu-central-1"), "InvalidSignatureException"),
    ];
    for (rules, expected) in table {
        let answer = Upload::to(System::AmazonConnect, content::bytes(10)).send(&rules.start()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream-refused"));
        assert_eq!((code(&answer).as_str(), &answer.json()["blame"]), (expected, &"gateway".into()));
    }
    assert_eq!(sandbox.announced(), []);
}

fn code(answer: &Answer) -> String {
    answer.json()["upstream"]["code"].as_str().unwrap_or_default().to_owned()
}
