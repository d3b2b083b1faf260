//! Kustomer: `POST /v1/media` announces a file and answers with an S3 POST policy of exactly its size.
//!
//! Body and answer as in the vendor's `createMedia`; errors are JSON:API with the status as a string. There is no
//! finalize step: `uploaded` turns true when S3 has the file.

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use crate::clock;
use crate::faults::FaultKind;
use crate::fields::{Fields, Lack};
use crate::http::{Answer, BodyError, Head};
use crate::objects::{ObjectState, Upload};
use crate::s3;
use crate::state::{KUSTOMER_API_KEY, Request, Shared};
use crate::system::{Step, System};

/// The JSON bodies of this API are small.
const BODY_LIMIT: usize = 64 * 1024;
/// A policy lives so long.
const POLICY_LIFE: Duration = Duration::minutes(30);
const ORGANIZATION: &str = "5e66c1a7d47d84001a0dc001";
/// "The following file name extensions are blocked and cannot be used as attachments".
const BLOCKED: [&str; 32] = [
    "bin", "bat", "chm", "com", "cpl", "crt", "exe", "hlp", "hta", "inf", "ins", "isp", "jse", "lnk", "mdb", "msc",
    "msi", "msp", "mst", "pcd", "pif", "ps1", "reg", "scr", "sct", "shs", "vbe", "vba", "vbs", "wsf", "wsh", "wsl",
];

/// Which part of an upload a request plays.
pub(crate) fn step(head: &Head) -> Step {
    match (head.method.as_str(), head.path()) {
        ("POST", "/v1/media") => Step::Prepare,
        ("GET", path) if path.starts_with("/v1/media/") => Step::Status,
        _ => Step::Unknown,
    }
}

/// Answers one request.
pub(crate) async fn serve(shared: &Shared, request: &mut Request<'_>) -> Result<Answer, BodyError> {
    let body = request.body.small(BODY_LIMIT).await?;
    if request.head.bearer() != Some(KUSTOMER_API_KEY) {
        return Ok(failure(401));
    }
    Ok(match step(&request.head) {
        Step::Prepare => create(shared, request, &body),
        Step::Status => show(shared, &request.head),
        _ => failure(404),
    })
}

/// An error in JSON:API shape.
pub(crate) fn failure(status: u16) -> Answer {
    let (code, title) = match status {
        400 => ("bad_request", "Bad request"),
        401 => ("unauthorized", "Unauthorized"),
        403 => ("forbidden", "Forbidden"),
        404 => ("not_found", "Not found"),
        413 => ("payload_too_large", "Payload too large"),
        429 => ("too_many_requests", "Too many requests"),
        _ => ("internal", "Internal server error"),
    };
    error(status, &[(code, title.to_owned(), None)])
}

fn error(status: u16, problems: &[(&str, String, Option<&str>)]) -> Answer {
    let errors: Vec<Value> = problems
        .iter()
        .map(|(code, title, parameter)| {
            let mut error = json!({ "status": status.to_string(), "code": code, "title": title });
            if let (Some(parameter), Some(error)) = (parameter, error.as_object_mut()) {
                error.insert("source".to_owned(), json!({ "parameters": parameter }));
            }
            error
        })
        .collect();
    Answer::json(status, &json!({ "errors": errors })).with_type("application/json; charset=utf-8")
}

/// What the caller announced.
struct Announcement {
    name: String,
    content_type: String,
    length: u64,
}

fn create(shared: &Shared, request: &Request<'_>, body: &[u8]) -> Answer {
    if !request.head.has_type("application/json") {
        return error(400, &[("invalid_content_type", "content-type must be application/json".into(), None)]);
    }
    let announced = match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(map) => read(&map),
        Err(_) => return error(400, &[("invalid_json", "body is not a JSON object".into(), None)]),
    };
    let announced = match announced {
        Ok(announced) => announced,
        Err(answer) => return answer,
    };
    announce(shared, request, announced)
}

