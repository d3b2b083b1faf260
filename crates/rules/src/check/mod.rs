//! Checking: files → a configuration in which everything is proved, or a report of everything that is wrong.
//!
//! Each file goes through three stages: `source` makes a tree of it, `structure` walks the tree along the table of shapes, and
//! the rest reads the checked types off it and judges what needs more than one key. A stage that finds problems does not keep the
//! next from finding its own. Reading files is the caller's work: this crate does no IO.

mod accept;
mod access;
mod alone;
mod body;
mod conflicts;
mod cors;
mod destinations;
mod examples;
mod fair_use;
mod fields;
mod key_file;
mod main_file;
mod names;
mod needs;
mod params;
mod path;
mod request;
mod route;
mod route_access;
mod rule;
mod steps;
mod structure;
mod targets;
mod template;
mod tree;
mod variables;

use std::sync::Arc;

pub use crate::config::Environment;
use crate::config::{Config, Route, SecretRef, weakness_of_ticket_secret};
use crate::diagnostics::{Problem, Problems, Report};
use crate::schema::{MAIN, ROUTE, Shape};
use crate::source::{self, Node, Span};
use access::Ways;
pub use alone::{load_for_example, read_examples};
pub use key_file::key_file;
use main_file::MainFile;
use route::CheckedRoute;
pub use variables::Missing;
use variables::Variables;

/// Where configuration texts come from.
pub trait Source {
    /// The text of a file, named as by `load`'s caller or by [`Source::glob`].
    ///
    /// # Errors
    /// In words, why it cannot be read.
    fn read(&self, path: &str) -> Result<String, String>;

    /// The files that a pattern names, sorted, relative to the file `relative_to`. A pattern without wildcards names one
    /// file, whether it is there or not.
    ///
    /// # Errors
    /// In words, why the pattern cannot be used.
    fn glob(&self, relative_to: &str, pattern: &str) -> Result<Vec<String>, String>;
}

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// What is odd about it, for the log or the terminal.
    pub warnings: Report,
    /// Every file that was read, the main file first: what a reload watches.
    pub files: Vec<String>,
    /// Every environment variable that the configuration names, secrets included.
    pub variables: Vec<String>,
}

/// Loads a configuration for use: every variable and secret must be there.
///
/// # Errors
/// The report of all problems of all files.
pub fn load(main_path: &str, source: &dyn Source, env: &Environment) -> Result<Checked, Report> {
    let (config, report, files, variables) = Load::new(source, env, Missing::Refused).run(main_path);
    match config {
        Some(config) if report.errors() == 0 => Ok(Checked { config, warnings: report, files, variables }),
        _ => Err(report),
    }
}

/// The route files that a main file names, without a look into them.
///
/// # Errors
/// Every problem of the main file.
pub fn route_files(main_path: &str, source: &dyn Source, env: &Environment) -> Result<Vec<String>, Report> {
    let mut load = Load::new(source, env, Missing::Tolerated);
    let mut problems = Problems::new(main_path.into());
    let root = load.open(main_path, &MAIN_FILE, &mut problems);
    let files = root.map(|root| load.route_files(&root, &mut problems)).unwrap_or_default();
    if problems.has_errors() { Err(Report::new(load.texts, problems.into_vec())) } else { Ok(files) }
}

/// Looks at a configuration without using it; with [`Missing::Tolerated`], variables that are not set are warnings.
pub fn check(main_path: &str, source: &dyn Source, env: &Environment, missing: Missing) -> Report {
    Load::new(source, env, missing).run(main_path).1
}

static MAIN_FILE: Shape = Shape::Object(&MAIN);
static ROUTE_FILE: Shape = Shape::Object(&ROUTE);

type Outcome = (Option<Config>, Report, Vec<String>, Vec<String>);

/// One run over all files.
struct Load<'s> {
    source: &'s dyn Source,
    variables: Variables<'s>,
    texts: Vec<(Arc<str>, Arc<str>)>,
    /// Files of keys, which no report shows.
    hidden: Vec<Arc<str>>,
    problems: Vec<Problem>,
}

impl<'s> Load<'s> {
    fn new(source: &'s dyn Source, env: &'s Environment, missing: Missing) -> Self {
        Self {
            source,
            variables: Variables::new(env, missing),
            texts: Vec::new(),
            hidden: Vec::new(),
            problems: Vec::new(),
        }
    }

