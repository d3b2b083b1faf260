use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::config::Environment;
use crate::run::{Answer, Facts};

fn facts(json: &str) -> Facts {
    let env: Environment = [("KEY", "value")].into_iter().collect();
    let answer = Answer {
        status: 201,
        headers: vec![("etag".to_owned(), b"\"abc\"".to_vec())],
        body: json.as_bytes().to_vec().into(),
    };
    Facts::of_environment(Arc::new(env)).with_answer("create", answer)
}

fn template(source: &str) -> Template {
    Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

fn eval(source: &str, json: &str) -> Result<Option<String>, EvalError> {
    let value = template(source).eval(&facts(json))?;
    Ok(value.map(|value| to_json(&value).expect("is JSON").to_string()))
}

fn eval_ok(source: &str, json: &str) -> String {
    eval(source, json).unwrap_or_else(|error| panic!("{source}: {error}")).unwrap_or_else(|| "(omit)".to_owned())
}

#[test]
fn one_expression_keeps_its_type_and_text_makes_a_string() {
    let json = r#"{"n": 9223372036854775807, "u": 18446744073709551615, "f": 1.0, "t": true, "s": "x", "z": null, "l": [1], "o": {"b": 1, "a": 2}}"#;
    let table = [
        ("plain", r#""plain""#),
        ("$${x}", r#""${x}""#),
        ("${ create.json.n }", "9223372036854775807"),
        ("${ create.json.u }", "18446744073709551615"),
        ("${ create.json.f }", "1.0"),
        ("${ create.json.t }", "true"),
        ("${ create.json.z }", "null"),
        ("${ create.json.l }", "[1]"),
        ("${ create.json.o }", r#"{"b":1,"a":2}"#),
        ("${ create.status }", "201"),
        ("${ create.headers['ETag'] | unquote }", r#""abc""#),
        ("a${ create.json.n }b", r#""a9223372036854775807b""#),
        ("${ create.json.t }${ create.json.f }", r#""true1.0""#),
        ("${ create.json.l[0] }", "1"),
        ("${ create.json.l[-1] }", "1"),
        ("${ create.json['s'] }", r#""x""#),
        ("${ create.json['s' ~ ''] }", r#""x""#),
        ("${ env.KEY }", r#""value""#),
        ("${ create.json.n == 9223372036854775807 }", "true"),
        ("${ create.json.u > create.json.n }", "true"),
        ("${ 'a' if create.json.t else 'b' }", r#""a""#),
        ("${ create.json.missing.deep[3].er | default(omit) }", "(omit)"),
        ("${ create.json.missing.deep | default('x') }", r#""x""#),
        ("${ later.json.id | default(7) }", "7"),
        ("${ create.json.missing.deep is defined }", "false"),
        ("${ create.text | length > 3 }", "true"),
    ];
    for (source, expected) in table {
        assert_eq!(eval_ok(source, json), expected, "{source}");
    }
}

#[test]
fn what_needs_no_engine_means_the_same_as_with_it() {
    let facts = facts(r#"{"n": 1, "huge": 18446744073709551616, "z": null, "s": "", "l": [], "o": {"a": 1}}"#);
    let members = ["n", "huge", "z", "s", "l", "o", "missing", "missing.deep", "o.a", "o['a']", "l[0]"];
    let names = members.map(|member| format!("create.json.{member}"));
    for name in names.into_iter().chain(["later.json", "env.KEY", "env", "create.status"].map(ToOwned::to_owned)) {
        for (source, shape) in [
            (format!("${{ {name} }}"), Shape::Name),
            (format!("${{ {name}|default( omit ) }}"), Shape::NameOrOmit),
            (format!("${{ {name} | default('x') }}"), Shape::Other),
        ] {
            let template = template(&source);
            let [Piece::Expression(expression)] = template.pieces() else { panic!("{source}") };
            assert_eq!(expression.shape, shape, "{source}");
            let shown = |value: Result<Option<Value>, EvalError>| format!("{value:?}");
            assert_eq!(shown(expression.eval(&facts)), shown(expression.run(&facts)), "{source}");
        }
    }
}

#[test]
fn what_is_undefined_or_no_text_is_an_error_and_names_the_step() {
    let json = r#"{"z": null, "l": [1], "o": {}, "big": 18446744073709551616, "s": "secret"}"#;
    let table = [
        ("${ create.json.missing }", Some("create")),
        ("x${ create.json.missing }", Some("create")),
        ("${ create.json.missing ~ 'x' }", Some("create")),
        ("${ create.json.missing + 1 }", Some("create")),
        ("${ create.json.missing | upper }", Some("create")),
        ("${ env.KEY ~ create.json.missing }", Some("create")),
        ("x${ create.json.z }", Some("create")),
        ("x${ create.json.l }", Some("create")),
        ("x${ create.json.o }", Some("create")),
        ("${ create.json.big }", Some("create")),
        ("x${ create.json.big }", Some("create")),
        ("${ create.json.big + 1 }", Some("create")),
        ("${ create.json.s | int }", Some("create")),
        ("${ later.json.id }", Some("later")),
        ("${ env.OTHER }", None),
        ("x${ omit }", None),
        ("${ 1 // 0 }", None),
    ];
    for (source, step) in table {
        let error = eval(source, json).expect_err(source);
        assert_eq!(error.answer_of.as_deref(), step, "{source}: {error}");
        assert!(!error.message.contains("secret"), "{source}: {error}");
    }
}

#[test]
fn a_body_that_is_no_json_is_undefined() {
    assert_eq!(eval_ok("${ create.json.a | default('none') }", "<html>"), r#""none""#);
    assert_eq!(eval_ok("${ create.json is undefined }", "{"), "true");
}

#[test]
fn mistakes_are_found_when_parsed_and_point_at_their_place() {
    let table = [
        ("${ a.b | upcase }", "upcase", "there is no filter `upcase`", None),
        ("x ${ a.b | uper }", "uper", "there is no filter `uper`", Some("did you mean `upper`?")),
        ("${ a is defnied }", "defnied", "there is no test `defnied`", Some("did you mean `defined`?")),
        (
            "${ basename(file.name) }",
            "basename",
            "there is no function `basename`",
            Some("`basename` is a filter: write `value | basename`"),
        ),
        ("${ a | map('uper') }", "uper", "there is no filter `uper`", Some("did you mean `upper`?")),
        ("${ debug() }", "debug", "there is no function `debug`", None),
        ("${ file.base64 | upper }", "file.base64", "the file's base64 form must stand alone in its braces", None),
        // Regression: the place was the first byte of the character alone, which is no place in a text.
        ("${ a\u{20ac} }", "\u{20ac}", "unexpected character", None),
    ];
    for (source, place, message, hint) in table {
        let error = Template::parse(source).expect_err(source);
        assert_eq!(error.message, message, "{source}");
        assert_eq!(source.get(error.offset..error.offset + error.len), Some(place), "{source}");
        if hint.is_some() {
            assert_eq!(error.hint.as_deref(), hint, "{source}");
        }
    }
    for source in
        ["${ }", "${ a b }", "${ a. }", "${ 'x }", "${", "${ {% if x %} }", "${ a | regex('(') }", "${ a.split(',') }"]
    {
        assert!(Template::parse(source).is_err(), "{source}");
    }
}

#[test]
fn reads_off_every_name_with_its_place() {
    let source =
        "é ${ create.json.files[0]['the id'] ~ (params.a | default(env.B)) } ${ headers['etag'] if x.y is defined }";
    let template = template(source);
    let shown: Vec<_> = template
        .references()
        .iter()
        .map(|reference| {
            let place = source.get(reference.offset..reference.offset + reference.len).expect("inside the source");
            (reference.path.join("/"), place, reference.defaulted)
        })
        .collect();
    let expected = [
        ("create/json/files/the id", "create.json.files[0]['the id']", false),
        ("params/a", "params.a", true),
        ("env/B", "env.B", false),
        ("headers/etag", "headers['etag']", false),
        ("x/y", "x.y", true),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(path, place, defaulted)| (path.to_owned(), place, defaulted)).collect();
    assert_eq!(shown, expected);
}

#[test]
fn the_stream_marker_is_a_piece_of_its_own() {
    assert_eq!(template("${ file.base64 }").stream(), Some(Encoding::Base64));
    assert_eq!(
        template("data:${ file.type };base64,${file.base64url}").stream(),
        Some(Encoding::Base64Url { padding: true })
    );
    assert_eq!(template("${ file.name }").stream(), None);
}

#[test]
fn parentheses_and_calls_do_not_confuse_names() {
    let json = r#"{"a": {"b": 2}, "l": [3, 1]}"#;
    let table = [
        ("${ (create.json).a.b }", "2"),
        ("${ (create.json.l | sort)[0] }", "1"),
        ("${ ((create.json.a)).b + create.json.l[1] }", "3"),
        ("${ create.json.l[create.json.a.b - 1] }", "1"),
        ("${ [create.json.a.b, range(2)] }", "[2,[0,1]]"),
        ("${ {'k': create.json.a.b} }", r#"{"k":2}"#),
        ("${ create.json.l[:1] }", "[3]"),
        ("${ create . json . a . b }", "2"),
        ("${ not create.json.a.b }", "false"),
        ("${ -create.json.a.b }", "-2"),
    ];
    for (source, expected) in table {
        assert_eq!(eval_ok(source, json), expected, "{source}");
    }
}

#[test]
fn conditions_follow_the_truth_of_values() {
    let json = r#"{"t": true, "f": false, "e": "", "z": 0, "s": "false", "x": "x"}"#;
    let table = [("t", true), ("f", false), ("e", false), ("z", false), ("s", false), ("x", true)];
    for (name, expected) in table {
        let condition = template(&format!("${{ create.json.{name} }}"));
        assert_eq!(condition.eval_bool(&facts(json)), Ok(expected), "{name}");
    }
}

#[test]
fn each_example_of_the_reference_gives_what_it_says() {
    for (name, _, (example, expected)) in FILTERS.iter().chain(TESTS).chain(FUNCTIONS) {
        assert_eq!(eval_ok(&format!("${{ {example} }}"), "{}"), *expected, "{name}");
        assert!(example.contains(name), "{name}");
    }
}

proptest! {
    #[test]
    fn no_text_can_panic_the_parser(text in "\\PC{0,60}") {
        if let Ok(template) = Template::parse(&text) {
            let _decided = template.eval(&facts("{}"));
        }
    }

    #[test]
    fn no_expression_can_panic(inside in "[a-z0-9_. |()'\"\\[\\]{},+*/~<>=-]{0,60}") {
        let text = format!("${{ {inside} }}");
        match Template::parse(&text) {
            Ok(template) => {
                let _decided = template.eval(&facts(r#"{"a": [1]}"#));
            }
            Err(error) => prop_assert!(text.get(error.offset..error.offset + error.len).is_some(), "{error:?}"),
        }
    }
}

#[test]
fn no_filter_makes_gigabytes_of_a_few_bytes() {
    // Regression: fuel counted a filter as one instruction, whatever it wrote.
    let long = format!("\"{}\"", "a".repeat(100_000));
    let json = format!(r#"{{"n": 1000000000, "a": {long}, "list": [{}"1"]}}"#, "\"1\",".repeat(10_000));
    let chain = |filter: &str, times: usize| format!("${{ 'aaaaaaaaaa'{} }}", format!(" | {filter}").repeat(times));
    for source in [
        "${ create.json.a | replace('a', create.json.a) }",
        "${ create.json.a | replace('', create.json.a) }",
        "${ create.json.list | join(create.json.a) }",
        "${ [1] | slice(create.json.n) }",
        "${ [1] | batch(create.json.n, 0) }",
        "${ [1] | batch(create.json.n) }",
        "${ create.json.list | map('replace', '1', create.json.a) | list }",
        "${ create.json.list | map('slice', 5000) | list }",
        &chain("replace('a', 'aaaaaaaaaa')", 9),
        &chain("hex", 40),
        &chain("b64", 80),
        &chain("json", 40),
        &chain("replace('a', 'aaaaaaaa%') | urlencode", 9),
    ] {
        let error = eval(source, &json).expect_err(source);
        assert!(error.message.ends_with("would become too large"), "{source}: {}", error.message);
    }
    assert_eq!(eval_ok("${ create.json.a | replace('a', 'bb') | length }", &json), "200000");
    assert_eq!(eval_ok("${ create.json.list | join(', ') | length }", &json), "30001");
}
