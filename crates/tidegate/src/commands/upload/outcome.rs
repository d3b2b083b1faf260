//! What became of a file, for people and for scripts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Answer;

/// What became of a file.
pub(super) enum Outcome {
    /// The gateway has a receipt for it.
    Stored(Answer),
    /// The gateway says what was wrong.
    Refused(Answer),
    /// The receipt speaks of another content than was sent.
    Different {
        /// The receipt.
        answer: Answer,
        /// Hex.
        sent: String,
    },
    /// Nobody listens, or the connection could not be made: nothing was sent.
    Unreached(anyhow::Error),
    /// It was sent, or some of it, and no answer came: it may have been stored.
    Lost(anyhow::Error),
    /// The file cannot be sent as it is.
    Unreadable(anyhow::Error),
}

impl Outcome {
    /// Judges an answer to a file with this SHA-256.
    pub(super) fn of(answer: Answer, sha256: Option<[u8; 32]>) -> Self {
        if !answer.is_receipt() {
            return Self::Refused(answer);
        }
        let received = answer.text("/file/digests/sha-256");
        match sha256.map(|digest| hex(&digest)) {
            Some(sent) if !received.is_empty() && received != sent => Self::Different { answer, sent },
            _ => Self::Stored(answer),
        }
    }

    pub(super) fn is_stored(&self) -> bool {
        matches!(self, Self::Stored(_))
    }

    /// The pause that the gateway asks for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(answer) => answer.retry_after,
            _ => None,
        }
    }

    /// One line of JSON.
    pub(super) fn json_line(&self, file: &str, attempts: u32) -> String {
        let mut value = match self {
            Self::Stored(answer) => {
                json!({ "file": file, "status": answer.status.as_u16(), "receipt": answer.json })
            }
            Self::Refused(answer) => {
                json!({ "file": file, "status": answer.status.as_u16(), "problem": answer.json })
            }
            Self::Different { answer, .. } => json!({
                "file": file,
                "status": answer.status.as_u16(),
                "receipt": answer.json,
                "error": self.words(),
            }),
            Self::Unreached(_) | Self::Lost(_) | Self::Unreadable(_) => json!({ "file": file, "error": self.words() }),
        };
        value["attempts"] = attempts.into();
        format!("{value}\n")
    }

    /// Some lines of text.
    pub(super) fn for_people(&self, file: &str) -> String {
        match self {
            Self::Stored(answer) => receipt_lines(file, answer),
            Self::Refused(answer) => problem_lines(file, answer),
            _ => format!("{file}: {}\n", self.words()),
        }
    }

    /// For a table: what became of it, its size in bytes, what the upstream calls it, and the upload's id.
    pub(super) fn cells(&self) -> [String; 4] {
        let (Self::Stored(answer) | Self::Refused(answer) | Self::Different { answer, .. }) = self else {
            return [self.words(), String::new(), String::new(), String::new()];
        };
        let became = if self.is_stored() { answer.text("/status").to_owned() } else { self.words() };
        let number = |pointer: &str| answer.json.pointer(pointer).filter(|value| !value.is_null()).map(plain);
        let result = number("/result/id").or_else(|| number("/result/url"));
        let size = number("/file/size").unwrap_or_default();
        [became, size, result.unwrap_or_default(), answer.text("/upload_id").to_owned()]
    }

    /// What went wrong.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Stored(_) => String::new(),
            Self::Refused(answer) => answer.problem(),
            Self::Different { answer, sent } => {
                let received = answer.text("/file/digests/sha-256");
                format!("the receipt speaks of another content: SHA-256 {received} in the place of {sent}")
            }
            Self::Lost(error) => format!("{error:#}; it may have been stored"),
            Self::Unreached(error) | Self::Unreadable(error) => format!("{error:#}"),
        }
    }
}

fn receipt_lines(file: &str, answer: &Answer) -> String {
    let size = answer.json.pointer("/file/size").map(Value::to_string).unwrap_or_default();
    let (status, route) = (answer.text("/status"), answer.text("/route"));
    let mut lines = format!("{file}: {status} by {route}, {size} bytes, {}\n", answer.text("/file/type"));
    let mut line = |name: &str, value: &Value| {
        lines.push_str(&format!("  {name:<9} {}\n", plain(value)));
    };
    for part in ["/result", "/file/digests"] {
        for (name, value) in answer.json.pointer(part).and_then(Value::as_object).into_iter().flatten() {
            line(name, value);
        }
    }
    line("upload_id", &answer.json["upload_id"]);
    lines
}

fn problem_lines(file: &str, answer: &Answer) -> String {
    let mut lines = format!("{file}: {}\n", answer.problem());
    for violation in answer.json["violations"].as_array().into_iter().flatten() {
        let text = |name: &str| violation[name].as_str().unwrap_or_default();
        lines.push_str(&format!("  {}: {}\n", text("field"), text("message")));
    }
    let blame = answer.text("/blame");
    let committed = answer.text("/committed");
    let again = if answer.json["retryable"] == true { "may help" } else { "does not help" };
    lines.push_str(&format!("  blame: {blame}; stored upstream: {committed}; trying again {again}\n"));
    lines.push_str(&format!("  upload_id {}\n", answer.text("/upload_id")));
    lines
}

/// A text as it is, and anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn answer(status: u16, json: Value) -> Answer {
        Answer { status: StatusCode::from_u16(status).expect("a status"), retry_after: None, json }
    }

    fn receipt() -> Answer {
        answer(
            201,
            json!({
                "upload_id": "0196a2b0", "route": "kustomer-media", "status": "stored",
                "file": { "name": "a.png", "type": "image/png", "size": 70, "digests": { "sha-256": hex(&[7; 32]) } },
                "result": { "id": 12, "name": "a.png" },
            }),
        )
    }

    #[test]
    fn a_receipt_is_told_in_some_lines() {
        insta::assert_snapshot!(Outcome::of(receipt(), Some([7; 32])).for_people("pictures/a.png"));
    }

    #[test]
    fn a_problem_is_told_with_what_can_be_done() {
        let problem = answer(
            422,
            json!({
                "type": "urn:tidegate:problem:upstream-refused-file", "title": "The upstream refuses this file",
                "detail": "Kustomer said no", "upload_id": "0196a2b0", "blame": "client", "retryable": false,
                "committed": "no", "violations": [{ "field": "name", "message": "too long" }],
            }),
        );
        insta::assert_snapshot!(Outcome::of(problem, None).for_people("a.png"));
    }

    #[test]
    fn a_receipt_for_another_content_is_no_success() {
        let outcome = Outcome::of(receipt(), Some([8; 32]));
        assert!(!outcome.is_stored() && outcome.json_line("a.png", 1).contains("another content"));
    }

    #[test]
    fn a_receipt_without_the_digest_is_believed() {
        let mut receipt = receipt();
        receipt.json["file"]["digests"] = json!({});
        assert!(Outcome::of(receipt, Some([8; 32])).is_stored());
    }
}
