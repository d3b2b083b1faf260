use serde_json::json;
use time::macros::datetime;

use super::*;
use crate::admission::{Offer, admit};
use crate::check::{Source, load};
use crate::config::{Config, JwksSource, Jwt, JwtAlgorithm, Provider, ProviderKind, Route};
use crate::run::example_offer;
use time::OffsetDateTime;

const NOW: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

struct Files(String, String);

impl Source for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        Ok(if path == "main" { self.0.clone() } else { self.1.clone() })
    }
    fn glob(&self, _relative_to: &str, pattern: &str) -> Result<Vec<String>, String> {
        Ok(vec![pattern.to_owned()])
    }
}

/// A route with this `access`, and `more` keys.
fn config(access: &str, more: &str) -> Config {
    let route = format!(
        "route: r\npath: /t/{{tenant}}/files\naccess: {access}\n{more}\ntargets: {{ t: {{ url: https://example.com, chunked: true }} }}\nsteps:\n  - id: s\n    request: PUT /x\n    target: t\n    body: file\n    headers: {{ X-Tenant: \"${{ path.tenant }}\" }}\n"
    );
    with_route(&route)
}

/// A route as it is written.
fn with_route(route: &str) -> Config {
    let main = "routes: [route]\naccess:\n  teams: { api-keys: { keys: [ { id: web, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 } ] } }\n  links: { tickets: { keys: [ { id: k1, secret: { file: k } } ], mint: teams, max-lifetime: 1h, max-uses: 5 } }\n";
    let files = Files(main.to_owned(), route.to_owned());
    load("main", &files, &Environment::default()).unwrap_or_else(|report| panic!("{report}")).config
}

fn route(access: &str) -> Arc<Route> {
    Arc::clone(&config(access, "").routes[0])
}

fn client(claims: &serde_json::Value) -> Client {
    let claims = claims.as_object().cloned().unwrap_or_default();
    Client { provider: Some("teams".into()), subject: Some("web".into()), claims }
}

fn tenant(name: &str) -> Vec<(String, String)> {
    vec![("tenant".to_owned(), name.to_owned())]
}

pub(super) fn verdict(access: &str, claims: &serde_json::Value) -> Result<(), &'static str> {
    let route = route(access);
    let rule = route.access.rule().expect("it demands something");
    judge(rule, &client(claims), &tenant("acme"), &route.env).map_err(|failure| failure.problem.name())
}

#[test]
fn a_predicate_decides_over_claims_and_path_and_fails_closed() {
    let same_tenant = "{ any-of: teams, that: '${ client.claims.tenant == path.tenant }' }";
    assert_eq!(verdict(same_tenant, &json!({ "tenant": "acme" })), Ok(()));
    for claims in [json!({ "tenant": "evil" }), json!({}), json!({ "tenant": null }), json!({ "tenant": ["acme"] })] {
        assert_eq!(verdict(same_tenant, &claims), Err("forbidden"));
    }
    let group = "{ any-of: teams, that: \"${ 'upload' in client.claims.groups }\" }";
    assert_eq!(verdict(group, &json!({ "groups": ["read", "upload"] })), Ok(()));
    assert_eq!(verdict(group, &json!({ "groups": ["read"] })), Err("forbidden"));
    // What cannot be evaluated does not hold.
    assert_eq!(verdict(group, &json!({ "groups": 7 })), Err("forbidden"));
    assert_eq!(
        verdict("{ any-of: teams, that: \"${ client.subject == 'web' and client.provider == 'teams' }\" }", &json!({})),
        Ok(())
    );
    assert_eq!(
        verdict("{ any-of: teams, that: \"${ client.claims.x | default('') }\" }", &json!({})),
        Err("forbidden")
    );
    assert_eq!(verdict("{ any-of: teams, that: false }", &json!({})), Err("forbidden"));
}

#[test]
fn a_claim_that_a_step_needs_must_be_there_before_anything_is_sent() {
    let with_result = |result: &str| {
        let config = config("teams", &format!("result: {{ by: '{result}' }}"));
        Arc::clone(&config.routes[0])
    };
    let needs = with_result("${ client.claims.org.id }");
    let rule = needs.access.rule().expect("it demands something");
    assert_eq!(rule.needed_claims, [["org", "id"].map(ToOwned::to_owned).to_vec()]);
    assert_eq!(rule.used_claims, ["org"]);
    let judged = |claims| judge(rule, &client(&claims), &[], &needs.env).is_ok();
    assert!(judged(json!({ "org": { "id": 1 } })));
    assert!(!judged(json!({ "org": {} })) && !judged(json!({})) && !judged(json!({ "org": "x" })));
    let defaulted = with_result("${ client.claims.org | default(\"-\") }");
    assert!(defaulted.access.rule().expect("it demands something").needed_claims.is_empty());
}

