//! `tidegate upload`: the reference client. Files are streamed one after the other; each has one outcome.

mod outcome;
mod progress;
mod source;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::print;
use crate::FAILED;
use crate::cli::Upload;
use crate::client::{Connection, Form, Offer, Protocol};
use outcome::Outcome;
use progress::Progress;
use source::Opened;

/// Sends every file; fails if one of them was not stored.
pub(crate) fn run(flags: &Upload) -> anyhow::Result<ExitCode> {
    if flags.name.is_some() && flags.files.len() > 1 {
        bail!("`--name` is for one file, and there are {}", flags.files.len());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let code = runtime.block_on(send_all(flags));
    // Standard input is read in a thread that nobody can interrupt; whoever feeds it may never end.
    runtime.shutdown_background();
    code
}

async fn send_all(flags: &Upload) -> anyhow::Result<ExitCode> {
    let headers = headers(&flags.header)?;
    let mut failed = false;
    for file in &flags.files {
        let outcome = send(file, flags, &headers).await;
        let outcome = outcome.unwrap_or_else(Outcome::Lost);
        failed |= !outcome.is_stored();
        print(&if flags.json { outcome.json_line(file) } else { outcome.for_people(file) })?;
    }
    Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
}

async fn send(file: &str, flags: &Upload, headers: &HeaderMap) -> anyhow::Result<Outcome> {
    let opened = Opened::open(file, flags).await?;
    let media_type = flags.media_type.clone().unwrap_or_else(|| type_of(&opened.name));
    let offer = Offer {
        url: flags.url.clone(),
        form: if flags.form { Form::Multipart } else { Form::NamedPut },
        name: opened.name,
        media_type,
        length: opened.length,
        sha256: opened.sha256,
        params: flags.param.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect(),
        headers: headers.clone(),
    };
    let protocol = if flags.http2 { Protocol::Http2 } else { Protocol::Http1 };
    let mut connection = Connection::open(&offer.url, protocol).await?;
    let (chunks, progress) = Progress::watch(opened.chunks, file, offer.length);
    let answer = connection.send(offer.request(chunks)?).await;
    progress.end();
    Ok(Outcome::of(answer?, offer.sha256))
}

/// The type that belongs to a name's extension.
pub(super) fn type_of(name: &str) -> String {
    mime_guess::from_path(name).first_or_octet_stream().to_string()
}

fn headers(fields: &[String]) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for field in fields {
        let (name, value) = field.split_once(':').with_context(|| format!("`{field}`: write `NAME: VALUE`"))?;
        let name: HeaderName = name.trim().parse().with_context(|| format!("`{name}` is no header field's name"))?;
        let value: HeaderValue = value.trim().parse().with_context(|| format!("`{name}` cannot have this value"))?;
        headers.append(name, value);
    }
    Ok(headers)
}