fn announce(shared: &Shared, request: &Request<'_>, announced: Announcement) -> Answer {
    let now = OffsetDateTime::now_utc();
    let id: String = uuid::Uuid::new_v4().simple().to_string().chars().take(24).collect();
    let key = format!("attachments/{ORGANIZATION}/{id}-{}", announced.name);
    let expired = request.fault == Some(FaultKind::Expired);
    let form = s3::FormGrant {
        system: System::Kustomer,
        fields: vec![
            ("key".into(), key.clone()),
            ("acl".into(), "private".into()),
            ("Content-Type".into(), announced.content_type.clone()),
            ("X-Amz-Meta-Attachment-Id".into(), id.clone()),
        ],
        range: (announced.length, announced.length),
        life: if expired { -POLICY_LIFE } else { POLICY_LIFE },
        camel_case: true,
    };
    let url = format!("{}{}", shared.storage_origin(request.fault.as_ref()), form.path());
    let fields = form.sign(now);
    let mut uploads = shared.uploads();
    let upload = uploads.add(|_number| {
        let mut upload = Upload::new(System::Kustomer, id, &announced.name, ObjectState::Announced);
        upload.content_type = Some(announced.content_type);
        upload.key = Some(key);
        upload.fields.insert("contentLength".into(), json!(announced.length));
        upload
    });
    let document = json!({
        "data": resource(upload),
        "meta": { "provider": "s3", "upload": { "url": url, "fields": fields } },
    });
    Answer::json(201, &document).with_type("application/json; charset=utf-8")
}

fn read(map: &Map<String, Value>) -> Result<Announcement, Answer> {
    let mut fields = Fields::new(map, &["name", "contentType", "contentLength"]);
    let name = fields.text("name");
    let content_type = fields.text("contentType");
    let length = fields.integer("contentLength");
    if name.contains(char::is_control) {
        fields.note("name", Lack::Wrong("string without control characters"));
    }
    let problems = fields.problems();
    if !problems.is_empty() {
        let told: Vec<_> = problems
            .iter()
            .map(|problem| match problem.lack {
                Lack::Missing => ("missing", format!("{} is required", problem.field), Some(problem.field.as_str())),
                Lack::Wrong(kind) => {
                    ("invalid_type", format!("{} must be a {kind}", problem.field), Some(problem.field.as_str()))
                }
                Lack::Unknown => ("unknown", format!("{} is not allowed", problem.field), Some(problem.field.as_str())),
            })
            .collect();
        return Err(error(400, &told));
    }
    let extension = name.trim_end_matches(['.', ' ']).rsplit_once('.').map(|(_, last)| last.to_ascii_lowercase());
    if extension.is_some_and(|extension| BLOCKED.contains(&extension.as_str())) {
        return Err(error(400, &[("blocked_extension", "file extension is not allowed".into(), Some("name"))]));
    }
    Ok(Announcement { name, content_type, length })
}

fn show(shared: &Shared, head: &Head) -> Answer {
    let ids = head.segments().pop().unwrap_or_default();
    let mut uploads = shared.uploads();
    let found: Vec<Value> =
        ids.split(',').filter_map(|id| uploads.with_id(System::Kustomer, id).map(|upload| resource(upload))).collect();
    match found.as_slice() {
        [] => failure(404),
        [one] if !ids.contains(',') => Answer::json(200, &json!({ "data": one })),
        _ => Answer::json(200, &json!({ "data": found })),
    }
}

fn resource(upload: &Upload) -> Value {
    let created = clock::millis(upload.created);
    json!({
        "type": "attachment",
        "id": upload.id,
        "attributes": {
            "name": upload.name,
            "contentType": upload.content_type,
            "contentLength": upload.fields.get("contentLength"),
            "redacted": false,
            "uploaded": upload.received.is_some(),
            "createdAt": created,
            "updatedAt": created,
            "context": "attachment",
        },
        "relationships": {
            "org": {
                "links": { "self": format!("/v1/orgs/{ORGANIZATION}") },
                "data": { "type": "org", "id": ORGANIZATION },
            },
        },
        "links": { "self": format!("/v1/attachments/{}", upload.id) },
    })
}
