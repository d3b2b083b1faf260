//! Flowkiwi: `POST /rest/api/medias`, one multipart form with one part `file`.
//!
//! An API Platform service: answers are JSON-LD, errors problem documents with `hydra:` members, and 422 lists
//! violations. The organisation's header is required beside the bearer token.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock;
use crate::faults::FaultKind;
use crate::http::{Answer, BodyError, FormError, FormReader, Head, PartHead, boundary_of};
use crate::objects::{ObjectState, Received, Receiver, Upload};
use crate::sigv4::{encode, hex_sha256};
use crate::state::{FLOWKIWI_ORGANIZATION_ID, FLOWKIWI_TOKEN, Request, Shared};
use crate::system::{Step, System};

const PROBLEM: &str = "application/problem+json; charset=utf-8";
const HYDRA_LINK: &str = "<http://www.w3.org/ns/hydra/error>; rel=\"http://www.w3.org/ns/json-ld#error\"";
/// The codes of Symfony's constraints.
const TOO_LARGE: &str = "df8637af-d466-48c6-a59d-e7126250a654";
const NOT_NULL: &str = "ad32d13f-c3d4-423b-909a-857b961eb720";

/// Which part of an upload a request plays.
pub(crate) fn step(head: &Head) -> Step {
    match (head.method.as_str(), head.path()) {
        ("POST", "/rest/api/medias") => Step::Store,
        ("GET", path) if path.starts_with("/rest/api/medias/") => Step::Status,
        _ => Step::Unknown,
    }
}

/// Answers one request.
pub(crate) async fn serve(shared: &Shared, request: &mut Request<'_>) -> Result<Answer, BodyError> {
    if let Some(refusal) = refuse_caller(request) {
        return Ok(refusal);
    }
    match step(&request.head) {
        Step::Store => {}
        Step::Status => return Ok(show(shared, &request.head)),
        _ => return Ok(failure(404)),
    }
    let Some(boundary) = boundary_of(&request.head) else {
        let detail = "The content-type is not supported. Supported MIME types are \"multipart/form-data\".";
        return Ok(problem(415, detail));
    };
    let fault = request.fault.clone();
    let mut form = FormReader::new(&mut request.body, &boundary);
    match receive(shared, &mut form).await {
        Ok(Some((part, received))) => Ok(store(shared, &part, received, fault.as_ref())),
        Ok(None) => Ok(violation("This value should not be null.", NOT_NULL)),
        Err(FormError::Body(error)) => Err(error),
        Err(FormError::Malformed(reason)) => Ok(problem(400, &format!("Malformed request body: {reason}."))),
    }
}

/// An error without a particular reason.
pub(crate) fn failure(status: u16) -> Answer {
    match status {
        401 => Answer::json(401, &json!({ "code": 401, "message": "Invalid JWT Token" }))
            .with("WWW-Authenticate", "Bearer"),
        403 => problem(403, "Access Denied."),
        404 => problem(404, "Not Found"),
        413 => problem(413, "Request Entity Too Large"),
        422 => violation("This value is not valid.", NOT_NULL),
        429 => problem(429, "Too Many Requests"),
        _ => problem(status, "Internal Server Error"),
    }
}

fn refuse_caller(request: &Request<'_>) -> Option<Answer> {
    if request.head.bearer() != Some(FLOWKIWI_TOKEN) {
        return Some(failure(401));
    }
    match request.head.header("x-flowkiwi-organization-id") {
        None => return Some(problem(400, "The \"X-Flowkiwi-Organization-Id\" header is required.")),
        Some(FLOWKIWI_ORGANIZATION_ID) => {}
        Some(_) => return Some(denied("identity:organization:access")),
    }
    match &request.fault {
        Some(FaultKind::MissingPermission(permission)) => Some(denied(permission)),
        _ => None,
    }
}

/// Reads the form: exactly one part, `file`, with a file name.
async fn receive(shared: &Shared, form: &mut FormReader<'_, '_>) -> Result<Option<(PartHead, Received)>, FormError> {
    let mut file = None;
    while let Some(part) = form.next_part().await? {
        if part.name != "file" {
            return Err(FormError::Malformed("extra attributes are not allowed"));
        }
        if part.filename.is_none() || file.is_some() {
            return Err(FormError::Malformed("\"file\" must be one uploaded file"));
        }
        let mut receiver: Receiver = shared.receiver(false);
        while let Some(data) = form.chunk().await? {
            receiver.push(&data);
        }
        file = Some((part, receiver.finish()));
    }
    Ok(file)
}

