//! KlinkCX: `POST /api/v1/media-manager/files`, a JSON object whose member `data` is the file in base64.
//!
//! The document is read as a stream: `data` is decoded as it comes and never held, wherever in the object it stands.
//! Errors are Laravel's: `message`, and `errors` as a map of arrays.

mod base64;
mod document;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::base64::Base64Decoder;
use self::document::{DocumentError, DocumentReader};
use crate::clock;
use crate::fields::{Fields, Lack, Problem};
use crate::http::{Answer, BodyError, Head};
use crate::objects::{ObjectState, Received, Upload};
use crate::state::{KLINKCX_TOKEN, Request, Shared};
use crate::system::{Step, System};

const FILES: &str = "/api/v1/media-manager/files";
/// The members that the vendor's page knows.
const MEMBERS: [&str; 10] = [
    "data",
    "fileName",
    "mimeType",
    "title",
    "description",
    "altText",
    "isPrivate",
    "folderId",
    "isFavorite",
    "sortOrder",
];

/// Which part of an upload a request plays.
pub(crate) fn step(head: &Head) -> Step {
    let file = head.path().strip_prefix(FILES).and_then(|rest| rest.strip_prefix('/'));
    match (head.method.as_str(), head.path(), file) {
        ("POST", FILES, _) => Step::Store,
        ("GET", _, Some(_)) => Step::Status,
        ("DELETE", _, Some(_)) => Step::Undo,
        _ => Step::Unknown,
    }
}

/// Answers one request.
pub(crate) async fn serve(shared: &Shared, request: &mut Request<'_>) -> Result<Answer, BodyError> {
    if request.head.bearer() != Some(KLINKCX_TOKEN) {
        return Ok(failure(401));
    }
    let id = request.head.segments().pop().unwrap_or_default();
    match step(&request.head) {
        Step::Store => create(shared, request).await,
        Step::Status => Ok(match shared.uploads().with_id(System::KlinkCx, &id) {
            Some(upload) => Answer::json(200, &resource(shared, upload)),
            None => failure(404),
        }),
        Step::Undo => Ok(match shared.uploads().remove(System::KlinkCx, &id) {
            true => Answer::json(200, &json!({ "message": "File deleted successfully." })),
            false => failure(404),
        }),
        _ => Ok(failure(404)),
    }
}

/// An error without a particular reason.
pub(crate) fn failure(status: u16) -> Answer {
    let message = match status {
        400 => "Bad Request",
        401 => "Unauthenticated.",
        403 => "This action is unauthorized.",
        404 => "Not Found",
        413 => "The POST data is too large.",
        415 => "Unsupported Media Type",
        422 => "The given data was invalid.",
        429 => "Too Many Attempts.",
        503 => "Service Unavailable",
        _ => "Server Error",
    };
    Answer::json(status, &json!({ "message": message }))
}

async fn create(shared: &Shared, request: &mut Request<'_>) -> Result<Answer, BodyError> {
    if !request.head.has_type("application/json") {
        return Ok(failure(415));
    }
    let mut document = DocumentReader::default();
    let mut decoder = Base64Decoder::default();
    let mut receiver = shared.receiver(false);
    let mut bad_base64 = false;
    while let Some(chunk) = request.body.chunk().await? {
        let read = document.push(&chunk, |encoded| {
            bad_base64 = bad_base64 || decoder.push(encoded, |bytes| receiver.push(bytes)).is_err();
        });
        if let Err(error) = read {
            return Ok(refuse_document(&error));
        }
    }
    let members = match document.finish() {
        Ok(members) => members,
        Err(error) => return Ok(refuse_document(&error)),
    };
    bad_base64 = bad_base64 || decoder.finish().is_err();
    let problems = check(&members, receiver.size(), bad_base64);
    if !problems.is_empty() {
        return Ok(invalid(&problems));
    }
    Ok(store(shared, members, receiver.finish()))
}

