//! Amazon Connect's attached files: Start, a presigned PUT, Complete, and the questions afterwards.
//!
//! Requests must be signed (SigV4, service `connect`). Errors carry their type in `x-amzn-ErrorType`, some with a
//! `:uri` suffix, and their text in `Message`; the signature's own errors in `message`.

mod front_door;
mod scan;
mod start;

use serde_json::{Value, json};

use crate::http::{Answer, BodyError, Head, decode_query};
use crate::objects::{ObjectState, Upload};
use crate::state::{CONNECT_INSTANCE_ID, REGION, Request, Shared};
use crate::system::{Step, System};

/// The JSON bodies of this API are small.
const BODY_LIMIT: usize = 64 * 1024;
/// What botocore cuts off an error type.
const TYPE_SUFFIX: &str = ":http://internal.amazon.com/coral/com.amazonaws.connect/";

/// Which part of an upload a request plays.
pub(crate) fn step(head: &Head) -> Step {
    let segments = head.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (head.method.as_str(), segments.as_slice()) {
        ("PUT", ["attached-files", _]) => Step::Prepare,
        ("POST", ["attached-files", _, _]) => Step::Finalize,
        ("POST", ["attached-files", _]) | ("GET", ["attached-files", _, _]) => Step::Status,
        ("DELETE", ["attached-files", _, _]) => Step::Undo,
        _ => Step::Unknown,
    }
}

/// Answers one request.
pub(crate) async fn serve(shared: &Shared, request: &mut Request<'_>) -> Result<Answer, BodyError> {
    let body = request.body.small(BODY_LIMIT).await?;
    let now = time::OffsetDateTime::now_utc();
    if let Err(refusal) = front_door::verify(&request.head, &body, &shared.caller_credentials(), now) {
        return Ok(refusal);
    }
    let step = step(&request.head);
    if step == Step::Unknown {
        return Ok(error(404, "UnknownOperationException", "").with_type("application/json"));
    }
    Ok(match arguments(&request.head) {
        Err(refusal) => refusal,
        Ok(arguments) => match (step, request.head.method.as_str()) {
            (Step::Prepare, _) => start::start(shared, request, &arguments, &body),
            (Step::Finalize, _) => scan::complete(shared, request, &arguments, &body),
            (Step::Undo, _) => scan::delete(shared, &arguments),
            (_, "GET") => scan::show(shared, &arguments),
            _ => scan::batch(shared, &arguments, &body),
        },
    })
}

/// An error without a particular reason.
pub(crate) fn failure(status: u16) -> Answer {
    match status {
        400 => error(400, "InvalidRequestException", "The request is not valid."),
        402 => {
            let reason = json!({ "AttachedFileServiceQuotaExceededExceptionReason": "TOTAL_FILE_COUNT_EXCEEDED" });
            let body = json!({ "Message": "Service quota exceeded.", "Reason": reason });
            Answer::json(402, &body).with("x-amzn-ErrorType", "ServiceQuotaExceededException")
        }
        403 => error(403, "AccessDeniedException", "You do not have sufficient permissions."),
        404 => error(404, &format!("ResourceNotFoundException{TYPE_SUFFIX}"), "The resource was not found."),
        409 => error(409, "ResourceConflictException", "A resource already has that name."),
        413 => error(413, "RequestEntityTooLargeException", "Request Entity Too Large"),
        429 => error(429, &format!("ThrottlingException{TYPE_SUFFIX}"), "Rate exceeded"),
        _ => error(status, "InternalServiceException", "Request processing failed because of an internal error."),
    }
}

fn error(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "Message": message })).with("x-amzn-ErrorType", kind)
}

fn invalid(message: &str, reason: Option<&str>) -> Answer {
    let mut body = json!({ "Message": message });
    if let (Some(reason), Some(body)) = (reason, body.as_object_mut()) {
        body.insert("Reason".into(), json!({ "AttachedFileInvalidRequestExceptionReason": reason }));
    }
    Answer::json(400, &body).with("x-amzn-ErrorType", format!("InvalidRequestException{TYPE_SUFFIX}"))
}

/// What path and query name.
#[derive(Debug)]
struct Arguments {
    file_id: String,
    resource: String,
}

fn arguments(head: &Head) -> Result<Arguments, Answer> {
    let segments = head.segments();
    if segments.get(1).map(String::as_str) != Some(CONNECT_INSTANCE_ID) {
        return Err(failure(403));
    }
    let query = decode_query(head.query());
    let resource = match query.as_slice() {
        [(name, value)] if name == "associatedResourceArn" => value.clone(),
        _ => return Err(invalid("associatedResourceArn is required, and nothing else", None)),
    };
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", "aws", "cases" | "connect", region, account, rest]
            if *region == REGION && account.len() == 12 && !rest.is_empty() => {}
        _ => return Err(invalid("associatedResourceArn is not the ARN of a case, an email or a task", None)),
    }
    Ok(Arguments { file_id: segments.get(2).cloned().unwrap_or_default(), resource })
}

/// The state in Amazon Connect's words.
fn status(upload: &Upload) -> &'static str {
    match upload.state {
        ObjectState::Drafting => "DRAFTING",
        ObjectState::Processing => "PROCESSING",
        ObjectState::Approved => "APPROVED",
        ObjectState::Rejected => "REJECTED",
        _ => "FAILED",
    }
}

fn arn(upload: &Upload) -> String {
    format!("arn:aws:connect:{REGION}:123456789012:instance/{CONNECT_INSTANCE_ID}/file/{}", upload.id)
}

/// The upload of that id, if it belongs to the resource named in the query.
fn find<'a>(uploads: &'a mut crate::objects::Uploads, id: &str, resource: &str) -> Option<&'a mut Upload> {
    let upload = uploads.with_id(System::AmazonConnect, id)?;
    let same = upload.fields.get("AssociatedResourceArn").and_then(Value::as_str) == Some(resource);
    same.then_some(upload)
}
