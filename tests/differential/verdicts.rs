//! Reads the corpus with the gateway's own form parser and writes one verdict a line, as the other parsers' adapters do.
//!
//! Each form is read in one piece and byte by byte; verdicts that differ end the program.

use std::io::{BufRead as _, Write as _};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use wire::form::{FormEvent, FormLimits, FormParser};
use wire::media_type::MediaType;
use wire::name::FileName;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?).map_err(std::io::Error::other)?;
        let content_type = case["content_type"].as_str().unwrap_or_default();
        let body = BASE64_STANDARD.decode(case["body"].as_str().unwrap_or_default()).map_err(std::io::Error::other)?;
        let mut verdict = read(content_type, vec![Bytes::copy_from_slice(&body)]);
        let crumbs = body.iter().map(|byte| Bytes::copy_from_slice(&[*byte])).collect();
        assert_eq!(verdict, read(content_type, crumbs), "{}", case["name"]);
        verdict["id"] = case["id"].clone();
        writeln!(out, "{verdict}")?;
    }
    Ok(())
}

fn read(content_type: &str, chunks: Vec<Bytes>) -> Value {
    parse(content_type, chunks).unwrap_or_else(|error| json!({ "ok": false, "error": error }))
}

/// What the gateway would take: a form that is complete, whose file has a name and a type that may be one.
fn parse(content_type: &str, chunks: Vec<Bytes>) -> Result<Value, String> {
    let mut parser = FormParser::new(content_type, FormLimits::default()).map_err(|error| error.to_string())?;
    let (mut fields, mut files, mut content) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in chunks {
        parser.push(chunk);
        while let Some(event) = parser.next_event().map_err(|error| error.to_string())? {
            match event {
                FormEvent::Field { name, value, .. } => fields.push((name, value)),
                FormEvent::FileStart(part) => {
                    let name = FileName::parse(&part.filename).map_err(|error| error.to_string())?;
                    let kind = part.content_type.as_deref();
                    if kind.is_some_and(|kind| MediaType::parse(kind).is_none()) {
                        return Err("the type of the file is none".to_owned());
                    }
                    files.push((part.field, name, part.content_type));
                }
                FormEvent::FileData(data) => content.extend_from_slice(&data),
                FormEvent::FileEnd | FormEvent::End => {}
            }
        }
    }
    parser.finish().map_err(|error| error.to_string())?;
    let (size, sha256) = (content.len(), harness::content::sha256_hex(&content));
    let files: Vec<Value> = files
        .into_iter()
        .map(|(field, name, kind)| {
            json!({ "field": field, "filename": name.as_str(), "type": kind, "size": size, "sha256": sha256 })
        })
        .collect();
    Ok(json!({ "ok": true, "fields": fields, "files": files }))
}
