//! Whatever shape an upstream's refusal has, the client gets the one problem shape, and no secret in it.

use harness::{Answer, Rules, content, told};
use http::HeaderMap;
use sandbox::peer::{Reply, ScriptedPeer};
use sandbox::{Options, Sandbox, System};
use serde_json::json;

use crate::upload::Upload;

/// Stands in every secret that a canned answer holds; it must not reach the client.
pub(crate) const MARK: &str = "hunter2hunter2";

/// What an upstream says, and what the client is told, in one line (see [`told`]).
struct Said {
    system: System,
    reply: Reply,
    told: &'static str,
}

fn said(system: System, reply: Reply, told: &'static str) -> Said {
    Said { system, reply, told }
}

fn text(status: u16, media_type: &str, body: &str) -> Reply {
    Reply { body: body.to_owned().into(), ..Reply::empty(status).with("Content-Type", media_type) }
}

fn html(status: u16) -> Reply {
    let page = format!(
        "<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>nginx</h1><a href=\"https://b.s3.amazonaws.com/k?X-Amz-Signature={MARK}\">x</a></body></html>"
    );
    text(status, "text/html; charset=utf-8", &page)
}

fn typed(status: u16, kind: &str, body: &serde_json::Value) -> Reply {
    Reply::json(status, body).with("x-amzn-ErrorType", kind)
}

/// Nothing that is a secret, or would do as one, stands in an answer.
pub(crate) fn assert_keeps_secrets(answer: &Answer, sandbox: &Sandbox) {
    let shown = format!("{:?}\n{}", as_text(&answer.headers), String::from_utf8_lossy(&answer.body));
    let names = ["KEY", "TOKEN", "SECRET"];
    let secrets = sandbox.environment().into_iter().filter(|(name, _)| names.iter().any(|part| name.contains(part)));
    for secret in secrets.map(|(_, value)| value).chain([MARK.to_owned()]) {
        assert!(!shown.contains(&secret), "`{secret}` is shown: {shown}");
    }
    for trace in ["X-Amz-Signature=", "x-amz-signature=", "eyJ", "X-Amz-Credential="] {
        assert!(!shown.contains(trace), "`{trace}` is shown: {shown}");
    }
}

fn as_text(headers: &HeaderMap) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))).collect()
}

/// The variable that says where a system's API is.
pub(crate) fn url_variable(system: System) -> &'static str {
    match system {
        System::Kustomer => "KUSTOMER_URL",
        System::Flowkiwi => "FLOWKIWI_URL",
        System::KlinkCx => "KLINKCX_URL",
        System::TeamworkDesk => "TEAMWORK_DESK_URL",
        System::AmazonConnect => "CONNECT_URL",
    }
}

/// Lets the first request of each upload be answered as the table says, every attempt in the same way.
async fn check(table: Vec<Said>) {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    for Said { system, reply, told: expected } in table {
        let what = format!("{system}: {} {}", reply.status, String::from_utf8_lossy(&reply.body));
        let peer = ScriptedPeer::start(std::iter::repeat_n(reply, 3)).await.expect("a port");
        let rig = Rules::shipped(&sandbox).variable(url_variable(system), &peer.origin()).start();
        let answer = Upload::to(system, content::bytes(1000)).send(&rig).await;
        assert_eq!(told(&answer), expected, "{what}");
        assert_keeps_secrets(&answer, &sandbox);
        assert_eq!(answer.json()["step"], first_step(system), "{what}");
    }
    assert_eq!(sandbox.journal(), [], "only the first step was sent");
}

fn first_step(system: System) -> &'static str {
    match system {
        System::Kustomer | System::KlinkCx => "create",
        System::Flowkiwi => "store",
        System::TeamworkDesk => "ref",
        System::AmazonConnect => "start",
    }
}

#[tokio::test]
async fn json_api_errors_of_kustomer() {
    let errors = |status: u16, errors: serde_json::Value| Reply::json(status, &json!({ "errors": errors }));
    let extension = json!([{
        "status": "400", "code": "blocked_extension", "title": "file extension is not allowed",
        "source": { "parameters": "name" },
    }]);
    let two = json!([
        { "status": "400", "code": "invalid", "title": "Invalid", "detail": "must be positive", "source": { "pointer": "/contentLength" } },
        { "status": "400", "code": "missing", "title": "contentType is required", "source": { "parameter": "contentType" } },
    ]);
    let secret = format!(
        "no access to https://s3.amazonaws.com/b/k?X-Amz-Credential=AKIA{MARK}&X-Amz-Signature={MARK} with Bearer {MARK}"
    );
    let k = System::Kustomer;
    check(vec![
        said(
            k,
            errors(400, extension),
            "422 upstream-refused-file client no | 400 blocked_extension | file extension is not allowed | name: file extension is not allowed",
        ),
        said(
            k,
            errors(400, two),
            "422 upstream-refused-file client no | 400 invalid | must be positive | /contentLength: must be positive; contentType: contentType is required",
        ),
        said(
            k,
            errors(401, json!([{ "status": "401", "code": "unauthorized", "title": "Unauthorized" }])),
            "502 upstream-refused gateway no | 401 unauthorized | Unauthorized | -",
        ),
        said(
            k,
            errors(403, json!([{ "code": "forbidden", "title": secret }])),
            "502 upstream-refused gateway no | 403 forbidden | no access to https://s3.amazonaws.com/b/k?*** with Bearer *** | -",
        ),
        said(
            k,
            errors(404, json!([{ "code": "not_found", "title": "Not found" }])),
            "502 upstream-refused upstream no | 404 not_found | Not found | -",
        ),
        said(k, errors(400, json!([])), "422 upstream-refused-file client no | 400 - | - | -"),
        said(k, html(500), "502 upstream-failed upstream no | 500 - | - | -"),
        said(k, Reply::empty(502), "502 upstream-failed upstream no | 502 - | - | -"),
        said(
            k,
            Reply::json(200, &json!({ "ok": true })),
            "502 upstream-misbehaved upstream no | 200 - | - | -",
        ),
    ])
    .await;
}

