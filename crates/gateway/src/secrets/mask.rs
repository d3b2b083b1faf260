//! The gateway's own secrets taken out of texts that others wrote.
//!
//! Texts of upstreams lose them twice: in `rules::run`, before anything else looks at a text, and here, where every failure passes
//! on its way to the log and the client, whoever worded it.

use std::time::Instant;

use rules::config::TextOrSecret;
use rules::failure::Failure;
use rules::shown::cleaned;
use rules::withheld::{KnowsSecrets, Withheld};
use zeroize::Zeroizing;

use super::Secrets;

impl Secrets {
    /// Takes every secret out of what a failure says, and everything that could forge a line or turn one around.
    pub(crate) fn mask_failure(&self, failure: &mut Failure) {
        let withheld = self.withheld();
        let upstream = failure.upstream.iter_mut().flat_map(|said| said.code.iter_mut().chain(&mut said.message));
        let complaints = failure.violations.iter_mut().flat_map(|one| [&mut one.field, &mut one.message]);
        let texts = std::iter::once(&mut failure.detail).chain(&mut failure.cause).chain(upstream).chain(complaints);
        for text in texts {
            *text = cleaned(&withheld.mask(text));
        }
    }
}

impl KnowsSecrets for Secrets {
    fn withheld(&self) -> Withheld {
        let now = Instant::now();
        let mut values: Vec<Zeroizing<String>> = Vec::new();
        let mut keep = |value: &str| values.push(Zeroizing::new(value.to_owned()));
        self.variables.values().for_each(|value| keep(value.expose()));
        for file in self.files.values() {
            file.known_values(now).iter().for_each(|value| keep(value.expose()));
        }
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
