//! What S3 says of a form or of a presigned PUT, and what finalize steps say afterwards.

use harness::{Rules, content, told};
use sandbox::peer::{Reply, ScriptedPeer};
use sandbox::{Fault, FaultKind, Options, Sandbox, Step, System};

use crate::refusals::{MARK, assert_keeps_secrets};
use crate::upload::Upload;

fn xml(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <AWSAccessKeyId>AKIA{MARK}</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256 {MARK}</StringToSign>\
         <RequestId>4442587FB7D0A2F9</RequestId><HostId>h</HostId></Error>"
    );
    Reply { body: body.into(), ..Reply::empty(status).with("Content-Type", "application/xml") }
}

/// What S3 says, and what the client is told.
fn table() -> Vec<(Reply, &'static str)> {
    let policy =
        "Invalid according to Policy: Policy Condition failed: [&quot;eq&quot;, &quot;$key&quot;, &quot;a/b.png&quot;]";
    let url = format!("Denied: https://b.s3.amazonaws.com/k?X-Amz-Signature={MARK}&amp;Policy=eyJ{MARK}");
    vec![
        (
            xml(403, "AccessDenied", policy),
            "502 upstream-refused gateway no | 403 AccessDenied | Invalid according to Policy: Policy Condition failed: [\"eq\", \"$key\", \"a/b.png\"] | -",
        ),
        (
            xml(403, "AccessDenied", "Request has expired"),
            "502 upstream-refused gateway no | 403 AccessDenied | Request has expired | -",
        ),
        (
            xml(403, "SignatureDoesNotMatch", "The request signature we calculated does not match."),
            "502 upstream-refused gateway no | 403 SignatureDoesNotMatch | The request signature we calculated does not match. | -",
        ),
        (
            xml(403, "AccessDenied", &url),
            "502 upstream-refused gateway no | 403 AccessDenied | Denied: https://b.s3.amazonaws.com/k?*** | -",
        ),
        (
            xml(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"),
            "422 upstream-refused-file client no | 400 EntityTooLarge | Your proposed upload exceeds the maximum allowed size | -",
        ),
        (
            xml(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"),
            "422 upstream-refused-file client no | 400 EntityTooSmall | Your proposed upload is smaller than the minimum allowed size | -",
        ),
        (
            xml(411, "MissingContentLength", "You must provide the Content-Length HTTP header."),
            "502 upstream-refused upstream no | 411 MissingContentLength | You must provide the Content-Length HTTP header. | -",
        ),
        (
            xml(501, "NotImplemented", "A header you provided implies functionality that is not implemented"),
            "502 upstream-failed upstream unknown | 501 NotImplemented | A header you provided implies functionality that is not implemented | -",
        ),
        (
            xml(503, "SlowDown", "Please reduce your request rate."),
            "503 upstream-busy upstream unknown | 503 SlowDown | Please reduce your request rate. | -",
        ),
        (
            xml(500, "InternalError", "We encountered an internal error. Please try again."),
            "502 upstream-failed upstream unknown | 500 InternalError | We encountered an internal error. Please try again. | -",
        ),
        (Reply::empty(403), "502 upstream-refused gateway no | 403 - | - | -"),
        (
            Reply { body: "<html><body>Bad gateway</body></html>".into(), ..Reply::empty(502) },
            "502 upstream-failed upstream unknown | 502 - | - | -",
        ),
        (
            Reply::empty(303).with("Location", "https://example.com/done?key=k"),
            "502 upstream-misbehaved upstream unknown | 303 - | - | -",
        ),
    ]
}

#[tokio::test]
async fn errors_of_s3_become_problems_of_the_transfer() {
    for system in [System::Kustomer, System::TeamworkDesk, System::AmazonConnect] {
        let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
        for (reply, expected) in table() {
            // The sandbox hands out real grants whose URLs lead to the peer.
            let peer = ScriptedPeer::start([reply]).await.expect("a port");
            let origin = peer.origin();
            sandbox.script(Fault::once(system, Step::Prepare, FaultKind::PointElsewhere { origin: origin.clone() }));
            let rules = Rules::shipped(&sandbox);
            let storages = ["KUSTOMER_STORAGE", "TEAMWORK_DESK_STORAGE", "CONNECT_STORAGE"];
            let rig = storages.iter().fold(rules, |rules, name| rules.variable(name, &origin)).start();
            let answer = Upload::to(system, content::bytes(1000)).send(&rig).await;
            let expected = if system == System::AmazonConnect { taken_back(expected) } else { expected.to_owned() };
            assert_eq!(told(&answer), expected, "{system}");
            assert_eq!(answer.json()["step"], "store", "{system}");
            assert_keeps_secrets(&answer, &sandbox);
            assert_eq!(peer.requests().len(), 1, "{system}: a transfer that arrived is not sent again");
        }
        let undone = sandbox.journal().iter().filter(|exchange| exchange.step == Step::Undo).count();
        let expected = if system == System::AmazonConnect { table().len() } else { 0 };
        assert_eq!(undone, expected, "{system}");
    }
}

/// Connect's undo deletes whatever may have been stored.
fn taken_back(told: &str) -> String {
    told.replace(" unknown |", " no |")
}

#[tokio::test]
async fn a_refused_finalize_step_leaves_no_doubt_about_the_file() {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    let rig = Rules::shipped(&sandbox).start();
    let table = [
        (System::TeamworkDesk, 404, "502 upstream-refused upstream yes | 404 - | resource not found | -"),
        (
            System::TeamworkDesk,
            403,
            "502 upstream-refused gateway yes | 403 - | you do not have permission to do this | -",
        ),
        (
            System::AmazonConnect,
            409,
            "502 upstream-refused upstream no | 409 ResourceConflictException | A resource already has that name. | -",
        ),
        (
            System::AmazonConnect,
            500,
            "502 upstream-failed upstream no | 500 InternalServiceException | Request processing failed because of an internal error. | -",
        ),
    ];
    for (system, status, expected) in table {
        sandbox.clear();
        let fault = FaultKind::Fail { status, retry_after: None };
        sandbox.script(Fault::once(system, Step::Finalize, fault).always());
        let answer = Upload::to(system, content::bytes(1000)).send(&rig).await;
        assert_eq!(told(&answer), expected, "{system}");
        let attempts = sandbox.journal().iter().filter(|exchange| exchange.step == Step::Finalize).count();
        assert_eq!(attempts, if status == 500 { 3 } else { 1 }, "{system} {status}");
        assert_eq!(sandbox.announced().len(), usize::from(system == System::TeamworkDesk), "{system} {status}");
    }
}
