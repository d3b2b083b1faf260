//! JSON Web Tokens: what is accepted, every known way to forge one, and an issuer that rotates its keys or is away.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use sandbox::peer::{Reply, ScriptedPeer};
use serde_json::{Value, json};

use crate::issuer::{ISSUER, SigningKey, claims, in_seconds, part, set, sign_hmac, staff};
use crate::stage::{KEY, Stage, Verdict, teams, verdict};

const TARGET: &str = "/t/acme/files/a.txt";

async fn issuer(replies: impl IntoIterator<Item = Reply>) -> ScriptedPeer {
    ScriptedPeer::start(replies).await.expect("the issuer starts")
}

async fn sender(stage: &Stage, token: &str) -> String {
    stage.sender(TARGET, &[("authorization", &format!("Bearer {token}"))]).await
}

async fn refused(stage: &Stage, token: &str) -> Verdict {
    stage.refused(TARGET, &[("authorization", &format!("Bearer {token}"))]).await
}

/// jsonwebtoken panics at the first use of a build without a provider: this is the first use.
#[tokio::test]
async fn every_algorithm_that_can_be_named_verifies() {
    for algorithm in [
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ] {
        let key = SigningKey::new("k", algorithm);
        let issuer = issuer([set(&[&key])]).await;
        let stage = Stage::new("staff", &[&staff(&issuer, &format!("{algorithm:?}"))]).await;
        assert_eq!(sender(&stage, &key.sign(&claims(&json!({})))).await, "staff u1 acme", "{algorithm:?}");
        let forged = SigningKey::new("k", algorithm).sign(&claims(&json!({})));
        assert_eq!(refused(&stage, &forged).await, verdict(401, "unauthenticated"), "{algorithm:?}");
    }
}

