//! Secrets: read from the environment and from files, printed as `***`, sent only by `upstream::auth`.
//!
//! Values never stand in the configuration, in an error or in a log line. A file is read again when it changes, so that a
//! rotated secret needs no restart; a variable is read once.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rules::config::{Config, SecretRef};

/// A secret's value. Every way of printing it gives `***`.
#[derive(Clone)]
pub struct SecretValue(Arc<str>);

impl SecretValue {
    /// The value itself, for the credentials of a request alone.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The secrets that a configuration refers to.
#[derive(Debug, Default)]
pub struct Secrets {
    variables: HashMap<String, SecretValue>,
}

/// A secret that has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSecret {
    /// The route that needs it.
    pub route: Arc<str>,
    /// The target that needs it.
    pub target: Arc<str>,
    /// Which one.
    pub secret: SecretRef,
}

impl Secrets {
    /// Reads every secret that the configuration names. Missing ones are listed, not fatal: a route whose secret is missing
    /// fails with `NoCredentials`, the others work.
    pub fn read(config: &Config, env: &dyn Fn(&str) -> Option<String>) -> (Self, Vec<MissingSecret>) {
        let _ = (config, env);
        todo!()
    }

    /// The value of a secret, if it has one.
    pub fn get(&self, secret: &SecretRef) -> Option<SecretValue> {
        match secret {
            SecretRef::Env(name) => self.variables.get(name).cloned(),
            SecretRef::File(_) => todo!(),
        }
    }
}