fn token_rule() -> Jwt {
    Jwt {
        issuer: "https://id.example.com".to_owned(),
        audience: vec!["tidegate".to_owned(), "uploads".to_owned()],
        keys: JwksSource::File("jwks.json".to_owned()),
        algorithms: vec![JwtAlgorithm::Es256],
        leeway: std::time::Duration::from_secs(30),
        subject: "sub".to_owned(),
        max_age: std::time::Duration::from_secs(600),
        keep: std::time::Duration::from_secs(3600),
    }
}

#[test]
fn claims_of_a_token_are_judged_one_by_one() {
    use ClaimsError::{Audience, Expired, Issuer, NoEnd, Subject, TooEarly};
    let now = NOW.unix_timestamp();
    let good = json!({ "iss": "https://id.example.com", "aud": "tidegate", "exp": now + 60, "sub": "u1" });
    let cases = [
        (json!({}), Ok("u1")),
        (json!({ "aud": ["other", "uploads"] }), Ok("u1")),
        (json!({ "exp": now - 29 }), Ok("u1")),
        (json!({ "exp": (now + 60) as f64 + 0.5 }), Ok("u1")),
        (json!({ "nbf": now + 30 }), Ok("u1")),
        (json!({ "iss": "https://id.example.com/" }), Err(Issuer)),
        (json!({ "iss": "https://evil.example.com" }), Err(Issuer)),
        (json!({ "iss": ["https://id.example.com"] }), Err(Issuer)),
        (json!({ "iss": null }), Err(Issuer)),
        (json!({ "aud": "other" }), Err(Audience)),
        (json!({ "aud": [] }), Err(Audience)),
        (json!({ "aud": ["other"] }), Err(Audience)),
        (json!({ "aud": { "tidegate": true } }), Err(Audience)),
        (json!({ "aud": null }), Err(Audience)),
        (json!({ "exp": now - 30 }), Err(Expired)),
        (json!({ "exp": -1 }), Err(Expired)),
        (json!({ "exp": 0 }), Err(Expired)),
        (json!({ "exp": "9999999999" }), Err(NoEnd)),
        (json!({ "exp": null }), Err(NoEnd)),
        (json!({ "exp": 1e300 }), Err(NoEnd)),
        (json!({ "nbf": now + 31 }), Err(TooEarly)),
        (json!({ "nbf": "soon" }), Err(TooEarly)),
        (json!({ "sub": null }), Err(Subject)),
        (json!({ "sub": 7 }), Err(Subject)),
        (json!({ "sub": "" }), Err(Subject)),
        (json!({ "sub": "a\nb" }), Err(Subject)),
        (json!({ "sub": " alice" }), Err(Subject)),
        (json!({ "sub": "alice\t" }), Err(Subject)),
        (json!({ "sub": "al\u{200b}ice" }), Err(Subject)),
        (json!({ "sub": "\u{202e}ecila" }), Err(Subject)),
        (json!({ "sub": "x".repeat(257) }), Err(Subject)),
    ];
    for (change, expected) in cases {
        let mut claims = good.as_object().cloned().expect("an object");
        claims.extend(change.as_object().cloned().expect("an object"));
        assert_eq!(check_claims(&claims, &token_rule(), NOW), expected, "{change}");
    }
}

fn ticket() -> Ticket {
    Ticket {
        id: "0196a2b0".to_owned(),
        route: "r".to_owned(),
        captures: tenant("acme"),
        expires: NOW.unix_timestamp() + 60,
        uses: 1,
        max_size: Some(1000),
        types: vec!["image/*".to_owned()],
        name: Some("a.png".to_owned()),
        params: vec![("folder".to_owned(), "7".to_owned())],
        minter: "teams".to_owned(),
        subject: Some("web".to_owned()),
        claims: client(&json!({ "tenant": "acme" })).claims,
    }
}

#[test]
fn a_ticket_is_what_was_signed_and_stands_in_a_url_as_it_is() {
    let sealed = seal(&ticket(), "k1", SECRET);
    assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{sealed}");
    assert!(sealed.len() < 512, "{}", sealed.len());
    assert_eq!(key_id(&sealed), Ok("k1"));
    assert_eq!(open(&sealed, Some(SECRET), NOW), Ok(ticket()));
}

