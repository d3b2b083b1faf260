use proptest::prelude::*;

use super::*;
use crate::policy::PolicyMismatch;

fn built(step: Step, offer: Offer) -> StepRequest {
    begin_with(route(vec![step, self::step("store", http::Method::PUT, "/put", Body::File)]), offer).sent(0)
}

fn form(items: Vec<FormItem>) -> Step {
    step("store", http::Method::POST, "/form", Body::Form(items))
}

fn field(name: &str, value: &str) -> FormItem {
    FormItem::Field { name: text(name), value: text(value), content_type: None }
}

fn file_part() -> FormItem {
    FormItem::File { part: text("file"), filename: None, content_type: None }
}

fn spread(from: &str) -> FormItem {
    FormItem::Fields { from: text(from), rename: Vec::new(), drop: Vec::new(), keep: Vec::new(), drop_empty: false }
}

/// The whole body of a transfer of the file `abc`.
fn body_text(request: &TransferRequest) -> String {
    let envelope = &request.envelope;
    let file = match envelope.encoding {
        wire::envelope::Encoding::Identity => "abc",
        wire::envelope::Encoding::Base64 | wire::envelope::Encoding::Base64Url { .. } => "YWJj",
    };
    let parts = [envelope.prefix.to_vec(), file.as_bytes().to_vec(), envelope.suffix.to_vec()].concat();
    assert_eq!(request.body_len, u64::try_from(parts.len()).ok(), "the length is exact");
    String::from_utf8(parts).expect("UTF-8")
}

#[test]
fn values_are_encoded_by_their_place_in_the_url() {
    let mut odd = step("odd", http::Method::GET, "/a/${ file.name }/b?x=${ file.name }&y=1", Body::None);
    odd.request.query = vec![("z&".to_owned(), text("${ file.name }")), ("none".to_owned(), text("${ omit }"))];
    let request = built(odd, offer("é &=?#%.png", Some(3)));
    let name = "%C3%A9%20%26%3D%3F%23%25.png";
    assert_eq!(full_url(&request.url), format!("https://api.example.com/a/{name}/b?x={name}&y=1&z%26={name}"));
}

