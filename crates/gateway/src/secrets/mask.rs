//! The gateway's own secrets taken out of texts that others wrote.
//!
//! An upstream that says "invalid key 5f3c…" tells the caller the key, whatever it looks like. What was sent as a credential is
//! known exactly, so it is looked for exactly: as it is, and as it travels in URLs, JSON and `Authorization: Basic`.

use std::time::Instant;

use rules::config::TextOrSecret;
use rules::failure::Failure;
use rules::shown::{cleaned, forms};
use zeroize::Zeroizing;

use super::Secrets;

/// Shorter values are not looked for: they are words, and a text without its words says nothing.
const MIN_MASKED_LEN: usize = 6;

/// What a bounded text ends with where it was cut.
const CUT: char = '…';

impl Secrets {
    /// Takes every secret out of what a failure says, and everything that could forge a line or turn one around.
    pub(crate) fn mask_failure(&self, failure: &mut Failure) {
        let needles = self.needles();
        let upstream = failure.upstream.iter_mut().flat_map(|said| said.code.iter_mut().chain(&mut said.message));
        let complaints = failure.violations.iter_mut().flat_map(|one| [&mut one.field, &mut one.message]);
        let texts = std::iter::once(&mut failure.detail).chain(&mut failure.cause).chain(upstream).chain(complaints);
        for text in texts {
            // First, as invisible characters within a value would hide it from the search and not from people.
            *text = cleaned(text);
            mask(text, &needles);
        }
    }

    /// Every form of every value, longest first, so that a value within another leaves no rest.
    fn needles(&self) -> Vec<Zeroizing<String>> {
        let now = Instant::now();
        let mut values: Vec<Zeroizing<String>> = Vec::new();
        for value in
            self.variables.values().cloned().chain(self.files.iter().filter_map(|(path, file)| file.value(path, now)))
        {
            values.push(Zeroizing::new(value.expose().to_owned()));
        }
        for (username, password) in &self.pairs {
            let user = match username {
                TextOrSecret::Text(text) => Some(text.clone()),
                TextOrSecret::Secret(secret) => self.get_at(secret, now).map(|value| value.expose().to_owned()),
            };
            if let Some((user, password)) = user.zip(self.get_at(password, now)) {
                values.push(Zeroizing::new(format!("{user}:{}", password.expose())));
            }
        }
        let mut needles: Vec<_> = values.iter().flat_map(|value| forms(value)).map(Zeroizing::new).collect();
        needles.retain(|needle| needle.len() >= MIN_MASKED_LEN);
        needles.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        needles.dedup();
        needles
    }
}

fn mask(text: &mut String, needles: &[Zeroizing<String>]) {
    for needle in needles {
        if text.contains(needle.as_str()) {
            *text = text.replace(needle.as_str(), "***");
        }
        // A text that was cut may end in the beginning of one.
        if let Some(kept) = text.strip_suffix(CUT) {
            let lengths = (MIN_MASKED_LEN..needle.len()).rev();
            let beginnings = lengths.filter_map(|len| needle.get(..len));
            if let Some(rest) = beginnings.filter_map(|beginning| kept.strip_suffix(beginning)).next() {
                *text = format!("{rest}***{CUT}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, value: &str) -> String {
        let mut text = text.to_owned();
        let needles: Vec<_> = forms(value).into_iter().map(Zeroizing::new).collect();
        mask(&mut text, &needles);
        text
    }

    #[test]
    fn a_value_is_found_in_each_of_its_forms_and_where_it_was_cut() {
        let value = "k\"y/1+2-3";
        for form in ["k\"y/1+2-3", "k\\\"y/1+2-3", "k%22y%2F1%2B2-3", "ayJ5LzErMi0z"] {
            assert_eq!(masked(&format!("bad key {form}."), value), "bad key ***.");
        }
        assert_eq!(masked("bad key k\"y/1+…", value), "bad key ***…");
        assert_eq!(masked("bad key k\"…", value), "bad key k\"…", "too little to be told from words");
        assert_eq!(masked("nothing of it", value), "nothing of it");
    }
}
