//! What a caller may say beside the file arrives with its type, and anything else is refused by name.

use harness::{Rig, Rules, client, content, told};
use http::Request;
use sandbox::{Options, Sandbox, System};
use serde_json::{Value, json};

use crate::stored::assert_stored;
use crate::upload::{Form, Protocol, Upload};

const FOLDER: &str = "019b666f-9b2e-7c41-8f5c-2b8a4f2d9e10";

#[tokio::test]
async fn klinkcx_gets_every_parameter_with_its_type() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let title = "A \"title\" + 100% & more = ünïcode\\n {\"json\": true} ${ file.name } 🦀";
    for form in Form::ALL {
        for protocol in Protocol::ALL {
            let upload = Upload::to(System::KlinkCx, content::bytes(70))
                .by(form, protocol)
                .param("title", title)
                .param("description", "")
                .param("alt_text", "001")
                .param("folder_id", FOLDER)
                .param("is_private", "true")
                .param("is_favorite", "false")
                .param("sort_order", "42");
            let answer = upload.send(&rig).await;
            let object = assert_stored(&sandbox, &upload, &answer);
            let expected = json!({
                "fileName": "a.png", "mimeType": "image/png", "title": title, "description": "", "altText": "001",
                "isPrivate": true, "folderId": FOLDER, "isFavorite": false, "sortOrder": 42,
            });
            assert_eq!(Value::Object(object.fields), expected, "{upload}");
        }
    }
}

#[tokio::test]
async fn klinkcx_gets_nothing_that_was_not_given() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let upload = Upload::to(System::KlinkCx, content::bytes(70));
    let answer = upload.send(&rig).await;
    let object = assert_stored(&sandbox, &upload, &answer);
    assert_eq!(Value::Object(object.fields), json!({ "fileName": "a.png", "mimeType": "image/png" }));
}

#[tokio::test]
async fn a_form_may_give_some_parameters_in_the_query_and_a_text_of_several_lines_in_a_field() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let upload = Upload::to(System::KlinkCx, content::bytes(70)).by(Form::Multipart, Protocol::Http1);
    let upload = upload.param("description", "line one\r\nline two\r\n");
    let mut request = upload.request();
    *request.uri_mut() = "/klinkcx/file?sort_order=7&title=a+b".parse().expect("a target");
    let answer = client::http1(rig.address(), request).await.expect("an answer");
    let fields = assert_stored(&sandbox, &upload, &answer).fields;
    assert_eq!(fields["description"], "line one\r\nline two\r\n");
    assert_eq!((&fields["sortOrder"], &fields["title"]), (&json!(7), &json!("a b")));
}

#[tokio::test]
async fn teamwork_desk_gets_the_disposition_or_its_default() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    let plain = Upload::to(System::TeamworkDesk, content::bytes(70));
    let inline = plain.clone().param("disposition", "attachment-inline");
    for (upload, disposition) in [(plain, "attachment"), (inline, "attachment-inline")] {
        for form in Form::ALL {
            let upload = upload.clone().by(form, Protocol::Http1);
            let answer = upload.send(&rig).await;
            let expected = json!({
                "type": "attachment", "filename": "a.png", "mimeType": "image/png", "disposition": disposition,
            });
            assert_eq!(Value::Object(assert_stored(&sandbox, &upload, &answer).fields), expected, "{upload}");
        }
    }
}

#[tokio::test]
async fn connect_gets_the_expiry_as_a_number_and_the_arn_in_its_query() {
    let (rig, sandbox) = Rig::shipped(Options { keep_objects: true, ..Options::default() }).await;
    for seconds in ["5", "300"] {
        for form in Form::ALL {
            let upload = Upload::to(System::AmazonConnect, content::bytes(70)).by(form, Protocol::Http1);
            let upload =
                upload.param("url_expiry_seconds", seconds).header("idempotency-key", &format!("{form:?}-{seconds}"));
            let answer = upload.send(&rig).await;
            let fields = assert_stored(&sandbox, &upload, &answer).fields;
            let expected = json!({
                "ClientToken": format!("{form:?}-{seconds}"), "FileName": "a.png", "FileSizeInBytes": 70,
                "FileUseCaseType": "ATTACHMENT", "UrlExpiryInSeconds": seconds.parse::<u64>().expect("a number"),
                "AssociatedResourceArn": crate::upload::CASE_ARN,
            });
            assert_eq!(Value::Object(fields), expected, "{upload}");
        }
    }
}

