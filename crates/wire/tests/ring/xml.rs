//! XML answers.

use wire::xml::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NODES, XmlError, XmlNode};

fn refused(document: &str) -> XmlError {
    XmlNode::parse(document.as_bytes()).expect_err(document)
}

#[test]
fn reads_an_error_of_s3() {
    let document = br#"<?xml version="1.0" encoding="UTF-8"?>
        <Error xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Code>AccessDenied</Code>
          <Message>Invalid &quot;policy&quot; &#x26; &#60;more&gt;</Message><RequestId/></Error>"#;
    let root = XmlNode::parse(document).expect("well-formed");
    assert_eq!(root.name, "Error");
    assert_eq!(root.text, "");
    assert!(root.attributes.is_empty(), "namespace declarations are no attributes");
    assert_eq!(root.child("Code").map(|code| code.text.as_str()), Some("AccessDenied"));
    assert_eq!(root.child("Message").map(|node| node.text.as_str()), Some("Invalid \"policy\" & <more>"));
    assert_eq!(
        root.children.iter().map(|child| child.name.as_str()).collect::<Vec<_>>(),
        ["Code", "Message", "RequestId"]
    );
}

#[test]
fn ignores_namespaces_and_keeps_order() {
    let document = b"<s:a xmlns:s='u' s:k='1 &amp; 2'><s:b>x</s:b><t:b>y</t:b><![CDATA[<raw>]]><!-- c --></s:a>";
    let root = XmlNode::parse(document).expect("well-formed");
    assert_eq!(root.attribute("k"), Some("1 & 2"));
    assert_eq!(root.text, "<raw>");
    assert_eq!(root.children.iter().map(|child| child.text.as_str()).collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!(root.find(&["b"]).map(|node| node.text.as_str()), Some("x"));
    assert_eq!(root.find(&["b", "c"]), None);
}

#[test]
fn refuses_entity_bombs_and_external_entities() {
    let bomb = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]><lolz>&lol2;</lolz>";
    assert_eq!(refused(bomb), XmlError::DocumentType);
    assert_eq!(refused("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"), XmlError::DocumentType);
    assert_eq!(refused("<a>&lol;</a>"), XmlError::Entity("lol".to_owned()));
    assert_eq!(refused("<a b='&lol;'/>"), XmlError::Malformed);
}

#[test]
fn refuses_towers_and_floods() {
    let tower = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(XmlNode::parse(tower(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(refused(&tower(MAX_DEPTH + 1)), XmlError::TooDeep);
    let flood = |count: usize| format!("<r>{}</r>", "<a/>".repeat(count));
    assert!(XmlNode::parse(flood(MAX_NODES - 1).as_bytes()).is_ok());
    assert_eq!(refused(&flood(MAX_NODES)), XmlError::TooManyNodes);
    let attributes: String = (0..=MAX_ATTRIBUTES).map(|index| format!(" a{index}='x'")).collect();
    assert_eq!(refused(&format!("<a{attributes}/>")), XmlError::TooManyAttributes);
}

#[test]
fn refuses_what_is_not_well_formed() {
    for document in [
        "",
        "text",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a b='1' b='2'/>",
        "<a>&#0;</a>",
        "<a",
        "<a>&</a>",
    ] {
        assert_eq!(refused(document), XmlError::Malformed, "{document}");
    }
    assert_eq!(XmlNode::parse(b"<a>\xff</a>"), Err(XmlError::NotUtf8));
}
