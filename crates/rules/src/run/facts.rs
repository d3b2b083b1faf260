//! Everything that expressions can see, and when: look-ups in what is not there yet are undefined.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use minijinja::Value;
use time::OffsetDateTime;
use uuid::Uuid;
use wire::digest::{Algorithm, ClientDigests, Digests};
use wire::name::FileName;

use super::Answer;
use super::learned::{KnownSecrets, LearnedSecrets};
use super::seed::Seed;
use crate::config::Environment;
use crate::expr::{Segment, parse_json};
use crate::when;
use crate::withheld::{KnowsSecrets, Withheld};

/// Everything that expressions can see.
#[derive(Debug, Clone)]
pub struct Facts {
    pub(crate) file: Option<Arc<FileFacts>>,
    pub(crate) params: Value,
    pub(crate) path: Value,
    pub(crate) client: Value,
    pub(crate) env: Arc<Environment>,
    pub(crate) upload: Option<Arc<UploadFacts>>,
    answers: Vec<(Arc<str>, AnswerFacts)>,
    current: Option<AnswerFacts>,
    /// The operator's; no expression sees them.
    own_secrets: Option<Arc<dyn KnowsSecrets>>,
}

/// What is known of the file.
#[derive(Debug, Clone)]
pub(crate) struct FileFacts {
    pub(crate) name: FileName,
    pub(crate) content_type: String,
    pub(crate) detected_type: Option<String>,
    pub(crate) size: Option<u64>,
    /// Computed while streaming; none before the transfer's end.
    pub(crate) digests: Option<Digests>,
    /// Brought by the client: known from the start, verified at the end.
    pub(crate) announced: ClientDigests,
}

/// What is known of the upload itself.
#[derive(Debug, Clone)]
pub(crate) struct UploadFacts {
    pub(crate) id: Uuid,
    /// The client's, or what a run without one has.
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) received: OffsetDateTime,
}

/// What tells two uploads of the same file apart, and stays the same over retries.
#[derive(Debug, Clone)]
pub(crate) enum IdempotencyKey {
    Text(String),
    /// Made of the run's seed when a rule asks for it, which few do.
    Seeded(Seed),
}

/// An answer, parsed at most once and only when something looks into it.
#[derive(Clone)]
pub(crate) struct AnswerFacts(Arc<Parsed>);

struct Parsed {
    answer: Answer,
    json: OnceLock<Value>,
    xml: OnceLock<Value>,
}

impl Facts {
    /// What is known at load: `env` and nothing else.
    pub fn of_environment(env: Arc<Environment>) -> Self {
        let nothing = map_of(std::iter::empty());
        Self {
            file: None,
            params: nothing.clone(),
            path: nothing.clone(),
            client: nothing,
            env,
            upload: None,
            answers: Vec::new(),
            current: None,
            own_secrets: None,
        }
    }

    /// The same facts with one more step's answer.
    #[must_use]
    pub fn with_answer(mut self, step: &str, answer: Answer) -> Self {
        self.keep(step.into(), AnswerFacts::new(answer));
        self
    }

    /// Keeps a step's answer; an earlier one of the same step is replaced.
    pub(crate) fn keep(&mut self, step: Arc<str>, answer: AnswerFacts) {
        self.answers.retain(|(id, _)| *id != step);
        self.answers.push((step, answer));
    }

    /// The same facts with an answer under the bare names `status`, `headers`, `json`, `xml` and `text`, and under its step.
    pub(crate) fn with_current(&self, step: &Arc<str>, answer: &AnswerFacts) -> Self {
        let mut facts = self.clone();
        facts.keep(Arc::clone(step), answer.clone());
        facts.current = Some(answer.clone());
        facts
    }

    /// Says who knows the operator's own secrets.
    pub(super) fn withhold(&mut self, own: Arc<dyn KnowsSecrets>) {
        self.own_secrets = Some(own);
    }

    /// What no text of an upstream may repeat: the operator's secrets, and what earlier answers handed out.
    pub(super) fn known_secrets(&self) -> KnownSecrets {
        let own = self.own_secrets.as_ref().map_or_else(Withheld::default, |own| own.withheld());
        KnownSecrets::new(own, &self.learned_secrets())
    }