/// A token and what is wrong with it.
type Forgery = (&'static str, String);

/// A good head with some members changed.
fn head(change: &Value) -> Value {
    let mut head = json!({ "alg": "ES256", "kid": "k", "typ": "JWT" });
    for (name, value) in change.as_object().into_iter().flatten() {
        head[name] = value.clone();
    }
    head
}

/// Heads that choose their own algorithm, key or rules.
fn by_head(key: &SigningKey, rsa: &SigningKey, stranger: &SigningKey) -> Vec<Forgery> {
    let good = claims(&json!({}));
    let token = key.sign(&good);
    let signature = token.rsplit('.').next().unwrap_or_default();
    let jwk_text = key.public.to_string();
    vec![
        ("none", format!("{}.{}.", part(&head(&json!({ "alg": "none" }))), part(&good))),
        ("None", format!("{}.{}.", part(&head(&json!({ "alg": "None" }))), part(&good))),
        ("none with a signature", format!("{}.{}.{}", part(&head(&json!({ "alg": "none" }))), part(&good), signature)),
        ("HS256 with the public key in PEM", sign_hmac(&key.public_pem, &head(&json!({ "alg": "HS256" })), &good)),
        ("HS256 with the published JWK", sign_hmac(jwk_text.as_bytes(), &head(&json!({ "alg": "HS256" })), &good)),
        (
            "HS256 with RSA's public key",
            sign_hmac(&rsa.public_pem, &head(&json!({ "alg": "HS256", "kid": "r" })), &good),
        ),
        ("an HMAC that says ES256", sign_hmac(&key.public_pem, &head(&json!({})), &good)),
        ("an algorithm that is not listed", rsa.sign(&good)),
        ("RS256 with the key of ES256", rsa.sign_with(&head(&json!({ "alg": "RS256" })), &good)),
        ("ES256 with the key of RS256", key.sign_with(&head(&json!({ "kid": "r" })), &good)),
        ("ES384 in the head", key.sign_with(&head(&json!({ "alg": "ES384" })), &good)),
        ("an unknown key id", key.sign_with(&head(&json!({ "kid": "zzz" })), &good)),
        ("a path as key id", key.sign_with(&head(&json!({ "kid": "../../dev/null" })), &good)),
        ("a number as key id", key.sign_with(&head(&json!({ "kid": 7 })), &good)),
        ("another key of that id", stranger.sign(&good)),
        ("a key of its own", stranger.sign_with(&head(&json!({ "jwk": stranger.public })), &good)),
        ("a key set of its own", stranger.sign_with(&head(&json!({ "jku": "http://127.0.0.1:1/jwks.json" })), &good)),
        ("crit", key.sign_with(&head(&json!({ "crit": ["exp"] })), &good)),
        ("b64 as extension", key.sign_with(&head(&json!({ "crit": ["b64"], "b64": false })), &good)),
        ("zip", key.sign_with(&head(&json!({ "zip": "DEF" })), &good)),
        ("a logout token", key.sign_with(&head(&json!({ "typ": "logout+jwt" })), &good)),
        ("no algorithm", key.sign_with(&head(&json!({ "alg": null })), &good)),
        ("a list of algorithms", key.sign_with(&head(&json!({ "alg": ["ES256"] })), &good)),
    ]
}

/// Tokens that are not what was signed, or not of a token's form.
fn by_form(key: &SigningKey) -> Vec<Forgery> {
    let good = claims(&json!({}));
    let token = key.sign(&good);
    let parts: Vec<&str> = token.split('.').collect();
    let flipped = |at: usize| {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).expect("ASCII")
    };
    vec![
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("a head that is no map", format!("{}.{}.{}", part(&json!([])), parts[1], parts[2])),
        ("a head that is no JSON", format!("{}.{}.{}", BASE64_URL_SAFE_NO_PAD.encode("{"), parts[1], parts[2])),
        ("changed claims", format!("{}.{}.{}", parts[0], part(&claims(&json!({ "sub": "root" }))), parts[2])),
        ("padding", format!("{token}=")),
        ("the first byte", flipped(0)),
        ("a byte of the claims", flipped(parts[0].len() + 3)),
        ("a byte of the signature", flipped(token.len() - 20)),
        ("huge", key.sign(&claims(&json!({ "more": "x".repeat(9000) })))),
        ("an API key of three parts", format!("{KEY}.{KEY}.{KEY}")),
    ]
}

/// Claims that are not for this gateway, or not for now.
fn by_claims(key: &SigningKey) -> Vec<Forgery> {
    vec![
        ("another issuer", key.sign(&claims(&json!({ "iss": "https://evil.example.com" })))),
        ("an issuer that begins so", key.sign(&claims(&json!({ "iss": format!("{ISSUER}.evil.example.com") })))),
        ("no issuer", key.sign(&claims(&json!({ "iss": null })))),
        ("another audience", key.sign(&claims(&json!({ "aud": "other" })))),
        ("other audiences", key.sign(&claims(&json!({ "aud": ["other", "tidegate2"] })))),
        ("no audience", key.sign(&claims(&json!({ "aud": null })))),
        ("no end", key.sign(&claims(&json!({ "exp": null })))),
        ("a text as end", key.sign(&claims(&json!({ "exp": in_seconds(300).to_string() })))),
        ("expired", key.sign(&claims(&json!({ "exp": in_seconds(-31) })))),
        ("not yet", key.sign(&claims(&json!({ "nbf": in_seconds(60) })))),
        ("nobody", key.sign(&claims(&json!({ "sub": null })))),
    ]
}