#[test]
fn an_empty_or_dotted_segment_is_refused() {
    for id in ["\"\"", "\".\"", "\"..\""] {
        let mut run = begin(route(vec![create(), store()]));
        run.sent(0);
        run.answered(answer(201, &format!(r#"{{"id": {id}, "url": "https://b.storage.example.com/k"}}"#)), now(0));
        assert_eq!(run.failure(0).problem, Problem::UpstreamMisbehaved, "{id}");
    }
}

#[test]
fn learned_headers_win_and_are_checked() {
    let with = |learned: &str| {
        let mut store = store();
        store.request.headers = vec![
            written("Content-Type", "text/plain"),
            HeaderItem::Learned(text("${ create.json.headers }")),
            written("x-late", "written"),
        ];
        let mut run = begin(route(vec![create(), store]));
        run.sent(0);
        let body = format!(r#"{{"id": 1, "url": "https://b.storage.example.com/k", "headers": {learned}}}"#);
        run.answered(answer(201, &body), now(0));
        run.next(now(0))
    };
    for learned in [
        r#"{"content-type": "image/png", "X-Late": "learned", "Content-Length": "3", "host": "b.storage.example.com"}"#,
        r#"[{"name": "content-type", "value": "image/png"}, {"key": "X-Late", "value": ["learned"]}, {"name": "none", "value": null}]"#,
    ] {
        let Action::Transfer(request) = with(learned) else { panic!("{learned}") };
        let headers: Vec<_> = request.request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(headers, ["content-type", "X-Late"], "{learned}");
        assert_eq!(header(&request.request, "content-type"), Some("image/png"));
        assert_eq!(header(&request.request, "x-late"), Some("learned"));
    }
    for learned in [
        r#"{"Content-Length": "4"}"#,
        r#"{"Host": "evil.example.org"}"#,
        r#"{"Transfer-Encoding": "chunked"}"#,
        r#"{"Connection": "close"}"#,
        r#"{"x": "a\r\nY: b"}"#,
        r#"{"x": "a\u0000"}"#,
        r#"{"x y": "a"}"#,
        r#"{"": "a"}"#,
        r#"{"x": {"a": 1}}"#,
        r#"[1]"#,
        r#""text""#,
    ] {
        let Action::Fail(failure) = with(learned) else { panic!("{learned} must fail") };
        assert_eq!(failure.problem, Problem::UpstreamMisbehaved, "{learned}");
    }
}

#[test]
fn an_odd_answer_is_the_upstreams_fault_also_where_a_default_stands_by() {
    for (headers, to_blame) in [(r#", "headers": [{"key": 1}]"#, Problem::UpstreamMisbehaved), ("", Problem::Internal)]
    {
        let mut odd = step("odd", http::Method::GET, "/odd", Body::None);
        odd.request.headers = vec![HeaderItem::Learned(text("${ create.json.headers | default(1) }"))];
        let mut run = begin(route(vec![create(), odd, store()]));
        run.sent(0);
        run.answered(answer(201, &format!(r#"{{"id": 1{headers}}}"#)), now(0));
        let failure = run.failure(0);
        assert_eq!((failure.problem, failure.step.as_deref()), (to_blame, Some("odd")), "{headers}");
    }
}

#[test]
fn a_header_written_as_omit_is_not_sent_at_all() {
    let mut store = step("store", http::Method::PUT, "/put", Body::File);
    store.request.headers = vec![written("Content-Type", "${ omit }")];
    assert_eq!(begin(route(vec![store])).transfer(0).request.headers.len(), 0);
}

#[test]
fn json_keeps_order_and_types_and_marks_where_the_file_streams() {
    let tree = Tree::Map(vec![
        ("z".to_owned(), Tree::Constant(serde_json::Value::Null)),
        ("name".to_owned(), Tree::Leaf(text("${ file.name }"))),
        ("gone".to_owned(), Tree::Leaf(text("${ omit }"))),
        ("data".to_owned(), Tree::Leaf(text("data:${ file.type };base64,${ file.base64 }\"end"))),
        ("list".to_owned(), Tree::List(vec![Tree::Leaf(text("${ omit }")), Tree::Leaf(text("${ file.size }"))])),
    ]);
    let store = step("store", http::Method::POST, "/json", Body::Json(tree));
    let request = begin_with(route(vec![store]), offer("\"q\u{e9}", Some(3))).transfer(0);
    let expected = r#"{"z":null,"name":"\"qé","data":"data:image/png;base64,YWJj\"end","list":[3]}"#;
    assert_eq!(body_text(&request), expected);
    assert_eq!(header(&request.request, "content-type"), Some("application/json"));
}

#[test]
fn a_form_holds_learned_fields_in_order_and_the_file_last() {
    let mut store = form(vec![
        field("title", "${ file.stem }"),
        FormItem::Fields {
            from: text("${ create.json.fields }"),
            rename: vec![("old".to_owned(), "new".to_owned())],
            drop: vec!["dropped".to_owned()],
            keep: Vec::new(),
            drop_empty: true,
        },
        field("gone", "${ omit }"),
        file_part(),
    ]);
    store.request.headers = vec![written("Content-Type", "multipart/form-data")];
    let mut run = begin(route(vec![create(), store]));
    run.sent(0);
    let fields = r#"{"key": "a/b", "Content-Type": "image/png", "old": 1, "dropped": "x", "empty": ""}"#;
    run.answered(answer(201, &format!(r#"{{"id": 1, "fields": {fields}}}"#)), now(0));
    let request = run.transfer(0);
    let content_type = header(&request.request, "content-type").expect("there is one").to_owned();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").expect("ours").to_owned();
    let body = body_text(&request);
    let names: Vec<_> = body.split("name=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(names, ["title", "key", "Content-Type", "new", "file", "a b.png"]);
    assert!(body.ends_with(&format!("abc\r\n--{boundary}--\r\n")), "{body}");
    assert!(body.contains("filename=\"a b.png\"\r\nContent-Type: image/png\r\n\r\nabc"), "{body}");
}

#[test]
fn urlencoded_bodies_cannot_be_broken_out_of() {
    let body =
        Body::Urlencoded(vec![("a b".to_owned(), text("${ file.name }")), ("gone".to_owned(), text("${ omit }"))]);
    let request = built(step("ask", http::Method::POST, "/ask", body), offer("x&y=z +%.png", Some(3)));
    assert_eq!(body_of(&request), "a+b=x%26y%3Dz+%2B%25.png");
    assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
}

#[test]
fn a_policy_that_the_form_does_not_fulfil_is_named_before_a_byte_is_sent() {
    let outcome = |conditions: &str, until: &str| {
        let document = format!(r#"{{"expiration": "{until}", "conditions": {conditions}}}"#);
        let policy = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, document);
        let mut run = begin(route(vec![create(), form(vec![spread("${ create.json.fields }"), file_part()])]));
        run.sent(0);
        let fields = format!(r#"{{"key": "k", "policy": "{policy}", "x-amz-signature": "s"}}"#);
        run.answered(answer(201, &format!(r#"{{"id": 1, "fields": {fields}}}"#)), now(0));
        match run.next(now(0)) {
            Action::Fail(failure) => Some((failure.problem, failure.detail)),
            _ => None,
        }
    };
    let later = "2030-01-01T01:00:00Z";
    assert_eq!(outcome(r#"[["eq", "$key", "k"], ["content-length-range", 3, 3]]"#, later), None);
    let (problem, detail) = outcome(r#"[["eq", "$key", "k"], ["content-length-range", 4, 9]]"#, later).expect("fails");
    assert_eq!(problem, Problem::UpstreamRefusedFile);
    assert!(detail.ends_with(&PolicyMismatch::Size { min: 4, max: 9, size: 3 }.to_string()), "{detail}");
    let (problem, detail) = outcome(r#"[["eq", "$key", "other"]]"#, later).expect("fails");
    assert_eq!(problem, Problem::UpstreamMisbehaved);
    assert!(detail.contains("`key`") && detail.contains("`eq`"), "{detail}");
    assert!(outcome("[]", "2029-01-01T00:00:00Z").is_some_and(|(_, detail)| detail.contains("ended at")));
}

/// Names as clients may send them.
fn names() -> impl Strategy<Value = String> {
    "\\PC{1,40}".prop_filter("a file name", |name| FileName::parse(name).is_ok())
}

proptest! {
    #[test]
    fn a_name_never_breaks_out_of_a_url(name in names()) {
        let request = built(step("ask", http::Method::GET, "/a/${ file.name }/b?x=${ file.name }&y=1", Body::None), offer(&name, Some(3)));
        let (path, query) = request.url.path_and_query.split_once('?').expect("a query");
        let segments: Vec<_> = path.split('/').collect();
        prop_assert_eq!(segments.len(), 4);
        let decoded = percent_encoding::percent_decode_str(segments[2]).decode_utf8().expect("UTF-8");
        prop_assert_eq!(decoded.as_ref(), name.as_str());
        prop_assert_eq!(query.split('&').count(), 2);
    }

    #[test]
    fn a_name_never_breaks_out_of_json(name in names()) {
        let request = built(create(), offer(&name, Some(3)));
        let value: serde_json::Value = serde_json::from_str(&body_of(&request)).expect("JSON");
        prop_assert_eq!(&value["name"], name.as_str());
        prop_assert_eq!(value.as_object().map(serde_json::Map::len), Some(2));
    }

    #[test]
    fn a_name_never_breaks_out_of_a_form(name in names()) {
        let store = form(vec![field("n", "${ file.name }"), file_part()]);
        let request = begin_with(route(vec![store]), offer(&name, Some(3))).transfer(0);
        let content_type = header(&request.request, "content-type").expect("there is one").to_owned();
        let mut parser = wire::form::FormParser::new(&content_type, wire::form::FormLimits::default()).expect("a form");
        parser.push(body_text(&request).into());
        let first = parser.next_event().expect("parses");
        let is_whole = matches!(&first, Some(wire::form::FormEvent::Field { name: field, value, .. }) if field == "n" && *value == name);
        prop_assert!(is_whole, "{:?}", first);
    }

    #[test]
    fn a_name_never_breaks_out_of_a_header(name in names()) {
        let mut ask = step("ask", http::Method::GET, "/", Body::None);
        ask.request.headers = vec![written("X-Name", "${ file.name }")];
        if name.trim_matches([' ', '\t']) == name {
            let request = built(ask, offer(&name, Some(3)));
            prop_assert_eq!(header(&request, "x-name"), Some(name.as_str()));
        } else {
            // A receiver would cut it, and read another name.
            let mut run = begin_with(route(vec![ask, step("store", http::Method::PUT, "/put", Body::File)]), offer(&name, Some(3)));
            let refused = match run.next(now(0)) {
                Action::Fail(failure) => Some((failure.problem, failure.violations.first().map(|found| found.field.clone()))),
                _ => None,
            };
            prop_assert_eq!(refused, Some((Problem::InvalidParameter, Some("file.name".to_owned()))));
        }
    }

    #[test]
    fn no_answer_can_panic_a_run(status in 100u16..1000, body in proptest::collection::vec(any::<u8>(), 0..200), retry in "\\PC{0,20}") {
        let mut run = begin(route(vec![create(), store(), finish()]));
        for second in 0..20 {
            let given = Answer { status, headers: vec![("retry-after".to_owned(), retry.clone().into_bytes())], body: body.clone().into() };
            match run.next(now(second * 60)) {
                Action::Send(_) => run.answered(given, now(second * 60)),
                Action::Transfer(_) => run.transferred(transferred(given), now(second * 60)),
                Action::Wait { .. } => {}
                Action::Finish(_) | Action::Fail(_) => break,
            }
        }
        let ended = matches!(run.next(now(9999)), Action::Finish(_) | Action::Fail(_));
        prop_assert!(ended);
    }

    #[test]
    fn no_json_answer_can_panic_a_run(members in proptest::collection::btree_map("(id|url|error|errors|message)", "(null|true|-1|1e300|\"\\PC{0,12}\"|\\[\\]|\\{\\}|\\[\\{\"a\":\\[1\\]\\}\\])", 0..5), status in prop_oneof![Just(200u16), Just(201), Just(400), Just(422)]) {
        let text = members.iter().map(|(name, value)| format!("\"{name}\":{}", value.replace('\\', ""))).collect::<Vec<_>>().join(",");
        let mut run = begin(route(vec![create(), store(), finish()]));
        run.sent(0);
        run.answered(answer(status, &format!("{{{text}}}")), now(0));
        let decided = matches!(run.next(now(0)), Action::Fail(_) | Action::Transfer(_));
        prop_assert!(decided);
    }
}
