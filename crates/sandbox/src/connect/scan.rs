//! Complete, the scan that follows it, and the calls that ask for or remove a file.

use serde_json::{Map, Value, json};

use super::{Arguments, arn, failure, find, invalid, status};
use crate::clock;
use crate::faults::FaultKind;
use crate::http::{Answer, Framing};
use crate::objects::{ObjectState, Upload};
use crate::state::{Request, Shared};
use crate::system::System;

/// A file whose name contains this is rejected by the scan.
const BAD_NAME: &str = "eicar";
/// "Array Members: Minimum number of 1 item. Maximum number of 10 items."
const BATCH_LIMIT: usize = 10;

/// CompleteAttachedFileUpload: no body; doing it again changes nothing.
pub(super) fn complete(shared: &Shared, request: &Request<'_>, arguments: &Arguments, body: &[u8]) -> Answer {
    if !body.is_empty() || request.framing != Framing::Length(0) {
        return invalid("The body must be empty", None);
    }
    let mut uploads = shared.uploads();
    let Some(upload) = find(&mut uploads, &arguments.file_id, &arguments.resource) else { return failure(404) };
    let announced = upload.fields.get("FileSizeInBytes").and_then(Value::as_u64);
    match &upload.received {
        None => return invalid("The file has not been uploaded", None),
        Some(received) if Some(received.size) != announced => {
            return invalid("The file does not have the announced size", Some("INVALID_FILE_SIZE"));
        }
        Some(_) => {}
    }
    if upload.state == ObjectState::Drafting {
        let rejected = request.fault == Some(FaultKind::RejectScan) || upload.name.to_lowercase().contains(BAD_NAME);
        upload.verdict = if rejected { ObjectState::Rejected } else { ObjectState::Approved };
        upload.state = ObjectState::Processing;
        upload.polls_left = shared.options.connect_scan_polls;
    }
    Answer::json(200, &json!({}))
}

/// GetAttachedFile.
pub(super) fn show(shared: &Shared, arguments: &Arguments) -> Answer {
    let mut uploads = shared.uploads();
    match find(&mut uploads, &arguments.file_id, &arguments.resource) {
        Some(upload) => Answer::json(200, &Value::Object(poll(upload))),
        None => failure(404),
    }
}

/// BatchGetAttachedFileMetadata.
pub(super) fn batch(shared: &Shared, arguments: &Arguments, body: &[u8]) -> Answer {
    let ids = serde_json::from_slice::<Map<String, Value>>(body).ok().and_then(|members| {
        let ids = members.get("FileIds").filter(|_| members.len() == 1)?.as_array()?.clone();
        ids.into_iter().map(|id| id.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    });
    let Some(ids) = ids.filter(|ids| (1..=BATCH_LIMIT).contains(&ids.len())) else {
        return invalid("FileIds must be an array of 1 to 10 strings", None);
    };
    let mut uploads = shared.uploads();
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    for id in ids {
        match find(&mut uploads, &id, &arguments.resource) {
            Some(upload) => files.push(Value::Object(poll(upload))),
            None => errors.push(json!({
                "ErrorCode": "ResourceNotFoundException", "ErrorMessage": "The file was not found.", "FileId": id,
            })),
        }
    }
    Answer::json(200, &json!({ "Files": files, "Errors": errors }))
}

/// DeleteAttachedFile.
pub(super) fn delete(shared: &Shared, arguments: &Arguments) -> Answer {
    let mut uploads = shared.uploads();
    if find(&mut uploads, &arguments.file_id, &arguments.resource).is_none() {
        return failure(404);
    }
    uploads.remove(System::AmazonConnect, &arguments.file_id);
    Answer::json(200, &json!({}))
}

/// Looks at a file; each look brings a running scan nearer to its end.
fn poll(upload: &mut Upload) -> Map<String, Value> {
    if upload.state == ObjectState::Processing {
        match upload.polls_left.checked_sub(1) {
            Some(left) => upload.polls_left = left,
            None => upload.state = upload.verdict,
        }
    }
    let mut document = Map::new();
    document.insert("FileArn".into(), json!(arn(upload)));
    document.insert("FileId".into(), json!(upload.id));
    document.insert("CreationTime".into(), json!(clock::millis(upload.created)));
    document.insert("FileStatus".into(), json!(status(upload)));
    for member in ["FileName", "FileSizeInBytes", "AssociatedResourceArn", "FileUseCaseType", "CreatedBy", "Tags"] {
        if let Some(value) = upload.fields.get(member) {
            document.insert(member.to_owned(), value.clone());
        }
    }
    document
}
