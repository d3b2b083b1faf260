//! Which files are meant.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rules::diagnostics::Problems;

/// Folders within folders; more is a link that leads back.
const MAX_DEPTH: usize = 32;

/// The route files among `paths`: files as they are named, folders with every route below them, each file once.
///
/// # Errors
/// A path is not there, a folder cannot be read, or there is no route in it.
pub(super) fn of_paths(paths: &[PathBuf]) -> anyhow::Result<Vec<String>> {
    let mut files: Vec<String> = Vec::new();
    for path in paths {
        let metadata = path.metadata().with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut found = Vec::new();
        if metadata.is_dir() {
            below(path, MAX_DEPTH, &mut found)?;
            if found.is_empty() {
                bail!("there is no route below `{}`", path.display());
            }
        } else {
            found.push(text_of(path)?);
        }
        files.extend(found.into_iter().filter(|file| !files.contains(file)).collect::<Vec<_>>());
    }
    Ok(files)
}

fn below(folder: &Path, depth: usize, found: &mut Vec<String>) -> anyhow::Result<()> {
    let failed = || format!("cannot read `{}`", folder.display());
    let entries: Result<Vec<_>, _> = folder.read_dir().with_context(failed)?.collect();
    let mut paths: Vec<_> = entries.with_context(failed)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && depth > 0 {
            below(&path, depth.saturating_sub(1), found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") && is_route(&path)
        {
            found.push(text_of(&path)?);
        }
    }
    Ok(())
}

/// Main files, files of keys and other YAML have no `route`. One that is no YAML at all is shown to be none when it is read.
fn is_route(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return true };
    let tree = rules::source::parse(&text, &mut Problems::new("".into()));
    tree.is_none_or(|root| root.get("route").is_some())
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    Ok(path.to_str().with_context(|| format!("`{}` is no UTF-8", path.display()))?.to_owned())
}
