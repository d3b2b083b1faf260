//! The gateway's own secrets taken out of texts that others wrote.
//!
//! Texts of upstreams lose them twice: in `rules::run`, before anything else looks at a text, and here, where every failure passes
//! on its way to the log and the client, whoever worded it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rules::config::TextOrSecret;
use rules::failure::Failure;
use rules::shown::cleaned;
use rules::withheld::{KnowsSecrets, Withheld};
use zeroize::Zeroizing;

use super::{SecretValue, Secrets};

impl Secrets {
    /// Takes every secret out of what a failure says, and everything that could forge a line or turn one around.
    pub(crate) fn mask_failure(&self, failure: &mut Failure) {
        let withheld = self.masks.of(self.file_values(Instant::now()), || self.withheld());
        let upstream = failure.upstream.iter_mut().flat_map(|said| said.code.iter_mut().chain(&mut said.message));
        let complaints = failure.violations.iter_mut().flat_map(|one| [&mut one.field, &mut one.message]);
        let texts = std::iter::once(&mut failure.detail).chain(&mut failure.cause).chain(upstream).chain(complaints);
        for text in texts {
            *text = cleaned(&withheld.mask(text));
        }
    }
}

/// What texts are searched for, prepared anew only when a file's value changed: in a flood of refusals each is searched.
#[derive(Debug, Default)]
pub(super) struct Masks(Mutex<Option<Prepared>>);

#[derive(Debug)]
struct Prepared {
    /// The values of files when it was prepared. Variables do not change.
    of: Vec<SecretValue>,
    withheld: Arc<Withheld>,
}

impl Masks {
    fn of(&self, values: Vec<SecretValue>, prepare: impl FnOnce() -> Withheld) -> Arc<Withheld> {
        let mut prepared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*prepared {
            Some(prepared) if prepared.of == values => Arc::clone(&prepared.withheld),
            _ => {
                let withheld = Arc::new(prepare());
                *prepared = Some(Prepared { of: values, withheld: Arc::clone(&withheld) });
                withheld
            }
        }
    }
}

impl KnowsSecrets for Secrets {
    fn withheld(&self) -> Withheld {
        let now = Instant::now();
        let mut values: Vec<Zeroizing<String>> = Vec::new();
        let mut keep = |value: &str| values.push(Zeroizing::new(value.to_owned()));
        self.variables.values().for_each(|value| keep(value.expose()));
        self.file_values(now).iter().for_each(|value| keep(value.expose()));
        for (username, password) in &self.pairs {
            for user in self.known_users(username, now) {
                for password in self.known_values(password, now) {
                    keep(&format!("{}:{}", *user, password.expose()));
                }
            }
        }
        Withheld::new(values.iter().map(|value| value.as_str()))
    }
}

impl Secrets {
    /// The values of all files, and those before them, in the same order each time.
    fn file_values(&self, now: Instant) -> Vec<SecretValue> {
        self.files.values().flat_map(|file| file.known_values(now)).collect()
    }

    fn known_users(&self, username: &TextOrSecret, now: Instant) -> Vec<Zeroizing<String>> {
        match username {
            TextOrSecret::Text(text) => vec![Zeroizing::new(text.clone())],
            TextOrSecret::Secret(secret) => {
                let values = self.known_values(secret, now);
                values.iter().map(|value| Zeroizing::new(value.expose().to_owned())).collect()
            }
        }
    }
}