/// A parameter and what is said of it.
type Complaint = (System, &'static str, &'static str, &'static str, &'static str);

const COMPLAINTS: &[Complaint] = &[
    (System::Kustomer, "title", "x", "unknown-parameter", "is not known here"),
    (System::Flowkiwi, "filenam", "x", "unknown-parameter", "is not known here"),
    (System::KlinkCx, "sort_oder", "1", "unknown-parameter", "is not known here; did you mean `sort_order`?"),
    (System::KlinkCx, "sort_order", "1.5", "invalid-parameter", "must be an integer"),
    (System::KlinkCx, "sort_order", "0x1F", "invalid-parameter", "must be an integer"),
    (System::KlinkCx, "sort_order", "", "invalid-parameter", "must be an integer"),
    (System::KlinkCx, "is_private", "yes", "invalid-parameter", "must be true or false"),
    (System::KlinkCx, "is_favorite", "TRUE", "invalid-parameter", "must be true or false"),
    (
        System::KlinkCx,
        "folder_id",
        "019b666f9b2e7c418f5c2b8a4f2d9e10",
        "invalid-parameter",
        "must be a UUID such as 123e4567-e89b-12d3-a456-426614174000",
    ),
    (
        System::TeamworkDesk,
        "disposition",
        "inline",
        "invalid-parameter",
        "must be one of attachment, attachment-inline",
    ),
    (System::AmazonConnect, "url_expiry_seconds", "4", "invalid-parameter", "must be an integer from 5 to 300"),
    (System::AmazonConnect, "url_expiry_seconds", "301", "invalid-parameter", "must be an integer from 5 to 300"),
    (System::AmazonConnect, "wait", "1", "invalid-parameter", "must be true or false"),
    (System::AmazonConnect, "associated_resource_arn", "x", "invalid-parameter", "is given more than once"),
];

#[tokio::test]
async fn a_wrong_parameter_is_refused_by_name_before_anything_is_sent() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    for (system, name, value, problem, message) in COMPLAINTS {
        for form in [Form::Named, Form::Query, Form::Multipart] {
            let upload = Upload::to(*system, content::bytes(70)).by(form, Protocol::Http1).param(name, value);
            let answer = upload.send(&rig).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, *problem), "{name}={value}, {upload}");
            let expected = json!([{ "field": format!("params.{name}"), "message": message }]);
            assert_eq!(answer.json()["violations"], expected, "{upload}");
        }
    }
    assert_eq!(sandbox.journal(), []);
}

#[tokio::test]
async fn connect_wants_an_arn() {
    let (rig, sandbox) = Rig::shipped(Options::default()).await;
    for form in [Form::Named, Form::Multipart] {
        let upload = Upload::to(System::AmazonConnect, content::bytes(70)).by(form, Protocol::Http1);
        let bare = Upload { params: Vec::new(), ..upload.clone() };
        let answer = bare.send(&rig).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "missing-parameter"), "{bare}");
        let spaced = bare.param("associated_resource_arn", "arn:aws:cases us-east-1");
        let answer = spaced.send(&rig).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-parameter"), "{spaced}");
    }
    assert_eq!(sandbox.journal(), []);
}

/// Regressed once: a caller's value that no header can hold was blamed on the upstream.
#[tokio::test]
async fn a_value_that_fits_no_header_is_the_callers_fault() {
    let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
    let route = "
route: titled
path: /titled
params: { title: { } }
targets: { api: { url: '${ env.FLOWKIWI_URL }' } }
steps:
  - id: store
    request: PUT /x
    target: api
    headers: { X-Title: 'title ${ params.title }' }
    body: file
result: { }
";
    let rig = Rules::shipped(&sandbox).route(route).start();
    for title in ["a%0D%0AX-Evil:%201", "nul%00", "bell%07"] {
        let request = Request::put(format!("/titled/a.txt?title={title}")).body(vec![1]).expect("a request");
        let answer = client::http1(rig.address(), request).await.expect("an answer");
        assert_eq!(told(&answer).split(" |").next(), Some("400 invalid-parameter client no"), "{title}");
        assert_eq!(answer.json()["violations"][0]["field"], "params.title");
    }
    assert_eq!(sandbox.journal(), []);
}