#[test]
fn every_changed_bit_of_a_ticket_is_noticed() {
    let sealed = seal(&ticket(), "k1", SECRET);
    let mut refused = 0;
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            // What is no UTF-8 cannot be a header or a decoded query at all.
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            // The key is looked up by the id that the changed ticket names; here every id has the right secret.
            assert!(open(&changed, Some(SECRET), NOW).is_err(), "bit {bit} of byte {at}: {changed}");
            refused += 1;
        }
    }
    assert_eq!(refused, sealed.len() * 7, "every bit but the highest of each byte, which leaves ASCII");
    for cut in 0..sealed.len() {
        let shorter = sealed.get(..cut).expect("ASCII");
        assert!(open(shorter, Some(SECRET), NOW).is_err(), "cut at {cut}");
    }
    for longer in
        [format!("{sealed}="), format!("{sealed}A"), format!("{sealed}."), format!(" {sealed}"), format!("{sealed}\n")]
    {
        assert!(open(&longer, Some(SECRET), NOW).is_err(), "{longer:?}");
    }
}

#[test]
fn a_ticket_counts_only_with_its_key_and_in_its_time() {
    let sealed = seal(&ticket(), "k1", SECRET);
    assert_eq!(open(&sealed, None, NOW), Err(TicketError::UnknownKey));
    assert_eq!(open(&sealed, Some(b"another secret of thirty-two bytes"), NOW), Err(TicketError::Signature));
    assert_eq!(open(&sealed, Some(SECRET), NOW + time::Duration::seconds(59)), Ok(ticket()));
    assert_eq!(open(&sealed, Some(SECRET), NOW + time::Duration::seconds(60)), Err(TicketError::Expired));
    assert_eq!(open(&"x".repeat(MAX_TICKET_LEN + 1), Some(SECRET), NOW), Err(TicketError::Malformed));
    // The signature of one ticket does not sign another's payload.
    let other = seal(&Ticket { uses: 5, ..ticket() }, "k1", SECRET);
    let (payload, _) = other.rsplit_once('.').expect("a signature");
    let (_, signature) = sealed.rsplit_once('.').expect("a signature");
    assert_eq!(open(&format!("{payload}.{signature}"), Some(SECRET), NOW), Err(TicketError::Signature));
}

#[test]
fn a_ticket_is_for_one_place() {
    let grant = ticket().grant("r", &tenant("acme")).expect("it is for this place");
    assert_eq!(grant.max_size, Some(1000));
    for (route, captures) in [("other", tenant("acme")), ("r", tenant("evil")), ("r", Vec::new())] {
        let failure = ticket().grant(route, &captures).expect_err("it is for another place");
        assert_eq!(failure.problem, Problem::Forbidden);
    }
}

fn offered(grant: Grant, change: impl FnOnce(&mut Offer)) -> Result<(String, Option<u64>), &'static str> {
    let config = config(
        "links",
        "params: { folder: { type: integer, required: false } }\naccept: { size: { max: 500B } }\nresult: { f: '${ params.folder | default(omit) }' }",
    );
    let mut offer = example_offer("a.png", Some(70), &[]);
    offer.pass = Pass { client: client(&json!({})), grant: Some(grant) };
    change(&mut offer);
    let admission = admit(&config.routes[0], offer).map_err(|failure| failure.problem.name())?;
    let folder = admission.params.iter().map(|(_, value)| value.as_u64()).next().flatten();
    Ok((admission.name.as_str().to_owned(), folder.or(admission.max_len())))
}

#[test]
fn a_ticket_narrows_what_its_route_accepts() {
    let named = |name: &str| Some(FileName::parse(name).expect("a name"));
    let grant = ticket().grant("r", &tenant("acme")).expect("it is for this place");
    let bare = Grant { params: Vec::new(), ..grant.clone() };
    assert_eq!(offered(bare.clone(), |_| {}), Ok(("a.png".to_owned(), Some(500))), "the route's limit is lower");
    assert_eq!(offered(Grant { max_size: Some(100), ..bare.clone() }, |_| {}), Ok(("a.png".to_owned(), Some(100))));
    assert_eq!(offered(Grant { max_size: Some(69), ..bare.clone() }, |_| {}), Err("file-too-large"));
    assert_eq!(offered(bare.clone(), |offer| offer.size = Some(501)), Err("file-too-large"), "the ticket allows more");
    assert_eq!(offered(bare.clone(), |offer| offer.name = named("b.png")), Err("forbidden"));
    assert_eq!(offered(bare.clone(), |offer| offer.name = None).map(|(name, _)| name), Ok("a.png".to_owned()));
    assert_eq!(offered(bare.clone(), |offer| offer.declared_type = Some("text/plain".to_owned())), Err("forbidden"));
    assert_eq!(offered(bare, |offer| offer.declared_type = None), Err("forbidden"));
    let param = |value: &str| vec![("folder".to_owned(), value.to_owned())];
    assert_eq!(offered(grant.clone(), |_| {}).map(|(_, folder)| folder), Ok(Some(7)), "the fixed one is filled in");
    assert_eq!(offered(grant.clone(), |offer| offer.params = param("7")).map(|(_, folder)| folder), Ok(Some(7)));
    assert_eq!(offered(grant.clone(), |offer| offer.params = param("8")), Err("forbidden"));
    assert_eq!(offered(grant, |offer| offer.params = [param("7"), param("8")].concat()), Err("forbidden"));
}

