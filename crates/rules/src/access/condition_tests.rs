//! What `access.that` makes of claims of every kind. Regression: minijinja's order of kinds and its truth of values let in
//! whoever had a claim of another kind than the rule's author thought of.

use serde_json::{Value, json};

use super::tests::verdict;

/// Whether a client with these claims is let in by this condition.
fn holds(condition: &str, claims: &Value) -> bool {
    verdict(&format!("{{ any-of: teams, that: \"${{ {condition} }}\" }}"), claims).is_ok()
}

/// One value of each kind and more.
fn kinds() -> Vec<Value> {
    let text = r#"[null, true, false, 0, 2, 9, 2.5, "", "2", "9", "no", "high", "guest", "badmin", [], [0], [9], ["guest"],
                   ["badmin"], [["adm"]], [null], {}, {"a": 1}, {"guest": 1}]"#;
    serde_json::from_str(text).expect("a list")
}

/// Claims with this one as each of the values, and with none.
fn each(claim: &str) -> Vec<Value> {
    let with = |value: Value| json!({ claim: value });
    kinds().into_iter().map(with).chain([json!({})]).collect()
}

/// Holds that of all kinds of a claim only these are let in.
fn only(condition: &str, claim: &str, let_in: &[Value]) {
    for claims in each(claim) {
        let expected = claims.get(claim).is_some_and(|value| let_in.contains(value));
        assert_eq!(holds(condition, &claims), expected, "{condition} with {claims}");
    }
}

#[test]
fn an_order_is_one_of_numbers_or_one_of_texts() {
    only("client.claims.level > 3", "level", &[json!(9)]);
    only("client.claims.level >= 3", "level", &[json!(9)]);
    only("client.claims.level < 3", "level", &[json!(0), json!(2), json!(2.5)]);
    only("client.claims.level <= 3", "level", &[json!(0), json!(2), json!(2.5)]);
    only("not (client.claims.level < 3)", "level", &[json!(9)]);
    only("1 < client.claims.level < 3", "level", &[json!(2), json!(2.5)]);
    only("client.claims.level is gt(3)", "level", &[json!(9)]);
    only("client.claims.level is not lt(3)", "level", &[json!(9)]);
    only("client.claims.level + 1 > 3", "level", &[json!(9), json!(2.5)]);
    only("client.claims.level * 1 > 3", "level", &[json!(9)]);
    only("-client.claims.level < -3", "level", &[json!(9)]);
    only("client.claims.level | int > 3", "level", &[json!(9), json!("9")]);
    only("client.claims.level > '3'", "level", &["9", "no", "high", "guest", "badmin"].map(Value::from));
    for text in ["inf", "-inf", "nan", "1e999"] {
        for condition in ["client.claims.level | float > 3", "not (client.claims.level | float < 3)"] {
            assert!(!holds(condition, &json!({ "level": text })), "{condition} with {text}");
        }
    }
    only("[client.claims.level] | select('gt', 3) | list | length == 1", "level", &[json!(9)]);
}

#[test]
fn equality_is_within_one_kind_and_so_is_inequality() {
    let texts: Vec<_> = kinds().into_iter().filter(|value| value.is_string() && value != "guest").collect();
    only("client.claims.role == 'guest'", "role", &[json!("guest")]);
    only("client.claims.role != 'guest'", "role", &texts);
    only("not (client.claims.role == 'guest')", "role", &texts);
    only("not client.claims.role == 'guest'", "role", &texts);
    only("client.claims.role not in ['guest']", "role", &texts);
    only("not (client.claims.role in ['guest'])", "role", &texts);
    only("client.claims.role is ne('guest')", "role", &texts);
    only("client.claims.role is not in(['guest'])", "role", &texts);
    only("client.claims.role | lower != 'guest'", "role", &texts);
    only("client.claims.role | trim != 'guest'", "role", &texts);
    only("client.claims.role ~ '' == 'guest'", "role", &[json!("guest")]);
    only("client.claims.role is not startingwith('g')", "role", &texts);
    only("client.claims.level == 2", "level", &[json!(2)]);
    only("client.claims.flag == true", "flag", &[json!(true)]);
    only("client.claims.flag == 1", "flag", &[]);
    only("client.claims.roles != [['a']]", "roles", &[json!([["adm"]]), json!([])]);
    only("client.claims.roles == ['guest']", "roles", &[json!(["guest"])]);
    only("client.claims.map == {'a': 1}", "map", &[json!({ "a": 1 })]);
    only("client.claims.role == client.claims.other", "role", &[]);
    assert!(!holds("client.claims.role == client.claims.other", &json!({ "role": null, "other": null })));
    assert!(holds("client.claims.role == client.claims.other", &json!({ "role": "a", "other": "a" })));
    assert!(holds("client.claims.tenant == path.tenant", &json!({ "tenant": "acme" })));
    assert!(holds("'ac' ~ 'me' == path['tenant']", &json!({})));
}

