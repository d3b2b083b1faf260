//! The shipped rules, each through a whole upload.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::*;
use crate::check::{Source, load};

/// The repository's `config` folder.
struct Shipped;

impl Source for Shipped {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(folder().join(path)).map_err(|error| error.to_string())
    }

    fn glob(&self, _: &str, pattern: &str) -> Result<Vec<String>, String> {
        let Some((directory, "*.yaml")) = pattern.rsplit_once('/') else { return Ok(vec![pattern.to_owned()]) };
        let entries = std::fs::read_dir(folder().join(directory)).map_err(|error| error.to_string())?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut files: Vec<_> = names.map(|name| format!("{directory}/{name}")).collect();
        files.sort();
        Ok(files)
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

pub(crate) fn shipped(name: &str) -> Arc<Route> {
    let variables = [
        ("KUSTOMER_API_KEY", "s3cret"),
        ("FLOWKIWI_URL", "https://acme.product-management.flowkiwi.net"),
        ("FLOWKIWI_TOKEN", "s3cret"),
        ("FLOWKIWI_ORGANIZATION_ID", "42"),
        ("KLINKCX_TOKEN", "s3cret"),
        ("TEAMWORK_DESK_API_KEY", "s3cret"),
        ("CONNECT_INSTANCE_ID", "11111111-2222-3333-4444-555555555555"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "s3cret"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ];
    let env = variables.into_iter().collect();
    let checked = load("tidegate.yaml", &Shipped, &env).unwrap_or_else(|report| panic!("{report}"));
    checked.config.routes.iter().find(|route| &*route.name == name).map(Arc::clone).expect("shipped")
}

pub(crate) fn example(name: &str, size: Option<u64>, params: &[(&str, &str)]) -> Offer {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Offer { params, ..offer(name, size) }
}

fn begin_shipped(name: &str, params: &[(&str, &str)]) -> Run {
    let admission = admit(&shipped(name), example("red pixel.png", Some(3), params)).expect("admitted");
    Run::begin(&plan(admission).expect("planned"), SEED)
}

fn policy(until: &str) -> String {
    BASE64_STANDARD.encode(format!(r#"{{"expiration": "{until}", "conditions": [["content-length-range", 3, 3]]}}"#))
}

const SOON: &str = "2030-01-01T00:30:00.000Z";

fn whole_body(request: &TransferRequest, file: &str) -> String {
    let envelope = &request.envelope;
    let parts = [envelope.prefix.as_ref(), file.as_bytes(), envelope.suffix.as_ref()].concat();
    assert_eq!(request.body_len, u64::try_from(parts.len()).ok(), "the length is exact");
    String::from_utf8(parts).expect("UTF-8")
}

/// Names of a form's parts, in order.
fn parts(body: &str) -> Vec<&str> {
    body.split("form-data; name=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn kustomer_prepares_and_posts_the_learned_form() {
    let mut run = begin_shipped("kustomer-media", &[]);
    let create = run.sent(0);
    assert_eq!(full_url(&create.url), "https://api.kustomerapp.com/v1/media");
    assert_eq!(body_of(&create), r#"{"name":"red pixel.png","contentType":"image/png","contentLength":3}"#);
    let fields = format!(r#"{{"key":"a/b","acl":"private","Content-Type":"image/png","Policy":"{}"}}"#, policy(SOON));
    let meta = format!(r#"{{"upload":{{"url":"https://s3.amazonaws.com/bucket","fields":{fields}}}}}"#);
    let data = r#"{"id":"5ec4","attributes":{"name":"red pixel.png"}}"#;
    run.answered(answer(201, &format!(r#"{{"data":{data},"meta":{meta}}}"#)), now(0));
    let store = run.transfer(1);
    assert_eq!(full_url(&store.request.url), "https://s3.amazonaws.com/bucket");
    assert!(store.request.target.auth.is_none(), "no credentials for a learned URL");
    assert_eq!(parts(&whole_body(&store, "abc")), ["key", "acl", "Content-Type", "Policy", "file"]);
    assert!(run.is_fresh(now(1)));
    run.transferred(transferred(answer(204, "")), now(2));
    assert_eq!(run.receipt(2).result.to_string(), r#"{"id":"5ec4","name":"red pixel.png"}"#);
}

#[test]
fn flowkiwi_sends_one_form_and_compares_the_hash() {
    let mut run = begin_shipped("flowkiwi-media", &[]);
    let store = run.transfer(0);
    assert_eq!(full_url(&store.request.url), "https://acme.product-management.flowkiwi.net/rest/api/medias");
    assert_eq!(header(&store.request, "x-flowkiwi-organization-id"), Some("42"));
    assert_eq!(parts(&whole_body(&store, "abc")), ["file"]);
    let body = r#"{"@id":"/rest/api/medias/1","id":"1","contentUrl":"https://cdn/x","hash":"wrong","type":"image"}"#;
    run.transferred(transferred(answer(201, body)), now(1));
    assert_eq!(problem_of(run), (Problem::UpstreamMisbehaved, Committed::Yes, Some("store".to_owned())));

    let mut run = begin_shipped("flowkiwi-media", &[]);
    run.transfer(0);
    run.transferred(
        transferred(answer(201, r#"{"id":1,"contentUrl":"https://cdn/x","hash":null,"dimensions":null}"#)),
        now(1),
    );
    assert_eq!(run.receipt(1).result.to_string(), r#"{"id":1,"url":"https://cdn/x","hash":null,"dimensions":null}"#);
}

#[test]
fn klinkcx_streams_base64_inside_json_with_typed_params() {
    let params = [("is_private", "true"), ("sort_order", "7"), ("title", "a \"quoted\" title")];
    let mut run = begin_shipped("klinkcx-file", &params);
    let create = run.transfer(0);
    let expected = concat!(
        r#"{"data":"YWJj","fileName":"red pixel.png","mimeType":"image/png","title":"a \"quoted\" title","#,
        r#""isPrivate":true,"sortOrder":7}"#
    );
    assert_eq!(whole_body(&create, "YWJj"), expected);
    let upload = r#"{"id":"u","fileName":"x","fileSize":3,"fileUrl":"https://cdn/x"}"#;
    run.transferred(
        transferred(answer(200, &format!(r#"{{"data":{{"id":"f","uploadId":"u","upload":{upload}}}}}"#))),
        now(1),
    );
    assert_eq!(run.receipt(1).result.to_string(), r#"{"id":"f","url":"https://cdn/x","upload_id":"u"}"#);
}

#[test]
fn teamwork_desk_prepares_stores_and_activates() {
    let mut run = begin_shipped("teamwork-desk-file", &[]);
    let reference = run.sent(0);
    assert_eq!(
        body_of(&reference),
        r#"{"type":"attachment","filename":"red pixel.png","mimeType":"image/png","disposition":"attachment"}"#
    );
    let params = format!(r#"{{"key":"k","x-amz-date":"","policy":"{}","Content-Type":"image/png"}}"#, policy(SOON));
    let body = format!(r#"{{"url":"https://b.s3.amazonaws.com/","params":{params},"file":{{"id":9007199254740993}}}}"#);
    run.answered(answer(201, &body), now(0));
    assert_eq!(parts(&whole_body(&run.transfer(1), "abc")), ["key", "policy", "Content-Type", "file"]);
    run.transferred(transferred(answer(201, "<PostResponse/>")), now(2));
    let activate = run.sent(2);
    assert_eq!(activate.url.path(), "/desk/api/v2/files/9007199254740993.json");
    assert_eq!((activate.method.as_str(), activate.body.is_none()), ("PATCH", true));
    assert_eq!(header(&activate, "content-type"), Some("application/json"));
    run.answered(answer(200, r#"{"file":{"id":9007199254740993,"state":"active","size":3}}"#), now(3));
    assert_eq!(run.receipt(3).result.to_string(), r#"{"id":9007199254740993,"size":3,"state":"active"}"#);
}

fn connect(wait: &str) -> Run {
    let arn = "arn:aws:cases:us-east-1:1:domain/d";
    let mut run = begin_shipped("amazon-connect-file", &[("associated_resource_arn", arn), ("wait", wait)]);
    let start = run.sent(0);
    assert_eq!(
        full_url(&start.url),
        "https://connect.us-east-1.amazonaws.com/attached-files/11111111-2222-3333-4444-555555555555?associatedResourceArn=arn%3Aaws%3Acases%3Aus-east-1%3A1%3Adomain%2Fd"
    );
    let upload = r#"{"Url":"https://b.s3.amazonaws.com/k?X-Amz-Signature=s","UrlExpiry":"2030-01-01T00:05:00Z","HeadersToInclude":{"content-type":"application/octet-stream","Content-Length":"3"}}"#;
    let body =
        format!(r#"{{"FileArn":"arn:f","FileId":"a/b c","FileStatus":"PROCESSING","UploadUrlMetadata":{upload}}}"#);
    run.answered(answer(200, &body), now(0));
    let store = run.transfer(0);
    assert_eq!(full_url(&store.request.url), "https://b.s3.amazonaws.com/k?X-Amz-Signature=s");
    assert_eq!(header(&store.request, "content-type"), Some("application/octet-stream"), "learned headers win");
    assert_eq!(store.body_len, Some(3));
    run.transferred(transferred(answer(200, "")), now(1));
    let complete = run.sent(1);
    assert_eq!(complete.url.path(), "/attached-files/11111111-2222-3333-4444-555555555555/a%2Fb%20c");
    run.answered(answer(200, "{}"), now(1));
    run
}

#[test]
fn amazon_connect_starts_puts_and_completes() {
    assert_eq!(
        connect("false").receipt(2).result.to_string(),
        r#"{"id":"a/b c","arn":"arn:f","file_status":"PROCESSING"}"#
    );
}

#[test]
fn amazon_connect_waits_for_the_scan_where_asked() {
    let scanned = |status: &str| {
        let mut run = connect("true");
        run.sent(2);
        run.answered(answer(200, &format!(r#"{{"FileStatus":"{status}"}}"#)), now(2));
        run
    };
    let mut approved = scanned("APPROVED");
    assert_eq!(approved.receipt(2).result["file_status"], "APPROVED");
    assert_eq!(
        problem_of(scanned("REJECTED")),
        (Problem::UpstreamRefusedFile, Committed::Yes, Some("scan".to_owned()))
    );
    assert_eq!(problem_of(scanned("FAILED")).1, Committed::Yes);

    let mut slow = connect("true");
    let mut at = 2;
    while let Action::Send(_) = slow.next(now(at)) {
        slow.answered(answer(200, r#"{"FileStatus":"PROCESSING"}"#), now(at));
        at += 1;
    }
    let receipt = slow.receipt(at);
    assert!(receipt.processing && receipt.result["file_status"] == "PROCESSING" && at > 30);
}

#[test]
fn amazon_connect_names_a_refused_file() {
    let mut run = begin_shipped("amazon-connect-file", &[("associated_resource_arn", "arn:x")]);
    run.sent(0);
    let body = r#"{"Message":"bad","Reason":{"AttachedFileInvalidRequestExceptionReason":"INVALID_FILE_TYPE"}}"#;
    run.answered(answer_with(400, &[("x-amzn-errortype", "InvalidRequestException:http://x/")], body), now(0));
    let failure = run.failure(0);
    assert_eq!((failure.problem, failure.committed), (Problem::UpstreamRefusedFile, Committed::No));
    assert_eq!(failure.upstream.and_then(|upstream| upstream.code).as_deref(), Some("INVALID_FILE_TYPE"));
}
