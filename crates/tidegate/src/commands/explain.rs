//! `tidegate explain`: the plan of one upload, without sending anything.

use std::io;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use rules::admission::Offer;
use rules::config::Route;
use rules::explain::{Sample, explain};
use time::OffsetDateTime;
use uuid::Uuid;

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
fn offer(flags: &Explain, route: &Route) -> anyhow::Result<Offer> {
    let name = match &flags.file {
        Some(file) => Some(file.file_name().and_then(|name| name.to_str()).context("the file has no name")?),
        None => None,
    };
    // A file need not be there to be explained: its name tells enough.
    let found = flags.file.as_ref().and_then(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file);
    let sample = Sample {
        name: name.map(ToOwned::to_owned),
        media_type: flags.media_type.clone().or_else(|| name.map(type_of)),
        size: flags.size.map(|size| size.0).or_else(|| found.map(|facts| facts.len())),
        given: flags.param.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect(),
    };
    sample.offer(route, Uuid::now_v7(), OffsetDateTime::now_utc()).context("the file's name would be refused")
}

#[expect(clippy::print_stderr, reason = "the result itself goes to stdout")]
fn note(text: &str) {
    eprintln!("note: {text}");
}