#[test]
fn only_true_is_true() {
    only("client.claims.admin", "admin", &[json!(true)]);
    only("not client.claims.banned", "banned", &[json!(false)]);
    only("client.claims.admin and true", "admin", &[json!(true)]);
    only("true and client.claims.admin", "admin", &[json!(true)]);
    only("client.claims.admin or false", "admin", &[json!(true)]);
    only("false or client.claims.admin", "admin", &[json!(true)]);
    only("true if client.claims.admin else false", "admin", &[json!(true)]);
    only("false if client.claims.banned else true", "banned", &[json!(false)]);
    only("client.claims.admin is true", "admin", &[json!(true)]);
    only("(client.claims.admin)", "admin", &[json!(true)]);
    only("client.claims.admin | bool", "admin", &[json!(true)]);
    only("client.claims.banned is not true", "banned", &[json!(false)]);
    only("client.claims.banned is false", "banned", &[json!(false)]);
    for constant in ["1", "'x'", "'true'", "[1]", "none", "omit", "{'a': 1}"] {
        assert!(!holds(constant, &json!({ "a": 1 })), "{constant}");
    }
}

#[test]
fn a_claim_that_is_null_is_missing() {
    for claims in [json!({}), json!({ "banned": null }), json!({ "banned": false })] {
        assert!(holds("not client.claims.banned | default(false)", &claims), "{claims}");
    }
    for claims in [json!({ "org": { "level": null } }), json!({ "org": {} })] {
        assert!(holds("client.claims.org.level | default(5) > 3", &claims), "{claims}");
        assert!(!holds("client.claims.org.level is defined", &claims), "{claims}");
        assert!(!holds("client.claims.org.level is none", &claims), "{claims}");
    }
    assert!(!holds("not client.claims.banned | default(false)", &json!({ "banned": "no" })));
}

#[test]
fn membership_is_in_a_list_or_a_map_and_never_in_a_text() {
    only("'adm' in client.claims.roles", "roles", &[]);
    only("'guest' in client.claims.roles", "roles", &[json!(["guest"]), json!({ "guest": 1 })]);
    only(
        "'adm' not in client.claims.roles",
        "roles",
        &[json!([]), json!(["guest"]), json!(["badmin"]), json!({}), json!({ "a": 1 }), json!({ "guest": 1 })],
    );
    only("'guest' in client.claims.scope | split(' ')", "scope", &[json!("guest")]);
    only("client.claims.roles | first == 'guest'", "roles", &[json!(["guest"]), json!({ "guest": 1 })]);
    only(
        "client.claims.roles | select('eq', 'guest') | list | length > 0",
        "roles",
        &[json!(["guest"]), json!({ "guest": 1 })],
    );
    only("client.claims.roles | map('lower') | list == ['guest']", "roles", &[json!(["guest"]), json!({ "guest": 1 })]);
    only("client.claims.roles[0] == 'guest'", "roles", &[json!(["guest"])]);
    only("client.claims.roles[:1] == ['guest']", "roles", &[json!(["guest"])]);
    assert!(holds("'upload' in client.claims.roles", &json!({ "roles": [1, null, "upload"] })));
    assert!(!holds("path.tenant in 'the acme company'", &json!({})));
}

#[test]
fn what_is_honest_still_holds() {
    let claims = json!({
        "tenant": "acme", "level": 4, "roles": ["a", "upload"], "scope": "read upload", "email": "u@example.com",
        "org": { "id": 7, "plan": { "name": "Pro" } }, "admin": true, "share": 0.5
    });
    for condition in [
        "client.claims.tenant == path.tenant and client.claims.level > 3",
        "client.claims.level in [4, 5] and client.claims.level in range(9)",
        "'upload' in client.claims.roles or 'admin' in client.claims.roles",
        "client.claims.email is endingwith('@example.com')",
        "client.claims.org.id == 7 and client.claims.org.plan.name | lower == 'pro'",
        "client.claims.org['plan']['name'] in ['Pro', \\\"Team's\\\"]",
        "client.claims.other | default('x') == 'x'",
        "client.claims.other is undefined and client.claims.tenant is string",
        "client.claims.level * 2 - 1 == 7 and client.claims.share < 1 and client.claims.level % 3 == 1",
        "client.claims.roles | length == 2 and client.claims.roles | sort | last == 'upload'",
        "client.claims.roles[::2] == ['a'] and client.claims.roles[1:] == ['upload'] and client.claims.email[:1] == 'u'",
        "client.claims.roles | map('upper') | join(',') == 'A,UPLOAD'",
        "(client.claims.tenant ~ '-' ~ client.claims.level) == 'acme-4'",
        "client.claims.email | split('@') | last == 'example.com'",
        "client.subject == 'web' and client.provider == 'teams' and client.claims.admin",
        "1 < client.claims.level <= 4 and not client.claims.level > 4",
        "{'acme': 4}[path.tenant] == client.claims.level",
        "client.claims.email | regex('@(.+)$') == 'example.com'",
        "dict(a=client.claims.level).a == 4 and client.claims.roles[-1] == 'upload'",
    ] {
        assert!(holds(condition, &claims), "{condition}");
    }
}
