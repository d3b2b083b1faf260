//! `tidegate keys`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::print;
use crate::cli::{Keys, KeysCommand, NewKey};

/// What keys begin with, so that people and scanners for leaked secrets know one when they see it.
const PREFIX: &str = "tk_";

/// Random bytes of a key: as many as its hash has, so that neither is the weaker part.
const KEY_LEN: usize = 32;

/// Does what was asked for.
pub(crate) fn run(flags: &Keys) -> anyhow::Result<ExitCode> {
    match &flags.command {
        KeysCommand::New(flags) => new(flags),
    }
}

fn new(flags: &NewKey) -> anyhow::Result<ExitCode> {
    let mut random = [0; KEY_LEN];
    getrandom::fill(&mut random).context("no randomness")?;
    let key = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
    let hash: String = Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let end = flags.not_after.as_ref().map(|end| format!(", not-after: {end}")).unwrap_or_default();
    let entry = format!("- {{ id: {}, sha256: {hash}{end} }}", flags.id);
    // Whoever pastes the entry must not be the first to learn that its id or time is none.
    if let Err(report) = rules::check::key_file("the entry", &entry) {
        let problem = report.problems().first().map(|problem| (problem.message.clone(), problem.hint.clone()));
        let (message, hint) = problem.unwrap_or_default();
        bail!("{message}; {}", hint.unwrap_or_default());
    }
    if flags.json {
        let mut entry = json!({ "id": flags.id, "sha256": hash });
        if let Some(end) = &flags.not_after {
            // A key without an end has no such field: a file of keys takes no null.
            entry["not-after"] = json!(end);
        }
        print(&format!("{}\n", json!({ "key": key, "entry": entry })))?;
    } else {
        print(&format!(
            "The key, for its holder; it is not shown again:\n\n  {key}\n\nIts entry, for the gateway's file of keys:\n\n  {entry}\n"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
