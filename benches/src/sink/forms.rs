//! Takes the file out of a whole body. Written without the gateway's own codecs, so that an error of those shows.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::routes::{Wanted, policy_fields};

/// The file in a body of that kind.
pub(super) fn file_of(wanted: Wanted, content_type: &str, body: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    match wanted {
        Wanted::Json => {
            let json: Value = serde_json::from_slice(&body).context("no JSON")?;
            STANDARD.decode(json["data"].as_str().context("no text in `data`")?).context("no base64")
        }
        Wanted::Form | Wanted::PolicyForm => {
            let form = Form::parse(content_type, &body)?;
            if wanted == Wanted::PolicyForm {
                let fields = policy_fields(form.file.len() as u64);
                let sent = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                ensure!(
                    sent.eq(fields.iter().map(|(name, value)| (*name, value.as_str()))),
                    "the policy's fields are not what was given: {:?}",
                    form.fields
                );
            }
            Ok(form.file.to_vec())
        }
        _ => Ok(body),
    }
}

struct Form<'a> {
    fields: Vec<(String, String)>,
    file: &'a [u8],
}

impl<'a> Form<'a> {
    /// Text fields first, one file in the part `file`, last.
    fn parse(content_type: &str, body: &'a [u8]) -> anyhow::Result<Self> {
        let boundary = content_type.split("boundary=").nth(1).context("no boundary")?;
        let boundary = boundary.split(';').next().unwrap_or_default().trim_matches('"');
        let opening = format!("--{boundary}\r\n");
        let between = format!("\r\n--{boundary}\r\n");
        let closing = format!("\r\n--{boundary}--");
        let mut rest = body.strip_prefix(opening.as_bytes()).context("no opening boundary")?;
        let mut fields = Vec::new();
        loop {
            let head_len = position(rest, b"\r\n\r\n").context("a part's head does not end")?;
            let head = String::from_utf8_lossy(rest.get(..head_len).unwrap_or_default()).into_owned();
            rest = rest.get(head_len + 4..).unwrap_or_default();
            let name = parameter(&head, "name").context("a part without a name")?;
            if parameter(&head, "filename").is_some() {
                ensure!(name == "file", "the file is in the part `{name}`");
                let rest = rest.strip_suffix(b"\r\n").unwrap_or(rest);
                let file = rest.strip_suffix(closing.as_bytes()).context("no closing boundary at the end")?;
                return Ok(Self { fields, file });
            }
            let len = position(rest, between.as_bytes()).context("no part follows the field")?;
            fields.push((name, String::from_utf8_lossy(rest.get(..len).unwrap_or_default()).into_owned()));
            rest = rest.get(len + between.len()..).unwrap_or_default();
        }
    }
}

/// A quoted parameter of a part's `Content-Disposition`.
fn parameter(head: &str, name: &str) -> Option<String> {
    let after = head.split(&format!("; {name}=\"")).nth(1)?;
    after.split('"').next().map(str::to_owned)
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
