//! `tidegate upload`: the reference client. Several files are streamed at once; each has one outcome, told in the order of the files.

mod attempts;
mod expand;
mod outcome;
mod progress;
mod source;
mod summary;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use futures::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::print;
use crate::FAILED;
use crate::cli::Upload;
use attempts::{Delivered, Order};
use expand::Named;
use progress::Progress;
use source::Source;
use summary::Summary;

/// Sends every file; fails if one of them was not stored.
pub(crate) fn run(flags: &Upload) -> anyhow::Result<ExitCode> {
    let files = expand::files(&flags.files, flags.recursive)?;
    if flags.name.is_some() && files.len() > 1 {
        bail!("`--name` is for one file, and there are {}", files.len());
    }
    let order = Order { flags, headers: headers(&flags.header)? };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let code = runtime.block_on(send_all(files, &order));
    // Standard input is read in a thread that nobody can interrupt; whoever feeds it may never end.
    runtime.shutdown_background();
    code
}

async fn send_all(files: Vec<Named>, order: &Order<'_>) -> anyhow::Result<ExitCode> {
    let flags = order.flags;
    let progress = Progress::of(files.len());
    let mut summary = Summary::default();
    let sent = stream::iter(files).map(|file| send(file, order, &progress));
    let mut sent = std::pin::pin!(sent.buffered(usize::from(flags.parallel)));
    while let Some((file, delivered)) = sent.next().await {
        progress.file_ended();
        summary.note(&file, &delivered, flags.table);
        let text = match (flags.json, flags.table) {
            (true, _) => delivered.outcome.json_line(&file, delivered.attempts),
            (_, true) => continue,
            _ => delivered.outcome.for_people(&file),
        };
        progress.aside(|| print(&text))?;
    }
    progress.end();
    if !flags.json {
        print(&summary.to_string())?;
    }
    Ok(if summary.all_stored() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

async fn send(file: Named, order: &Order<'_>, progress: &Progress) -> (String, Delivered) {
    let source = match file.found {
        Ok(place) => Source::look_at(place, order.flags).await,
        Err(error) => Err(error),
    };
    let delivered = match source {
        Ok(source) => order.deliver(&source, &file.label, progress).await,
        Err(error) => Delivered::unsent(error),
    };
    (file.label, delivered)
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
