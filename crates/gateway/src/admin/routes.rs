//! `/routes`: what each route takes, what it needs of a client, and what it will do, for operators and their scripts.

use rules::config::{
    Accept, Access, AllowedOrigin, AllowedOrigins, Body, Config, Cors, FormItem, Need, Param, ParamKind, Route, Step,
    TypePattern,
};
use rules::expr::Condition;
use serde_json::{Map, Value, json};

/// Every route, in the order of the configuration.
pub(super) fn summary(config: &Config) -> Value {
    json!({ "routes": config.routes.iter().map(|route| of_route(route)).collect::<Vec<_>>() })
}

fn of_route(route: &Route) -> Value {
    json!({
        "name": &*route.name,
        "path": route.path.source,
        "description": route.description,
        "access": of_access(&route.access),
        "needs": {
            "size": of_need(route.needs.size.as_ref()),
            "first_bytes": of_need(route.needs.first_bytes.as_ref()),
            "digest": of_need(route.needs.digest.as_ref()),
        },
        "accept": of_accept(&route.accept),
        "cors": route.cors.as_ref().map(of_cors),
        "limits": rules::fair_use::sentences(&route.limits),
        "params": route.params.iter().map(of_param).collect::<Vec<_>>(),
        "steps": route.steps.iter().enumerate().map(|(at, step)| of_step(step, at == route.transfer)).collect::<Vec<_>>(),
    })
}

/// Which providers a route takes; `public`, or none where it says nothing.
fn of_access(access: &Access) -> Value {
    let any_of = access.rule().map(|rule| {
        rule.any_of
            .iter()
            .map(|provider| json!({ "provider": &*provider.name, "kind": provider.kind_name() }))
            .collect::<Vec<_>>()
    });
    let that = access.rule().and_then(|rule| rule.that.as_ref()).map(Condition::source);
    json!({ "public": matches!(access, Access::Public), "any_of": any_of, "that": that, "in_words": access.describe() })
}

fn of_need(need: Option<&Need>) -> Value {
    need.map_or(Value::Null, |need| json!({ "step": need.step.as_deref(), "why": need.why }))
}

fn of_accept(accept: &Accept) -> Value {
    let by_type: Map<_, _> = accept.size.by_type.iter().map(|(kind, max)| (kind.to_string(), json!(max))).collect();
    json!({
        "min_bytes": accept.size.min,
        "max_bytes": accept.size.max,
        "max_bytes_by_type": by_type,
        "types": { "allow": names_of(&accept.types.allow), "deny": names_of(&accept.types.deny) },
        "extensions": { "allow": accept.extensions.allow, "deny": accept.extensions.deny },
        "max_name_bytes": accept.name.max_bytes,
    })
}

fn of_cors(cors: &Cors) -> Value {
    let origins = match &cors.origins {
        AllowedOrigins::Any => vec!["*".to_owned()],
        AllowedOrigins::Listed(list) => list.iter().map(AllowedOrigin::text).collect(),
    };
    json!({
        "origins": origins,
        "credentials": cors.credentials,
        "max_age_seconds": cors.max_age.as_secs(),
        "allow_headers": cors.allow_headers,
        "expose": cors.expose,
        "private_network": cors.private_network,
    })
}

fn names_of(types: &[TypePattern]) -> Vec<String> {
    types.iter().map(ToString::to_string).collect()
}

fn of_param(param: &Param) -> Value {
    let kind = match param.kind {
        ParamKind::String { .. } => "string",
        ParamKind::Boolean => "boolean",
        ParamKind::Integer { .. } => "integer",
        ParamKind::Number { .. } => "number",
    };
    json!({
        "name": param.name,
        "type": kind,
        "required": param.required,
        "default": param.default,
        "enum": param.one_of,
        "description": param.description,
    })
}

fn of_step(step: &Step, transfers: bool) -> Value {
    json!({
        "id": &*step.id,
        "method": step.request.method.as_str(),
        "target": &*step.request.target.name,
        "body": body_kind(&step.request.body),
        "transfers_the_file": transfers,
        "conditional": step.when.is_some(),
        "polls": step.poll.is_some(),
        "undo": step.undo.is_some(),
    })
}

fn body_kind(body: &Body) -> &'static str {
    match body {
        Body::None => "none",
        Body::File => "file",
        Body::Json(_) => "json",
        Body::Form(items) if items.iter().any(|item| matches!(item, FormItem::File { .. })) => "form with the file",
        Body::Form(_) => "form",
        Body::Urlencoded(_) => "urlencoded",
        Body::Text(_) => "text",
    }
}