/// Checks the members. `data` is here as a string without its content.
fn check(members: &Map<String, Value>, size: u64, bad_base64: bool) -> Vec<Problem> {
    let mut fields = Fields::new(members, &MEMBERS);
    match members.get("data") {
        Some(Value::String(_)) if bad_base64 => fields.note("data", Lack::Wrong("valid base64 string")),
        Some(Value::String(_)) if size == 0 => fields.note("data", Lack::Missing),
        Some(Value::String(_)) => {}
        None | Some(Value::Null) => fields.note("data", Lack::Missing),
        Some(_) => fields.note("data", Lack::Wrong("string")),
    }
    fields.text("fileName");
    fields.text("mimeType");
    for text in ["title", "description", "altText"] {
        fields.optional_text(text);
    }
    fields.optional_boolean("isPrivate");
    fields.optional_boolean("isFavorite");
    fields.optional_integer("sortOrder");
    if fields.optional_text("folderId").is_some_and(|id| Uuid::try_parse(&id).is_err() || id.len() != 36) {
        fields.note("folderId", Lack::Wrong("valid UUID"));
    }
    fields.problems()
}

fn store(shared: &Shared, mut members: Map<String, Value>, received: Received) -> Answer {
    members.remove("data");
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let (name, mime) = (text("fileName").unwrap_or_default(), text("mimeType"));
    let mut uploads = shared.uploads();
    let upload = uploads.add(|_number| {
        let mut upload = Upload::new(System::KlinkCx, Uuid::now_v7().to_string(), &name, ObjectState::Stored);
        upload.content_type = mime;
        upload.key = Some(Uuid::now_v7().to_string());
        upload.fields = members;
        upload.writes = 1;
        upload.received = Some(received);
        upload
    });
    Answer::json(200, &resource(shared, upload))
}

/// The vendor's own sample asks for a folder and gets null, so the answer's `folderId` is always null.
fn resource(shared: &Shared, upload: &Upload) -> Value {
    let field = |name: &str| upload.fields.get(name).cloned().unwrap_or(Value::Null);
    let flag = |name: &str| upload.fields.get(name).and_then(Value::as_bool).unwrap_or_default();
    let created = clock::micros(upload.created);
    let origin = shared.origins.systems.iter().find(|(system, _)| *system == System::KlinkCx);
    let origin = origin.map(|(_, origin)| origin.as_str()).unwrap_or_default();
    json!({ "data": {
        "id": upload.id,
        "uploadId": upload.key,
        "folderId": null,
        "title": field("title"),
        "description": field("description"),
        "altText": field("altText"),
        "sortOrder": upload.fields.get("sortOrder").and_then(Value::as_u64).unwrap_or_default(),
        "isFavorite": flag("isFavorite"),
        "isPrivate": flag("isPrivate"),
        "createdAt": created,
        "updatedAt": created,
        "upload": {
            "id": upload.key,
            "fileName": upload.name,
            "fileSize": upload.received.as_ref().map(|received| received.size),
            "fileUrl": format!("{origin}/media-manager/{}", upload.id),
        },
    } })
}

fn refuse_document(error: &DocumentError) -> Answer {
    match error {
        DocumentError::Malformed => failure(400),
        DocumentError::TooLarge => failure(413),
        DocumentError::Escape => invalid(&[Problem { field: "data".into(), lack: Lack::Wrong("valid base64 string") }]),
        DocumentError::Twice => invalid(&[Problem { field: "data".into(), lack: Lack::Unknown }]),
    }
}

fn invalid(problems: &[Problem]) -> Answer {
    let mut errors = Map::new();
    let mut first = None;
    for problem in problems {
        let words = problem.field.as_str();
        let message = match problem.lack {
            Lack::Missing => format!("The {words} field is required."),
            Lack::Wrong(kind) => format!("The {words} field must be a {kind}."),
            Lack::Unknown => format!("The {words} field is prohibited."),
        };
        first.get_or_insert_with(|| message.clone());
        let list = errors.entry(words).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(Value::String(message));
        }
    }
    Answer::json(422, &json!({ "message": first, "errors": errors }))
}
