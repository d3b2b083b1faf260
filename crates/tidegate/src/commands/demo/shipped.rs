//! The shipped configuration as it stands in this binary, so that the demo needs no file beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use gateway::secrets::Secrets;
use gateway::server::{Dependencies, Gateway};
use gateway::upstream::SystemResolver;
use rules::check::{Checked, Environment, Source};
use sandbox::Sandbox;

use crate::cli::REVISION;

const MAIN: &str = "tidegate.yaml";

const MAIN_TEXT: &str = include_str!("../../../../../config/tidegate.yaml");

const ROUTES: [(&str, &str); 5] = [
    ("routes/amazon-connect-file.yaml", include_str!("../../../../../config/routes/amazon-connect-file.yaml")),
    ("routes/flowkiwi-media.yaml", include_str!("../../../../../config/routes/flowkiwi-media.yaml")),
    ("routes/klinkcx-file.yaml", include_str!("../../../../../config/routes/klinkcx-file.yaml")),
    ("routes/kustomer-media.yaml", include_str!("../../../../../config/routes/kustomer-media.yaml")),
    ("routes/teamwork-desk-file.yaml", include_str!("../../../../../config/routes/teamwork-desk-file.yaml")),
];

/// The environment in which the shipped configuration listens where the system chooses and talks to a sandbox.
pub(super) fn environment(sandbox: &Sandbox) -> Vec<(String, String)> {
    let anywhere = |name: &str| (name.to_owned(), "127.0.0.1:0".to_owned());
    let mut environment = sandbox.environment();
    environment.extend([anywhere("TIDEGATE_LISTEN"), anywhere("TIDEGATE_ADMIN")]);
    environment
}

/// Starts a gateway with the shipped routes in this process.
pub(super) fn start(sandbox: &Sandbox) -> anyhow::Result<Gateway> {
    let environment: Environment = environment(sandbox).into_iter().collect();
    let config = Arc::new(check(&environment)?.config);
    let (secrets, _) = Secrets::read(&config, &|name| environment.get(name).map(ToOwned::to_owned));
    let needs = Dependencies {
        secrets: Arc::new(secrets),
        resolver: Arc::new(SystemResolver),
        sockets: Vec::new(),
        log: None,
        version: env!("CARGO_PKG_VERSION"),
        revision: REVISION,
    };
    Gateway::start(config, needs).context("the gateway cannot start")
}

fn check(environment: &Environment) -> anyhow::Result<Checked> {
    rules::check::load(MAIN, &Embedded, environment).map_err(|report| anyhow::anyhow!("{report}"))
}

/// Writes the shipped configuration below `folder`, for a gateway in another process, and tells its main file.
pub(super) fn write_to(folder: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir(folder.join("routes"))?;
    for (path, text) in ROUTES {
        std::fs::write(folder.join(path), text)?;
    }
    let main = folder.join(MAIN);
    std::fs::write(&main, main_text())?;
    Ok(main)
}

/// The main file with one of its comments taken at its word: the demo speaks HTTP/2 without TLS too.
fn main_text() -> String {
    MAIN_TEXT.replacen("# http2: true", "http2: true", 1)
}

/// The files by their names.
struct Embedded;

impl Source for Embedded {
    fn read(&self, path: &str) -> Result<String, String> {
        if path == MAIN {
            return Ok(main_text());
        }
        let found = ROUTES.into_iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| text.to_owned()).ok_or_else(|| "no such file".to_owned())
    }

    /// The main file names all routes.
    fn glob(&self, _relative_to: &str, _pattern: &str) -> Result<Vec<String>, String> {
        Ok(ROUTES.into_iter().map(|(name, _)| name.to_owned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use sandbox::Options;

    use super::*;

    fn checked() -> Checked {
        let address = Some("127.0.0.1:9100".parse().expect("an address"));
        let options = Options { address, ..Options::default() };
        let environment = Sandbox::environment_at(&options).expect("its ports are known");
        check(&environment.into_iter().collect()).expect("it can be used")
    }

    #[test]
    fn every_shipped_route_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/routes");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("the folder")
            .map(|entry| format!("routes/{}", entry.expect("an entry").file_name().to_string_lossy()))
            .collect();
        files.sort();
        assert_eq!(files, ROUTES.map(|(name, _)| name));
    }

    #[test]
    fn the_shipped_configuration_can_be_used_and_speaks_both_protocols() {
        let checked = checked();
        assert_eq!(checked.config.routes.len(), ROUTES.len());
        assert!(checked.config.listeners.iter().all(|listener| listener.http2));
    }

    #[test]
    fn what_is_written_is_what_is_embedded() {
        let folder = tempfile::tempdir().expect("a folder");
        let main = write_to(folder.path()).expect("it can be written");
        assert_eq!(std::fs::read_to_string(main).expect("it is there"), main_text());
        for (path, text) in ROUTES {
            assert_eq!(std::fs::read_to_string(folder.path().join(path)).expect("it is there"), text);
        }
    }
}
