use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;

/// The public half of a key pair on a curve, as an issuer publishes it. The points are those of RFC 7517 (appendix A) and RFC 8037.
fn jwk(id: &str) -> Value {
    json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" })
}

fn set(ids: &[&str]) -> Result<Bytes, String> {
    let keys: Vec<_> = ids.iter().map(|id| jwk(id)).collect();
    Ok(json!({ "keys": keys }).to_string().into())
}

/// An issuer that answers from a script, and how often it was asked.
fn issuer(answers: impl IntoIterator<Item = Result<Bytes, String>>) -> (Fetch, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let script = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
    let counted = Arc::clone(&asked);
    let fetch: Fetch = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let answer = script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Box::pin(async move {
            // Long enough for others to come meanwhile; time is paused.
            tokio::time::sleep(Duration::from_secs(1)).await;
            answer.unwrap_or_else(|| Err("the script has run out".to_owned()))
        })
    });
    (fetch, asked)
}

fn sets(fetch: Fetch) -> Arc<KeySets> {
    Arc::new(KeySets {
        provider: "staff".into(),
        fetch,
        max_age: Duration::from_secs(600),
        keep: Duration::from_secs(3600),
        pause: PAUSE,
        state: Mutex::default(),
        fetching: tokio::sync::Mutex::default(),
        tasks: TaskTracker::new(),
    })
}

async fn has(sets: &Arc<KeySets>, id: &str) -> Result<bool, Unavailable> {
    sets.find(Some(id), JwtAlgorithm::Es256).await.map(|key| key.is_some())
}

#[tokio::test(start_paused = true)]
async fn a_set_is_fetched_once_for_all_who_wait_and_kept_for_its_age() {
    let (fetch, asked) = issuer([set(&["a"]), set(&["b"])]);
    let sets = sets(fetch);
    let all = futures::future::join_all((0..50).map(|_| has(&sets, "a"))).await;
    assert!(all.iter().all(|found| *found == Ok(true)), "{all:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    tokio::time::advance(Duration::from_secs(590)).await;
    assert_eq!(has(&sets, "a").await, Ok(true));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(has(&sets, "a").await, Ok(false), "the issuer has withdrawn it");
    assert_eq!(has(&sets, "b").await, Ok(true));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_looked_for_at_once_but_not_without_end() {
    let (fetch, asked) = issuer([set(&["a"]), set(&["a", "b"]), set(&["a", "b"])]);
    let sets = sets(fetch);
    assert_eq!(has(&sets, "a").await, Ok(true));
    tokio::time::advance(PAUSE).await;
    assert_eq!(has(&sets, "b").await, Ok(true), "a rotation shows with its first token");
    for number in 0..100 {
        assert_eq!(has(&sets, &format!("made-up-{number}")).await, Ok(false));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a flood of key ids asks the issuer no further");
    tokio::time::advance(PAUSE).await;
    assert_eq!(has(&sets, "made-up").await, Ok(false));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn the_last_set_outlives_an_outage_for_a_bounded_time() {
    let (fetch, asked) = issuer([
        set(&["a"]),
        Err("down".to_owned()),
        Ok("<html>".into()),
        Ok(json!({ "keys": [] }).to_string().into()),
    ]);
    let sets = sets(fetch);
    assert_eq!(has(&sets, "a").await, Ok(true));
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(700)).await;
        assert_eq!(has(&sets, "a").await, Ok(true));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 4);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(has(&sets, "a").await, Err(Unavailable));
}

#[tokio::test(start_paused = true)]
async fn without_any_set_nothing_is_accepted_and_the_issuer_is_asked_again() {
    let (fetch, asked) = issuer([Err("down".to_owned()), set(&["a"])]);
    let sets = sets(fetch);
    assert_eq!(has(&sets, "a").await, Err(Unavailable));
    assert_eq!(has(&sets, "a").await, Err(Unavailable));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    tokio::time::advance(PAUSE).await;
    assert_eq!(has(&sets, "a").await, Ok(true));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_does_not_end_the_fetch_for_the_others() {
    let (fetch, asked) = issuer([set(&["a"])]);
    let sets = sets(fetch);
    let impatient = tokio::time::timeout(Duration::from_millis(1), has(&sets, "a")).await;
    assert!(impatient.is_err());
    assert_eq!(has(&sets, "a").await, Ok(true));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// What each key may verify; `-` for one that is left out.
fn usable(change: &Value) -> String {
    let mut key = jwk("a");
    for (name, value) in change.as_object().into_iter().flatten() {
        key[name] = value.clone();
    }
    let parsed = parse(json!({ "keys": [key] }).to_string().as_bytes());
    let Ok(KeySet(keys)) = parsed else { return "-".to_owned() };
    keys[0].algorithms.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_key_verifies_what_it_was_made_for_and_nothing_else() {
    let modulus = |bytes: usize| {
        use base64::Engine as _;
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(vec![0xff; bytes])
    };
    for (change, expected) in [
        (json!({}), "ES256"),
        (json!({ "alg": "ES256", "use": "sig", "key_ops": ["verify"] }), "ES256"),
        (json!({ "alg": "ES384" }), "-"),
        (json!({ "alg": "HS256" }), "-"),
        (json!({ "alg": "none" }), "-"),
        (json!({ "use": "enc" }), "-"),
        (json!({ "key_ops": ["encrypt"] }), "-"),
        (json!({ "crv": "P-521" }), "-"),
        (json!({ "kty": "oct", "k": "c2VjcmV0" }), "-"),
        (json!({ "kty": "RSA", "n": modulus(255), "e": "AQAB" }), "-"),
        (json!({ "kty": "RSA", "n": modulus(256), "e": "AQAB" }), "RS256 RS384 RS512 PS256 PS384 PS512"),
        (json!({ "kty": "RSA", "n": modulus(256), "e": "AQAB", "alg": "PS256" }), "PS256"),
        (json!({ "kty": "OKP", "crv": "Ed25519" }), "EdDSA"),
        (json!({ "kty": "OKP", "crv": "X25519" }), "-"),
    ] {
        assert_eq!(usable(&change), expected, "{change}");
    }
}

#[test]
fn a_token_without_a_key_id_wants_a_set_without_a_choice() {
    let text = |ids: &[&str]| set(ids).expect("a set");
    let one = parse(&text(&["a"])).unwrap_or_default();
    assert!(one.find(None, JwtAlgorithm::Es256).is_some());
    assert!(one.find(None, JwtAlgorithm::Rs256).is_none(), "the only key is of another kind");
    assert!(one.find(Some("b"), JwtAlgorithm::Es256).is_none());
    let two = parse(&text(&["a", "b"])).unwrap_or_default();
    assert!(two.find(None, JwtAlgorithm::Es256).is_none());
    assert!(two.find(Some("b"), JwtAlgorithm::Es256).is_some());
}