    fn run(mut self, main_path: &str) -> Outcome {
        let mut main_problems = Problems::new(main_path.into());
        let root = self.open(main_path, &MAIN_FILE, &mut main_problems);
        let main = root.as_ref().and_then(|root| main_file::read(root, &self.variables, &mut main_problems));
        let ways = ways(root.as_ref(), main.as_ref());
        let files = root.as_ref().map(|root| self.route_files(root, &mut main_problems)).unwrap_or_default();
        self.problems.extend(main_problems.into_vec());
        self.key_files(root.as_ref());
        self.key_sets(root.as_ref());
        self.ticket_secrets(root.as_ref());
        let routes: Vec<_> = files.into_iter().map(|file| self.route(&file, &ways)).collect();
        let usable: Vec<_> = routes.iter().flatten().collect();
        self.problems.extend(conflicts::find(&usable));
        let config = config(main, routes);
        let files = self.texts.iter().map(|(file, _)| file.to_string()).collect();
        (config, Report::hiding(self.texts, self.problems, &self.hidden), files, self.variables.into_named())
    }

    /// Reads a file and walks its structure.
    fn open(&mut self, path: &str, shape: &'static Shape, problems: &mut Problems) -> Option<Node> {
        let text = match self.source.read(path) {
            Ok(text) => text,
            Err(error) => {
                problems.error(Span::default(), format!("this file cannot be read: {error}")).hint("it is named by `--config` or by `routes` in the main file; names of routes are relative to that file");
                self.texts.push((path.into(), "".into()));
                return None;
            }
        };
        self.texts.push((path.into(), text.as_str().into()));
        let mut root = source::parse(&text, problems)?;
        structure::walk(&mut root, shape, &text, &self.variables, problems);
        Some(root)
    }

    fn route(&mut self, path: &str, ways: &Ways) -> Option<(Arc<str>, CheckedRoute)> {
        let mut problems = Problems::new(path.into());
        let root = self.open(path, &ROUTE_FILE, &mut problems);
        let text = self.texts.last().map(|(_, text)| Arc::clone(text)).unwrap_or_default();
        let route = root
            .filter(|root| !root.entries().is_empty())
            .and_then(|root| route::read(&root, &text, &self.variables, ways, &mut problems));
        let file = Arc::clone(problems.file());
        self.problems.extend(problems.into_vec());
        route.map(|route| (file, route))
    }

    /// Looks into the files of API keys that the main file names: a running gateway refuses what is wrong in them.
    fn key_files(&mut self, root: Option<&Node>) {
        let providers = root.and_then(|root| root.get("access")).map(Node::entries).unwrap_or_default();
        let files = providers.iter().filter_map(|entry| entry.value.get("api-keys")?.get("file"));
        let main = self.texts.first().map(|(file, _)| Arc::clone(file)).unwrap_or_default();
        for node in files {
            let Some(path) = node.text().map(|path| beside(&main, path)) else { continue };
            self.hidden.push(path.as_str().into());
            match self.source.read(&path) {
                Ok(text) => {
                    let mut problems = Problems::new(path.as_str().into());
                    self.texts.push((path.as_str().into(), text.as_str().into()));
                    if let Some(mut root) = source::parse(&text, &mut problems) {
                        structure::walk(&mut root, &key_file::KEY_FILE, &text, &self.variables, &mut problems);
                        key_file::read_keys(root.items(), &mut problems);
                    }
                    self.problems.extend(problems.into_vec());
                }
                Err(error) => {
                    let mut problems = Problems::new(Arc::clone(&main));
                    problems
                        .error(node.span, format!("this file of keys cannot be read: {error}"))
                        .hint("its path is relative to this file; `tidegate keys new` prints an entry for it");
                    self.problems.extend(problems.into_vec());
                }
            }
        }
    }

    /// Looks into the files of issuers' keys: tokens would only be refused later, one by one.
    fn key_sets(&mut self, root: Option<&Node>) {
        let providers = root.and_then(|root| root.get("access")).map(Node::entries).unwrap_or_default();
        let main = self.texts.first().map(|(file, _)| Arc::clone(file)).unwrap_or_default();
        let mut problems = Problems::new(Arc::clone(&main));
        for node in providers.iter().filter_map(|entry| entry.value.get("jwt")?.get("jwks")?.get("file")) {
            let Some(path) = node.text() else { continue };
            let read = self.source.read(&beside(&main, path));
            let set = read.and_then(|text| serde_json::from_str(&text).map_err(|_| "it is no JSON".to_owned()));
            let keys = set.and_then(|set: serde_json::Value| match set.get("keys") {
                Some(serde_json::Value::Array(_)) => Ok(()),
                _ => Err("it has no list of `keys`".to_owned()),
            });
            if let Err(error) = keys {
                problems
                    .error(node.span, format!("this file of an issuer's keys cannot be used: {error}"))
                    .hint("it holds a JSON Web Key Set, `{ \"keys\": [ … ] }`, and its path is relative to this file");
            }
        }
        self.problems.extend(problems.into_vec());
    }

