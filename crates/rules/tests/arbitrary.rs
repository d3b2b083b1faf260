//! Whatever stands in a file, checking it ends with a configuration or a report, and never with a panic.

use proptest::prelude::*;
use rules::check::{Environment, Missing, Source, check};

const RULE: &str = include_str!("../../../config/routes/amazon-connect-file.yaml");
const MAIN: &str = include_str!("../../../config/tidegate.yaml");

struct Files<'t> {
    main: &'t str,
    route: &'t str,
}

impl Source for Files<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        Ok(if path == "main.yaml" { self.main } else { self.route }.to_owned())
    }

    fn glob(&self, _: &str, _: &str) -> Result<Vec<String>, String> {
        Ok(vec!["route.yaml".to_owned()])
    }
}

/// Checks and renders, strictly and leniently, so that every place in the report is computed.
fn survives(main: &str, route: &str) {
    let env: Environment = [("AWS_REGION", "eu-central-1"), ("CONNECT_INSTANCE_ID", "x")].into_iter().collect();
    for missing in [Missing::Refused, Missing::Tolerated] {
        let report = check("main.yaml", &Files { main, route }, &env, missing);
        let rendered = report.to_string();
        let json = serde_json::to_value(&report).expect("serialises");
        assert_eq!(rendered.is_empty(), report.is_empty());
        assert_eq!(json["problems"].as_array().map(Vec::len), Some(report.problems().len()));
    }
}

/// Replaces `len` characters from `at` on.
fn mutated(text: &str, at: usize, len: usize, with: &str) -> String {
    let total = text.chars().count();
    let at = at % total;
    let (head, tail) = (text.chars().take(at), text.chars().skip(at + len));
    head.chain(with.chars()).chain(tail).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        survives(MAIN, &text);
        survives(&text, RULE);
    }

    #[test]
    fn yaml_like_texts_do_not_panic(text in "([a-z]{1,6}: ?|- |  |\\n|\\[|\\]|\\{|\\}|\\$\\{|\"|'|&a |\\*a|#|\\||>|é|\\t|,|!){0,60}") {
        survives(MAIN, &text);
        survives(&text, RULE);
    }

    #[test]
    fn damaged_rules_do_not_panic(at in any::<prop::sample::Index>(), len in 0usize..40, with in "[ -~é\\n\\t]{0,12}") {
        survives(MAIN, &mutated(RULE, at.index(RULE.len()), len, &with));
    }

    #[test]
    fn damaged_main_files_do_not_panic(at in any::<prop::sample::Index>(), len in 0usize..40, with in "[ -~é\\n\\t]{0,12}") {
        survives(&mutated(MAIN, at.index(MAIN.len()), len, &with), RULE);
    }

    #[test]
    fn values_in_the_place_of_others_do_not_panic(line in any::<prop::sample::Index>(), value in "(null|~|\\[\\]|\\{\\}|\\[a\\]|\\{ a: b \\}|1|true|''|\\$\\{ env.X \\}|\\$\\{ store.json \\})") {
        let lines: Vec<&str> = RULE.lines().collect();
        let index = line.index(lines.len());
        let changed = lines.iter().enumerate().map(|(number, line)| match line.split_once(": ") {
            Some((key, _)) if number == index => format!("{key}: {value}\n"),
            _ => format!("{line}\n"),
        });
        survives(MAIN, &changed.collect::<String>());
    }
}
