//! What a client is told of a failed upload, in one line that a table can hold.

use crate::Answer;

/// `status problem blame committed | upstream's status, code | message | field: complaint; …`
///
/// # Panics
/// The answer is no problem document, or its status is not the one that it was sent with.
#[must_use]
pub fn told(answer: &Answer) -> String {
    let problem = answer.json();
    let word = |name: &str| problem[name].as_str().unwrap_or("-").to_owned();
    assert_eq!(problem["status"], answer.status);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let upstream = &problem["upstream"];
    let said = |name: &str| upstream[name].as_str().unwrap_or("-").to_owned();
    let violations = problem["violations"].as_array().cloned().unwrap_or_default();
    let violations = violations.iter().map(|violation| {
        format!(
            "{}: {}",
            violation["field"].as_str().unwrap_or_default(),
            violation["message"].as_str().unwrap_or_default()
        )
    });
    let violations: Vec<_> = violations.collect();
    format!(
        "{} {} {} {} | {} {} | {} | {}",
        answer.status,
        answer.problem(),
        word("blame"),
        word("committed"),
        upstream["status"],
        said("code"),
        said("message"),
        if violations.is_empty() { "-".to_owned() } else { violations.join("; ") }
    )
}