    /// The same facts with an answer that repeats none of these secrets, so that no expression of a rule can cut one in two.
    pub(super) fn masked(&self, secrets: &KnownSecrets) -> Self {
        let mut facts = self.clone();
        let Some(current) = &self.current else { return facts };
        let masked = AnswerFacts::new(secrets.mask_answer(current.answer()));
        for (_, answer) in facts.answers.iter_mut().filter(|(_, answer)| Arc::ptr_eq(&answer.0, &current.0)) {
            *answer = masked.clone();
        }
        facts.current = Some(masked);
        facts
    }

    fn learned_secrets(&self) -> LearnedSecrets {
        let mut learned = LearnedSecrets::default();
        let is_current =
            |answer: &AnswerFacts| self.current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.0, &answer.0));
        for (_, answer) in self.answers.iter().filter(|(_, answer)| !is_current(answer)) {
            learned.read(&answer.json());
            learned.read(&answer.headers());
        }
        learned
    }

    /// Looks a chain of names up. What is not there is undefined, and so is everything in it.
    pub(crate) fn lookup(&self, path: &[Segment]) -> Value {
        let Some((Segment::Name(root), rest)) = path.split_first() else { return Value::UNDEFINED };
        match root.as_str() {
            "file" => self.file.as_ref().map_or(Value::UNDEFINED, |file| file.lookup(rest)),
            "params" => walk(self.params.clone(), rest),
            "path" => walk(self.path.clone(), rest),
            "client" => walk(self.client.clone(), rest),
            "env" => match rest {
                [Segment::Name(name)] => self.env.get(name).map_or(Value::UNDEFINED, Value::from),
                _ => Value::UNDEFINED,
            },
            "upload" => self.upload.as_ref().map_or(Value::UNDEFINED, |upload| upload.lookup(rest)),
            "status" | "headers" | "json" | "xml" | "text" => {
                self.current.as_ref().map_or(Value::UNDEFINED, |answer| answer.lookup(path))
            }
            step => match self.answers.iter().find(|(id, _)| &**id == step) {
                Some((_, answer)) => answer.lookup(rest),
                None => Value::UNDEFINED,
            },
        }
    }
}

impl FileFacts {
    fn lookup(&self, path: &[Segment]) -> Value {
        let [Segment::Name(name), rest @ ..] = path else { return Value::UNDEFINED };
        let value = match name.as_str() {
            "name" => self.name.as_str().into(),
            "stem" => self.name.stem().into(),
            "extension" => self.name.extension().unwrap_or_default().into(),
            "type" => self.content_type.as_str().into(),
            "detected_type" => self.detected_type.as_ref().map_or(Value::UNDEFINED, Value::from),
            "size" => self.size.map_or(Value::UNDEFINED, Value::from),
            digest => return self.digest(digest, rest),
        };
        walk(value, rest)
    }

    fn digest(&self, name: &str, path: &[Segment]) -> Value {
        let (Some(algorithm), [Segment::Name(form)]) = (algorithm(name), path) else { return Value::UNDEFINED };
        let computed = self.digests.as_ref().and_then(|digests| digests.get(algorithm));
        let Some(bytes) = computed.or_else(|| self.announced.get(algorithm)) else { return Value::UNDEFINED };
        match form.as_str() {
            "hex" => hex(bytes).into(),
            "base64" => base64::Engine::encode(&base64::prelude::BASE64_STANDARD, bytes).into(),
            _ => Value::UNDEFINED,
        }
    }
}

/// Digest names as expressions write them.
pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "sha256" => Some(Algorithm::Sha256),
        "sha512" => Some(Algorithm::Sha512),
        "sha1" => Some(Algorithm::Sha1),
        "md5" => Some(Algorithm::Md5),
        "crc32c" => Some(Algorithm::Crc32c),
        "crc64nvme" => Some(Algorithm::Crc64Nvme),
        _ => None,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

