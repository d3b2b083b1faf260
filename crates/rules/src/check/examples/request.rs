//! What the client of an example sends.

use serde_json::Value as Json;

use super::exchange::headers;
use super::pattern::{base64, json};
use crate::check::fields::Fields;
use crate::config::{ExampleClient, ExampleContent, ExampleRequest, RequestForm};
use crate::diagnostics::Problems;
use crate::schema::table::example::{EXAMPLE_CLIENT, EXAMPLE_REQUEST};
use crate::schema::values::parse_size;
use crate::source::Node;

/// The largest file that is made up: examples are about requests, and each is held in memory to be compared.
const MAX_SIZE: u64 = 16 << 20;

/// Fields that follow from other keys.
const DERIVED: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "content-type", "content-disposition"];

/// What is known of the route beside its examples.
#[derive(Clone, Copy)]
pub(super) struct About<'n> {
    /// `path`, as written.
    pub(super) path: Option<&'n str>,
    /// Whether it has an `access` that demands something.
    pub(super) knows_clients: bool,
}

/// Reads the request; `None` after problems.
pub(super) fn read(node: &Node, route: About<'_>, problems: &mut Problems) -> Option<ExampleRequest> {
    let file = Fields::new(Some(node), &EXAMPLE_REQUEST);
    let form = match file.text("by")?.as_str() {
        "post" => RequestForm::Post,
        "form" => RequestForm::Form,
        _ => RequestForm::Put,
    };
    let path = path(&file, node, route, problems);
    check_filename(&file, form, node, route, problems);
    let params = file.get("params").map(pairs).unwrap_or_default();
    let headers = headers(file.get("headers"), &DERIVED, problems);
    let client = client(file.get("client"), route, problems);
    let content = content(&file, problems);
    Some(ExampleRequest {
        form,
        path: path?,
        filename: file.text("filename"),
        media_type: file.text("type"),
        params,
        headers: headers?,
        client: client?,
        content: content?,
    })
}

fn path(file: &Fields<'_>, node: &Node, route: About<'_>, problems: &mut Problems) -> Option<String> {
    let Some(path) = file.get("path") else {
        let own = route.path?;
        if own.contains('{') {
            problems
                .error(node.span, "this request needs `path`: the route's own has `{ … }` in it")
                .hint(format!("write `path: …`, such as `{own}` with a value for each `{{ … }}`"));
            return None;
        }
        return Some(own.to_owned());
    };
    let text = path.text()?;
    let sendable = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
    if text.starts_with('/') && sendable {
        return Some(text.to_owned());
    }
    problems
        .error(path.span, "this path cannot be sent")
        .hint("it begins with `/`, has no query, and is percent-encoded where it must be: a space is `%20`");
    None
}

fn check_filename(file: &Fields<'_>, form: RequestForm, node: &Node, route: About<'_>, problems: &mut Problems) {
    let takes_the_name = route.path.is_none_or(|path| path.ends_with("...}"));
    if form == RequestForm::Put && !takes_the_name && file.get("filename").is_none() {
        problems
            .error(node.span, "this `PUT` has no `filename`")
            .hint("add `filename: …`; or write `by: post`, which needs no name");
    }
}

fn pairs(node: &Node) -> Vec<(String, String)> {
    let entries = node.entries().iter();
    entries.filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned()))).collect()
}

/// `Some(None)` where nobody is named.
fn client(node: Option<&Node>, route: About<'_>, problems: &mut Problems) -> Option<Option<ExampleClient>> {
    let Some(node) = node else { return Some(None) };
    if !route.knows_clients {
        problems
            .error(node.span, "this route does not ask who its clients are")
            .hint("remove `client`, or give the route an `access`");
        return None;
    }
    let file = Fields::new(Some(node), &EXAMPLE_CLIENT);
    let claims = match file.get("claims") {
        None => serde_json::Map::new(),
        Some(claims) => match json(claims, problems)? {
            Json::Object(claims) => claims,
            _ => {
                problems.error(claims.span, "`claims` is a map").hint("write `{ NAME: VALUE }`");
                return None;
            }
        },
    };
    Some(Some(ExampleClient { subject: file.text("subject")?.as_str().into(), claims }))
}

fn content(file: &Fields<'_>, problems: &mut Problems) -> Option<ExampleContent> {
    if let Some(node) = file.get("base64") {
        return base64(node, problems).map(ExampleContent::Written);
    }
    let Some(node) = file.get("size") else {
        return Some(ExampleContent::Written(file.text("text").unwrap_or_default().into_bytes()));
    };
    let size = parse_size(node.text()?).ok()?;
    if size <= MAX_SIZE {
        return Some(ExampleContent::Generated(size));
    }
    problems
        .error(node.span, "this file is larger than those of examples may be")
        .hint("write at most `16MiB`; `tidegate explain --size` tells of larger ones");
    None
}
