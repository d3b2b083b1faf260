//! Values that try to be more than values.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// One of each trick that is known.
pub(crate) const ATTACKS: &[&str] = &[
    "a\r\nX-Evil: 1",
    "a\r\n\r\nGET /evil HTTP/1.1\r\nHost: evil\r\n\r\n",
    "a\nb",
    "a\rb",
    "a\0b",
    "a\tb",
    "\"",
    "a\"; filename=\"evil.exe",
    "a\\",
    "a\\\"; name=\"evil",
    "C:\\dir\\a.txt",
    "'",
    "a'; DROP TABLE files; --",
    "${ env.SECRET }",
    "$${ x }",
    "${ file.base64 }",
    "{{ 7 * 7 }}",
    "{% for x in y %}",
    "{# x #}",
    "a}",
    "--bb--",
    "\r\n--bb\r\nContent-Disposition: form-data; name=\"evil\"\r\n\r\nx\r\n--bb--\r\n",
    "----WebKitFormBoundary7MA4YWxkTrZu0gW--",
    "multipart/form-data; boundary=bb",
    "..",
    ".",
    "",
    " ",
    "../../etc/passwd",
    "..\\..\\boot.ini",
    "/absolute",
    "%2f",
    "%2e%2e%2f",
    "%00",
    "%0d%0aX-Evil: 1",
    "%22",
    "%",
    "%zz",
    "a%2522b",
    "a?b=c",
    "a#b",
    "a&b=c",
    "a=b",
    "a+b",
    "a;b",
    "a,b",
    "a:b",
    "a@b",
    "//evil.example/",
    "http://evil.example/",
    "a\u{2028}b",
    "a\u{2029}b",
    "a\u{85}b",
    "\u{202e}gpj.exe",
    "a\u{2066}b\u{2069}",
    "a\u{200b}b",
    "a\u{feff}b",
    "\u{a0}a\u{a0}",
    "e\u{301}",
    "\u{e9}",
    "\u{1f600}\u{1f468}\u{200d}\u{1f469}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]8;;http://evil\u{7}x",
    "\u{9b}31m",
    "\u{7f}",
    "\u{8}",
    "{\"a\": 1}",
    "\",\"evil\":\"1",
    "\\u0000",
    "\\u0022",
    "]]>",
    "<![CDATA[",
    "<script>alert(1)</script>",
    "\" onmouseover=\"alert(1)",
    "&lt;",
    "&xxe;",
    "<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "|calc",
    "`id`",
    "$(id)",
    "null",
    "true",
    "9007199254740993",
    "1e999",
    "__proto__",
    "constructor",
    "upload_id=x level=error msg=forged",
    "a\",route=\"evil\"} 1",
];

/// Types that try to be more than types.
pub(crate) const TYPES: &[&str] = &[
    "image/png",
    "text/plain; charset=utf-8",
    "text/plain; charset=\"utf-8\"",
    "video/webm;codecs=vp8,opus",
    "image/png; a=\"\\\"; boundary=x\"",
    "image/png\r\nX-Evil: 1",
    "image/png, text/html",
    "image/png; a=b, text/html; boundary=x",
    "image/png; a=b; a=c",
    "image/png; a",
    "image/png; a=\"",
    "multipart/form-data; boundary=bb",
    "multipart/mixed; boundary=bb",
    "Multipart/Related",
    "*/*",
    "image",
    "image/",
    "image/p\u{fc}g",
    "image/png; a=\u{fc}",
    "image/png\0",
    "<script>/x",
    "${ env.X }/x",
];

/// Every run tries the same cases: a failure elsewhere is a failure here.
pub(crate) fn seeded(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0x7464_6761_7465),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Known tricks, alone and put together, long ones, and any text.
pub(crate) fn value() -> impl Strategy<Value = String> {
    let known = || proptest::sample::select(ATTACKS).prop_map(str::to_owned);
    prop_oneof![
        4 => known(),
        3 => proptest::collection::vec(known(), 2..4).prop_map(|pieces| pieces.concat()),
        1 => (known(), 100_usize..400).prop_map(|(known, len)| format!("{known}{}", "x".repeat(len))),
        2 => any::<String>(),
    ]
}

/// Types, and what is none.
pub(crate) fn media_type() -> impl Strategy<Value = String> {
    prop_oneof![3 => proptest::sample::select(TYPES).prop_map(str::to_owned), 1 => value()]
}
