use super::*;
use crate::diagnostics::Problems;

fn tree(text: &str) -> Node {
    let mut problems = Problems::new("test".into());
    let node = parse(text, &mut problems);
    assert!(!problems.has_errors(), "{:?}", problems.into_vec());
    node.expect("is YAML")
}

fn messages(text: &str) -> Vec<String> {
    let mut problems = Problems::new("test".into());
    parse(text, &mut problems);
    problems.into_vec().into_iter().map(|problem| problem.message).collect()
}

#[test]
fn every_span_covers_what_was_written() {
    let text = "a: plain text  # comment\n\"b c\": 'it''s'\nd:\n  - 1\n  - { e: [x, y] }\nf: |\n  two\n  lines\n";
    let root = tree(text);
    let of = |key: &str| root.get(key).expect("is there").span.of(text);
    assert_eq!(of("a"), "plain text");
    assert_eq!(of("b c"), "'it''s'");
    assert_eq!(of("d"), "- 1\n  - { e: [x, y] }");
    assert_eq!(root.get("d").expect("is there").items()[1].span.of(text), "{ e: [x, y] }");
    assert!(of("f").ends_with("two\n  lines"));
    let keys: Vec<_> = root.entries().iter().map(|entry| entry.key_span.of(text)).collect();
    assert_eq!(keys, ["a", "\"b c\"", "d", "f"]);
}

#[test]
fn scalars_keep_their_own_characters_and_style() {
    let root = tree("[no, 001, '~', ~, 0x1F, \"a\\tb\", !!str yes]");
    let scalars: Vec<_> = root.items().iter().filter_map(Node::as_scalar).map(|s| (s.text.as_str(), s.style)).collect();
    let (plain, quoted) = (Style::Plain, Style::Quoted);
    let expected = [
        ("no", plain),
        ("001", plain),
        ("~", quoted),
        ("~", plain),
        ("0x1F", plain),
        ("a\tb", quoted),
        ("yes", quoted),
    ];
    assert_eq!(scalars, expected);
    let nothing: Vec<_> = root.items().iter().map(Node::is_nothing).collect();
    assert_eq!(nothing, [false, false, false, true, false, false, false]);
}

#[test]
fn a_key_without_a_value_holds_nothing() {
    let root = tree("a:\nb: 1\n");
    let empty = root.get("a").expect("is there");
    assert!(empty.is_nothing());
    assert_eq!(empty.text(), Some(""));
}

#[test]
fn finds_a_part_of_a_scalar_in_the_file() {
    let texts = [
        "k: see ${ x } and ${ x }",
        "k: \"see ${ x } and ${ x }\"",
        "k: |\n  see ${ x } and\n  ${ x }",
        "k: >-\n  see ${ x }\n  and ${ x }",
    ];
    for text in texts {
        let root = tree(text);
        let node = root.get("k").expect("is there");
        let scalar = node.text().expect("is text");
        let second = scalar.rfind("x }").expect("is there");
        let span = node.locate(text, second, 1);
        assert_eq!((span.of(text), span.start), ("x", text.rfind("x }").expect("is there")), "{text}");
    }
    let escaped = "k: \"\\u0024{ x\\x20}\"";
    let root = tree(escaped);
    let node = root.get("k").expect("is there");
    assert_eq!(node.locate(escaped, 0, 6), node.span, "what cannot be found is the whole scalar");
}

#[test]
fn aliases_stand_for_copies() {
    let root = tree("a: &a { x: [1, 2] }\nb: *a\n");
    assert_eq!(root.get("a"), root.get("b"));
}

#[test]
fn an_alias_bomb_ends_early() {
    let mut text = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..60 {
        let before = level - 1;
        text.push_str(&format!("a{level}: &a{level} [*a{before}, *a{before}]\n"));
    }
    assert_eq!(messages(&text), ["the aliases of this file repeat too much"]);
    let many = format!("a: &a x\nb: [{}]\n", "*a, ".repeat(600));
    assert_eq!(messages(&many), ["there are more than 500 aliases (`*name`)"]);
}

#[test]
fn depth_and_size_are_bounded() {
    assert_eq!(messages(&"[".repeat(65)), ["maps and lists are nested more than 64 levels deep"]);
    let block: String = (0..70).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(messages(&block), ["maps and lists are nested more than 64 levels deep"]);
    assert_eq!(messages(&format!("[{}]", "1,".repeat(20_000))), ["there are more than 20000 values"]);
    assert_eq!(messages(&" ".repeat(MAX_FILE_LEN + 1)), ["the file is larger than 1024 KiB"]);
    let depths: String = (0..40).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    let chained = format!(
        "x: &x\n{}\ny: {}*x{}\n",
        depths.lines().map(|line| format!(" {line}\n")).collect::<String>(),
        "[".repeat(40),
        "]".repeat(40)
    );
    assert_eq!(messages(&chained), ["the aliases of this file repeat too much"]);
}

#[test]
fn duplicate_keys_are_found_at_both_places() {
    let mut problems = Problems::new("test".into());
    let text = "a: 1\nb: 2\na: 3\n";
    let root = parse(text, &mut problems).expect("a tree all the same");
    assert_eq!(root.entries().len(), 2);
    let found = problems.into_vec();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].span.start, found[0].related[0].span.start), (10, 0));
}