#[tokio::test]
async fn no_known_forgery_is_accepted() {
    let key = SigningKey::new("k", Algorithm::ES256);
    let rsa = SigningKey::new("r", Algorithm::RS256);
    let stranger = SigningKey::new("k", Algorithm::ES256);
    let issuer = issuer([set(&[&key, &rsa]), set(&[&key, &rsa]), set(&[&key, &rsa])]).await;
    let stage = Stage::new("[staff, teams]", &[&staff(&issuer, "ES256"), &teams()]).await;
    let good = claims(&json!({}));
    let token = key.sign(&good);
    assert_eq!(sender(&stage, &token).await, "staff u1 acme");
    let forgeries = [by_head(&key, &rsa, &stranger), by_form(&key), by_claims(&key)].concat();
    for (what, forged) in &forgeries {
        let answer = stage.put(TARGET, &[("authorization", &format!("Bearer {forged}"))]).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthenticated"), "{what}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"tidegate\", error=\"invalid_token\""),
            "{what}"
        );
    }
    // The route goes on, and so does the token that was good all the time.
    assert_eq!(sender(&stage, &token).await, "staff u1 acme");
    assert_eq!(stage.peer.requests().len(), 2, "only the good ones reached the upstream");
    let metrics = stage.admin("/metrics").await;
    for reason in
        ["algorithm", "signature", "unknown-key", "issuer", "audience", "expired", "too-early", "subject", "malformed"]
    {
        let counted = format!("tidegate_access_refused_total{{kind=\"jwt\",reason=\"{reason}\"}}");
        assert!(metrics.contains(&counted), "{counted}: {metrics}");
    }
}

#[tokio::test]
async fn a_little_clock_skew_is_forgiven() {
    let key = SigningKey::new("k", Algorithm::ES256);
    let issuer = issuer([set(&[&key])]).await;
    let stage = Stage::new("staff", &[&staff(&issuer, "ES256")]).await;
    for change in
        [json!({ "exp": in_seconds(-10) }), json!({ "nbf": in_seconds(20) }), json!({ "aud": ["x", "tidegate"] })]
    {
        assert_eq!(sender(&stage, &key.sign(&claims(&change))).await, "staff u1 acme", "{change}");
    }
    let without_id = key.sign_with(&json!({ "alg": "ES256" }), &claims(&json!({})));
    assert_eq!(sender(&stage, &without_id).await, "staff u1 acme", "there is one key only");
}

#[tokio::test]
async fn a_rotated_key_is_fetched_with_its_first_token_and_a_flood_of_key_ids_fetches_nothing() {
    let (old, new) = (SigningKey::new("old", Algorithm::ES256), SigningKey::new("new", Algorithm::ES256));
    let issuer = issuer([set(&[&old])]).await;
    let stage = Stage::new("staff", &[&staff(&issuer, "ES256")]).await;
    assert_eq!(sender(&stage, &old.sign(&claims(&json!({})))).await, "staff u1 acme");
    assert_eq!(issuer.requests().len(), 1);
    assert_eq!(issuer.requests()[0].header("accept"), Some("application/jwk-set+json, application/json"));
    assert!(issuer.requests()[0].header("authorization").is_none());
    for number in 0..20 {
        let head = json!({ "alg": "ES256", "kid": format!("made-up-{number}") });
        assert_eq!(refused(&stage, &old.sign_with(&head, &claims(&json!({})))).await, verdict(401, "unauthenticated"));
    }
    assert_eq!(issuer.requests().len(), 1, "two fetches lie ten seconds apart");
    // A gateway that has not fetched yet meets the new set.
    issuer.push(set(&[&old, &new]));
    let fresh = Stage::new("staff", &[&staff(&issuer, "ES256")]).await;
    assert_eq!(sender(&fresh, &new.sign(&claims(&json!({})))).await, "staff u1 acme");
    assert_eq!(sender(&fresh, &old.sign(&claims(&json!({})))).await, "staff u1 acme");
}