    /// Looks at the files of secrets that sign tickets. They may come later, or change, so what is wrong with them is a warning.
    fn ticket_secrets(&mut self, root: Option<&Node>) {
        let providers = root.and_then(|root| root.get("access")).map(Node::entries).unwrap_or_default();
        let main = self.texts.first().map(|(file, _)| Arc::clone(file)).unwrap_or_default();
        let mut problems = Problems::new(Arc::clone(&main));
        let lists = providers.iter().filter_map(|entry| entry.value.get("tickets")?.get("keys"));
        for node in lists.flat_map(Node::items).filter_map(|key| key.get("secret")?.get("file")) {
            let Some(path) = node.text().filter(|path| !path.is_empty()) else { continue };
            let complaint = match self.source.read(&beside(&main, path)) {
                Err(error) => Some(format!("cannot be read: {error}")),
                Ok(text) => weakness_of_ticket_secret(text.trim_end_matches(['\r', '\n'])),
            };
            if let Some(complaint) = complaint {
                problems
                    .warning(node.span, format!("the secret in this file {complaint}"))
                    .hint(format!("{}; until then this key neither signs nor verifies", access::ticket_secret_hint()));
            }
        }
        self.problems.extend(problems.into_vec());
    }

    /// The route files that the main file names, each once.
    fn route_files(&self, root: &Node, problems: &mut Problems) -> Vec<String> {
        let mut files: Vec<String> = Vec::new();
        for (pattern, span) in main_file::route_globs(root) {
            match self.source.glob(problems.file(), &pattern) {
                Ok(found) if found.is_empty() => {
                    problems
                        .error(span, "no file matches this pattern")
                        .hint("it is relative to this file; write it as `routes/*.yaml`");
                }
                Ok(found) => files.extend(found.into_iter().filter(|file| !files.contains(file)).collect::<Vec<_>>()),
                Err(error) => {
                    problems
                        .error(span, format!("this pattern cannot be used: {error}"))
                        .hint("write a file name or a glob such as `routes/*.yaml`");
                }
            }
        }
        if let (true, Some(node)) = (files.is_empty() && !problems.has_errors(), root.get("routes")) {
            problems
                .error(node.span, "there is no route")
                .hint("name at least one file, such as `routes: routes/*.yaml`");
        }
        files
    }
}

/// What routes may name in their `access`.
fn ways(root: Option<&Node>, main: Option<&MainFile>) -> Ways {
    let declared = root.and_then(|root| root.get("access")).map(Node::entries).unwrap_or_default();
    let listeners = main.map(|main| main.listeners.as_slice()).unwrap_or_default();
    let addresses = || listeners.iter().map(|listener| listener.address);
    Ways {
        declared: declared.iter().map(|entry| entry.key.clone()).collect(),
        usable: main.map(|main| main.access.clone()).unwrap_or_default(),
        stand_in: None,
        // Without the main file nothing is known of the listeners, and its own faults are told already.
        asks_for_certificates: main.is_none()
            || listeners.iter().any(|listener| listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())),
        permitted: main.map(|main| main.allow_private.clone()),
        open_address: addresses().find(|address| !address.ip().to_canonical().is_loopback()),
    }
}

/// A reference to a secret.
fn secret_at(node: &Node, optional: bool, variables: &Variables<'_>, problems: &mut Problems) -> Option<SecretRef> {
    if let Some(name) = node.get("env") {
        let variable = name.text()?.to_owned();
        if optional {
            variables.note(&variable);
        } else {
            variables.demand(&variable, name.span, true, problems);
        }
        return Some(SecretRef::Env(variable));
    }
    let path = node.get("file")?;
    if path.text()?.is_empty() {
        problems.error(path.span, "this path is empty").hint("write the path of the file that holds the secret");
    }
    path.text().map(|path| SecretRef::File(beside(problems.file(), path)))
}

/// A path that stands in a file is relative to that file. No file is looked at.
fn beside(file: &str, path: &str) -> String {
    let folder = std::path::Path::new(file).parent().unwrap_or(std::path::Path::new(""));
    folder.join(path).to_string_lossy().into_owned()
}

fn config(main: Option<MainFile>, routes: Vec<Option<(Arc<str>, CheckedRoute)>>) -> Option<Config> {
    let main = main?;
    let with_defaults = |checked: CheckedRoute| {
        let limits = checked.limits.or(&main.fair_use);
        Arc::new(Route { limits, ..checked.route })
    };
    let routes = routes.into_iter().map(|route| route.map(|(_, checked)| with_defaults(checked)));
    let routes = routes.collect::<Option<_>>()?;
    Some(Config {
        listeners: main.listeners,
        admin: main.admin,
        limits: main.limits,
        clients: main.clients,
        timeouts: main.timeouts,
        allow_private: main.allow_private,
        log: main.log,
        access: main.access,
        routes,
    })
}