impl UploadFacts {
    fn lookup(&self, path: &[Segment]) -> Value {
        match path {
            [Segment::Name(name)] => match name.as_str() {
                "id" => self.id.to_string().into(),
                "idempotency_key" => self.idempotency_key.as_ref().map_or(Value::UNDEFINED, |key| key.text().into()),
                "time" => when::iso8601(self.received).map_or(Value::UNDEFINED, Value::from),
                _ => Value::UNDEFINED,
            },
            _ => Value::UNDEFINED,
        }
    }
}

impl IdempotencyKey {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Seeded(seed) => {
                let random = seed.bytes("idempotency key");
                uuid::Builder::from_random_bytes(random).into_uuid().to_string().into()
            }
        }
    }
}

/// A map as expressions see it; the empty one, which most uploads have, is made once.
pub(crate) fn map_of(pairs: impl ExactSizeIterator<Item = (String, Value)>) -> Value {
    static EMPTY: LazyLock<Value> = LazyLock::new(|| Value::from_pairs(std::iter::empty::<(String, Value)>()));
    if pairs.len() == 0 { EMPTY.clone() } else { Value::from_pairs(pairs) }
}

impl AnswerFacts {
    pub(crate) fn new(answer: Answer) -> Self {
        Self(Arc::new(Parsed { answer, json: OnceLock::new(), xml: OnceLock::new() }))
    }

    pub(crate) fn answer(&self) -> &Answer {
        &self.0.answer
    }

    /// The values of a header, joined as RFC 9110 (5.3) says.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let same = |(field, _): &&(String, Vec<u8>)| field.eq_ignore_ascii_case(name);
        let values =
            self.0.answer.headers.iter().filter(same).map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let values: Vec<_> = values.collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Whether the body can be read. Nobody asked for a compressed one, and unpacking it would undo the bound on its size.
    fn is_readable(&self) -> bool {
        let plain = |coding: &str| coding.trim().is_empty() || coding.trim().eq_ignore_ascii_case("identity");
        self.header("content-encoding").is_none_or(|codings| codings.split(',').all(plain))
    }

    /// The body as JSON; undefined if it is none.
    pub(crate) fn json(&self) -> Value {
        let readable = || self.is_readable().then(|| parse_json(&self.0.answer.body).ok()).flatten();
        let parse = || readable().unwrap_or(Value::UNDEFINED);
        self.0.json.get_or_init(parse).clone()
    }

    /// The body as XML; undefined if it is none.
    pub(crate) fn xml(&self) -> Value {
        let parse = || if self.is_readable() { super::xml::parse(&self.0.answer.body) } else { Value::UNDEFINED };
        self.0.xml.get_or_init(parse).clone()
    }

    fn lookup(&self, path: &[Segment]) -> Value {
        let [Segment::Name(name), rest @ ..] = path else { return Value::UNDEFINED };
        match (name.as_str(), rest) {
            ("status", _) => walk(self.0.answer.status.into(), rest),
            ("text", _) if !self.is_readable() => Value::UNDEFINED,
            ("text", _) => walk(String::from_utf8_lossy(&self.0.answer.body).into_owned().into(), rest),
            ("json", _) => walk(self.json(), rest),
            ("xml", _) => walk(self.xml(), rest),
            ("headers", []) => self.headers(),
            ("headers", [Segment::Name(field), rest @ ..]) => {
                walk(self.header(field).map_or(Value::UNDEFINED, Value::from), rest)
            }
            _ => Value::UNDEFINED,
        }
    }

    fn headers(&self) -> Value {
        let value = |name: &String| (name.clone(), self.header(name).unwrap_or_default());
        Value::from_pairs(self.0.answer.headers.iter().map(|(name, _)| value(name)))
    }
}

impl fmt::Debug for AnswerFacts {
    /// Bodies of answers hold signed URLs and policies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answer {}", self.0.answer.status)
    }
}

/// Goes down from a value; undefined in undefined, and a value that fails where it is used stays one.
fn walk(mut value: Value, path: &[Segment]) -> Value {
    for segment in path {
        let next = match segment {
            Segment::Name(name) => value.get_attr(name),
            Segment::Index(index) => value.get_item(&Value::from(*index)),
        };
        value = match next {
            Ok(next) => next,
            Err(_) => return Value::UNDEFINED,
        };
    }
    value
}