#[tokio::test]
async fn problem_documents_of_flowkiwi() {
    let problem = |status: u16, body: serde_json::Value| {
        let media_type = "application/problem+json; charset=utf-8";
        text(status, media_type, &body.to_string())
    };
    let violations = json!({
        "@context": "/contexts/ConstraintViolation", "@id": "/validation_errors/df86", "@type": "ConstraintViolation",
        "status": 422, "type": "/validation_errors/df86", "title": null,
        "detail": "file: The file is too large.", "hydra:title": "An error occurred",
        "hydra:description": "file: The file is too large.",
        "violations": [
            { "propertyPath": "file", "message": "The file is too large.", "code": "df86" },
            { "propertyPath": "name", "message": "This value should not be blank.", "hint": "say something" },
        ],
    });
    let hydra = json!({ "type": "/errors/400", "title": null, "hydra:title": "An error occurred", "hydra:description": "Malformed body." });
    let permissions = json!({
        "type": "/errors/403", "title": "Access denied", "status": 403,
        "detail": "The caller is missing one or more identity permissions required for this operation.",
        "missingPermissions": ["product:media:create"],
    });
    let f = System::Flowkiwi;
    check(vec![
        said(
            f,
            problem(422, violations),
            "422 upstream-refused-file client no | 422 /validation_errors/df86 | file: The file is too large. | file: The file is too large.; name: This value should not be blank.",
        ),
        said(f, problem(400, hydra), "502 upstream-refused upstream no | 400 /errors/400 | Malformed body. | -"),
        said(
            f,
            problem(403, permissions),
            "502 upstream-refused gateway no | 403 /errors/403 | The caller is missing one or more identity permissions required for this operation. Missing: product:media:create | -",
        ),
        said(
            f,
            Reply::json(401, &json!({ "code": 401, "message": "Invalid JWT Token" })),
            "502 upstream-refused gateway no | 401 401 | Invalid JWT Token | -",
        ),
        said(f, html(413), "422 upstream-refused-file client no | 413 - | - | -"),
        said(f, problem(415, json!({})), "422 upstream-refused-file client no | 415 - | - | -"),
        said(
            f,
            problem(500, json!({ "title": "An error occurred", "detail": "Internal Server Error", "type": "/errors/500" })),
            "502 upstream-failed upstream unknown | 500 /errors/500 | Internal Server Error | -",
        ),
        said(
            f,
            problem(429, json!({ "detail": "Too Many Requests" })).with("Retry-After", "7"),
            "503 upstream-busy upstream no | 429 - | Too Many Requests | -",
        ),
    ])
    .await;
}

#[tokio::test]
async fn maps_of_arrays_and_other_shapes_of_klinkcx() {
    let laravel = json!({
        "message": "The fileName field is required. (and 2 more errors)",
        "errors": { "fileName": ["The fileName field is required."], "data": ["The data is bad.", "The data is long."] },
    });
    let k = System::KlinkCx;
    check(vec![
        said(
            k,
            Reply::json(422, &laravel),
            "422 upstream-refused-file client no | 422 - | The fileName field is required. (and 2 more errors) | fileName: The fileName field is required.; data: The data is bad.; data: The data is long.",
        ),
        said(
            k,
            Reply::json(401, &json!({ "message": "Unauthenticated." })),
            "502 upstream-refused gateway no | 401 - | Unauthenticated. | -",
        ),
        said(
            k,
            Reply::json(500, &json!({ "error": { "code": "E_INTERNAL", "message": format!("token={MARK} broke") } })),
            "502 upstream-failed upstream unknown | 500 E_INTERNAL | token=*** broke | -",
        ),
        said(
            k,
            Reply::json(400, &json!({ "code": 1042, "error": "bad folder" })),
            "502 upstream-refused upstream no | 400 1042 | bad folder | -",
        ),
        said(k, html(403), "502 upstream-refused gateway no | 403 - | - | -"),
        said(k, Reply::empty(503), "503 upstream-busy upstream unknown | 503 - | - | -"),
        said(k, text(404, "application/json", "{ broken"), "502 upstream-refused upstream no | 404 - | - | -"),
        said(k, text(200, "application/json", "[]"), "502 upstream-misbehaved upstream yes | null - | - | -"),
    ])
    .await;
}

