//! StartAttachedFileUpload: checks what is announced and hands out a presigned URL.

use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Arguments, arn, failure, invalid, status};
use crate::clock;
use crate::faults::FaultKind;
use crate::fields::{Fields, Lack};
use crate::http::Answer;
use crate::objects::{Name, ObjectState, Upload};
use crate::s3::UrlGrant;
use crate::state::{Request, Shared};
use crate::system::System;

const MEMBERS: [&str; 7] =
    ["ClientToken", "FileName", "FileSizeInBytes", "UrlExpiryInSeconds", "FileUseCaseType", "CreatedBy", "Tags"];
/// "The default value is 300."
const DEFAULT_EXPIRY: u64 = 300;
/// The types that the feature limits list, each with the type that its URL is signed for.
const TYPES: [(&str, &str); 18] = [
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("heic", "image/heic"),
    ("jfif", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("mov", "video/quicktime"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    ("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    ("rtf", "application/rtf"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("xls", "application/vnd.ms-excel"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
];

/// What the caller announced.
struct Announcement {
    token: String,
    name: String,
    size: u64,
    expiry: u64,
    content_type: &'static str,
}

/// Answers one Start.
pub(super) fn start(shared: &Shared, request: &Request<'_>, arguments: &Arguments, body: &[u8]) -> Answer {
    let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(body) else {
        return super::error(400, "SerializationException", "The body is not a JSON object.");
    };
    let announced = match read(&members, shared.options.connect_file_limit) {
        Ok(announced) => announced,
        Err(refusal) => return refusal,
    };
    members.insert("AssociatedResourceArn".into(), json!(arguments.resource));
    let mut uploads = shared.uploads();
    let known = uploads.find(System::AmazonConnect, Name::Token(announced.token.clone()));
    let upload = match known {
        Some(upload) if upload.fields != members => return failure(409),
        Some(upload) => upload,
        None => uploads.add(|_number| {
            let id = Uuid::new_v4().to_string();
            let mut upload = Upload::new(System::AmazonConnect, id, &announced.name, ObjectState::Drafting);
            upload.key = Some(format!("connect/{}/{}", upload.id, announced.name));
            upload.token = Some(announced.token.clone());
            upload.content_type = Some(announced.content_type.to_owned());
            upload.fields = members;
            upload
        }),
    };
    started(shared, request, upload, &announced)
}

fn started(shared: &Shared, request: &Request<'_>, upload: &Upload, announced: &Announcement) -> Answer {
    let life = Duration::seconds(i64::try_from(announced.expiry).unwrap_or_default());
    let now = OffsetDateTime::now_utc();
    let from = if request.fault == Some(FaultKind::Expired) { now - life - Duration::seconds(60) } else { now };
    let mut headers = vec![
        ("x-amz-server-side-encryption".to_owned(), "aws:kms".to_owned()),
        ("Content-Type".to_owned(), announced.content_type.to_owned()),
    ];
    if shared.options.connect_signs_length {
        headers.push(("Content-Length".to_owned(), announced.size.to_string()));
    }
    let grant = UrlGrant {
        system: System::AmazonConnect,
        origin: shared.storage_origin(request.fault.as_ref()),
        key: upload.key.as_deref().unwrap_or_default(),
        headers: &headers,
        expires: announced.expiry,
        from,
    };
    let url = grant.sign();
    let headers: Map<String, Value> = headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let mut document = json!({
        "FileArn": arn(upload),
        "FileId": upload.id,
        "CreationTime": clock::millis(upload.created),
        "FileStatus": status(upload),
        "UploadUrlMetadata": { "Url": url, "UrlExpiry": clock::millis(from + life), "HeadersToInclude": headers },
    });
    if let (Some(creator), Some(document)) = (upload.fields.get("CreatedBy"), document.as_object_mut()) {
        document.insert("CreatedBy".into(), creator.clone());
    }
    Answer::json(200, &document)
}

fn read(members: &Map<String, Value>, limit: u64) -> Result<Announcement, Answer> {
    let mut fields = Fields::new(members, &MEMBERS);
    let token = fields.text("ClientToken");
    let name = fields.text("FileName");
    let size = fields.integer("FileSizeInBytes");
    let expiry = fields.optional_integer("UrlExpiryInSeconds").unwrap_or(DEFAULT_EXPIRY);
    fields.choice("FileUseCaseType", &["ATTACHMENT"], "ATTACHMENT");
    check_shapes(members, &mut fields);
    if token.len() > 500 {
        fields.note("ClientToken", Lack::Wrong("string of at most 500 characters"));
    }
    if !(5..=300).contains(&expiry) {
        fields.note("UrlExpiryInSeconds", Lack::Wrong("number from 5 to 300"));
    }
    if let Some(problem) = fields.problems().first() {
        let message = match problem.lack {
            Lack::Missing => format!("{} is required", problem.field),
            Lack::Wrong(kind) => format!("{} must be a {kind}", problem.field),
            Lack::Unknown => format!("{} is not a member of this request", problem.field),
        };
        return Err(invalid(&message, None));
    }
    if name.chars().count() > 256 || name.contains(char::is_control) {
        return Err(invalid("FileName is not valid", Some("INVALID_FILE_NAME")));
    }
    if size < 1 || size > limit {
        return Err(invalid("FileSizeInBytes is not valid", Some("INVALID_FILE_SIZE")));
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    let content_type = TYPES.iter().find(|(known, _)| *known == extension).map(|(_, content_type)| *content_type);
    let content_type =
        content_type.ok_or_else(|| invalid("The file type is not allowed", Some("INVALID_FILE_TYPE")))?;
    Ok(Announcement { token, name, size, expiry, content_type })
}

/// `CreatedBy` is a union of one, `Tags` a map of 1 to 50 strings.
fn check_shapes(members: &Map<String, Value>, fields: &mut Fields<'_>) {
    if let Some(creator) = members.get("CreatedBy") {
        let creator = creator.as_object().and_then(|creator| creator.iter().next().filter(|_| creator.len() == 1));
        let known = creator.is_some_and(|(kind, value)| {
            ["ConnectUserArn", "AWSIdentityArn"].contains(&kind.as_str()) && value.is_string()
        });
        if !known {
            fields.note("CreatedBy", Lack::Wrong("ConnectUserArn or an AWSIdentityArn"));
        }
    }
    if let Some(tags) = members.get("Tags") {
        let fits =
            tags.as_object().is_some_and(|tags| (1..=50).contains(&tags.len()) && tags.values().all(Value::is_string));
        if !fits {
            fields.note("Tags", Lack::Wrong("map of 1 to 50 strings"));
        }
    }
}
