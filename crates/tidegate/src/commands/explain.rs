//! `tidegate explain`: the plan of one upload, without sending anything.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use rules::access::Pass;
use rules::admission::Offer;
use rules::config::{PathSegment, Route};
use rules::explain::explain;
use time::OffsetDateTime;
use uuid::Uuid;
use wire::digest::ClientDigests;
use wire::name::FileName;

use super::upload::type_of;
use super::{colours, print};
use crate::FAILED;
use crate::cli::Explain;

/// Prints the plan, or the problem that the upload would meet.
pub(crate) fn run(flags: &Explain) -> anyhow::Result<ExitCode> {
    let loaded = match gateway::load::load(&flags.config) {
        Ok(loaded) => loaded,
        Err(report) => bail!("the configuration cannot be used\n\n{}", report.render(colours(&io::stderr()))),
    };
    let routes = &loaded.config.routes;
    let route = routes.iter().find(|route| *route.name == *flags.route).ok_or_else(|| {
        let names: Vec<_> = routes.iter().map(|route| &*route.name).collect();
        anyhow!("there is no route `{}`; there are: {}", flags.route, names.join(", "))
    })?;
    let offer = offer(flags, route)?;
    if let (Some(file), None) = (&flags.file, offer.size) {
        note(&format!("there is no file `{}`, so its size is not known; `--size` tells one", file.display()));
    }
    let upload_id = offer.upload_id;
    match explain(route, offer) {
        Ok(explanation) if flags.json => print(&format!("{}\n", serde_json::to_string_pretty(&explanation)?))?,
        Ok(explanation) => print(&explanation.to_string())?,
        Err(failure) => {
            let problem = failure.problem_json(&upload_id, Some(&route.name));
            if flags.json {
                print(&format!("{}\n", serde_json::to_string_pretty(&problem)?))?;
            } else {
                let (status, name) = (failure.problem.status(), failure.problem.name());
                print(&format!("this upload would be refused: {status} {name}: {}\n", failure.detail))?;
            }
            return Ok(ExitCode::from(FAILED));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a client would offer.
fn offer(flags: &Explain, route: &Arc<Route>) -> anyhow::Result<Offer> {
    let name = match &flags.file {
        Some(file) => Some(file.file_name().and_then(|name| name.to_str()).context("the file has no name")?),
        None => None,
    };
    // A file need not be there to be explained: its name tells enough.
    let found = flags.file.as_ref().and_then(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file);
    let given = flags.param.iter().map(|pair| (pair.name.clone(), pair.value.clone()));
    let (path, params) = given.partition(|(name, _)| is_captured(route, name));
    Ok(Offer {
        upload_id: Uuid::now_v7(),
        idempotency_key: None,
        received: OffsetDateTime::now_utc(),
        path,
        params,
        name: name.map(FileName::parse).transpose().context("the file's name would be refused")?,
        declared_type: flags.media_type.clone().or_else(|| name.map(type_of)),
        size: flags.size.map(|size| size.0).or_else(|| found.map(|facts| facts.len())),
        digests: ClientDigests::default(),
        pass: Pass::default(),
    })
}

/// Whether the route's path has a part of that name.
fn is_captured(route: &Route, name: &str) -> bool {
    route.path.segments.iter().any(|segment| match segment {
        PathSegment::Literal(_) => false,
        PathSegment::Capture(known) | PathSegment::Rest(known) => known == name,
    })
}

#[expect(clippy::print_stderr, reason = "the result itself goes to stdout")]
fn note(text: &str) {
    eprintln!("note: {text}");
}
