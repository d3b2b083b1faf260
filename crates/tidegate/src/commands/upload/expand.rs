//! From what was named on the command line to the files that are sent.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};

use super::source::Place;

/// The name of standard input on the command line.
const STANDARD_INPUT: &str = "-";

/// One file that is to be sent, or why it cannot be.
pub(super) struct Named {
    /// As it is called in what is printed.
    pub(super) label: String,
    /// Where it is.
    pub(super) found: anyhow::Result<Place>,
}

/// Every file in the order of the command line; what is in a folder is sorted by name.
///
/// # Errors
/// A folder has two files of one name: the names alone go upstream, where one might take the other's place.
pub(super) fn files(named: &[String], recursive: bool) -> anyhow::Result<Vec<Named>> {
    let mut files = Vec::new();
    for name in named {
        let path = Path::new(name);
        if name == STANDARD_INPUT {
            files.push(Named { label: name.clone(), found: Ok(Place::StandardInput) });
        } else if !path.is_dir() {
            files.push(file(path.to_owned()));
        } else if recursive {
            let mut below = Vec::new();
            collect(path, &mut below);
            refuse_shared_names(&below)?;
            files.extend(below);
        } else {
            let found = Err(anyhow!("it is a folder: `--recursive` sends what is in it"));
            files.push(Named { label: name.clone(), found });
        }
    }
    Ok(files)
}

fn file(path: PathBuf) -> Named {
    Named { label: path.display().to_string(), found: Ok(Place::File(path)) }
}

/// What is below a folder. One that cannot be read is a file that cannot be sent, so that nothing is left out without a word.
fn collect(folder: &Path, files: &mut Vec<Named>) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = match entries.context("the folder cannot be read") {
        Ok(entries) => entries,
        Err(error) => return files.push(Named { label: folder.display().to_string(), found: Err(error) }),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // The type of the entry itself: links to folders may lead in circles.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_link_to_folder = !is_folder && path.is_dir();
        if is_folder {
            collect(&path, files);
        } else if !is_link_to_folder {
            files.push(file(path));
        }
    }
}

fn refuse_shared_names(files: &[Named]) -> anyhow::Result<()> {
    let mut seen = HashMap::new();
    for file in files {
        let Some(name) = Path::new(&file.label).file_name() else { continue };
        if let Some(other) = seen.insert(name, &file.label) {
            bail!(
                "`{other}` and `{}` have one name, and some upstreams would keep one of them only: send their folders one by one",
                file.label
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            fs::write(path, "x").expect("it can be written");
        }
        folder
    }

    fn labels(folder: &tempfile::TempDir, recursive: bool) -> anyhow::Result<Vec<String>> {
        let named = folder.path().to_str().expect("UTF-8").to_owned();
        let found = files(std::slice::from_ref(&named), recursive)?;
        Ok(found.into_iter().map(|file| file.label.replacen(&named, "", 1)).collect())
    }

    #[test]
    fn a_folder_gives_its_files_in_order() {
        let folder = folder(&["b.txt", "a/c.txt", "a/b/d.txt", ".hidden"]);
        assert_eq!(labels(&folder, true).expect("files"), ["/.hidden", "/a/b/d.txt", "/a/c.txt", "/b.txt"]);
    }

    #[test]
    fn a_folder_is_one_that_cannot_be_sent_unless_it_was_asked_for() {
        let folder = folder(&["b.txt"]);
        let found = files(&[folder.path().to_str().expect("UTF-8").to_owned()], false).expect("a list");
        assert!(
            matches!(found.as_slice(), [Named { found: Err(error), .. }] if error.to_string().contains("--recursive"))
        );
    }

    #[test]
    fn two_files_of_one_name_are_refused_before_anything_is_sent() {
        let error = labels(&folder(&["a/x.txt", "b/x.txt"]), true).expect_err("one name");
        assert!(error.to_string().contains("x.txt` have one name"), "{error}");
    }

    #[test]
    fn links_to_folders_are_not_followed() {
        let folder = folder(&["a/x.txt"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/up")).expect("a link");
        std::os::unix::fs::symlink(folder.path().join("a/x.txt"), folder.path().join("y.txt")).expect("a link");
        assert_eq!(labels(&folder, true).expect("files"), ["/a/x.txt", "/y.txt"]);
    }
}
