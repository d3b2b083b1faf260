//! `POST /bucket`: a form with a policy. <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html>

use time::OffsetDateTime;

use super::{commit, error, escape};
use crate::http::{Answer, BodyError, FormError, FormReader, Framing, boundary_of};
use crate::objects::{Received, Receiver};
use crate::policy::{Policy, PolicyError};
use crate::sigv4::{self, Scope};
use crate::state::{REGION, Request, Shared, vendor_credentials};
use crate::system::System;

/// "The form data other than the file is limited to 20 KB" (MaxPostPreDataLengthExceeded).
const BEFORE_FILE_LIMIT: usize = 20 * 1024;

/// The fields before the file.
type FormFields = Vec<(String, String)>;

/// Why a form was not taken.
enum Refusal {
    Answer(Answer),
    Body(BodyError),
}

impl From<Answer> for Refusal {
    fn from(answer: Answer) -> Refusal {
        Refusal::Answer(answer)
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Refusal {
        match error {
            FormError::Body(error) => Refusal::Body(error),
            FormError::Malformed(reason) => Refusal::Answer(malformed(reason)),
        }
    }
}

/// Takes a form and stores its file.
pub(super) async fn receive(
    shared: &Shared,
    request: &mut Request<'_>,
    system: System,
    bucket: &str,
) -> Result<Answer, BodyError> {
    if let Some(refusal) = refuse_head(request) {
        return Ok(refusal);
    }
    let Some(boundary) = boundary_of(&request.head) else {
        return Ok(error(412, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data"));
    };
    let mut form = FormReader::new(&mut request.body, &boundary);
    match store(shared, &mut form, system, bucket).await {
        Ok(answer) | Err(Refusal::Answer(answer)) => Ok(answer),
        Err(Refusal::Body(error)) => Err(error),
    }
}

fn refuse_head(request: &Request<'_>) -> Option<Answer> {
    if request.head.header("authorization").is_some() {
        return Some(error(400, "InvalidArgument", "Only one auth mechanism allowed"));
    }
    let known = matches!(request.framing, Framing::Length(_));
    (!known).then(|| error(411, "MissingContentLength", "You must provide the Content-Length HTTP header."))
}

async fn store(
    shared: &Shared,
    form: &mut FormReader<'_, '_>,
    system: System,
    bucket: &str,
) -> Result<Answer, Refusal> {
    let fields = fields_before_file(form).await?;
    let policy = authenticate(&fields, system, bucket)?;
    let received = file(shared.receiver(true), form, policy.length_range()).await?;
    // "Any fields below it are ignored", but the form must end.
    while form.next_part().await?.is_some() {}
    let key = value(&fields, "key").unwrap_or_default();
    let etag = received.md5.clone();
    let content_type = value(&fields, "content-type").map(str::to_owned);
    if !commit(shared, system, key, content_type, received) {
        return Err(error(403, "AccessDenied", "Access Denied").into());
    }
    Ok(stored(&fields, bucket, key, &etag, &shared.origins.storage))
}

async fn fields_before_file(form: &mut FormReader<'_, '_>) -> Result<FormFields, Refusal> {
    let too_large = || {
        let message = "Your POST request fields preceding the upload file were too large.";
        error(400, "MaxPostPreDataLengthExceeded", message)
    };
    let mut fields = FormFields::new();
    let mut left = BEFORE_FILE_LIMIT;
    while let Some(part) = form.next_part().await? {
        if part.name == "file" {
            return Ok(fields);
        }
        left = left.checked_sub(part.name.len()).ok_or_else(too_large)?;
        let text = form.text(left).await?.ok_or_else(too_large)?;
        left = left.checked_sub(text.len()).ok_or_else(too_large)?;
        if value(&fields, &part.name).is_some() {
            return Err(malformed("a field stands twice").into());
        }
        fields.push((part.name, text));
    }
    Err(error(400, "InvalidArgument", "POST requires exactly one file upload per request.").into())
}

/// Verifies who signed the policy, and the policy itself.
fn authenticate(fields: &FormFields, system: System, bucket: &str) -> Result<Policy, Refusal> {
    let field = |name: &'static str| {
        value(fields, name).ok_or_else(|| {
            let message = format!("Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields.");
            error(400, "InvalidArgument", &message)
        })
    };
    let encoded = value(fields, "policy").ok_or_else(|| error(403, "AccessDenied", "Access Denied"))?;
    field("key")?;
    if field("x-amz-algorithm")? != "AWS4-HMAC-SHA256" {
        return Err(error(400, "InvalidArgument", "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\"").into());
    }
    let signer = vendor_credentials(system);
    let date = field("x-amz-date")?;
    let signed_at = sigv4::parse_amz_date(date).ok_or_else(|| {
        error(400, "InvalidArgument", "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
    })?;
    let scope = Scope::new(signed_at, REGION, "s3");
    if field("x-amz-credential")? != format!("{}/{}", signer.access_key, scope.name()) {
        let message = "The AWS Access Key Id you provided does not exist in our records.";
        return Err(error(403, "InvalidAccessKeyId", message).into());
    }
    if field("x-amz-signature")? != sigv4::sign(&signer.secret_key, &scope, encoded) {
        let message = "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
        return Err(error(403, "SignatureDoesNotMatch", message).into());
    }
    let policy = Policy::parse(encoded).and_then(|policy| {
        policy.check(fields, bucket, OffsetDateTime::now_utc())?;
        Ok(policy)
    });
    policy.map_err(|problem| match problem {
        PolicyError::Unreadable => error(400, "InvalidPolicyDocument", &problem.to_string()).into(),
        _ => error(403, "AccessDenied", &problem.to_string()).into(),
    })
}

/// Streams the file and holds it against the policy's range: too much is refused at once, too little at its end.
async fn file(
    mut receiver: Receiver,
    form: &mut FormReader<'_, '_>,
    (min, max): (u64, u64),
) -> Result<Received, Refusal> {
    while let Some(data) = form.chunk().await? {
        receiver.push(&data);
        if receiver.size() > max {
            return Err(error(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").into());
        }
    }
    if receiver.size() < min {
        let message = "Your proposed upload is smaller than the minimum allowed size";
        return Err(error(400, "EntityTooSmall", message).into());
    }
    Ok(receiver.finish())
}

/// "If the value is set to 200 or 204, S3 returns an empty document …; 201, an XML document; not set or invalid, 204".
fn stored(fields: &FormFields, bucket: &str, key: &str, etag: &str, origin: &str) -> Answer {
    let location = format!("{origin}/{bucket}/{}", sigv4::encode(key));
    let answer = match value(fields, "success_action_status") {
        Some("200") => Answer::empty(200),
        Some("201") => {
            let document = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse><Location>{}</Location><Bucket>{bucket}\
                 </Bucket><Key>{}</Key><ETag>&quot;{etag}&quot;</ETag></PostResponse>",
                escape(&location),
                escape(key)
            );
            Answer::new(201, "application/xml", document)
        }
        _ => Answer::empty(204),
    };
    answer.with("ETag", format!("\"{etag}\"")).with("Location", location)
}

fn malformed(reason: &str) -> Answer {
    let message = format!("The body of your POST request is not well-formed multipart/form-data. ({reason})");
    error(400, "MalformedPOSTRequest", &message)
}

fn value<'a>(fields: &'a FormFields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