fn asked(body: serde_json::Value) -> MintRequest {
    serde_json::from_value(body).expect("the members are known")
}

fn minter(claims: &serde_json::Value) -> Minter {
    Minter { client: client(claims), ends: None }
}

fn links(config: &Config) -> Arc<Provider> {
    Arc::clone(config.access.iter().find(|provider| &*provider.name == "links").expect("it is there"))
}

#[test]
fn minting_binds_what_was_asked_for_and_the_claims_that_the_route_uses() {
    let config = config("{ any-of: links, that: '${ client.claims.tenant == path.tenant }' }", "");
    let ProviderKind::Tickets(provider) = &links(&config).kind else { panic!("tickets") };
    let minter = minter(&json!({ "tenant": "acme", "email": "private@example.com" }));
    let asked = asked(
        json!({ "route": "r", "path": { "tenant": "a b/c" }, "name": "é.png", "max_size": 10, "expires_in": 60 }),
    );
    let ticket = mint(&asked, &config.routes[0], provider, &minter, "id".to_owned(), NOW).expect("it is minted");
    assert_eq!((ticket.uses, ticket.expires), (1, NOW.unix_timestamp() + 60));
    assert_eq!(ticket.subject.as_deref(), Some("web"));
    assert_eq!(
        serde_json::Value::Object(ticket.claims.clone()),
        json!({ "tenant": "acme" }),
        "no claim that is not used"
    );
    assert_eq!(url_of(&config.routes[0], &ticket, "T"), ("PUT", "/t/a%20b%2Fc/files/%C3%A9.png?ticket=T".to_owned()));
    let unnamed = Ticket { name: None, ..ticket };
    assert_eq!(url_of(&config.routes[0], &unnamed, "T").0, "POST");
}

#[test]
fn a_ticket_ends_with_what_its_minter_showed() {
    let config = config("links", "");
    let ProviderKind::Tickets(provider) = &links(&config).kind else { panic!("tickets") };
    let asked = asked(json!({ "route": "r", "path": { "tenant": "acme" }, "expires_in": 600 }));
    let minted = |ends: Option<i64>| {
        let ends = ends.map(|after| NOW + time::Duration::seconds(after));
        let minter = Minter { ends, ..minter(&json!({})) };
        let ticket = mint(&asked, &config.routes[0], provider, &minter, "id".to_owned(), NOW);
        ticket
            .map(|ticket| (ticket.expires - NOW.unix_timestamp(), ticket.minter))
            .map_err(|failure| failure.problem.name())
    };
    let lives = |seconds| Ok((seconds, "teams".to_owned()));
    for (ends, expected) in [
        (None, lives(600)),
        (Some(3600), lives(600)),
        (Some(599), lives(599)),
        (Some(1), lives(1)),
        // A token counts a little longer than it says, for a clock that is off.
        (Some(0), Err("forbidden")),
        (Some(-20), Err("forbidden")),
    ] {
        assert_eq!(minted(ends), expected, "{ends:?}");
    }
}

#[test]
fn minting_complains_of_every_member_at_once() {
    let config =
        config("links", "params: { folder: { type: integer, default: 1 } }\nresult: { f: '${ params.folder }' }");
    let ProviderKind::Tickets(provider) = &links(&config).kind else { panic!("tickets") };
    let asked = asked(json!({
        "route": "r", "path": { "tenants": "acme" }, "name": "a/b", "types": ["image"], "max_size": 0, "uses": 6,
        "expires_in": 3601, "params": { "folder": "x", "unknown": 1, "deep": {} }
    }));
    let failure =
        mint(&asked, &config.routes[0], provider, &minter(&json!({})), "id".to_owned(), NOW).expect_err("refused");
    let fields: Vec<_> = failure.violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(failure.problem, Problem::InvalidParameter);
    assert_eq!(
        fields,
        [
            "path.tenants",
            "path.tenant",
            "expires_in",
            "uses",
            "types",
            "max_size",
            "name",
            "params.deep",
            "params.unknown",
            "params.folder"
        ]
    );
    assert!(serde_json::from_value::<MintRequest>(json!({ "route": "r", "max-size": 1 })).is_err(), "unknown members");
}

