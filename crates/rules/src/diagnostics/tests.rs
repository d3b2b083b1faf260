use super::*;
use crate::source::Span;

fn report(problems: Vec<Problem>) -> Report {
    Report::new(vec![("a.yaml".into(), "é: 1\nname: two\n".into()), ("b.yaml".into(), "x".into())], problems)
}

fn error(file: &str, span: Span, message: &str) -> Problem {
    let mut problems = Problems::new(file.into());
    problems.error(span, message).hint("a hint");
    problems.into_vec().remove(0)
}

#[test]
fn problems_are_sorted_by_file_and_place_and_told_once() {
    let (late, early) = (error("a.yaml", Span::new(12, 15), "late"), error("a.yaml", Span::new(0, 2), "early"));
    let other = error("b.yaml", Span::new(0, 1), "other");
    let report = report(vec![other, late.clone(), late, early]);
    let messages: Vec<_> = report.problems().iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(messages, ["early", "late", "other"]);
    assert_eq!(report.errors(), 3);
}

#[test]
fn lines_and_columns_count_characters_from_one() {
    let report = report(vec![error("a.yaml", Span::new(4, 5), "x"), error("a.yaml", Span::new(12, 15), "y")]);
    let places: Vec<_> = report.problems().iter().map(|problem| report.position(problem)).collect();
    assert_eq!(places, [(1, 4), (2, 7)]);
}

#[test]
fn json_has_the_place_and_the_offending_text() {
    let json = serde_json::to_value(report(vec![error("a.yaml", Span::new(12, 15), "wrong")])).expect("serialises");
    let expected = serde_json::json!({ "errors": 1, "warnings": 0, "problems": [{
        "severity": "error", "file": "a.yaml", "line": 2, "column": 7, "text": "two", "message": "wrong", "hint": "a hint",
    }] });
    assert_eq!(json, expected);
}

#[test]
fn colours_are_only_there_when_asked_for() {
    let report = report(vec![error("a.yaml", Span::new(12, 15), "wrong")]);
    assert!(!report.render(Colours::Never).contains('\u{1b}'));
    assert!(report.render(Colours::Always).contains('\u{1b}'));
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let problem = error("c.yaml", Span::new(0, 4), "bad \u{1b}[31m name");
    let report = Report::new(vec![("c.yaml".into(), "a: \u{1b}[31m\u{202e}x\n".into())], vec![problem]);
    let text = report.render(Colours::Never);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn very_many_problems_are_counted_and_not_all_shown() {
    let problems = (0..700).map(|number| error("a.yaml", Span::new(0, 1), &format!("problem {number}"))).collect();
    let report = report(problems);
    assert_eq!((report.errors(), report.problems().len()), (700, 500));
    assert!(report.to_string().ends_with("700 errors, of which 200 are not shown\n"));
}

#[test]
fn suggestions_are_made_only_when_they_are_close() {
    let words = ["request", "target", "expect"];
    assert_eq!(did_you_mean("requst", words).as_deref(), Some("did you mean `request`?"));
    assert_eq!(did_you_mean("TARGET", words).as_deref(), Some("did you mean `target`?"));
    assert_eq!(did_you_mean("headers", words), None);
    assert_eq!(did_you_mean("x", []), None);
    assert_eq!(listing(words), "`request`, `target` or `expect`");
}
