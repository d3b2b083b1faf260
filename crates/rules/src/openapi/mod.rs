//! What clients of a configuration may send, and what they are answered, as an OpenAPI 3.1.1 document
//! (<https://spec.openapis.org/oas/v3.1.1.html>).
//!
//! It tells what the rules demand of clients and nothing of what is behind them: no target, no step, no variable.

mod operation;
mod parameter;
mod response;

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use crate::config::{Config, Listener, Provider, ProviderKind};
use operation::Paths;

/// Where tickets are minted.
const MINT: &str = "/-/tickets";

/// The document of a configuration; `version` is the program's.
#[must_use]
pub fn document(config: &Config, version: &str) -> Value {
    let mut paths = Paths::default();
    for route in &config.routes {
        paths.add(route);
    }
    if config.access.iter().any(|provider| provider.tickets().is_some()) {
        paths.insert(MINT, "post", operation::mint(config));
    }
    let mut components = response::components();
    components["securitySchemes"] = Value::Object(schemes(&config.access));
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Uploads through Tidegate",
            "summary": "One uniform upload request for every route of this gateway.",
            "description": "Each route takes a file raw (PUT with the name in the path, or POST) or as a form, answers with a \
                receipt, or with a problem (RFC 9457).",
            "version": version,
        },
        "servers": config.listeners.iter().filter_map(server).collect::<Vec<_>>(),
        "tags": config.routes.iter().map(|route| json!({ "name": &*route.name, "description": route.description })).collect::<Vec<_>>(),
        "paths": paths.into_value(),
        "components": components,
    })
}

/// A listener as clients reach it; none where the system chooses its port.
fn server(listener: &Listener) -> Option<Value> {
    let Listener { address, tls, .. } = listener;
    let scheme = if tls.is_some() { "https" } else { "http" };
    if address.port() == 0 {
        return None;
    }
    if address.ip().is_unspecified() {
        let url = format!("{scheme}://{{host}}:{}", address.port());
        let host = json!({ "default": "localhost", "description": "any name or address of this machine" });
        return Some(json!({ "url": url, "variables": { "host": host } }));
    }
    Some(json!({ "url": format!("{scheme}://{}", SocketAddr::new(address.ip(), address.port())) }))
}

/// Ways of showing who one is; their names are the configuration's, an API key has a second one for its other header.
fn schemes(providers: &[std::sync::Arc<Provider>]) -> Map<String, Value> {
    let mut schemes = Map::new();
    for provider in providers {
        let ways: Vec<(&str, Value)> = match &provider.kind {
            ProviderKind::ApiKeys(_) => vec![
                ("", json!({ "type": "apiKey", "in": "header", "name": "X-Api-Key" })),
                ("-bearer", json!({ "type": "http", "scheme": "bearer" })),
            ],
            ProviderKind::Jwt(_) => vec![("", json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }))],
            ProviderKind::Mtls(_) => vec![("", json!({ "type": "mutualTLS" }))],
            ProviderKind::Tickets(_) => vec![("", json!({ "type": "apiKey", "in": "query", "name": "ticket" }))],
        };
        schemes.extend(ways.into_iter().map(|(ending, way)| (format!("{}{ending}", provider.name), way)));
    }
    schemes
}

/// One of these is to be shown.
fn security<'p>(providers: impl IntoIterator<Item = &'p std::sync::Arc<Provider>>) -> Vec<Value> {
    let scheme = |name: String| Value::Object(Map::from_iter([(name, json!([]))]));
    let of_provider = |provider: &std::sync::Arc<Provider>| {
        let name = provider.name.to_string();
        match provider.kind {
            ProviderKind::ApiKeys(_) => vec![scheme(name.clone()), scheme(format!("{name}-bearer"))],
            _ => vec![scheme(name)],
        }
    };
    providers.into_iter().flat_map(of_provider).collect()
}

#[cfg(test)]
mod tests;
