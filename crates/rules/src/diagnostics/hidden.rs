//! Texts of files without the credentials that stand in them, at their place or not.
//!
//! Reports end up in logs and tickets, and a report about a mistake shows its line. Whoever writes a key into a file by mistake
//! makes other mistakes with it, so the text is judged before it is parsed and word by word: what is not known to be harmless is
//! hidden, be the file sound or not. A hidden word keeps its length, so that carets stay where they belong.

use super::did_you_mean;

/// How much of a file is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hiding {
    /// Everything but the keys of an entry: a file of API keys.
    All,
    /// What stands at places of secrets, to the end of the line and in all lines that belong to it.
    Secrets,
}

/// A text whose credentials are hidden, and the words that were.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    pub(crate) text: String,
    words: Vec<String>,
}

/// Keys of an API key's entry.
const ENTRY_KEYS: &[&str] = &["id", "sha256", "not-after", "claims"];

/// Keys that stand at the places of secrets or behind them in a line.
const HARMLESS_KEYS: &[&str] = &[
    "id",
    "sha256",
    "not-after",
    "claims",
    "file",
    "env",
    "optional",
    "secret",
    "keys",
    "api-keys",
    "bearer",
    "basic",
    "header",
    "query",
    "sigv4",
    "name",
    "prefix",
    "value",
    "username",
    "password",
    "credentials",
    "access-key-id",
    "secret-access-key",
    "session-token",
    "service",
    "region",
    "oauth2-client-credentials",
    "mint",
    "max-lifetime",
    "max-uses",
    "origin",
    "headers",
    "timeout",
    "url",
    "tls",
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "cookie",
];

/// Keys whose values say where a secret is, and are none.
const HARMLESS_VALUES: &[&str] = &[
    "file",
    "optional",
    "name",
    "prefix",
    "service",
    "region",
    "mint",
    "max-lifetime",
    "max-uses",
    "origin",
    "timeout",
];

/// Keys under which secrets stand, beside those of [`is_credential`].
const PLACES: &[&str] = &["auth", "secret", "bearer", "password", "keys", "api-keys", "access-key-id"];

/// Words that are shorter are in every text, so they are not looked for in messages.
const MIN_WORD: usize = 4;

/// Shorter values of headers whose name does not tell for certain are words.
const MIN_CREDENTIAL: usize = 12;

/// Whether a header, or another name, says that its value is a credential.
pub(crate) fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "authorization" | "proxy-authorization" | "cookie" => true,
        // Made up for each request and sent to be known.
        "idempotency-key" => false,
        name => ["-token", "-key", "-secret"].iter().any(|end| name.ends_with(end)),
    }
}

/// Whether the literal value of a header is a credential. Some headers only sound as if: `X-Atlassian-Token: no-check`.
pub(crate) fn is_written_credential(name: &str, value: &str) -> bool {
    let certain = ["authorization", "proxy-authorization", "cookie", "x-api-key"];
    let is_certain = certain.iter().any(|certain| name.eq_ignore_ascii_case(certain));
    is_credential(name) && !value.trim().is_empty() && (is_certain || value.trim().len() >= MIN_CREDENTIAL)
}

impl Hidden {
    /// Hides what a file of this kind must not show.
    pub(crate) fn of(text: &str, hiding: Hiding) -> Self {
        let mut hidden = Self { text: String::with_capacity(text.len()), words: Vec::new() };
        let mut block = Block::default();
        for line in text.split_inclusive('\n') {
            let from = match hiding {
                Hiding::All => 0,
                Hiding::Secrets => block.hidden_from(line),
            };
            let (shown, rest) = line.split_at_checked(from).unwrap_or(("", line));
            hidden.text.push_str(shown);
            hidden.line(rest, hiding);
        }
        hidden
    }

    /// A message in which no hidden word is quoted.
    pub(crate) fn message(&self, message: &str) -> Option<String> {
        let mut parts: Vec<&str> = message.split('`').collect();
        let mut changed = false;
        // What stands between two backquotes has an odd place.
        for quoted in parts.iter_mut().skip(1).step_by(2) {
            if self.words.iter().any(|word| quoted.contains(word.as_str())) {
                *quoted = "***";
                changed = true;
            }
        }
        changed.then(|| parts.join("`"))
    }

