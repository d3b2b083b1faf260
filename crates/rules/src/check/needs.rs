//! What a route needs of its clients, read off its steps.

use std::sync::Arc;

use super::fields::Fields;
use super::names::Names;
use crate::config::{Accept, Body, Detect, Need, Needs, Step};
use crate::diagnostics::Problems;
use crate::source::Node;

/// Derives the needs of a route without problems.
pub(super) fn derive(names: &Names, accept: &Accept, steps: &[Arc<Step>], transfer: usize) -> Needs {
    let used = names.used.borrow();
    let digest = (!used.early_digests.is_empty()).then(|| {
        let step = used.early_digest_step.as_deref();
        Need { step: step.map(Arc::from), why: format!("{} uses a digest of the file before it was read", who(step)) }
    });
    Needs {
        size: size(names, steps, transfer),
        first_bytes: first_bytes(accept, steps),
        digest,
        early_digests: used.early_digests,
    }
}

fn size(names: &Names, steps: &[Arc<Step>], transfer: usize) -> Option<Need> {
    if let Some(step) = &names.used.borrow().size {
        let step = step.as_deref();
        return Some(Need {
            step: step.map(Arc::from),
            why: format!("{} tells the upstream the file's exact size", who(step)),
        });
    }
    let step = steps.get(transfer)?;
    if step.request.target.chunked {
        return None;
    }
    let body = match &step.request.body {
        Body::Form(_) => "a form",
        Body::Json(_) => "JSON with the file in it",
        _ => "the file",
    };
    let target = &step.request.target.name;
    let why = format!(
        "step `{}` sends {body}, whose exact length goes into `Content-Length`, as target `{target}` takes no chunked bodies",
        step.id
    );
    Some(Need { step: Some(Arc::clone(&step.id)), why })
}

fn first_bytes(accept: &Accept, steps: &[Arc<Step>]) -> Option<Need> {
    if accept.types.detect != Detect::Ignore {
        return Some(Need { step: None, why: "the type is detected from the first bytes of the file".to_owned() });
    }
    let step = steps.iter().find(|step| step.expires.is_some())?;
    let why = format!("what step `{}` gives expires, so it is asked for only once the file is there", step.id);
    Some(Need { step: Some(Arc::clone(&step.id)), why })
}

fn who(step: Option<&str>) -> String {
    step.map_or_else(|| "a target's header".to_owned(), |step| format!("step `{step}`"))
}

/// An `expires` on a step whose answer the transfer does not use protects nothing.
pub(super) fn check_expiry(file: &Fields<'_>, names: &Names, problems: &mut Problems) {
    let Some(transfer) = names.transfer else { return };
    for node in file.get("steps").map(Node::items).unwrap_or_default() {
        let (Some(entry), Some(id)) = (node.entry("expires"), node.get("id").and_then(Node::text)) else { continue };
        if !names.used.borrow().answers.contains(&(transfer, id.to_owned())) {
            let message = format!("the transfer uses nothing that `{id}` gives, so its expiry does not matter");
            problems.warning(entry.key_span, message).hint("remove `expires`");
        }
    }
}