#[tokio::test]
async fn an_issuer_that_is_away_or_misbehaves_lets_nobody_in_and_is_not_the_clients_fault() {
    let key = SigningKey::new("k", Algorithm::ES256);
    let token = key.sign(&claims(&json!({})));
    let redirect = Reply::empty(302).with("Location", "http://127.0.0.1:1/jwks.json").at("/jwks.json");
    let huge = Reply::json(200, &json!({ "keys": [key.public.clone()], "more": "x".repeat(2 << 20) })).at("/jwks.json");
    let page = Reply { body: "<html>".into(), ..Reply::empty(200) }.at("/jwks.json");
    let empty = Reply::json(200, &json!({ "keys": [] })).at("/jwks.json");
    let secret = Reply::json(200, &json!({ "keys": [{ "kty": "oct", "kid": "k", "k": "c2VjcmV0" }] })).at("/jwks.json");
    for reply in [Reply::empty(503).at("/jwks.json"), redirect, huge, page, empty, secret] {
        let issuer = issuer([reply.clone()]).await;
        let stage = Stage::new("staff", &[&staff(&issuer, "ES256")]).await;
        assert_eq!(refused(&stage, &token).await, verdict(502, "upstream-unreachable"), "{reply:?}");
        assert_eq!(issuer.requests().len(), 1);
    }
    // Nobody listens there.
    let gone = issuer([]).await;
    let provider = staff(&gone, "ES256");
    gone.stop().await;
    let stage = Stage::new("staff", &[&provider]).await;
    assert_eq!(refused(&stage, &token).await, verdict(502, "upstream-unreachable"));
}

#[tokio::test]
async fn the_keys_of_an_issuer_come_from_no_private_network_unless_that_is_permitted() {
    let key = SigningKey::new("k", Algorithm::ES256);
    let issuer = issuer([set(&[&key])]).await;
    // `https` at a name that is this very machine: the connector refuses the address before anything is sent.
    let provider = format!(
        "staff: {{ jwt: {{ issuer: '{ISSUER}', audience: tidegate, jwks: {{ url: 'https://[::1]:{}/jwks.json' }}, algorithms: ES256 }} }}",
        issuer.address().port()
    );
    let stage = Stage::new("staff", &[&provider]).await;
    assert_eq!(refused(&stage, &key.sign(&claims(&json!({})))).await, verdict(502, "upstream-unreachable"));
    assert!(issuer.requests().is_empty() && issuer.connections() == 0);
}

