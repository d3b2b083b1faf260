use std::path::Path;

use serde_json::Value;

use super::values::parse_duration;
use super::*;

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rule-reference.md");
    let page = reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("the docs folder is writable");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/rule-reference.md is out of date: run `UPDATE_DOCS=1 cargo test -p tidegate-rules`");
}

#[test]
fn every_default_can_be_read() {
    each_object(&mut |object| {
        for key in object.keys {
            if let (Need::Default(text), Shape::Leaf(leaf)) = (key.need, &key.shape) {
                assert_eq!(leaf.verify(text), Ok(()), "{} of {}", key.name, object.name);
            }
        }
    });
}

#[test]
fn every_key_is_explained_in_sentences() {
    each_object(&mut |object| {
        assert!(object.doc.ends_with('.'), "{}", object.name);
        for key in object.keys.iter().filter(|key| !matches!(key.shape, Shape::Later)) {
            assert!(key.doc.len() > 5 && key.doc.ends_with('.'), "{} of {}", key.name, object.name);
        }
    });
}

#[test]
fn names_of_objects_are_distinct() {
    let mut seen: Vec<(&str, *const Object)> = Vec::new();
    each_object(&mut |object| {
        let clash = seen.iter().any(|(name, other)| *name == object.name && !std::ptr::eq(*other, object));
        assert!(!clash, "{}", object.name);
        seen.push((object.name, object));
    });
}

#[test]
fn the_json_schema_resolves_and_forbids_unknown_keys() {
    for which in [Which::Config, Which::Route] {
        let schema = json_schema(which);
        assert_eq!(schema["additionalProperties"], false);
        check_references(&schema, &schema);
    }
    let route = json_schema(Which::Route);
    assert_eq!(route["required"], serde_json::json!(["route", "path", "targets", "steps"]));
    assert!(route["properties"].get("spool").is_none(), "what comes later is not offered");
}

fn check_references(node: &Value, root: &Value) {
    if let Some(target) = node.get("$ref").and_then(Value::as_str) {
        assert!(root.pointer(target.trim_start_matches('#')).is_some(), "{target}");
    }
    match node {
        Value::Object(map) => map.values().for_each(|value| check_references(value, root)),
        Value::Array(items) => items.iter().for_each(|value| check_references(value, root)),
        _ => {}
    }
}

#[test]
fn sizes_times_and_rates_want_units() {
    use super::values::{parse_frequency, parse_rate, parse_size};
    for (text, count, seconds) in [("1/s", 1, 1), ("100/min", 100, 60), ("5 / h", 5, 3600)] {
        assert_eq!(parse_frequency(text), Ok((count, std::time::Duration::from_secs(seconds))), "{text}");
    }
    for text in ["", "10", "/s", "0/s", "-1/s", "1.5/s", "10/m", "10/d", "10/S", "10/s/s", "5000000000/s", "1000001/s"]
    {
        assert!(parse_frequency(text).is_err_and(|complaint| complaint.hint.is_some()), "{text}");
    }
    let sizes = [("0B", 0), ("5MiB", 5 << 20), ("5 MB", 5_000_000), ("1kB", 1000), ("3TiB", 3 << 40)];
    for (text, bytes) in sizes {
        assert_eq!(parse_size(text), Ok(bytes), "{text}");
    }
    for text in ["", "5", "5M", "MiB", "-1B", "5MIB", "1.5MiB", "99999999999TiB", "0x5B", "5mib"] {
        assert!(parse_size(text).is_err(), "{text}");
    }
    assert_eq!(parse_size("5M").expect_err("no unit").hint.as_deref(), Some("write `5MiB`"));
    assert_eq!(parse_duration("500ms").map(|time| time.as_millis()), Ok(500));
    assert_eq!(parse_duration("2m").map(|time| time.as_secs()), Ok(120));
    for text in ["", "5", "0s", "5d", "1e3s", "99999h"] {
        assert!(parse_duration(text).is_err(), "{text}");
    }
    assert_eq!(parse_rate("1KiB/s"), Ok(1024));
    assert!(parse_rate("1KiB").is_err());
}

#[test]
fn statuses_are_final_ones() {
    use super::values::parse_statuses;
    assert_eq!(parse_statuses("201"), Ok((201, 201)));
    assert_eq!(parse_statuses("2xx"), Ok((200, 299)));
    for text in ["100", "1xx", "600", "20", "2x", "0200", "-1", "200 "] {
        assert!(parse_statuses(text).is_err(), "{text}");
    }
}

fn each_object(visit: &mut dyn FnMut(&'static Object)) {
    objects_below(&MAIN, visit);
    objects_below(&ROUTE, visit);
}

fn objects_below(object: &'static Object, visit: &mut dyn FnMut(&'static Object)) {
    visit(object);
    object.keys.iter().for_each(|key| objects_in(&key.shape, visit));
}

fn objects_in(shape: &'static Shape, visit: &mut dyn FnMut(&'static Object)) {
    match shape {
        Shape::Object(inner) => objects_below(inner, visit),
        Shape::List(inner) | Shape::OneOrMore(inner) | Shape::Map { value: inner, .. } => objects_in(inner, visit),
        Shape::OneOf(shapes) => shapes.iter().for_each(|inner| objects_in(inner, visit)),
        Shape::Leaf(_) | Shape::Template | Shape::Condition | Shape::Tree | Shape::Later => {}
    }
}
