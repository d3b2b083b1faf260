//! Teamwork Desk: `POST /desk/api/v2/files/ref.json`, an S3 form, `PATCH /desk/api/v2/files/{id}.json`.
//!
//! Ids are integers beyond 2^53, so whoever passes them through a float writes another id. Validation errors are a map
//! of arrays, all others an array of objects, as the vendor's libraries show.

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use crate::clock;
use crate::faults::FaultKind;
use crate::fields::{Fields, Lack};
use crate::http::{Answer, BodyError, Framing, Head};
use crate::objects::{ObjectState, Upload};
use crate::s3;
use crate::state::{Request, Shared, TEAMWORK_DESK_API_KEY};
use crate::system::{Step, System};

const REF: &str = "/desk/api/v2/files/ref.json";
/// The JSON bodies of this API are small.
const BODY_LIMIT: usize = 64 * 1024;
const POLICY_LIFE: Duration = Duration::minutes(60);
/// The most that S3 takes in one form.
const SIZE_LIMIT: u64 = 5 * 1024 * 1024 * 1024;
/// 2^53 + 1, the first integer that a double cannot hold. Ids are this plus an even number.
const FIRST_ID: u64 = 9_007_199_254_740_993;

/// Which part of an upload a request plays.
pub(crate) fn step(head: &Head) -> Step {
    match (head.method.as_str(), head.path() == REF, file_id(head)) {
        ("POST", true, _) => Step::Prepare,
        ("PATCH", false, Some(_)) => Step::Finalize,
        ("GET", false, Some(_)) => Step::Status,
        _ => Step::Unknown,
    }
}

/// Answers one request.
pub(crate) async fn serve(shared: &Shared, request: &mut Request<'_>) -> Result<Answer, BodyError> {
    let body = request.body.small(BODY_LIMIT).await?;
    if request.head.bearer() != Some(TEAMWORK_DESK_API_KEY) {
        return Ok(failure(401));
    }
    Ok(match step(&request.head) {
        Step::Prepare => reference(shared, request, &body),
        Step::Finalize => activate(shared, request, &body),
        Step::Status => {
            let id = file_id(&request.head).unwrap_or_default();
            match shared.uploads().with_id(System::TeamworkDesk, &id) {
                Some(upload) => Answer::json(200, &json!({ "file": resource(upload) })),
                None => failure(404),
            }
        }
        _ => failure(404),
    })
}

/// An error without a particular reason.
pub(crate) fn failure(status: u16) -> Answer {
    let (id, detail) = match status {
        400 => return invalid("body", "is not valid"),
        401 => ("unauthorized", "invalid or missing credentials"),
        403 => ("forbidden", "you do not have permission to do this"),
        404 => ("not_found", "resource not found"),
        409 => ("conflict", "the file has not been uploaded"),
        411 => ("length_required", "content-length is required"),
        413 => ("too_large", "the request is too large"),
        429 => ("rate_limited", "too many requests"),
        _ => ("internal", "something went wrong"),
    };
    Answer::json(status, &json!({ "errors": [{ "id": id, "title": id, "detail": detail }] }))
}

fn invalid(field: &str, message: &str) -> Answer {
    Answer::json(400, &json!({ "errors": { field: [message] } }))
}

/// The id in `/desk/api/v2/files/{id}.json`: plain digits.
fn file_id(head: &Head) -> Option<String> {
    let id = head.path().strip_prefix("/desk/api/v2/files/")?.strip_suffix(".json")?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
}

fn reference(shared: &Shared, request: &Request<'_>, body: &[u8]) -> Answer {
    if !request.head.has_type("application/json") {
        return invalid("content-type", "must be application/json");
    }
    let Ok(members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return invalid("body", "must be a JSON object");
    };
    let mut fields = Fields::new(&members, &["type", "filename", "mimeType", "disposition"]);
    fields.choice("type", &["attachment"], "must be attachment");
    let name = fields.text("filename");
    let mime = fields.text("mimeType");
    let dispositions = ["attachment", "attachment-inline"];
    fields.choice("disposition", &dispositions, "must be attachment or attachment-inline");
    let mut errors = Map::new();
    for problem in fields.problems() {
        let message = match problem.lack {
            Lack::Missing => "must be set",
            Lack::Wrong(wording) if wording.starts_with("must") => wording,
            Lack::Wrong(_) => "must be a string",
            Lack::Unknown => "is not a known field",
        };
        errors.insert(problem.field, json!([message]));
    }
    if !errors.is_empty() {
        return Answer::json(400, &json!({ "errors": errors }));
    }
    announce(shared, request, members, &name, &mime)
}

fn announce(shared: &Shared, request: &Request<'_>, members: Map<String, Value>, name: &str, mime: &str) -> Answer {
    let key = format!("sandbox/files/{}/{name}", uuid::Uuid::new_v4());
    let expired = request.fault == Some(FaultKind::Expired);
    let form = s3::FormGrant {
        system: System::TeamworkDesk,
        fields: vec![
            ("Content-Type".into(), mime.to_owned()),
            ("key".into(), key.clone()),
            ("success_action_status".into(), "201".into()),
        ],
        range: (0, SIZE_LIMIT),
        life: if expired { -POLICY_LIFE } else { POLICY_LIFE },
        camel_case: false,
    };
    let url = format!("{}{}", shared.storage_origin(request.fault.as_ref()), form.path());
    let params = form.sign(OffsetDateTime::now_utc());
    let mut uploads = shared.uploads();
    let upload = uploads.add(|number| {
        let id = FIRST_ID.saturating_add(number.saturating_mul(2));
        let mut upload = Upload::new(System::TeamworkDesk, id.to_string(), name, ObjectState::Temp);
        upload.content_type = Some(mime.to_owned());
        upload.key = Some(key);
        upload.fields = members;
        upload
    });
    Answer::json(201, &json!({ "url": url, "params": params, "file": resource(upload) }))
}

/// The call itself is the message; it has no body, and says so.
fn activate(shared: &Shared, request: &Request<'_>, body: &[u8]) -> Answer {
    if request.framing != Framing::Length(0) {
        return if body.is_empty() { failure(411) } else { invalid("body", "must be empty") };
    }
    let id = file_id(&request.head).unwrap_or_default();
    match shared.uploads().with_id(System::TeamworkDesk, &id) {
        None => failure(404),
        Some(upload) if upload.received.is_none() => failure(409),
        Some(upload) => {
            upload.state = ObjectState::Active;
            Answer::json(200, &json!({ "file": resource(upload) }))
        }
    }
}

fn resource(upload: &Upload) -> Value {
    let active = upload.state == ObjectState::Active;
    let size = upload.received.as_ref().filter(|_| active).map_or(0, |received| received.size);
    let created = clock::micros(upload.created);
    let mut file = json!({
        "id": upload.id.parse::<u64>().unwrap_or_default(),
        "mimeType": upload.content_type,
        "fileName": upload.name,
        "size": size,
        "disposition": upload.fields.get("disposition"),
        "type": "attachment",
        "createdAt": created,
        "updatedAt": created,
        "createdBy": { "id": 1, "type": "users" },
        "updatedBy": { "id": 1, "type": "users" },
        "state": if active { "active" } else { "temp" },
    });
    if let (true, Some(file)) = (active, file.as_object_mut()) {
        file.insert("URL".into(), json!(""));
    }
    file
}