fn store(shared: &Shared, part: &PartHead, received: Received, fault: Option<&FaultKind>) -> Answer {
    let mime = part.content_type.clone().unwrap_or_else(|| "application/octet-stream".to_owned());
    let video = mime.starts_with("video/");
    let limit = if video { shared.options.flowkiwi_video_limit } else { shared.options.flowkiwi_file_limit };
    if received.size > limit {
        let message =
            format!("The file is too large ({} bytes). Allowed maximum size is {limit} bytes.", received.size);
        return violation(&message, TOO_LARGE);
    }
    let id = Uuid::now_v7().to_string();
    let name = part.filename.clone().unwrap_or_default();
    let hash = match fault {
        Some(FaultKind::WrongHash) => hex_sha256(b"another file"),
        Some(FaultKind::Base64Hash) => base64_of_hex(&received.sha256),
        _ => received.sha256.clone(),
    };
    let dimensions = dimensions(&mime, &received.prefix);
    let mut uploads = shared.uploads();
    let upload = uploads.add(|_number| {
        let mut upload = Upload::new(System::Flowkiwi, id, &name, ObjectState::Stored);
        upload.content_type = Some(mime);
        upload.fields.insert("hash".into(), json!(hash));
        upload.fields.insert("dimensions".into(), dimensions);
        upload.writes = 1;
        upload.received = Some(received);
        upload
    });
    Answer::json(201, &resource(shared, upload)).with_type("application/ld+json; charset=utf-8")
}

fn show(shared: &Shared, head: &Head) -> Answer {
    let id = head.segments().pop().unwrap_or_default();
    match shared.uploads().with_id(System::Flowkiwi, &id) {
        Some(upload) => Answer::json(200, &resource(shared, upload)).with_type("application/ld+json; charset=utf-8"),
        None => failure(404),
    }
}

fn resource(shared: &Shared, upload: &Upload) -> Value {
    let mime = upload.content_type.as_deref().unwrap_or_default();
    let kind = match mime.split_once('/') {
        Some(("image", _)) => "image",
        Some(("video", _)) => "video",
        _ => "file",
    };
    let origin = shared.origins.systems.iter().find(|(system, _)| *system == System::Flowkiwi);
    let origin = origin.map(|(_, origin)| origin.as_str()).unwrap_or_default();
    let created = clock::offset(upload.created);
    json!({
        "@context": "/rest/api/contexts/Media",
        "@id": format!("/rest/api/medias/{}", upload.id),
        "@type": "Media",
        "id": upload.id,
        "contentUrl": format!("{origin}/media/{}/{}", upload.id, encode(&upload.name)),
        "mimeType": mime,
        "type": kind,
        "hash": upload.fields.get("hash"),
        "dimensions": upload.fields.get("dimensions"),
        "createdAt": created,
        "updatedAt": created,
    })
}

/// Width and height of a PNG (its IHDR stands first, PNG section 11.2.1); null for everything else.
fn dimensions(mime: &str, prefix: &[u8]) -> Value {
    let number = |at: usize| {
        let bytes: [u8; 4] = prefix.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    let png = mime.starts_with("image/") && prefix.starts_with(b"\x89PNG\r\n\x1a\n");
    match (png, number(16), number(20)) {
        (true, Some(width), Some(height)) => json!({ "width": width, "height": height }),
        _ => Value::Null,
    }
}

fn base64_of_hex(hex: &str) -> String {
    let nibbles: Vec<u8> = hex.chars().filter_map(|digit| digit.to_digit(16)?.try_into().ok()).collect();
    let bytes: Vec<u8> = nibbles.chunks(2).map(|pair| pair.iter().fold(0, |byte, nibble| byte << 4 | nibble)).collect();
    BASE64_STANDARD.encode(bytes)
}

fn problem(status: u16, detail: &str) -> Answer {
    let document = json!({
        "@context": "/rest/api/contexts/Error",
        "@id": format!("/rest/api/errors/{status}"),
        "@type": "hydra:Error",
        "type": format!("/errors/{status}"),
        "title": "An error occurred",
        "hydra:title": "An error occurred",
        "detail": detail,
        "hydra:description": detail,
        "status": status,
    });
    Answer::json(status, &document).with_type(PROBLEM).with("Link", HYDRA_LINK)
}

fn denied(permission: &str) -> Answer {
    let document = json!({
        "@context": "/rest/api/contexts/Error",
        "@id": "/rest/api/errors/403",
        "@type": "Error",
        "type": "/errors/403",
        "title": "Access denied",
        "status": 403,
        "detail": "The caller is missing one or more identity permissions required for this operation.",
        "missingPermissions": [permission],
    });
    Answer::json(403, &document).with_type(PROBLEM)
}

fn violation(message: &str, code: &str) -> Answer {
    let detail = format!("file: {message}");
    let document = json!({
        "@context": "/rest/api/contexts/ConstraintViolation",
        "@id": format!("/rest/api/validation_errors/{code}"),
        "@type": "ConstraintViolation",
        "status": 422,
        "violations": [{ "propertyPath": "file", "message": message, "code": code }],
        "detail": detail,
        "hydra:title": "An error occurred",
        "hydra:description": detail,
        "type": format!("/validation_errors/{code}"),
        "title": null,
    });
    Answer::json(422, &document).with_type(PROBLEM).with("Link", HYDRA_LINK)
}
