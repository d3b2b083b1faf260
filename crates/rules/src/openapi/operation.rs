//! The operations of a route: `PUT` with the file's name in the path, and `POST` of a raw file or a form.

use serde_json::{Map, Value, json};

use super::parameter;
use super::response;
use super::security;
use crate::config::{AccessRule, Config, PathSegment, Provider, Route, TypePattern};

/// The paths of the document, in the order of the routes.
#[derive(Debug, Default)]
pub(super) struct Paths(Map<String, Value>);

impl Paths {
    /// Adds the operations of a route.
    pub(super) fn add(&mut self, route: &Route) {
        let path = template(route);
        let is_open = matches!(route.path.segments.last(), Some(PathSegment::Rest(_)));
        if is_open {
            self.insert(&path, "put", put(route, None));
        } else {
            let name = name_of_name(route);
            self.insert(&format!("{path}/{{{name}}}"), "put", put(route, Some(&name)));
        }
        self.insert(&path, "post", post(route));
    }

    pub(super) fn insert(&mut self, path: &str, method: &str, operation: Value) {
        let item = self.0.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            // The first route of a path is the one that is served.
            item.entry(method).or_insert(operation);
        }
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// `/a/{b}`. Several segments cannot be said in OpenAPI; a parameter's description says so.
fn template(route: &Route) -> String {
    let segments = route.path.segments.iter().map(|segment| match segment {
        PathSegment::Literal(text) => format!("/{text}"),
        PathSegment::Capture(name) | PathSegment::Rest(name) => format!("/{{{name}}}"),
    });
    segments.collect()
}

/// What the file's name is called among the parameters of the path.
fn name_of_name(route: &Route) -> String {
    let mut name = "filename".to_owned();
    while route.path.segments.iter().any(|segment| matches!(segment, PathSegment::Capture(taken) if *taken == name)) {
        name.push('_');
    }
    name
}

fn put(route: &Route, name: Option<&str>) -> Value {
    let mut parameters = parameter::of_path(route);
    parameters.extend(name.map(|name| parameter::file_name(name, route)));
    parameters.extend(route.params.iter().map(|param| parameter::declared(param, param.required)));
    parameters.extend(parameter::headers(route, Sent::Raw));
    let body = json!({ "required": true, "description": file_in_words(route), "content": raw(route) });
    operation(route, "put", "Upload a file, named in the path", &parameters, &body)
}

fn post(route: &Route) -> Value {
    let mut parameters = parameter::of_path(route);
    // A form may hold them too.
    parameters.extend(route.params.iter().map(|param| parameter::declared(param, false)));
    parameters.push(parameter::file_name_in_query(route));
    parameters.extend(parameter::headers(route, Sent::RawOrForm));
    let mut content = raw(route);
    content.insert("multipart/form-data".to_owned(), form(route));
    let body = json!({ "required": true, "description": file_in_words(route), "content": content });
    operation(route, "post", "Upload a file, raw or as a form", &parameters, &body)
}

/// In which ways a body may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Raw,
    RawOrForm,
}

fn operation(route: &Route, method: &str, summary: &str, parameters: &[Value], body: &Value) -> Value {
    let mut operation = json!({
        "operationId": format!("{method}-{}", route.name),
        "tags": [&*route.name],
        "summary": summary,
        "parameters": parameters,
        "requestBody": body,
        "responses": response::of_route(route),
    });
    if let Some(description) = description(route) {
        operation["description"] = json!(description);
    }
    if let Some(AccessRule { any_of, .. }) = route.access.rule() {
        operation["security"] = json!(security(any_of));
    }
    operation
}

fn description(route: &Route) -> Option<String> {
    let needs = [("its size", &route.needs.size), ("a digest", &route.needs.digest)];
    let needs = needs.into_iter().filter_map(|(what, need)| {
        need.as_ref().map(|need| format!("A client must tell {what} before the file: {}.", need.why))
    });
    let limits = crate::fair_use::sentences(&route.limits).into_iter().map(|limit| format!("Limit: {limit}."));
    let lines: Vec<_> = route.description.clone().into_iter().chain(needs).chain(limits).collect();
    (!lines.is_empty()).then(|| lines.join("\n\n"))
}

/// The types in which a file may come raw.
fn raw(route: &Route) -> Map<String, Value> {
    let mut types: Vec<String> = route.accept.types.allow.iter().map(ToString::to_string).collect();
    if types.is_empty() {
        types.push("*/*".to_owned());
    }
    // A file of bytes has no schema (OpenAPI 3.1, "Considerations for File Uploads").
    types.into_iter().map(|kind| (kind, json!({}))).collect()
}

/// The fields first, the file last.
fn form(route: &Route) -> Value {
    let mut properties: Map<String, Value> =
        route.params.iter().map(|param| (param.name.clone(), parameter::schema(param))).collect();
    properties.insert("file".to_owned(), json!({ "type": "string", "contentMediaType": "application/octet-stream", "description": "The file, as the last part, with a `filename`. The part may have any name." }));
    json!({ "schema": { "type": "object", "properties": properties, "required": ["file"] } })
}

fn file_in_words(route: &Route) -> String {
    let accept = &route.accept;
    let list = |what: &str, items: &[String]| (!items.is_empty()).then(|| format!("{what}: {}", items.join(", ")));
    let types = |types: &[TypePattern]| types.iter().map(ToString::to_string).collect::<Vec<_>>();
    let by_type = accept.size.by_type.iter().map(|(kind, max)| Some(format!("at most {max} bytes of {kind}")));
    let facts = [
        accept.size.min.map(|min| format!("at least {min} bytes")),
        accept.size.max.map(|max| format!("at most {max} bytes")),
        list("types", &types(&accept.types.allow)),
        list("not of type", &types(&accept.types.deny)),
        list("extensions", &accept.extensions.allow),
        list("not with extension", &accept.extensions.deny),
    ];
    let facts: Vec<_> = facts.into_iter().chain(by_type).flatten().collect();
    if facts.is_empty() { "The file.".to_owned() } else { format!("The file: {}.", facts.join("; ")) }
}

/// Minting a ticket.
pub(super) fn mint(config: &Config) -> Value {
    let may_mint = |provider: &Provider| {
        let of_tickets = config.access.iter().filter_map(|provider| provider.tickets());
        of_tickets.flat_map(|tickets| &tickets.mint).any(|minter| *minter == provider.name)
    };
    let minters = config.access.iter().filter(|provider| may_mint(provider));
    let mut operation = response::from_file(include_str!("mint.json"));
    operation["security"] = Value::Array(security(minters));
    let routes = config.routes.iter().map(|route| Value::from(&*route.name)).collect();
    if let Some(known) = operation.pointer_mut("/requestBody/content/application~1json/schema/properties/route/enum") {
        *known = routes;
    }
    if let Some(answers) = operation["responses"].as_object_mut() {
        answers.extend(response::of_mint());
    }
    operation
}
