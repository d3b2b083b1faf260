//! An issuer's public keys (RFC 7517): fetched when they are needed, kept for a while, and longer while the issuer is down.
//!
//! An attacker would name key ids that do not exist, to have the issuer asked without end: one fetch is under way at a time, and
//! two lie ten seconds apart at least. Another would take the issuer down, to have an old key go on: what is kept has an end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use rules::config::{JwksSource, Jwt, JwtAlgorithm};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// Between two fetches of one set.
const PAUSE: Duration = Duration::from_secs(10);

/// How long the content of a file is used before the file is looked at again.
const REREAD_AFTER: Duration = Duration::from_secs(1);

/// Keys of one set. Issuers publish two or three.
const MAX_KEYS: usize = 64;

/// Bytes of an RSA modulus: NIST SP 800-131A allows no shorter ones.
const MIN_MODULUS: usize = 256;

/// Gets the text of a set, or says in words why not.
pub(super) type Fetch = Arc<dyn Fn() -> BoxFuture<'static, Result<Bytes, String>> + Send + Sync>;

/// The issuer's keys cannot be had, so no token of its can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

/// The keys of one issuer over time.
pub(super) struct KeySets {
    provider: Arc<str>,
    fetch: Fetch,
    max_age: Duration,
    keep: Duration,
    pause: Duration,
    state: Mutex<State>,
    /// Held by the one fetch that is under way.
    fetching: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
}

#[derive(Default)]
struct State {
    set: Option<(Arc<KeySet>, Instant)>,
    /// When the last fetch ended, well or badly.
    tried: Option<Instant>,
}

/// The usable keys of a set.
#[derive(Default)]
struct KeySet(Vec<Key>);

struct Key {
    id: Option<String>,
    algorithms: Vec<JwtAlgorithm>,
    key: Arc<DecodingKey>,
}

impl KeySets {
    pub(super) fn new(provider: &Arc<str>, rule: &Jwt, fetch: Fetch, tasks: TaskTracker) -> Self {
        let is_file = matches!(rule.keys, JwksSource::File(_));
        Self {
            provider: Arc::clone(provider),
            fetch,
            max_age: if is_file { REREAD_AFTER } else { rule.max_age },
            // A file that is being replaced is no outage.
            keep: if is_file { Duration::MAX } else { rule.keep },
            pause: if is_file { REREAD_AFTER } else { PAUSE },
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            tasks,
        }
    }

    /// The key that a token names, or the only one for its algorithm where it names none. The set is fetched first where it is too
    /// old, or where it does not have the key: that is how a rotation shows.
    ///
    /// # Errors
    /// There is no set that may be used, and none can be had now.
    pub(super) async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: JwtAlgorithm,
    ) -> Result<Option<Arc<DecodingKey>>, Unavailable> {
        if let Some((set, age)) = self.current()
            && age < self.max_age
            && let Some(key) = set.find(id, algorithm)
        {
            return Ok(Some(key));
        }
        self.refresh().await;
        self.current().map(|(set, _)| set.find(id, algorithm)).ok_or(Unavailable)
    }

    /// The last set and its age, if it may still be used.
    fn current(&self) -> Option<(Arc<KeySet>, Duration)> {
        let state = self.state();
        let (set, fetched) = state.set.as_ref()?;
        let age = fetched.elapsed();
        (age <= self.max_age.saturating_add(self.keep)).then(|| (Arc::clone(set), age))
    }

    /// Fetches the set unless that was tried just now; whoever comes meanwhile waits for the same fetch. It runs in a task, so that
    /// a client that goes away does not end it for the others.
    async fn refresh(self: &Arc<Self>) {
        let before = self.state().tried;
        if before.is_some_and(|tried| tried.elapsed() < self.pause) {
            return;
        }
        let this = Arc::clone(self);
        let fetching = self.tasks.spawn(async move {
            let _only = this.fetching.lock().await;
            // Somebody else's fetch ended while this one waited for it.
            if this.state().tried == before {
                this.fetch_now().await;
            }
        });
        // A fetch that panicked has brought nothing.
        let _ended = fetching.await;
    }

    async fn fetch_now(&self) {
        let fetched = (self.fetch)().await.and_then(|text| parse(&text));
        let now = Instant::now();
        let mut state = self.state();
        state.tried = Some(now);
        match fetched {
            Ok(set) => state.set = Some((Arc::new(set), now)),
            Err(error) => {
                let provider = &*self.provider;
                tracing::warn!(
                    provider,
                    error,
                    "the keys of an issuer cannot be fetched; the last ones stay for a while"
                );
            }
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeySet {
    fn find(&self, id: Option<&str>, algorithm: JwtAlgorithm) -> Option<Arc<DecodingKey>> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id);
        let mut fitting = self.0.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            // Without an id there must be no choice.
            (Some(key), None) => Some(Arc::clone(&key.key)),
            (Some(key), Some(_)) if id.is_some() => Some(Arc::clone(&key.key)),
            _ => None,
        }
    }
}

/// Reads a set. A key that cannot be used here is left out: it may be for another purpose or of a kind to come.
fn parse(text: &[u8]) -> Result<KeySet, String> {
    let set: Value = serde_json::from_slice(text).map_err(|_| "the set is no JSON".to_owned())?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or("the set has no `keys`")?;
    let usable: Vec<_> = keys.iter().take(MAX_KEYS).filter_map(key).collect();
    if usable.is_empty() { Err("the set has no key that can verify tokens".to_owned()) } else { Ok(KeySet(usable)) }
}

fn key(value: &Value) -> Option<Key> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let signs = text("use").is_none_or(|usage| usage == "sig");
    let verifies = value.get("key_ops").and_then(Value::as_array);
    let verifies = verifies.is_none_or(|ops| ops.iter().any(|op| op.as_str() == Some("verify")));
    if !signs || !verifies {
        return None;
    }
    let parsed: Jwk = serde_json::from_value(value.clone()).ok()?;
    let mut algorithms = algorithms_of(value)?;
    if let Some(only) = text("alg") {
        algorithms.retain(|algorithm| algorithm.name() == only);
    }
    let key = Arc::new(DecodingKey::from_jwk(&parsed).ok()?);
    (!algorithms.is_empty()).then(|| Key { id: text("kid").map(ToOwned::to_owned), algorithms, key })
}

/// What a key is made for, by its kind: never a shared secret (`oct`), which would turn a public text into a signing key.
fn algorithms_of(value: &Value) -> Option<Vec<JwtAlgorithm>> {
    use JwtAlgorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    match (text("kty")?, text("crv")) {
        ("EC", Some("P-256")) => Some(vec![Es256]),
        ("EC", Some("P-384")) => Some(vec![Es384]),
        ("OKP", Some("Ed25519")) => Some(vec![EdDsa]),
        ("RSA", _) if modulus_len(text("n")?) >= MIN_MODULUS => Some(vec![Rs256, Rs384, Rs512, Ps256, Ps384, Ps512]),
        _ => None,
    }
}

fn modulus_len(text: &str) -> usize {
    use base64::Engine as _;
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    bytes.iter().skip_while(|byte| **byte == 0).count()
}

#[cfg(test)]
mod tests;