#[tokio::test]
async fn maps_and_arrays_of_errors_of_teamwork_desk() {
    let map = json!({ "errors": { "filename": ["must be set"], "addresses[1].city": ["is bad", "is long"] } });
    let array = json!({ "errors": [{ "id": "forbidden", "title": "forbidden", "detail": "nope" }] });
    let t = System::TeamworkDesk;
    check(vec![
        said(
            t,
            Reply::json(400, &map),
            "422 upstream-refused-file client no | 400 - | - | filename: must be set; addresses[1].city: is bad; addresses[1].city: is long",
        ),
        said(t, Reply::json(403, &array), "502 upstream-refused gateway no | 403 - | nope | -"),
        said(t, Reply::json(404, &json!({ "errors": ["gone"] })), "502 upstream-refused upstream no | 404 - | gone | -"),
        said(
            t,
            Reply::json(409, &json!({ "message": "conflict" })),
            "502 upstream-refused upstream no | 409 - | conflict | -",
        ),
        said(t, html(200), "502 upstream-misbehaved upstream no | 200 - | - | -"),
        said(
            t,
            Reply::empty(302).with("Location", &format!("https://login.example.com/?token={MARK}")),
            "502 upstream-misbehaved upstream no | 302 - | - | -",
        ),
    ])
    .await;
}

#[tokio::test]
async fn error_types_of_amazon_connect() {
    let suffix = |kind: &str| format!("{kind}:http://internal.amazon.com/coral/com.amazonaws.connect/");
    let invalid = |reason: &str| json!({ "Message": "The request is not valid.", "Reason": { "AttachedFileInvalidRequestExceptionReason": reason } });
    let quota = json!({
        "Message": "Service quota exceeded.",
        "Reason": { "AttachedFileServiceQuotaExceededExceptionReason": "TOTAL_FILE_COUNT_EXCEEDED" },
    });
    let c = System::AmazonConnect;
    check(vec![
        said(
            c,
            typed(400, &suffix("InvalidRequestException"), &invalid("INVALID_FILE_SIZE")),
            "422 upstream-refused-file client no | 400 INVALID_FILE_SIZE | The request is not valid. | -",
        ),
        said(
            c,
            typed(400, "InvalidRequestException", &invalid("INVALID_FILE_NAME")),
            "422 upstream-refused-file client no | 400 INVALID_FILE_NAME | The request is not valid. | -",
        ),
        said(
            c,
            typed(400, &suffix("InvalidRequestException"), &json!({ "Message": "no such thing" })),
            "502 upstream-refused upstream no | 400 InvalidRequestException | no such thing | -",
        ),
        said(
            c,
            typed(402, "ServiceQuotaExceededException", &quota),
            "502 upstream-refused upstream no | 402 TOTAL_FILE_COUNT_EXCEEDED | Service quota exceeded. | -",
        ),
        said(
            c,
            typed(403, "InvalidSignatureException", &json!({ "message": format!("The canonical request was AWS4-HMAC-SHA256 Credential=AKIA{MARK}/20260101") })),
            "502 upstream-refused gateway no | 403 InvalidSignatureException | The canonical request was AWS4-HMAC-SHA256 *** | -",
        ),
        said(
            c,
            typed(404, &suffix("ResourceNotFoundException"), &json!({ "Message": "The resource was not found." })),
            "502 upstream-refused upstream no | 404 ResourceNotFoundException | The resource was not found. | -",
        ),
        said(
            c,
            typed(400, "com.amazonaws.connect#ValidationException", &json!({ "message": "bad arn" })),
            "502 upstream-refused upstream no | 400 ValidationException | bad arn | -",
        ),
        said(
            c,
            typed(429, &suffix("ThrottlingException"), &json!({ "Message": "Rate exceeded" })).with("Retry-After", "40"),
            "503 upstream-busy upstream no | 429 ThrottlingException | Rate exceeded | -",
        ),
        said(
            c,
            typed(500, "InternalServiceException", &json!({ "Message": "an internal error" })),
            "502 upstream-failed upstream no | 500 InternalServiceException | an internal error | -",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_busy_upstreams_retry_after_reaches_the_client() {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    for system in [System::Kustomer, System::AmazonConnect, System::Flowkiwi] {
        let busy = Reply::empty(503).with("Retry-After", "40");
        let peer = ScriptedPeer::start([busy]).await.expect("a port");
        let rig = Rules::shipped(&sandbox).variable(url_variable(system), &peer.origin()).start();
        let answer = Upload::to(system, content::bytes(1000)).send(&rig).await;
        assert_eq!((answer.status, answer.problem().as_str()), (503, "upstream-busy"), "{system}");
        assert_eq!((answer.header("retry-after"), &answer.json()["retryable"]), (Some("40"), &true.into()), "{system}");
    }
}
