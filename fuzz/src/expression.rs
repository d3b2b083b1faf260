//! Templates of rules and their expressions. The input: a scalar of a rule, and the JSON of an answer.

use std::sync::Arc;

use bytes::Bytes;
use rules::check::Environment;
use rules::expr::{Piece, Template};
use rules::run::{Answer, Facts};

use crate::fields::Fields;

/// Scalars of real rules have a few hundred bytes.
const MAX_SCALAR: usize = 2 * 1024;

/// Any scalar compiles or is refused with a place inside it; evaluating it ends, gives the same twice, and treats what stands
/// in an answer as a value and never as an expression.
pub fn expression(input: &[u8]) {
    let mut fields = Fields::of(input);
    let scalar = fields.text();
    let json = fields.rest();
    if scalar.len() > MAX_SCALAR {
        return;
    }
    match Template::parse(&scalar) {
        Ok(template) => check(&scalar, &template, json),
        Err(error) => {
            let place = error.offset..error.offset.saturating_add(error.len);
            assert!(scalar.get(place).is_some(), "{error:?} has its place in the scalar");
            assert!(scalar.contains("${") && !error.message.is_empty());
        }
    }
    check_values_are_inert(&scalar);
    check_literals_are_inert(&scalar);
}

fn check(scalar: &str, template: &Template, json: &[u8]) {
    assert!(!template.pieces().is_empty());
    for reference in template.references() {
        let place = reference.offset..reference.offset.saturating_add(reference.len);
        let text = scalar.get(place).expect("a name has its place in the scalar");
        assert!(reference.path.first().is_some_and(|root| text.contains(root.as_str())), "{reference:?}");
    }
    if !scalar.contains("${") {
        assert_eq!(template.as_literal(), Some(scalar), "text without an expression is itself");
    }
    let facts = facts(json);
    let value = template.eval(&facts);
    let again = template.eval(&facts);
    assert_eq!(format!("{value:?}"), format!("{again:?}"), "the same facts give the same value");
    let text = template.eval_text(&facts);
    if template.pieces().len() > 1
        && let (Ok(Some(value)), Ok(Some(text))) = (&value, &text)
    {
        assert_eq!(value.as_str(), Some(text.as_str()), "text with expressions in it is text");
    }
    if template.pieces().iter().any(|piece| matches!(piece, Piece::Stream(_))) && template.pieces().len() > 1 {
        assert!(text.is_err(), "the file has no text");
    }
    let _any_truth = template.eval_bool(&facts);
}

fn facts(json: &[u8]) -> Facts {
    let headers = vec![("etag".to_owned(), b"\"an etag\"".to_vec()), ("content-type".to_owned(), json.to_vec())];
    let answer = Answer { status: 201, headers, body: Bytes::copy_from_slice(json) };
    let env = [("NAME", "a value")].into_iter().collect::<Environment>();
    Facts::of_environment(Arc::new(env)).with_answer("create", answer)
}

/// The scalar as a value in an answer.
fn check_values_are_inert(scalar: &str) {
    let json = serde_json::json!({ "name": scalar }).to_string();
    let template = Template::parse("<${ create.json.name }>").expect("compiles");
    let text = template.eval_text(&facts(json.as_bytes())).expect("a text is a text");
    assert_eq!(text, Some(format!("<{scalar}>")), "a value is not looked into");
}

/// The scalar between quotes, where braces and brackets mean nothing.
fn check_literals_are_inert(scalar: &str) {
    let text = scalar.replace(['\'', '\\'], "");
    let template = Template::parse(&format!("<${{ '{text}' }}>")).expect("compiles");
    assert_eq!(template.eval_text(&facts(b"")), Ok(Some(format!("<{text}>"))), "a literal is its text");
}
