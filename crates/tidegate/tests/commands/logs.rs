//! The log as a collector reads it: one JSON object a line, whatever clients write.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use crate::support::Site;

/// A gateway that also logs the answers to steps.
fn talkative() -> Site {
    Site::listening("[{ address: \"127.0.0.1:0\" }]\nlog: { level: \"info,gateway::upstream=debug\" }", |_| {})
}

/// Sends a request of seven bytes, and gives the whole answer.
fn send(site: &Site, path: &str, field: &str) -> String {
    let mut stream = TcpStream::connect(&site.address).expect("the gateway listens");
    let address = &site.address;
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 7\r\nConnection: close\r\nX-Request-Id: {field}\r\n\r\ncontent"
    );
    stream.write_all(head.as_bytes()).expect("the gateway reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// The members of a line, in their order.
fn names(line: &Value) -> Vec<&str> {
    line.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn an_upload_that_ends_well_is_one_line_with_the_fields_in_their_order() {
    let site = Site::shipped();
    let answer = send(&site, "/kustomer/media/a.pdf", "mine");
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let line = site.gateway.event("upload ended");
    assert_eq!(
        names(&line),
        [
            "timestamp",
            "level",
            "message",
            "upload_id",
            "route",
            "method",
            "outcome",
            "reason",
            "status",
            "size",
            "received_bytes",
            "duration_ms",
            "request_id",
            "target"
        ]
    );
    assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &"tidegate::upload".into()));
    assert_eq!((&line["outcome"], &line["status"], &line["size"]), (&"completed".into(), &201.into(), &7.into()));
    let id = line["upload_id"].as_str().expect("an id");
    assert!(answer.contains(&format!("tidegate-upload-id: {id}\r\n")), "{id}: {answer}");
}

#[test]
fn a_line_that_is_logged_within_an_upload_shows_its_id_and_route() {
    let site = talkative();
    let answer = send(&site, "/kustomer/media/a.pdf", "mine");
    let step = site.gateway.event("a step was answered");
    let id = site.gateway.event("upload ended")["upload_id"].clone();
    assert!(answer.contains(id.as_str().expect("an id")), "{answer}");
    assert_eq!(step["span"], serde_json::json!({ "id": id, "route": "kustomer-media", "name": "upload" }));
    assert_eq!((&step["method"], &step["status"]), (&"POST".into(), &201.into()), "{step}");
    // Regressed: the rule's target and the line's had one name, and the object one member twice.
    assert_eq!((&step["step_target"], &step["target"]), (&"api".into(), &"gateway::upstream::stack".into()));
}

#[test]
fn what_a_client_writes_neither_ends_a_string_nor_a_line() {
    let site = Site::shipped();
    for field in ["\"", "\\", "a\\\"b", "\",\"outcome\":\"completed", "a\tb", "{}", "\\u0022,", "</script>"] {
        let answer = send(&site, "/kustomer/media/a%22%5C%0A.pdf", field);
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        let line = site.gateway.event("upload ended");
        assert_eq!((&line["request_id"], &line["outcome"]), (&field.into(), &"refused".into()), "{line}");
    }
}
