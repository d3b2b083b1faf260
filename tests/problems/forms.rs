//! Forms: what makes one malformed, and the size of the file in it.

use harness::{Answer, Rules, content, forms};
use http::Request;

use crate::support::{PLAIN, Stage, eventually, post, stored};

const OPEN: &str = "------tests-d41d8cd98f00b204\r\n";
const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\nx";
const CLOSE: &str = "\r\n------tests-d41d8cd98f00b204--\r\n";

async fn send(stage: &Stage, body: impl Into<Vec<u8>>) -> Answer {
    stage.send(post().header("content-type", forms::content_type()), body).await
}

#[tokio::test]
async fn what_is_no_form_is_refused_and_never_committed() {
    let stage = Stage::new(PLAIN, (0..20).map(|_| stored())).await;
    let field = "Content-Disposition: form-data; name=\"title\"\r\n\r\nv";
    let malformed = [
        ("malformed-form.empty", String::new()),
        ("malformed-form.preamble", format!("hello\r\n{OPEN}{FILE}{CLOSE}")),
        ("malformed-form.no-file", format!("{OPEN}{field}{CLOSE}")),
        ("malformed-form.no-disposition", format!("{OPEN}Content-Type: image/png\r\n\r\nx{CLOSE}")),
        (
            "malformed-form.no-part-name",
            format!("{OPEN}Content-Disposition: form-data; filename=\"a\"\r\n\r\nx{CLOSE}"),
        ),
        ("malformed-form.bare-line-feed", format!("{OPEN}{}{CLOSE}", FILE.replace("\r\n", "\n"))),
        (
            "malformed-form.names-contradict",
            format!("{OPEN}{}{CLOSE}", FILE.replace("\"a.png\"", "\"a.png\"; filename*=UTF-8''b.png")),
        ),
        ("malformed-form.transfer-encoding", format!("{OPEN}Content-Transfer-Encoding: base64\r\n{FILE}{CLOSE}")),
        ("malformed-form.cut-in-fields", format!("{OPEN}{field}")),
    ];
    for (name, body) in malformed {
        stage.expect(name, &send(&stage, body).await);
    }
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn what_follows_the_file_is_refused_and_the_file_not_committed() {
    let stage = Stage::new(PLAIN, (0..20).map(|_| stored())).await;
    let open = format!("{OPEN}{FILE}");
    let more = [
        format!("{open}\r\n{OPEN}{FILE}{CLOSE}"),
        format!("{open}\r\n{OPEN}Content-Disposition: form-data; name=\"late\"\r\n\r\nv{CLOSE}"),
        format!("{open}{CLOSE}epilogue"),
        format!("{open}{CLOSE}\r\n"),
        format!("{open}\r\n------tests-d41d8cd98f00b204-- \r\n"),
    ];
    for body in more {
        // The derived size counts what follows as a part of the file, so the form can only end otherwise than derived.
        let derived = send(&stage, body.clone()).await;
        assert!(["length-mismatch", "malformed-form"].contains(&derived.problem().as_str()), "{body:?}: {derived:?}");
        // Without Content-Length the file's own size is told, and the form itself is what is wrong.
        let head = format!(
            "POST /files HTTP/1.1\r\nHost: a\r\nContent-Type: {}\r\nUpload-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            forms::content_type()
        );
        let (told, _) = stage.raw(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).await;
        assert_eq!(told.problem(), "malformed-form", "{body:?}: {told:?}");
    }
    stage.nothing_stored();
}

#[tokio::test]
async fn a_boundary_that_is_missing_or_malformed_is_refused() {
    let stage = Stage::new(PLAIN, []).await;
    let body = forms::form(&[], "a.png", "image/png", b"x");
    for (name, value) in [
        ("malformed-form.no-boundary", "multipart/form-data"),
        ("malformed-form.two-boundaries", "multipart/form-data; boundary=a; boundary=b"),
        ("malformed-form.bad-boundary", "multipart/form-data; boundary=\"\""),
    ] {
        stage.expect(name, &stage.send(post().header("content-type", value), body.clone()).await);
    }
}

#[tokio::test]
async fn the_size_is_derived_from_the_forms_own_length() {
    let stage = Stage::new(PLAIN, (0..6).map(|_| stored())).await;
    for size in [0, 1, 2, 65_535, 65_537] {
        let file = content::bytes(size);
        let answer = send(&stage, forms::form(&[], "a.bin", "application/octet-stream", &file)).await;
        assert_eq!((answer.status, &answer.json()["file"]["size"]), (201, &size.into()), "{answer:?}");
        let stored = stage.peer.requests().pop().expect("a request");
        assert_eq!(stored.header("content-length"), Some(size.to_string().as_str()));
        assert_eq!(stored.sha256, content::sha256_hex(&file));
    }
}

#[tokio::test]
async fn a_form_that_ends_otherwise_than_derived_is_told_of_upload_length() {
    let stage = Stage::new(PLAIN, (0..3).map(|_| stored())).await;
    let whole = forms::form(&[], "a.png", "image/png", b"12345");
    let without_last_line_break = whole[..whole.len() - 2].to_vec();
    stage.expect("length-mismatch.form-without-last-line-break", &send(&stage, without_last_line_break.clone()).await);
    stage.nothing_stored();

    let told = || post().header("content-type", forms::content_type()).header("upload-length", "5");
    for body in [whole, without_last_line_break] {
        let answer = stage.send(told(), body).await;
        assert_eq!((answer.status, &answer.json()["file"]["size"]), (201, &5.into()), "{answer:?}");
    }
}

#[tokio::test]
async fn upload_length_means_the_file_and_must_fit_the_form() {
    let stage = Stage::new(PLAIN, []).await;
    let body = forms::form(&[], "a.png", "image/png", b"12345");
    let told = post().header("content-type", forms::content_type()).header("upload-length", body.len().to_string());
    stage.expect("length-mismatch.form-and-upload-length", &stage.send(told, body).await);
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn a_form_without_any_length_is_asked_for_one() {
    let stage = Stage::new(PLAIN, []).await;
    let body = String::from_utf8(forms::form(&[], "a.png", "image/png", b"x")).expect("text");
    let head = format!("POST /files HTTP/1.1\r\nHost: a\r\nContent-Type: {}\r\n", forms::content_type());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let (answer, _) = stage.raw(chunked).await;
    stage.expect("length-required.form", &answer);
}

#[tokio::test]
async fn the_digest_of_the_part_speaks_of_the_file_and_that_of_the_request_of_the_whole_body() {
    let stage = Stage::new(PLAIN, (0..6).map(|_| stored())).await;
    let with_digest = |digest: String| {
        let head =
            format!("Content-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nRepr-Digest: {digest}");
        format!("{OPEN}{head}\r\n\r\nx{CLOSE}")
    };
    assert_eq!(send(&stage, with_digest(content::repr_digest(b"x"))).await.status, 201);
    stage.expect("digest-mismatch.form-part", &send(&stage, with_digest(content::repr_digest(b"y"))).await);

    let body = with_digest(content::repr_digest(b"x"));
    let request =
        |digest: String| post().header("content-type", forms::content_type()).header("content-digest", digest);
    let answer = stage.send(request(content::repr_digest(body.as_bytes())), body.clone()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let answer = stage.send(request(content::repr_digest(b"x")), body.clone()).await;
    stage.expect("digest-mismatch.form-body", &answer);
    let malformed = body.replace("Repr-Digest: sha-256", "Repr-Digest: sha-256==");
    assert_eq!(send(&stage, malformed).await.problem(), "malformed-request");
}

#[tokio::test]
async fn quotes_in_a_filename_come_in_two_spellings_and_filename_star_alone_is_enough() {
    let stage = Stage::new(PLAIN, (0..4).map(|_| stored())).await;
    for (parameter, name) in [
        ("filename=\"a%22b.png\"", "a\"b.png"),
        ("filename=\"a\\\"b.png\"", "a\"b.png"),
        ("filename*=UTF-8''%C3%A4.png", "\u{e4}.png"),
        ("filename=\"\u{e4}.png\"; filename*=UTF-8''%C3%A4.png", "\u{e4}.png"),
    ] {
        let head = format!("Content-Disposition: form-data; name=\"file\"; {parameter}\r\n\r\n");
        let answer = send(&stage, format!("{OPEN}{head}x{CLOSE}")).await;
        assert_eq!((answer.status, &answer.json()["file"]["name"]), (201, &name.into()), "{parameter}: {answer:?}");
    }
}

#[tokio::test]
async fn a_form_that_is_put_is_a_file_which_no_upstream_must_take_for_a_form() {
    let stage = Stage::new(PLAIN, [stored()]).await;
    let body = forms::form(&[], "a.png", "image/png", b"x");
    let put = |kind: &str| Request::put("/files/form.txt").header("content-type", kind);
    let answer = stage.send(put("text/plain"), body.clone()).await;
    assert_eq!((answer.status, &answer.json()["file"]["size"]), (201, &body.len().into()));
    // As the type of the request upstream it would make the file's bytes fields and files of their own.
    stage.expect("type-refused.form-as-a-file", &stage.send(put(&forms::content_type()), body.clone()).await);
    let other = stage.send(put("multipart/related; boundary=x"), body.clone()).await;
    assert_eq!(other.problem(), "upstream-failed", "it is sent, and the script has run out: {other:?}");
}

#[tokio::test]
async fn a_part_that_is_a_multipart_itself_is_refused_in_both_directions() {
    let stage = Stage::new(&PLAIN.replace("body: file", "form: [ { file: file } ]"), []).await;
    let request = Request::put("/files/a.png").header("content-type", "multipart/mixed; boundary=x");
    stage.expect("type-refused.multipart-in-a-form", &stage.send(request, "x").await);
    let nested =
        format!("{OPEN}{}{CLOSE}", FILE.replace("\r\n\r\n", "\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"));
    let answer = send(&stage, nested).await;
    assert_eq!(answer.problem(), "malformed-form", "{answer:?}");
    assert!(stage.peer.requests().is_empty());
}

#[tokio::test]
async fn a_rule_says_how_much_a_form_may_hold_beside_its_file() {
    let more = "params: { title: { max-bytes: 65536, required: false } }\naccept: { form: { fields: 2, field-size: 8B, fields-size: 20B } }\n";
    let stage = Stage::plain(more, [stored()]).await;
    let form = |fields: &[(&str, &str)]| forms::form(fields, "a.png", "image/png", b"x");
    assert_eq!(send(&stage, form(&[("title", "12345678")])).await.status, 201);
    stage.expect("malformed-form.field-too-long", &send(&stage, form(&[("title", "123456789")])).await);
    stage.expect("malformed-form.too-many-fields", &send(&stage, form(&[("title", ""), ("a", ""), ("b", "")])).await);
    stage.expect(
        "malformed-form.fields-too-long",
        &send(&stage, form(&[("title", "1234567"), ("other", "1234567")])).await,
    );
}

#[tokio::test]
async fn what_fields_hold_is_paid_for_out_of_the_memory_budget() {
    let rules = Rules::default().settings("limits: { memory: 1MiB }");
    let rule = format!("{PLAIN}accept: {{ form: {{ fields: 100, fields-size: 8MiB }} }}\n");
    let stage = Stage::with(rules, &rule, []).await;
    let value = "v".repeat(60_000);
    let names: Vec<_> = (0..40).map(|number| format!("f{number}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    let answer = send(&stage, forms::form(&fields, "a.png", "image/png", b"x")).await;
    assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"), "{answer:?}");
    eventually("the memory of the fields", async || {
        let text = stage.scrape().await;
        let used = text.lines().find_map(|line| line.strip_prefix("tidegate_buffer_bytes "))?.parse::<f64>().ok()?;
        (used < 600_000.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn two_content_types_are_refused_whichever_is_the_form() {
    let stage = Stage::new(PLAIN, []).await;
    let body = forms::form(&[], "a.png", "image/png", b"x");
    let other = "multipart/form-data; boundary=other";
    for kinds in [[forms::content_type(), other.to_owned()], [other.to_owned(), forms::content_type()]] {
        let request = kinds.iter().fold(post(), |request, kind| request.header("content-type", kind));
        assert_eq!(stage.send(request, body.clone()).await.problem(), "malformed-request");
    }
}

#[tokio::test]
async fn the_name_of_a_form_is_not_taken_from_the_query() {
    let stage = Stage::new(PLAIN, []).await;
    let request = Request::post("/files?filename=b.png").header("content-type", forms::content_type());
    stage
        .expect("invalid-parameter.filename-beside-a-form", &stage.send(request, format!("{OPEN}{FILE}{CLOSE}")).await);
}
