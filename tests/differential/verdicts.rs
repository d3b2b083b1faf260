//! Reads the corpus with the gateway's own form parser and writes one verdict a line, as the other parsers' adapters do.
//!
//! Each form is read in one piece and byte by byte; verdicts that differ end the program. What was accepted is also written anew,
//! as an upstream would get it, to the file that the first argument names: a corpus of its own.

use std::io::{BufRead as _, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use wire::form::{Boundary, FormEvent, FormLimits, FormParser, FormWriter};
use wire::media_type::MediaType;
use wire::name::FileName;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let path = std::env::args().nth(1).ok_or_else(|| std::io::Error::other("say where the rewritten forms go"))?;
    let mut rewritten = std::io::BufWriter::new(std::fs::File::create(path)?);
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?).map_err(std::io::Error::other)?;
        let content_type = case["content_type"].as_str().unwrap_or_default();
        let body = BASE64_STANDARD.decode(case["body"].as_str().unwrap_or_default()).map_err(std::io::Error::other)?;
        let form = read(content_type, vec![Bytes::copy_from_slice(&body)]);
        let crumbs = body.iter().map(|byte| Bytes::copy_from_slice(&[*byte])).collect();
        assert_eq!(form, read(content_type, crumbs), "{}", case["name"]);
        let mut verdict = match &form {
            Ok(form) => form.verdict(),
            Err(error) => json!({ "ok": false, "error": error }),
        };
        verdict["id"] = case["id"].clone();
        writeln!(out, "{verdict}")?;
        if let Ok(Some((content_type, body))) = form.map(|form| form.rewritten()) {
            let body = BASE64_STANDARD.encode(body);
            let case = json!({ "id": case["id"], "name": case["name"], "content_type": content_type, "body": body });
            writeln!(rewritten, "{case}")?;
        }
    }
    rewritten.flush()
}

/// A form that was read to its end.
#[derive(Debug, PartialEq, Default)]
struct Form {
    fields: Vec<(String, String)>,
    /// Field, name and type of the file.
    file: Option<(String, FileName, Option<String>)>,
    content: Vec<u8>,
}

impl Form {
    fn verdict(&self) -> Value {
        let (size, sha256) = (self.content.len(), harness::content::sha256_hex(&self.content));
        let files = self.file.iter().map(|(field, name, kind)| {
            json!({ "field": field, "filename": name.as_str(), "type": kind, "size": size, "sha256": sha256 })
        });
        json!({ "ok": true, "fields": self.fields, "files": files.collect::<Vec<_>>() })
    }

    /// Content type and body as an upstream gets them; none when a name cannot be written, or there is no file.
    fn rewritten(&self) -> Option<(String, Vec<u8>)> {
        let (field, name, kind) = self.file.as_ref()?;
        let mut writer = FormWriter::new(Boundary::from_random([7; 16]));
        for (name, value) in &self.fields {
            writer = writer.field(name, None, value.as_bytes()).ok()?;
        }
        let body = writer.file(field, Some(name.as_str()), kind.as_deref()).and_then(FormWriter::finish).ok()?;
        let whole = [&body.envelope.prefix, self.content.as_slice(), &body.envelope.suffix].concat();
        Some((body.content_type, whole))
    }
}

/// What the gateway would take: a form that is complete, whose file has a name and a type that may be one.
fn read(content_type: &str, chunks: Vec<Bytes>) -> Result<Form, String> {
    let mut parser = FormParser::new(content_type, FormLimits::default()).map_err(|error| error.to_string())?;
    let mut form = Form::default();
    for chunk in chunks {
        parser.push(chunk);
        while let Some(event) = parser.next_event().map_err(|error| error.to_string())? {
            match event {
                FormEvent::Field { name, value, .. } => form.fields.push((name, value)),
                FormEvent::FileStart(part) => {
                    let name = FileName::parse(&part.filename).map_err(|error| error.to_string())?;
                    let kind = part.content_type;
                    if kind.as_deref().is_some_and(|kind| MediaType::parse(kind).is_none()) {
                        return Err("the type of the file is none".to_owned());
                    }
                    form.file = Some((part.field, name, kind));
                }
                FormEvent::FileData(data) => form.content.extend_from_slice(&data),
                FormEvent::FileEnd | FormEvent::End => {}
            }
        }
    }
    parser.finish().map_err(|error| error.to_string())?;
    Ok(form)
}