#[test]
fn a_claim_that_does_not_fit_its_place_is_found_before_anything_is_sent() {
    let more = "expect: 200\n  - id: late\n    target: t\n    request: \"POST /y/${ client.claims.org }\"\n    headers: { X-By: \"by ${ client.claims.by | default('-') }\", X-Only: \"${ client.claims.only | default(omit) }\" }\n    json: { any: \"${ client.claims.any | default(none) }\" }";
    let yaml = format!(
        "route: r\npath: /t/{{tenant}}/files\naccess: teams\ntargets: {{ t: {{ url: https://example.com, chunked: true }} }}\nsteps:\n  - id: s\n    request: PUT /x\n    target: t\n    body: file\n    {more}\n"
    );
    let route = Arc::clone(&with_route(&yaml).routes[0]);
    let judged = |claims: serde_json::Value| {
        fits(&route, &client(&claims), &tenant("acme"))
            .map_err(|failure| (failure.problem.name(), failure.cause.is_some()))
    };
    for good in [
        json!({ "org": "a" }),
        json!({ "org": 7, "by": true, "only": 1.5, "any": { "a": [] } }),
        json!({ "org": "a b/c", "by": null, "only": null, "any": null }),
    ] {
        assert_eq!(judged(good.clone()), Ok(()), "{good}");
    }
    for (claim, values) in [
        ("org", json!([[], ["a"], {}, null])),
        ("by", json!([["a"], {}, "a\nb", "alice ", "alice\t"])),
        ("only", json!([["a"], { "a": 1 }, "a\u{0}", " alice", "\talice"])),
    ] {
        for value in values.as_array().expect("a list") {
            let mut claims = json!({ "org": "a" });
            claims[claim] = value.clone();
            assert_eq!(judged(claims.clone()), Err(("forbidden", true)), "{claims}");
        }
    }
}

#[test]
fn a_ticket_is_not_minted_for_a_path_that_cannot_be_asked_for() {
    let yaml = "route: r\npath: /s/{bucket}/{key...}\naccess: links\naccept: { extensions: { deny: [exe] } }\ntargets: { t: { url: https://example.com, chunked: true } }\nsteps:\n  - id: s\n    request: PUT /x\n    target: t\n    body: file\n    headers: { X-Key: \"${ path.key }\", X-Bucket: \"${ path.bucket }\" }\n";
    let config = with_route(yaml);
    let ProviderKind::Tickets(provider) = &links(&config).kind else { panic!("tickets") };
    let complaints = |bucket: &str, key: &str, name: Option<&str>| {
        let asked = asked(json!({ "route": "r", "path": { "bucket": bucket, "key": key }, "name": name }));
        match mint(&asked, &config.routes[0], provider, &minter(&json!({})), "id".to_owned(), NOW) {
            Ok(ticket) => url_of(&config.routes[0], &ticket, "T").1,
            Err(failure) => {
                assert_eq!(failure.problem, Problem::InvalidParameter);
                failure.violations.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>().join(" ")
            }
        }
    };
    assert_eq!(complaints("b", "x/y.bin", None), "/s/b/x/y.bin?ticket=T");
    assert_eq!(complaints("b", "x/y.bin", Some("y.bin")), "/s/b/x/y.bin?ticket=T");
    assert_eq!(complaints("b/c..d", "..x/.y", None), "/s/b%2Fc..d/..x/.y?ticket=T");
    for bucket in ["", ".", "..", "a\0b", "a\nb", "\u{85}"] {
        assert_eq!(complaints(bucket, "y", None), "path.bucket", "{bucket:?}");
    }
    for key in ["", "/", "x/", "/x", "x//y", "./y", "x/../y", "x/.", "..", "x/\0", "a\u{7f}/y"] {
        assert!(complaints("b", key, None).starts_with("path.key"), "{key:?}");
    }
    assert_eq!(complaints("b", "x/y.bin", Some("z.bin")), "name");
    assert_eq!(complaints("b", "x/y.exe", None), "path.key");
    assert_eq!(complaints("b", "x/y.exe", Some("y.exe")), "name");
}
