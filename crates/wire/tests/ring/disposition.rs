//! `Content-Disposition`: the examples of the RFCs, what clients send, and what attackers would.

use wire::disposition::{Context, DispositionError, ext_value, parse};

fn filename(value: &str, context: Context) -> Result<Option<String>, DispositionError> {
    parse(value.as_bytes(), context).map(|disposition| disposition.filename)
}

fn http(value: &str) -> Result<Option<String>, DispositionError> {
    filename(value, Context::Http)
}

fn part(value: &str) -> Result<Option<String>, DispositionError> {
    filename(value, Context::FormPart)
}

fn some(name: &str) -> Result<Option<String>, DispositionError> {
    Ok(Some(name.to_owned()))
}

#[test]
fn reads_the_examples_of_rfc_6266() {
    assert_eq!(http("Attachment; filename=example.html"), some("example.html"));
    assert_eq!(http("INLINE; FILENAME= \"an example.html\""), Err(DispositionError::Malformed));
    assert_eq!(http("INLINE; FILENAME=\"an example.html\""), some("an example.html"));
    assert_eq!(http("attachment; filename*= UTF-8''%e2%82%ac%20rates"), Err(DispositionError::Malformed));
    assert_eq!(http("attachment; filename*=UTF-8''%e2%82%ac%20rates"), some("€ rates"));
    assert_eq!(http("attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac%20rates"), some("€ rates"));
    assert_eq!(http("attachment; filename*=iso-8859-1'en'%A3%20rates"), some("£ rates"));
    assert_eq!(http("attachment"), Ok(None));
}

#[test]
fn reads_quoted_strings_as_http_does() {
    assert_eq!(http(r#"attachment; filename="a;b.txt""#), some("a;b.txt"));
    assert_eq!(http(r#"attachment; filename="a\"b\\c\d""#), some(r#"a"b\cd"#));
    assert_eq!(http(r#"attachment; filename="a%22b""#), some("a%22b"));
    assert_eq!(http("attachment; filename=\"Übergröße.pdf\";"), some("Übergröße.pdf"));
}

#[test]
fn reads_quotes_in_form_names_as_browsers_and_curl_write_them() {
    assert_eq!(part(r#"form-data; name="f"; filename="a%22b""#), some(r#"a"b"#));
    assert_eq!(part(r#"form-data; name="f"; filename="a\"b""#), some(r#"a"b"#));
    assert_eq!(part(r#"form-data; name="f"; filename="C:\dir\x.txt""#), some(r"C:\dir\x.txt"));
    assert_eq!(part(r#"form-data; name="f"; filename="a%0Db%0a%2522%2%""#), some("a\rb\n%2522%2%"));
    assert_eq!(part(r#"form-data; name="f"; filename="""#), some(""));
    assert_eq!(part("form-data; name=f; filename=a%22.txt"), Err(DispositionError::Unquoted('%')));
}

#[test]
fn does_not_take_a_name_out_of_a_quoted_filename() {
    let value = br#"form-data; filename="x; name=evil"; name="real""#;
    let disposition = parse(value, Context::FormPart).expect("well-formed");
    assert_eq!(disposition.name.as_deref(), Some("real"));
    assert_eq!(disposition.filename.as_deref(), Some("x; name=evil"));
    assert_eq!(disposition.kind, "form-data");
}

#[test]
fn compares_filename_with_its_extended_form_on_parts() {
    assert_eq!(part("form-data; name=f; filename*=UTF-8''a%20b"), some("a b"));
    assert_eq!(part("form-data; name=f; filename=\"a b\"; filename*=UTF-8''a%20b"), some("a b"));
    assert_eq!(
        part("form-data; name=f; filename=\"safe.txt\"; filename*=UTF-8''evil.exe"),
        Err(DispositionError::Contradiction)
    );
}

#[test]
fn refuses_what_has_two_readings() {
    for context in [Context::Http, Context::FormPart] {
        assert_eq!(
            filename("form-data; name=f; filename=a; filename=b", context),
            Err(DispositionError::Duplicate("filename".to_owned()))
        );
        assert_eq!(
            filename("form-data; name=f; FileName=a; filename=b", context),
            Err(DispositionError::Duplicate("filename".to_owned()))
        );
        assert_eq!(
            filename("form-data; name=f; filename*0=a; filename*1=b", context),
            Err(DispositionError::Continuation("filename*0".to_owned()))
        );
        assert_eq!(filename("form-data; name*0=f", context), Err(DispositionError::Continuation("name*0".to_owned())));
    }
}

#[test]
fn refuses_malformed_values() {
    let malformed = [
        "",
        ";",
        "filename=x",
        "attachment filename=x",
        "attachment; filename",
        "attachment; filename=",
        "attachment; =x",
        "attachment; filename=\"x",
        "attachment; filename=\"x\"y",
        "attachment; filename=a b",
        "attachment; filename=a,b",
        "attachment; filename=\"a\\",
        "attachment; file name=x",
        "attachment; filename=a/b",
        "a/b; filename=x",
        "attachment; filename=\"a\0b\"",
        "attachment; filename=\"a\r\nb\"",
    ];
    for value in malformed {
        assert_eq!(http(value), Err(DispositionError::Malformed), "{value:?}");
    }
}

#[test]
fn refuses_malformed_extended_values() {
    for value in
        ["x", "UTF-8'x", "UTF-8''%", "UTF-8''%2", "UTF-8''%zz", "UTF-16''x", "''x", "UTF-8''a'b", "\"UTF-8''x\""]
    {
        assert_eq!(http(&format!("attachment; filename*={value}")), Err(DispositionError::ExtValue), "{value}");
    }
}

#[test]
fn refuses_names_that_are_not_utf_8() {
    let not_utf8 = |name: &str| DispositionError::NotUtf8(name.to_owned());
    assert_eq!(parse(b"attachment; filename=\"\xff\"", Context::Http), Err(not_utf8("filename")));
    assert_eq!(http("attachment; filename*=UTF-8''%ff"), Err(not_utf8("filename*")));
}

#[test]
fn writes_extended_values_that_it_reads() {
    for text in ["plain.txt", "a b", "€ rates", "it's \"quoted\"; 100%.txt", "~!#$&+-.^_`|", "*'()"] {
        let value = ext_value(text);
        assert_eq!(http(&format!("attachment; filename*={value}")), some(text), "{value}");
    }
    assert_eq!(ext_value("€ rates"), "UTF-8''%E2%82%AC%20rates");
}
