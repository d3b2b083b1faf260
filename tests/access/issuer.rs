//! An issuer of tokens: real key pairs, a set that is served over HTTP, and tokens with whatever head and claims a test wants.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm,
};
use sandbox::peer::{Reply, ScriptedPeer};
use serde_json::{Value, json};

/// A PKCS#8 document holds the key of RFC 8017 after so many bytes, where it is an RSA key of 2048 bits.
const PKCS8_HEAD: usize = 26;

/// `iss` of good tokens.
pub(crate) const ISSUER: &str = "https://id.example.com";

/// A signing key and what the issuer publishes of it.
pub(crate) struct SigningKey {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
    pub(crate) public: Value,
    /// The public key in the form that attackers use as an HMAC's secret.
    pub(crate) public_pem: Vec<u8>,
}

impl SigningKey {
    pub(crate) fn new(id: &str, algorithm: Algorithm) -> Self {
        let kind: &'static SignatureAlgorithm = match algorithm {
            Algorithm::ES256 => &PKCS_ECDSA_P256_SHA256,
            Algorithm::ES384 => &PKCS_ECDSA_P384_SHA384,
            Algorithm::EdDSA => &PKCS_ED25519,
            _ => &PKCS_RSA_SHA256,
        };
        let pair = KeyPair::generate_for(kind).expect("a key pair");
        let der = pair.serialize_der();
        let private = match algorithm {
            Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_der(&der),
            Algorithm::EdDSA => EncodingKey::from_ed_der(&der),
            _ => EncodingKey::from_rsa_der(&der[PKCS8_HEAD..]),
        };
        let mut public = match algorithm {
            // The library makes no JWK of a private key that has its public one beside it, as those of Ed25519 do here.
            Algorithm::EdDSA => json!({ "kty": "OKP", "crv": "Ed25519", "x": ed25519_point(&pair) }),
            _ => {
                let public = Jwk::from_encoding_key(&private, algorithm).expect("a public key");
                serde_json::to_value(public).expect("a JWK is JSON")
            }
        };
        public["kid"] = id.into();
        Self { id: id.to_owned(), algorithm, private, public, public_pem: pair.public_key_pem().into_bytes() }
    }

    /// A token with these claims, and nothing odd about it.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({ "alg": name_of(self.algorithm), "kid": self.id, "typ": "JWT" }), claims)
    }

    /// A token with any head, signed by this key all the same.
    pub(crate) fn sign_with(&self, head: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(head), part(claims));
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &self.private, self.algorithm).expect("a signature");
        format!("{signed}.{signature}")
    }
}

/// The last 32 bytes of a public key of Ed25519 (RFC 8410, section 4).
fn ed25519_point(pair: &KeyPair) -> String {
    let pem = pair.public_key_pem();
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::prelude::BASE64_STANDARD.decode(base64).expect("PEM is base64");
    BASE64_URL_SAFE_NO_PAD.encode(&der[der.len() - 32..])
}

/// An HMAC over any head and claims.
pub(crate) fn sign_hmac(secret: &[u8], head: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", part(head), part(claims));
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).expect("a signature");
    format!("{signed}.{signature}")
}

/// A part of a token.
pub(crate) fn part(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}

fn name_of(algorithm: Algorithm) -> String {
    format!("{algorithm:?}")
}

/// Now, and so many seconds.
pub(crate) fn in_seconds(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    i64::try_from(now).expect("before the end of time") + seconds
}

/// Claims that are accepted, with some changed; null takes one out.
pub(crate) fn claims(change: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "tidegate", "sub": "u1", "exp": in_seconds(300), "nbf": in_seconds(-5), "tenant": "acme"
    });
    for (name, value) in change.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    claims
}

/// A set of keys as an answer.
pub(crate) fn set(keys: &[&SigningKey]) -> Reply {
    let keys: Vec<_> = keys.iter().map(|key| key.public.clone()).collect();
    Reply::json(200, &json!({ "keys": keys })).at("/jwks.json")
}

/// The provider `staff`, whose keys are served by a peer.
pub(crate) fn staff(peer: &ScriptedPeer, algorithms: &str) -> String {
    format!(
        "staff: {{ jwt: {{ issuer: '{ISSUER}', audience: tidegate, jwks: {{ url: '{}/jwks.json' }}, algorithms: [{algorithms}] }} }}",
        peer.origin()
    )
}