#[tokio::test]
async fn keys_in_a_file_are_followed_without_a_restart() {
    let (old, new) = (SigningKey::new("old", Algorithm::ES256), SigningKey::new("new", Algorithm::ES256));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jwks.json");
    let write = |key: &SigningKey| std::fs::write(&path, json!({ "keys": [key.public] }).to_string()).expect("written");
    write(&old);
    let provider = format!(
        "staff: {{ jwt: {{ issuer: '{ISSUER}', audience: tidegate, jwks: {{ file: '{}' }}, algorithms: ES256 }} }}",
        path.display()
    );
    let stage = Stage::new("staff", &[&provider]).await;
    assert_eq!(sender(&stage, &old.sign(&claims(&json!({})))).await, "staff u1 acme");
    write(&new);
    let mut tries = 0;
    while stage.put(TARGET, &[("authorization", &format!("Bearer {}", old.sign(&claims(&json!({})))))]).await.status
        != 401
    {
        tries += 1;
        assert!(tries < 1000, "the old key goes on");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(sender(&stage, &new.sign(&claims(&json!({})))).await, "staff u1 acme");
}

#[tokio::test]
async fn two_issuers_at_one_route_are_told_apart() {
    let (one, two) = (SigningKey::new("k", Algorithm::ES256), SigningKey::new("k", Algorithm::RS256));
    let (first, second) = (issuer([set(&[&one])]).await, issuer([set(&[&two])]).await);
    let partners = staff(&second, "RS256").replace("staff:", "partners:").replace(ISSUER, "https://other.example.com");
    let stage = Stage::new("[staff, partners]", &[&staff(&first, "ES256"), &partners]).await;
    let of_second = |key: &SigningKey| key.sign(&claims(&json!({ "iss": "https://other.example.com" })));
    assert_eq!(sender(&stage, &one.sign(&claims(&json!({})))).await, "staff u1 acme");
    assert_eq!(sender(&stage, &of_second(&two)).await, "partners u1 acme");
    // Neither signs for the other.
    assert_eq!(refused(&stage, &of_second(&one)).await, verdict(401, "unauthenticated"));
    assert_eq!(refused(&stage, &two.sign(&claims(&json!({})))).await, verdict(401, "unauthenticated"));
}

/// Regression: a text was larger than every number, a list was not the word `guest`, and whatever is not empty was true.
#[tokio::test]
async fn a_condition_lets_nobody_in_for_a_claim_of_another_kind() {
    let key = SigningKey::new("k", Algorithm::ES256);
    let issuer = issuer([set(&[&key])]).await;
    let staff = staff(&issuer, "ES256");
    let condition = "client.claims.level > 3 and client.claims.role != 'guest' and not client.claims.banned";
    let stage = Stage::new(&format!("{{ any-of: staff, that: \"${{ {condition} }}\" }}"), &[&staff]).await;
    let token = |change: &Value| {
        let mut own = json!({ "level": 4, "role": "editor", "banned": false });
        for (name, value) in change.as_object().into_iter().flatten() {
            own[name] = value.clone();
        }
        key.sign(&claims(&own))
    };
    assert_eq!(sender(&stage, &token(&json!({}))).await, "staff u1 acme");
    for change in [
        json!({ "level": "2" }),
        json!({ "level": "9" }),
        json!({ "level": [9] }),
        json!({ "level": { "a": 1 } }),
        json!({ "level": null }),
        json!({ "role": ["guest"] }),
        json!({ "role": null }),
        json!({ "role": 1 }),
        json!({ "banned": null }),
        json!({ "banned": "" }),
        json!({ "banned": [] }),
    ] {
        assert_eq!(refused(&stage, &token(&change)).await, verdict(403, "forbidden"), "{change}");
    }
}

#[tokio::test]
async fn a_claim_that_a_header_cannot_hold_is_the_clients_and_nothing_is_sent() {
    let key = SigningKey::new("k", Algorithm::ES256);
    let issuer = issuer([set(&[&key])]).await;
    let stage = Stage::new("staff", &[&staff(&issuer, "ES256")]).await;
    for tenant in [json!(["acme"]), json!({ "a": 1 }), json!(" acme"), json!("acme\n")] {
        let token = key.sign(&claims(&json!({ "tenant": tenant })));
        assert_eq!(refused(&stage, &token).await, verdict(403, "forbidden"), "{tenant}");
    }
    for subject in [" u1", "u1 ", "u\u{200b}1", "\u{202e}1u"] {
        let token = key.sign(&claims(&json!({ "sub": subject })));
        assert_eq!(refused(&stage, &token).await, verdict(401, "unauthenticated"), "{subject:?}");
    }
    assert_eq!(sender(&stage, &key.sign(&claims(&json!({ "tenant": null })))).await, "staff u1 none");
}

#[tokio::test]
async fn an_odd_claim_of_a_late_step_is_found_before_the_first_is_sent() {
    let key = SigningKey::new("k", Algorithm::ES256);
    let issuer = issuer([set(&[&key])]).await;
    let peer = ScriptedPeer::start([]).await.expect("the peer starts");
    let late =
        "  - id: late\n    request: POST /late\n    target: api\n    headers: { X-Late: \"${ client.claims.org }\" }\n";
    let route = format!("{}{late}", crate::stage::route("staff", &peer).trim_start_matches('\n'));
    let rules = harness::Rules::default().settings(&crate::stage::settings(&[&staff(&issuer, "ES256")]));
    let stage = Stage { rig: rules.route(&route).start(), peer };
    let odd = key.sign(&claims(&json!({ "org": ["a"] })));
    assert_eq!(refused(&stage, &odd).await, verdict(403, "forbidden"));
    stage.peer.push(Reply::json(201, &json!({})));
    assert_eq!(sender(&stage, &key.sign(&claims(&json!({ "org": "a" })))).await, "staff u1 acme");
    assert_eq!(stage.peer.requests().len(), 2);
}
