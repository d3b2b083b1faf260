//! What is read once per upload: names, types, first bytes, errors of upstreams.

use std::hint::black_box;

use wire::disposition::{self, Context};
use wire::media_type::MediaType;
use wire::name::FileName;
use wire::sniff;
use wire::xml::XmlNode;

use super::{Case, file};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("sniff/png", None, || sniffing(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some("image/png"))),
        Case::new("sniff/text", None, || sniffing(&b"Nothing that has a signature. ".repeat(200), None)),
        Case::new("sniff/random", None, || sniffing(&file(), None)),
        Case::new("name/encoded", None, || naming),
        Case::new("disposition", None, || disposing),
        Case::new("media-type", None, || typing),
        Case::new("xml/error", None, || reading_xml),
    ]
}

fn sniffing(content: &[u8], expected: Option<&'static str>) -> impl FnMut() + use<> {
    let mut prefix = content.to_vec();
    prefix.resize(sniff::PREFIX_LEN, 0);
    move || assert_eq!(sniff::detect(black_box(&prefix)), expected)
}

fn naming() {
    let name = FileName::parse_percent_encoded(black_box("red%20pixel%20%E2%9C%93.png"), 255).expect("a name");
    assert_eq!(name.extension(), Some("png"));
}

fn disposing() {
    let value = b"form-data; name=\"file\"; filename=\"red pixel.png\"; filename*=UTF-8''red%20pixel.png";
    black_box(disposition::parse(black_box(value), Context::FormPart).expect("it is well-formed"));
}

fn typing() {
    black_box(MediaType::parse(black_box("text/html; charset=utf-8; boundary=\"a b\"")).expect("it is well-formed"));
}

fn reading_xml() {
    let document = br#"<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired</Message><Expires>2030-01-01T00:00:00Z</Expires><RequestId>4442587FB7D0A2F9</RequestId><HostId>abc</HostId></Error>"#;
    let error = XmlNode::parse(black_box(document)).expect("it is well-formed");
    assert!(error.child("Code").is_some());
}
