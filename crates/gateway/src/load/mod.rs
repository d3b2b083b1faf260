//! Reads a configuration: its files, the environment, and the secrets that it names.
//!
//! What the files mean is decided by `rules::check`; this only fetches texts. They come from the operator, but are bounded all the
//! same: a pattern that matches a data directory must not fill the memory.

mod latest;
mod sources;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use glob::{MatchOptions, Pattern, glob_with};
use rules::check::{Environment, Missing, Source};
use rules::config::{ApiKeys, Config, Example, Examples};
use rules::diagnostics::Report;
use rules::source::MAX_FILE_LEN;

pub use latest::{Known, LatestLoad};
pub use sources::{Look, Sources};

use crate::files::NOT_REGULAR;
use crate::secrets::{MissingSecret, Secrets};
use sources::Noting;

/// Files that one pattern may match. The largest installations known have some hundred routes.
const MAX_MATCHES: usize = 4096;

/// `*` stays within a folder and leaves hidden files alone, as in a shell.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A configuration that can be used, and what it needs from outside.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Arc<Config>,
    /// What is odd about it.
    pub warnings: Report,
    /// Every file that was read, the main file first.
    pub files: Vec<String>,
    /// The values of its secrets.
    pub secrets: Secrets,
    /// Secrets without a value, which only their routes suffer from.
    pub missing: Vec<MissingSecret>,
}

/// Reads a configuration for use, in the environment of this process.
///
/// # Errors
/// Every problem of every file.
pub fn load(main: &Path) -> Result<Loaded, Report> {
    load_noting(main).0
}

/// Reads a configuration for use, and says what it hangs on, whether it can be used or not: what to watch for changes.
pub fn load_noting(main: &Path) -> (Result<Loaded, Report>, Sources) {
    let environment = environment();
    let noting = Noting::new(&Disk);
    let checked = rules::check::load(&main.to_string_lossy(), &noting, &environment);
    let mut sources = noting.into_sources();
    let loaded = checked.map(|checked| {
        sources.add_files_of(&checked.config);
        let (secrets, missing) = Secrets::read(&checked.config, &|name| environment.get(name).map(str::to_owned));
        let (warnings, files) = (checked.warnings, checked.files);
        Loaded { config: Arc::new(checked.config), warnings, files, secrets, missing }
    });
    (loaded, sources)
}

/// Looks at a configuration without using it. With [`Missing::Tolerated`], variables that are not set are warnings.
#[must_use]
pub fn check(main: &Path, missing: Missing) -> Report {
    rules::check::check(&main.to_string_lossy(), &Disk, &environment(), missing)
}

/// The route files that a main file names, in the environment of this process.
///
/// # Errors
/// Every problem of the main file.
pub fn route_files(main: &Path) -> Result<Vec<String>, Report> {
    rules::check::route_files(&main.to_string_lossy(), &Disk, &environment())
}

/// The examples of a route's file.
///
/// # Errors
/// Every problem of the file.
pub fn read_examples(route: &str) -> Result<Examples, Report> {
    rules::check::read_examples(route, &Disk)
}

/// The configuration in which an example runs. The environment of this process counts for nothing.
///
/// # Errors
/// Every problem of the file in the example's environment.
pub fn load_for_example(route: &str, example: &Example, keys: ApiKeys) -> Result<Config, Report> {
    rules::check::load_for_example(route, &Disk, example, keys)
}

/// The environment of this process. A variable that is no UTF-8 cannot be named in YAML and counts as not set.
fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Files by their paths.
struct Disk;

impl Source for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        let most = u64::try_from(MAX_FILE_LEN).unwrap_or(u64::MAX);
        // A pipe without a writer would be waited for; what the shell hands over as `/dev/fd/63` has one.
        let is_handed_over = path.starts_with("/dev/fd/") || path == "/dev/stdin";
        if !is_handed_over && std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(NOT_REGULAR.to_owned());
        }
        let mut text = String::new();
        // One byte more than a file may have, so that the check sees that it is too long.
        let reading = File::open(path).and_then(|file| file.take(most.saturating_add(1)).read_to_string(&mut text));
        reading.map(|_| text).map_err(|error| error.to_string())
    }

    fn glob(&self, relative_to: &str, pattern: &str) -> Result<Vec<String>, String> {
        let folder = Path::new(relative_to).parent().unwrap_or(Path::new(""));
        if !pattern.contains(['*', '?', '[']) {
            return Ok(vec![text_of(&folder.join(pattern))?]);
        }
        let folder = Pattern::escape(&text_of(folder)?);
        let whole = text_of(&Path::new(&folder).join(pattern))?;
        let matches = glob_with(&whole, OPTIONS).map_err(|error| error.to_string())?;
        let mut files = Vec::new();
        for found in matches {
            let path: PathBuf = found.map_err(|error| error.to_string())?;
            if !path.is_file() {
                continue;
            }
            if files.len() == MAX_MATCHES {
                return Err(format!("it matches more than {MAX_MATCHES} files"));
            }
            files.push(text_of(&path)?);
        }
        files.sort();
        Ok(files)
    }
}

