//! Values are found however they are spelled, and nothing else is.

use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;

const VALUE: &str = "CANARY-up+t0ken/xyz=9876";

fn masked(text: &str, value: &str) -> String {
    Withheld::new([value]).mask(text)
}

#[test]
fn a_value_is_found_in_every_spelling() {
    let percent = utf8_percent_encode(VALUE, NON_ALPHANUMERIC).to_string();
    let spellings = [
        VALUE.to_owned(),
        VALUE.to_lowercase(),
        VALUE.to_uppercase(),
        percent.clone(),
        percent.to_lowercase(),
        percent.replace('%', "%25"),
        "CANARY-up%2bt0ken/xyz%3d9876".to_owned(),
        "CANARY-up t0ken/xyz=9876".to_owned(),
        r"CANARY-up+t0ken\/xyz=9876".to_owned(),
        r"CANARY-up+t0ken\\\/xyz=9876".to_owned(),
        r"\u0043ANARY-up\u002Bt0ken/xyz\x3d9876".to_owned(),
        "CANARY-up&#43;t0ken&#x2f;xyz&equals;9876".to_owned(),
        "CANARY-up&amp;#43;t0ken/xyz=9876".to_owned(),
        "CANARY-up+t0\u{200b}ken/\r\n xyz=9876".to_owned(),
        VALUE.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        VALUE.bytes().map(|byte| format!("{byte:02X}")).collect(),
        VALUE.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        VALUE.bytes().map(|byte| format!("&#{byte};")).collect(),
    ];
    for spelling in spellings {
        assert_eq!(masked(&format!("bad key '{spelling}', sorry"), VALUE), "bad key '***', sorry", "{spelling}");
    }
}

#[test]
fn a_value_is_found_in_base64_wherever_it_begins() {
    for before in ["", "a", "ab", "me:"] {
        for after in ["", "x", "xy"] {
            for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
                let said = engine.encode(format!("{before}{VALUE}{after}"));
                for said in [said.clone(), said.to_lowercase(), said.replace('=', "%3D")] {
                    assert_eq!(masked(&format!("bad key ({said})."), VALUE), "bad key (***).", "{said}");
                    assert_eq!(masked(&format!("key {said} is bad"), VALUE), "key *** is bad", "{said}");
                }
            }
        }
    }
}

#[test]
fn a_value_is_found_where_it_was_cut_and_where_it_overlaps() {
    let value = "k\"y/1+2-3";
    assert_eq!(masked("bad key k\"y/1+2…", value), "bad key ***…");
    assert_eq!(masked("bad key k%22y%2f1%2B2...", value), "bad key ***...");
    assert_eq!(masked("bad key k\"…", value), "bad key k\"…", "too little to be told from words");
    assert_eq!(masked("abcabcabcabc", "abcabcabc"), "***");
    assert_eq!(Withheld::new(["secret-one", "one-and-more"]).mask("a secret-one-and-more b"), "a *** b");
    assert_eq!(masked("nothing of it", value), "nothing of it");
    assert_eq!(masked("words", "words"), "words", "too short");
}

#[test]
fn values_that_look_like_escapes_are_found_as_well() {
    for value in ["ab%41cd\\nef", "a&amp;b&lt;c", "x\\u0041yz", "100%25%25%25%", "t=\\\\\\\\=token", "++t0ken/++"] {
        let json = serde_json::Value::from(value).to_string();
        let percent = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        for said in [value, json.trim_matches('"'), &percent] {
            let text = masked(&format!("bad ({said})"), value);
            assert_eq!(text, "bad (***)", "{said}");
        }
    }
}

#[test]
fn a_document_that_repeats_a_value_stays_a_document() {
    let text = format!(
        r#"{{"error":"bad key "{VALUE}"","trace":"{VALUE}
","code":7}}"#
    );
    assert_eq!(
        masked(&text, VALUE),
        r#"{"error":"bad key "***"","trace":"***
","code":7}"#
    );
}

#[test]
fn a_very_long_text_is_cut_before_a_value_can_be() {
    let withheld = Withheld::new([VALUE]);
    for len in [MAX_SEARCHED - 10, MAX_SEARCHED - MAX_SPELLED - 10] {
        let text = withheld.mask(&format!("{} {VALUE} {}", "é".repeat(len / 2), "y".repeat(MAX_SEARCHED)));
        assert!(!text.contains("CANARY") && text.len() <= MAX_SEARCHED, "{len}");
    }
}

#[test]
fn a_text_that_would_cost_too_much_to_search_is_not_shown() {
    let values: Vec<String> = (0..100).map(|number| format!("{}{number}", "a".repeat(1000 + number))).collect();
    let withheld = Withheld::new(values.iter().map(String::as_str));
    assert_eq!(withheld.mask(&format!("bad: {}", "a".repeat(50_000))), "***");
    assert_eq!(withheld.mask(&format!("bad: {}", "b".repeat(50_000))).len(), 50_005);
}

#[test]
fn prints_nothing_of_a_value() {
    assert_eq!(format!("{:?}", Withheld::new([VALUE])), "***");
}

proptest! {
    #[test]
    fn whatever_the_value_and_its_neighbours_it_does_not_stay(
        value in "[!-~]{8,40}", before in "[ -~é]{0,20}", after in "[ -~é…]{0,20}",
    ) {
        let text = masked(&format!("{before}{value}{after}"), &value);
        prop_assert!(!text.contains(&value) || BLACK.repeat(20).contains(&value), "{text}");
    }

    #[test]
    fn no_text_is_too_strange(value in "\\PC{6,20}", text in "[%&\\\\#;xu0-9a-fé+= ]{0,60}") {
        let _masked = masked(&text, &value);
    }
}
