//! Whole uploads as `rules` decides them: from a request's path to the receipt, with canned answers in the place of upstreams.
//!
//! It is everything that an upload costs beside its bytes and its sockets: routing, admission, the plan, each request, the verdict
//! on each answer, the result.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use rules::access::Pass;
use rules::admission::{Offer, admit};
use rules::check::{Environment, Source, load};
use rules::config::Route;
use rules::plan::{check_needs, plan};
use rules::routing::{Match, Routing, route};
use rules::run::{Action, Answer, Now, Receipt, Run, Transferred};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use wire::digest::{Algorithm, ClientDigests, DigestSet, Digester};
use wire::name::{FileName, MAX_NAME_BYTES};

use super::Case;

/// The main file and the rules as they ship, and one that does the least.
const FILES: [(&str, &str); 7] = [
    ("main", "routes: [raw, amazon-connect, flowkiwi, klinkcx, kustomer, teamwork-desk]"),
    ("raw", RAW),
    ("amazon-connect", include_str!("../../../config/routes/amazon-connect-file.yaml")),
    ("flowkiwi", include_str!("../../../config/routes/flowkiwi-media.yaml")),
    ("klinkcx", include_str!("../../../config/routes/klinkcx-file.yaml")),
    ("kustomer", include_str!("../../../config/routes/kustomer-media.yaml")),
    ("teamwork-desk", include_str!("../../../config/routes/teamwork-desk-file.yaml")),
];