fn text_of(path: &Path) -> Result<String, String> {
    path.to_str().map(str::to_owned).ok_or_else(|| format!("`{}` is no UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rules::config::SecretRef;
    use tempfile::TempDir;

    use super::*;

    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
            fs::write(path, *file).expect("the file can be written");
        }
        folder
    }

    fn found(folder: &TempDir, pattern: &str) -> Vec<String> {
        let main = folder.path().join("tidegate.yaml");
        let files = Disk.glob(&main.to_string_lossy(), pattern).expect("a sound pattern");
        let root = format!("{}/", folder.path().display());
        files.into_iter().map(|file| file.strip_prefix(&root).map(str::to_owned).unwrap_or(file)).collect()
    }

    #[test]
    fn finds_the_files_of_a_pattern_sorted_and_relative_to_the_main_file() {
        let folder =
            folder(&["routes/b.yaml", "routes/a.yaml", "routes/c.txt", "routes/.hidden.yaml", "routes/deep/d.yaml"]);
        assert_eq!(found(&folder, "routes/*.yaml"), ["routes/a.yaml", "routes/b.yaml"]);
        assert_eq!(found(&folder, "routes/**/*.yaml"), ["routes/a.yaml", "routes/b.yaml", "routes/deep/d.yaml"]);
        assert!(found(&folder, "none/*.yaml").is_empty());
    }

    #[test]
    fn names_a_single_file_whether_it_is_there_or_not() {
        let folder = folder(&[]);
        assert_eq!(found(&folder, "routes/absent.yaml"), ["routes/absent.yaml"]);
        assert_eq!(found(&folder, "/etc/tidegate/a.yaml"), ["/etc/tidegate/a.yaml"]);
    }

    #[test]
    fn a_folder_with_brackets_in_its_name_is_no_pattern() {
        let folder = folder(&["[prod]/routes/a.yaml"]);
        let main = folder.path().join("[prod]/tidegate.yaml");
        let files = Disk.glob(&main.to_string_lossy(), "routes/*.yaml").expect("a sound pattern");
        assert_eq!(files.len(), 1, "{files:?}");
    }

    #[test]
    fn says_why_a_pattern_or_file_cannot_be_used() {
        assert!(Disk.glob("a.yaml", "routes/***").is_err());
        assert!(Disk.read("/nonexistent/tidegate.yaml").expect_err("there is no such file").contains("No such file"));
    }

    #[test]
    fn reads_no_more_of_a_file_than_shows_that_it_is_too_long() {
        let folder = folder(&[]);
        let path = folder.path().join("long.yaml");
        fs::write(&path, "x".repeat(MAX_FILE_LEN * 2)).expect("the file can be written");
        let text = Disk.read(&path.to_string_lossy()).expect("it can be read");
        assert_eq!(text.len(), MAX_FILE_LEN + 1);
    }

    #[test]
    fn takes_the_files_of_a_listener_relative_to_the_main_file() {
        let folder = folder(&["tidegate.yaml", "routes/a.yaml"]);
        let main = folder.path().join("tidegate.yaml");
        let text = "listeners: [{ address: '127.0.0.1:0', tls: { cert: { file: tls/cert.pem }, key: { file: /etc/key.pem } } }]\n\
                    routes: routes/*.yaml\n";
        let route = "route: a\npath: /a\ntargets: { s: { url: 'https://s.example.com' } }\n\
                     steps: [{ id: put, request: PUT /f, target: s, body: file, expect: 2xx }]\n";
        fs::write(&main, text).expect("it can be written");
        fs::write(folder.path().join("routes/a.yaml"), route).expect("it can be written");
        let loaded = load(&main).unwrap_or_else(|report| panic!("{report}"));
        let tls = loaded.config.listeners[0].tls.as_ref().expect("it speaks TLS");
        assert_eq!(tls.cert, folder.path().join("tls/cert.pem").to_string_lossy());
        assert_eq!(tls.key, "/etc/key.pem");
    }

    #[test]
    fn an_example_is_loaded_without_environment_and_secret_files() {
        let folder = folder(&[]);
        let path = folder.path().join("a.yaml");
        let text = r"
route: a
path: /a
targets:
  s:
    url: https://s.example.com
    headers: { X-A: { file: /nonexistent/token } }
    auth:
      sigv4:
        service: s
        region: ${ env.REGION }
        credentials:
          access-key-id: { env: ID }
          secret-access-key: { env: KEY }
          session-token: { env: TOKEN, optional: true }
steps: [ { id: put, request: PUT /f, target: s, body: file, expect: 2xx } ]
examples: [ { name: one, env: { REGION: eu, KEY: written }, request: { filename: a }, receipt: {} } ]
";
        fs::write(&path, text).expect("it can be written");
        let path = path.to_string_lossy();
        let examples = read_examples(&path).unwrap_or_else(|report| panic!("{report}"));
        let [example] = examples.list.as_slice() else { panic!("{examples:?}") };
        let config = load_for_example(&path, example, ApiKeys::default()).unwrap_or_else(|report| panic!("{report}"));
        let secrets = Secrets::stand_ins(&config, &|name| example.env.get(name).map(str::to_owned));
        let value = |secret: SecretRef| secrets.get(&secret).map(|value| value.expose().to_owned());
        let of_variable = |name: &str| value(SecretRef::Env(name.to_owned()));
        assert_eq!(of_variable("ID").as_deref(), Some("<ID>"));
        assert_eq!(of_variable("KEY").as_deref(), Some("written"));
        assert_eq!(of_variable("TOKEN"), None);
        assert_eq!(value(SecretRef::File("/nonexistent/token".to_owned())).as_deref(), Some("<token>"));
    }

    #[test]
    fn reports_every_problem_of_a_configuration_that_cannot_be_used() {
        let folder = folder(&["tidegate.yaml"]);
        let main = folder.path().join("tidegate.yaml");
        fs::write(&main, "routes: routes/*.yaml\nlimits: { memory: lots, uploads: -1 }\n").expect("it can be written");
        let report = load(&main).expect_err("it cannot be used");
        assert!(report.errors() >= 2, "{report}");
    }
}