    fn line(&mut self, line: &str, hiding: Hiding) {
        let (mut key, mut in_list) = (None, false);
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            if let (Hiding::Secrets, Some((expression, after))) = (hiding, expression(rest)) {
                self.text.push_str(expression);
                rest = after;
                continue;
            }
            if is_separator(first) {
                in_list = (in_list || first == '[') && !matches!(first, ']' | '{');
                if matches!(first, '{' | '}') || (first == ',' && !in_list) {
                    key = None;
                }
                self.text.push(first);
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                continue;
            }
            let len = rest.find(is_separator).unwrap_or(rest.len());
            let (word, after) = rest.split_at_checked(len).unwrap_or((rest, ""));
            let is_key = after.trim_start_matches(['"', '\'', ' ']).starts_with(':');
            if is_key && is_known(word, hiding) {
                key = Some(word);
                self.text.push_str(word);
            } else if is_punctuation(word) || (hiding == Hiding::Secrets && is_harmless(key, word)) {
                self.text.push_str(word);
            } else {
                self.hide(word);
            }
            rest = after;
        }
    }

    fn hide(&mut self, word: &str) {
        if word.len() >= MIN_WORD {
            self.words.push(word.to_owned());
        }
        for character in word.chars() {
            // As many bytes as before, and one character where there is such an asterisk.
            self.text.push_str(match character.len_utf8() {
                1 => "*",
                2 => "·",
                3 => "•",
                _ => "****",
            });
        }
    }
}

/// The lines that belong to the place of a secret.
#[derive(Default)]
struct Block {
    /// The column of the place's key; more indented lines belong to it.
    column: Option<usize>,
    /// Nothing stood behind the key: the value is in the next line, be it indented or not.
    awaits_value: bool,
}

impl Block {
    /// From which byte on a line is hidden.
    fn hidden_from(&mut self, line: &str) -> usize {
        let body = line.trim_start();
        if body.is_empty() {
            return line.len();
        }
        let indentation = line.len() - body.len();
        if let Some(column) = self.column {
            let is_value = self.awaits_value && (body.starts_with('-') || !body.contains(':'));
            if indentation > column || (is_value && indentation == column) || (is_value && !body.starts_with('-')) {
                // Items may stand at their key's column, each in a line of its own.
                self.awaits_value = body.starts_with('-');
                return 0;
            }
        }
        *self = Self::default();
        let Some((at, value)) = place(line) else { return line.len() };
        // Inside of braces the column of a key says nothing.
        let is_flow = line.get(..at).is_some_and(|before| before.contains(['{', '[']));
        self.column = Some(if is_flow { indentation } else { at });
        self.awaits_value = line.get(value..).is_some_and(|value| value.trim().is_empty());
        value
    }
}

/// Where the first key of a line stands that is the place of a secret, and where its value begins.
fn place(line: &str) -> Option<(usize, usize)> {
    line.match_indices(':').find_map(|(colon, _)| {
        let before = line.get(..colon)?.trim_end_matches(['"', '\'', ' ']);
        let at = before.rfind(is_separator).map_or(0, |at| at + 1);
        let name = before.get(at..)?.to_ascii_lowercase();
        (PLACES.contains(&name.as_str()) || is_credential(&name)).then_some((at, colon + 1))
    })
}

/// An expression at the beginning of a text, and what comes after it. One with a text in it may spell a secret out.
fn expression(text: &str) -> Option<(&str, &str)> {
    let end = text.strip_prefix("${")?.find('}')? + 3;
    let (expression, after) = text.split_at_checked(end)?;
    (!expression.contains(['\'', '"', '\n'])).then_some((expression, after))
}

fn is_separator(character: char) -> bool {
    character.is_ascii_whitespace() || matches!(character, '{' | '}' | '[' | ']' | ',' | ':' | '"' | '\'')
}

/// Dashes, and the signs of block scalars.
fn is_punctuation(word: &str) -> bool {
    matches!(word, "-" | "|" | ">" | "|-" | ">-" | "|+" | ">+" | "---" | "#" | "?")
}

/// A known key or a slip of one, which says no more.
fn is_known(word: &str, hiding: Hiding) -> bool {
    let known = if hiding == Hiding::All { ENTRY_KEYS } else { HARMLESS_KEYS };
    let lower = word.to_ascii_lowercase();
    known.contains(&lower.as_str())
        || did_you_mean(word, known.iter().copied()).is_some()
        || (hiding == Hiding::Secrets && is_credential(word) && word.len() < 24)
}

fn is_harmless(key: Option<&str>, word: &str) -> bool {
    match key {
        // Names of variables are in messages as well. A key has small letters.
        Some("env") => word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'),
        Some(key) => HARMLESS_VALUES.contains(&key),
        None => false,
    }
}
