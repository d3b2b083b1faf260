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
    answers.extend(problems(Problem::ALL.iter().copied().filter(may_be)));
    answers
}

/// Answers to whoever mints a ticket.
pub(super) fn of_mint() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let ticket = json!({
        "type": "object",
        "required": ["ticket", "url", "method", "expires_at", "route"],
        "properties": {
            "ticket": text, "route": text,
            "url": { "type": "string", "format": "uri-reference" },
            "method": { "enum": ["PUT", "POST"] },
            "expires_at": { "type": "string", "format": "date-time" },
        },
    });
    let minted = json!({ "description": "The ticket.", "content": { "application/json": { "schema": ticket } } });
    let mut answers = Map::from_iter([("201".to_owned(), minted)]);
    let may_be =
        |problem: &Problem| problem.blame() != crate::failure::Blame::Upstream && *problem != Problem::ClientGone;
    answers.extend(problems(Problem::ALL.iter().copied().filter(may_be)));
    answers
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
fn problems(all: impl Iterator<Item = Problem>) -> impl Iterator<Item = (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in all {
        by_status.entry(problem.status()).or_default().push(problem);
    }
    by_status.into_iter().map(|(status, problems)| {
        let lines: Vec<_> = problems.iter().map(|one| format!("`{}`: {}.", one.name(), one.title())).collect();
        let mut headers = vec!["Tidegate-Upload-Id", "X-Request-Id"];
        if problems.iter().any(|problem| problem.wants_retry_after()) {
            headers.push("Retry-After");
        }
        let answer = json!({
            "description": lines.join("\n\n"),
            "headers": links(&headers),
            "content": { PROBLEM: { "schema": { "$ref": "#/components/schemas/Problem" } } },
        });
        (status.to_string(), answer)
    })
}

fn links(names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") }))).collect()
}

/// Header fields of answers.
pub(super) fn headers() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "Tidegate-Upload-Id": { "description": "The upload's id, which the gateway's log has too.", "schema": { "type": "string", "format": "uuid" } },
        "Location": { "description": "Where the file is, if the upstream says so.", "schema": { "type": "string", "format": "uri" } },
        "Repr-Digest": { "description": "Digests of the file (RFC 9530).", "schema": text },
        "X-Request-Id": { "description": "The request's own.", "schema": text },
        "Retry-After": { "description": "Seconds.", "schema": { "type": "integer", "minimum": 1 } },
    })
}

/// The bodies of answers.
pub(super) fn schemas() -> Value {
    let (text, id) = (json!({ "type": "string" }), json!({ "type": "string", "format": "uuid" }));
    let names: Vec<_> = Problem::ALL.iter().map(|problem| format!("urn:tidegate:problem:{}", problem.name())).collect();
    json!({
        "Receipt": {
            "type": "object",
            "required": ["upload_id", "route", "status", "file", "result"],
            "properties": {
                "upload_id": id,
                "route": text,
                "status": { "enum": ["stored", "processing"] },
                "file": {
                    "type": "object",
                    "required": ["name", "type", "size", "digests"],
                    "properties": {
                        "name": text, "type": text,
                        "size": { "type": "integer", "format": "int64", "minimum": 0, "description": "in bytes" },
                        "digests": { "type": "object", "additionalProperties": text, "description": "in hexadecimal, by algorithm" },
                    },
                },
                "result": { "description": "What the rule says of the stored file." },
            },
        },
        "Problem": {
            "type": "object",
            "description": "RFC 9457.",
            "required": ["type", "title", "status", "detail", "upload_id", "route", "step", "blame", "retryable", "committed"],
            "properties": {
                "type": { "enum": names },
                "title": text, "detail": text,
                "status": { "type": "integer" },
                "upload_id": id,
                "route": { "type": ["string", "null"] },
                "step": { "type": ["string", "null"] },
                "blame": { "enum": ["client", "gateway", "upstream"] },
                "retryable": { "type": "boolean", "description": "Whether the same request may succeed later." },
                "committed": { "enum": ["no", "yes", "unknown"], "description": "Whether the file may exist upstream." },
                "upstream": {
                    "type": "object",
                    "required": ["status"],
                    "properties": { "status": { "type": "integer" }, "code": text, "message": text },
                },
                "violations": {
                    "type": "array",
                    "items": { "type": "object", "required": ["field", "message"], "properties": { "field": text, "message": text } },
                },
            },
        },
    })
}
