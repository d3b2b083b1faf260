//! What a configuration hangs on, and whether it looks as it did.
//!
//! Looked at again and again in place of being told by the system: what Kubernetes mounts changes by a swap of symbolic links that
//! watches of single files miss, and network file systems tell nothing. A look follows links.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};

use rules::check::Source;
use rules::config::{Config, JwksSource, ProviderKind};

use super::Disk;

/// The files of a configuration, and those that it names and that are read once: certificates, keys and authorities. Files of
/// secrets and of API keys are followed while they are in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    files: BTreeSet<String>,
    /// A file, and the pattern in it.
    patterns: BTreeSet<(String, String)>,
}

/// How sources looked at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look(BTreeMap<String, Option<Stamp>>);

/// What changes with a file's content, or with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Sources {
    /// How they look now. Reads folders and asks for the state of files, so it may block.
    #[must_use]
    pub fn look(&self) -> Look {
        let matching = self.patterns.iter().filter_map(|(file, pattern)| Disk.glob(file, pattern).ok()).flatten();
        let files = self.files.iter().cloned().chain(matching);
        let stamp_of = |file: String| (std::fs::metadata(&file).ok().as_ref().map(Stamp::of), file);
        Look(files.map(stamp_of).map(|(stamp, file)| (file, stamp)).collect())
    }

    /// These and those of an attempt that got less far.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.files.extend(other.files.iter().cloned());
        self.patterns.extend(other.patterns.iter().cloned());
        self
    }

    /// The files that a configuration names for listeners and targets.
    pub(super) fn add_files_of(&mut self, config: &Config) {
        for tls in config.listeners.iter().filter_map(|listener| listener.tls.as_ref()) {
            self.files.extend([tls.cert.clone(), tls.key.clone()]);
            self.files.extend(tls.client_ca.as_ref().map(|authorities| authorities.file.clone()));
        }
        let issuers = config.access.iter().filter_map(|provider| match &provider.kind {
            ProviderKind::Jwt(jwt) => match &jwt.keys {
                JwksSource::Url { target, .. } => Some(target),
                JwksSource::File(_) => None,
            },
            _ => None,
        });
        let targets = config.routes.iter().flat_map(|route| &route.targets).chain(issuers);
        self.files.extend(targets.filter_map(|target| target.ca_file.clone()));
    }
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
            len: file.size(),
            seconds: file.mtime(),
            nanoseconds: file.mtime_nsec(),
        }
    }
}

/// Reads like another, and notes what is read.
pub(super) struct Noting<'s> {
    source: &'s dyn Source,
    noted: Mutex<Sources>,
}

impl<'s> Noting<'s> {
    pub(super) fn new(source: &'s dyn Source) -> Self {
        Self { source, noted: Mutex::default() }
    }

    pub(super) fn into_sources(self) -> Sources {
        self.noted.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Noting<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).files.insert(path.to_owned());
        self.source.read(path)
    }

    fn glob(&self, relative_to: &str, pattern: &str) -> Result<Vec<String>, String> {
        let noted = (relative_to.to_owned(), pattern.to_owned());
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).patterns.insert(noted);
        self.source.glob(relative_to, pattern)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::super::load_noting;
    const MAIN: &str = "listeners: [{ address: '127.0.0.1:0' }]\nroutes: routes/*.yaml\n";

    fn route(name: &str) -> String {
        format!(
            "route: {name}\npath: /{name}\ntargets: {{ s: {{ url: 'https://s.example.com', tls: {{ ca: {{ file: ../ca.pem }} }} }} }}\n\
             steps: [{{ id: put, request: PUT /f, target: s, body: file, expect: 2xx }}]\n"
        )
    }

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
        fs::write(path, text).expect("the file can be written");
    }

    #[test]
    fn a_look_changes_with_every_file_that_the_configuration_hangs_on() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "tidegate.yaml", MAIN);
        write(folder.path(), "routes/a.yaml", &route("a"));
        let (loaded, sources) = load_noting(&folder.path().join("tidegate.yaml"));
        loaded.unwrap_or_else(|report| panic!("{report}"));
        let mut last = sources.look();
        assert_eq!(sources.look(), last);
        for (name, text) in [
            ("tidegate.yaml", format!("{MAIN}# more\n")),
            ("routes/a.yaml", route("b")),
            ("routes/c.yaml", route("c")),
            ("ca.pem", "a certificate".to_owned()),
        ] {
            write(folder.path(), name, &text);
            let look = sources.look();
            assert_ne!(look, last, "{name}");
            last = look;
        }
        fs::remove_file(folder.path().join("routes/c.yaml")).expect("it is there");
        assert_ne!(sources.look(), last, "a file that went");
        write(folder.path(), "other.yaml", "");
        let last = sources.look();
        write(folder.path(), "other.yaml", "changed");
        assert_eq!(sources.look(), last, "nothing hangs on this one");
    }

    #[test]
    fn a_look_changes_when_links_are_swapped_as_kubernetes_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for version in ["..1", "..2"] {
            write(folder.path(), &format!("{version}/tidegate.yaml"), MAIN);
        }
        symlink("..1", at("..data")).expect("it can be linked");
        symlink("..data/tidegate.yaml", at("tidegate.yaml")).expect("it can be linked");
        let (_, sources) = load_noting(&at("tidegate.yaml"));
        let look = sources.look();
        symlink("..2", at("..next")).expect("it can be linked");
        fs::rename(at("..next"), at("..data")).expect("it can be swapped");
        assert_ne!(sources.look(), look);
    }

    #[test]
    fn what_cannot_be_used_is_watched_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "tidegate.yaml", MAIN);
        write(folder.path(), "routes/a.yaml", "route: [");
        let (loaded, sources) = load_noting(&folder.path().join("tidegate.yaml"));
        assert!(loaded.is_err());
        let look = sources.look();
        write(folder.path(), "routes/a.yaml", &route("a"));
        assert_ne!(sources.look(), look);
    }
}
