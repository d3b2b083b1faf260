//! What a request is answered: a receipt, or a problem.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::config::{Access, Route, Tree};
use crate::failure::Problem;

const PROBLEM: &str = "application/problem+json";

/// Answers of a route.
pub(super) fn of_route(route: &Route) -> Map<String, Value> {
    let is_slow = route.steps.iter().any(|step| step.poll.as_ref().is_some_and(|poll| poll.otherwise_processing));
    let mut answers = Map::from_iter([("201".to_owned(), receipt(route, "stored", "The file is stored."))]);
    if is_slow {
        let description = "The file is with the upstream, which is still at work on it.";
        answers.insert("202".to_owned(), receipt(route, "processing", description));
    }
    let asks_who = matches!(route.access, Access::Demanded(_));
    let may_be = |problem: &Problem| match problem {
        // Never sent; of a part that does not exist.
        Problem::ClientGone | Problem::IdempotencyConflict => false,
        Problem::Unauthenticated => asks_who,
        Problem::Forbidden => asks_who || route.cors.is_some(),
        _ => true,
    };
    answers.extend(problems(&Problem::ALL.iter().copied().filter(may_be).collect::<Vec<_>>()));
    answers
}

/// Problems of whoever mints a ticket.
pub(super) fn of_mint() -> Map<String, Value> {
    let may_be =
        |problem: &Problem| problem.blame() != crate::failure::Blame::Upstream && *problem != Problem::ClientGone;
    problems(&Problem::ALL.iter().copied().filter(may_be).collect::<Vec<_>>())
}

fn receipt(route: &Route, status: &str, description: &str) -> Value {
    let mut properties = json!({ "route": { "const": &*route.name }, "status": { "const": status } });
    if let Tree::Map(members) = &route.result {
        let members: Map<String, Value> = members.iter().map(|(name, _)| (name.clone(), json!({}))).collect();
        properties["result"] = json!({ "type": "object", "properties": members });
    }
    json!({
        "description": description,
        "headers": links(&["Tidegate-Upload-Id", "Location", "Repr-Digest", "X-Request-Id"]),
        "content": { "application/json": { "schema": { "allOf": [{ "$ref": "#/components/schemas/Receipt" }, { "properties": properties }] } } },
    })
}

/// One answer for each status, which names its problems.
fn problems(all: &[Problem]) -> Map<String, Value> {
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in all {
        by_status.entry(problem.status()).or_default().push(*problem);
    }
    let answer = |problems: &[Problem]| {
        let lines: Vec<_> = problems.iter().map(|one| format!("`{}`: {}.", one.name(), one.title())).collect();
        let mut headers = vec!["Tidegate-Upload-Id", "X-Request-Id"];
        if problems.iter().any(|problem| problem.wants_retry_after()) {
            headers.push("Retry-After");
        }
        json!({
            "description": lines.join("\n\n"),
            "headers": links(&headers),
            "content": { PROBLEM: { "schema": { "$ref": "#/components/schemas/Problem" } } },
        })
    };
    by_status.into_iter().map(|(status, problems)| (status.to_string(), answer(&problems))).collect()
}

fn links(names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect()
}

/// What answers consist of: schemas of bodies, and header fields.
pub(super) fn components() -> Value {
    let mut components = from_file(include_str!("components.json"));
    let names = Problem::ALL.iter().map(|problem| json!(format!("urn:tidegate:problem:{}", problem.name())));
    if let Some(kinds) = components.pointer_mut("/schemas/Problem/properties/type/enum") {
        *kinds = names.collect();
    }
    components
}

/// What a file of this folder holds. As code it would be many times as large.
pub(super) fn from_file(text: &str) -> Value {
    // A test reads each of them.
    serde_json::from_str(text).unwrap_or_default()
}