const RAW: &str = "
route: raw
path: /raw
targets: { storage: { url: https://storage.example.com } }
steps:
  - { id: store, request: 'PUT /bucket/${ file.name }', target: storage, body: file }
";

const VARIABLES: [(&str, &str); 10] = [
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

/// A policy that ends half an hour after [`WALL`] and allows 70 bytes.
const POLICY: &str = "eyJleHBpcmF0aW9uIjogIjIwMzAtMDEtMDFUMDA6MzA6MDAuMDAwWiIsICJjb25kaXRpb25zIjogW1siY29udGVudC1sZW5ndGgtcmFuZ2UiLCA3MCwgNzBdXX0=";

const WALL: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);
const FILE: [u8; 70] = [0x5a; 70];

/// One upload to one route.
struct Upload {
    path: &'static str,
    params: &'static [(&'static str, &'static str)],
    /// What the upstream answers to each step, in order.
    answers: Vec<(u16, String)>,
    /// The `id` of the result.
    id: Option<&'static str>,
}

pub(super) fn cases() -> Vec<Case> {
    let case =
        |name: &str, upload: fn() -> Upload| Case::new(format!("upload/{name}"), None, move || uploading(&upload()));
    vec![
        case("raw", raw),
        case("amazon-connect", amazon_connect),
        case("flowkiwi", flowkiwi),
        case("klinkcx", klinkcx),
        case("kustomer", kustomer),
        case("teamwork-desk", teamwork_desk),
    ]
}

fn uploading(upload: &Upload) -> impl FnMut() + use<> {
    let routes = load("main", &Embedded, &VARIABLES.into_iter().collect::<Environment>());
    let routes = routes.unwrap_or_else(|report| panic!("{report}")).config.routes;
    let (path, id) = (upload.path, upload.id);
    let answers: Vec<_> = upload.answers.iter().map(|(status, body)| answer(*status, body)).collect();
    let params: Vec<_> = upload.params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut digester = Digester::new(DigestSet::EMPTY.with(Algorithm::Sha256).with(Algorithm::Crc64Nvme));
    digester.update(&FILE);
    let digests = digester.finish();
    move || {
        let transferred = |answer| Transferred { file_len: FILE.len() as u64, digests: digests.clone(), answer };
        let receipt = upload_once(&routes, path, params.clone(), &answers, transferred);
        assert_eq!(black_box(receipt).result.get("id").and_then(serde_json::Value::as_str), id);
    }
}

fn upload_once(
    routes: &[Arc<Route>],
    path: &str,
    params: Vec<(String, String)>,
    answers: &[Answer],
    transferred: impl Fn(Answer) -> Transferred,
) -> Receipt {
    let Routing::Found(Match { route, captures, name }) = route(routes, &Method::PUT, black_box(path)) else {
        panic!("no route takes {path}")
    };
    let name = name.map(|name| String::from_utf8(name).expect("UTF-8"));
    let offer = Offer {
        upload_id: Uuid::nil(),
        idempotency_key: None,
        received: WALL,
        path: captures,
        params,
        name: name.map(|name| FileName::parse_with_max(&name, MAX_NAME_BYTES).expect("a name")),
        declared_type: Some("image/png".to_owned()),
        size: Some(FILE.len() as u64),
        digests: ClientDigests::default(),
        pass: Pass::default(),
    };
    let mut admission = admit(&route, offer).expect("it is admitted");
    if admission.first_bytes_wanted().is_some() {
        check_needs(&admission).expect("nothing is missing");
        admission.detect(&FILE).expect("the type is right");
    }
    let mut run = Run::begin(&plan(admission).expect("it can be planned"), [7; 16]);
    let mut answers = answers.iter().cloned();
    let mut next = || answers.next().expect("an answer for each request");
    loop {
        match run.next(NOW) {
            Action::Send(request) => {
                black_box(request);
                run.answered(next(), NOW);
            }
            Action::Transfer(request) => {
                assert!(black_box(request).body_len.is_some() && run.is_fresh(NOW));
                run.transferred(transferred(next()), NOW);
            }
            Action::Finish(receipt) => return receipt,
            other => panic!("it does not go on: {other:?}"),
        }
    }
}

const NOW: Now = Now { wall: WALL, monotonic: Duration::ZERO };

/// An answer with the headers that a service behind a proxy gives.
fn answer(status: u16, body: &str) -> Answer {
    const HEADERS: [(&str, &str); 6] = [
        ("date", "Tue, 01 Jan 2030 00:00:00 GMT"),
        ("server", "nginx"),
        ("content-type", "application/json"),
        ("connection", "keep-alive"),
        ("cache-control", "no-cache, private"),
        ("x-request-id", "0196a2b0-0000-7000-8000-000000000000"),
    ];
    let headers = HEADERS.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    Answer { status, headers, body: Bytes::from(body.to_owned()) }
}

fn raw() -> Upload {
    Upload { path: "/raw/red%20pixel.png", params: &[], answers: vec![(200, String::new())], id: None }
}

fn flowkiwi() -> Upload {
    let body =
        r#"{"@id":"/rest/api/medias/1","id":"1","contentUrl":"https://cdn.example.com/x","hash":null,"type":"image"}"#;
    let answers = vec![(201, body.to_owned())];
    Upload { path: "/flowkiwi/media/red%20pixel.png", params: &[], answers, id: Some("1") }
}

fn klinkcx() -> Upload {
    let upload = r#"{"id":"u","fileName":"x","fileSize":70,"fileUrl":"https://cdn.example.com/x"}"#;
    let answers = vec![(200, format!(r#"{{"data":{{"id":"f","uploadId":"u","upload":{upload}}}}}"#))];
    let params = &[("is_private", "true"), ("sort_order", "7"), ("title", "a \"quoted\" title")];
    Upload { path: "/klinkcx/file/red%20pixel.png", params, answers, id: Some("f") }
}

fn kustomer() -> Upload {
    let fields = format!(r#"{{"key":"a/b","acl":"private","Content-Type":"image/png","Policy":"{POLICY}"}}"#);
    let meta = format!(r#"{{"upload":{{"url":"https://s3.amazonaws.com/bucket","fields":{fields}}}}}"#);
    let data = r#"{"id":"5ec4","attributes":{"name":"red pixel.png"}}"#;
    let answers = vec![(201, format!(r#"{{"data":{data},"meta":{meta}}}"#)), (204, String::new())];
    Upload { path: "/kustomer/media/red%20pixel.png", params: &[], answers, id: Some("5ec4") }
}

fn teamwork_desk() -> Upload {
    let params = format!(r#"{{"key":"k","x-amz-date":"","policy":"{POLICY}","Content-Type":"image/png"}}"#);
    let reference = format!(r#"{{"url":"https://b.s3.amazonaws.com/","params":{params},"file":{{"id":"12"}}}}"#);
    let active = r#"{"file":{"id":"12","size":70,"state":"active"}}"#.to_owned();
    let answers = vec![(201, reference), (201, "<PostResponse/>".to_owned()), (200, active)];
    Upload { path: "/teamwork/desk/file/red%20pixel.png", params: &[], answers, id: Some("12") }
}

fn amazon_connect() -> Upload {
    let url = "https://b.s3.amazonaws.com/k?X-Amz-Expires=300&X-Amz-Signature=0123456789abcdef";
    let headers = r#"{"content-type":"image/png","x-amz-server-side-encryption":"aws:kms"}"#;
    let meta = format!(r#"{{"Url":"{url}","UrlExpiry":"2030-01-01T00:05:00.000Z","HeadersToInclude":{headers}}}"#);
    let start = format!(r#"{{"FileArn":"arn:aws:connect:f","FileId":"f","UploadUrlMetadata":{meta}}}"#);
    let answers = vec![(200, start), (200, String::new()), (200, "{}".to_owned())];
    let params = &[("associated_resource_arn", "arn:aws:cases:us-east-1:123456789012:domain/d/case/c")];
    Upload { path: "/amazon/connect/file/red%20pixel.png", params, answers, id: Some("f") }
}

struct Embedded;

impl Source for Embedded {
    fn read(&self, path: &str) -> Result<String, String> {
        let file = FILES.iter().find(|(name, _)| *name == path);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "there is no such file".to_owned())
    }

    fn glob(&self, _relative_to: &str, pattern: &str) -> Result<Vec<String>, String> {
        Ok(vec![pattern.to_owned()])
    }
}
