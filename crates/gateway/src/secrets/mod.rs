//! Secrets: read from the environment and from files, printed as `***`, sent only by `upstream::auth`.
//!
//! Values never stand in the configuration, in an error or in a log line. A file is read again while it is used, so that a
//! rotated secret needs no restart; a variable is read once.

mod file;
mod mask;
mod value;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rules::config::{Auth, Config, HeaderItem, RequestRule, Route, SecretRef, Target, TextOrSecret};

use file::SecretFile;
use mask::Masks;
pub use value::SecretValue;

/// The secrets that a configuration refers to.
#[derive(Debug, Default)]
pub struct Secrets {
    variables: HashMap<String, SecretValue>,
    files: HashMap<String, SecretFile>,
    /// By the paths of files that are not read.
    stand_ins: HashMap<String, SecretValue>,
    /// User names and passwords that travel as one value.
    pairs: Vec<(TextOrSecret, SecretRef)>,
    masks: Masks,
}

/// A secret that has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSecret {
    /// The route that needs it.
    pub route: Arc<str>,
    /// Which one.
    pub secret: SecretRef,
}

impl fmt::Display for MissingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route `{}` needs {}, which has no value", self.route, describe(&self.secret))
    }
}

/// A secret's place, never its value.
#[must_use]
pub fn describe(secret: &SecretRef) -> String {
    match secret {
        SecretRef::Env(name) => format!("the environment variable `{name}`"),
        SecretRef::File(path) => format!("the file `{path}`"),
    }
}

impl Secrets {
    /// Reads every secret that the configuration names, and lists the ones without a value. Those are not fatal: requests that
    /// need them fail with `NoCredentials`, everything else works.
    #[must_use]
    pub fn read(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<MissingSecret>) {
        let mut secrets = Self::default();
        let mut missing = Vec::new();
        for route in &config.routes {
            secrets.pairs.extend(route.targets.iter().filter_map(|target| match &target.auth {
                Some(Auth::Basic { username, password }) => Some((username.clone(), password.clone())),
                _ => None,
            }));
            for Needed { secret, optional } in needed_by(route) {
                secrets.load(secret, env);
                let entry = MissingSecret { route: Arc::clone(&route.name), secret: secret.clone() };
                if !optional && secrets.get(secret).is_none() && !missing.contains(&entry) {
                    missing.push(entry);
                }
            }
        }
        for key in config.access.iter().filter_map(|provider| provider.tickets()).flat_map(|tickets| &tickets.keys) {
            secrets.load(&key.secret, env);
        }
        (secrets, missing)
    }

    /// Values that are none, for a configuration that only meets scripted upstreams: no file is read. A variable that `env` does
    /// not know has its name in angle brackets, a file its file name, an optional secret nothing.
    #[must_use]
    pub fn stand_ins(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut secrets = Self::default();
        for route in &config.routes {
            for Needed { secret, optional } in needed_by(route) {
                match secret {
                    SecretRef::Env(name) => {
                        let value = env(name).or_else(|| (!optional).then(|| format!("<{name}>")));
                        let value = value.as_deref().and_then(SecretValue::new);
                        secrets.variables.extend(value.map(|value| (name.clone(), value)));
                    }
                    SecretRef::File(path) if !optional => {
                        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
                        let value = SecretValue::new(&format!("<{name}>"));
                        secrets.stand_ins.extend(value.map(|value| (path.clone(), value)));
                    }
                    SecretRef::File(_) => {}
                }
            }
        }
        secrets
    }

    /// How many secret files gave no value when they were last looked at; those whose look is old are looked at again.
    #[must_use]
    pub fn unreadable_files(&self) -> usize {
        let now = Instant::now();
        self.files.values().filter(|file| file.is_unreadable(now)).count()
    }

    /// The value of a secret, if it has one. A file is read again when its value is older than a second; should that fail, the
    /// old value stays.
    #[must_use]
    pub fn get(&self, secret: &SecretRef) -> Option<SecretValue> {
        self.get_at(secret, Instant::now())
    }

    pub(crate) fn get_at(&self, secret: &SecretRef, now: Instant) -> Option<SecretValue> {
        match secret {
            SecretRef::Env(name) => self.variables.get(name).cloned(),
            SecretRef::File(path) => {
                let stand_in = self.stand_ins.get(path).cloned();
                stand_in.or_else(|| self.files.get(path)?.value(now))
            }
        }
    }

    /// The value of a secret, and the one that it had before.
    fn known_values(&self, secret: &SecretRef, now: Instant) -> Vec<SecretValue> {
        match secret {
            SecretRef::Env(name) => self.variables.get(name).cloned().into_iter().collect(),
            SecretRef::File(path) => self.files.get(path).map_or_else(Vec::new, |file| file.known_values(now)),
        }
    }

    fn load(&mut self, secret: &SecretRef, env: &dyn Fn(&str) -> Option<String>) {
        match secret {
            SecretRef::Env(name) => {
                if let Some(value) = env(name).as_deref().and_then(SecretValue::new) {
                    self.variables.insert(name.clone(), value);
                }
            }
            SecretRef::File(path) => {
                self.files.entry(path.clone()).or_insert_with(|| SecretFile::open(path, Instant::now()));
            }
        }
    }
}

struct Needed<'a> {
    secret: &'a SecretRef,
    optional: bool,
}

fn needed_by(route: &Route) -> impl Iterator<Item = Needed<'_>> {
    let of_targets = route.targets.iter().flat_map(|target| needed_by_target(target));
    let requests = route.steps.iter().flat_map(|step| {
        let undo = step.undo.as_ref().map(|undo| &undo.request);
        std::iter::once(&step.request).chain(undo)
    });
    let of_requests = requests.flat_map(|request: &RequestRule| needed_by_headers(&request.headers));
    of_targets.chain(of_requests)
}

fn needed_by_target(target: &Target) -> Vec<Needed<'_>> {
    let needed = |secret| Needed { secret, optional: false };
    let mut all: Vec<_> = needed_by_headers(&target.headers).collect();
    match &target.auth {
        None => {}
        Some(Auth::Bearer(secret) | Auth::Header { value: secret, .. } | Auth::Query { value: secret, .. }) => {
            all.push(needed(secret));
        }
        Some(Auth::Basic { username, password }) => {
            if let TextOrSecret::Secret(username) = username {
                all.push(needed(username));
            }
            all.push(needed(password));
        }
        Some(Auth::SigV4 { access_key_id, secret_access_key, session_token, .. }) => {
            all.push(needed(access_key_id));
            all.push(needed(secret_access_key));
            all.extend(session_token.iter().map(|secret| Needed { secret, optional: true }));
        }
    }
    all
}

fn needed_by_headers(headers: &[HeaderItem]) -> impl Iterator<Item = Needed<'_>> {
    headers.iter().filter_map(|item| match item {
        HeaderItem::Secret(_, secret) => Some(Needed { secret, optional: false }),
        HeaderItem::Written(..) | HeaderItem::Learned(_) => None,
    })
}
