//! Exact lengths of a body before anything is sent, where no answer has a part in it.

use super::Facts;
use super::body::{self, Payload};
use super::request::Builder;
use super::seed::Seed;
use crate::config::{Body, FormItem, Step, Tree};
use crate::expr::Template;

/// The lengths of a body in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodyLengths {
    /// Before the file, or all of a body without it.
    pub(crate) before: u64,
    /// After the file.
    pub(crate) after: u64,
    /// In all; none: the file's size is not known.
    pub(crate) total: Option<u64>,
}

/// The lengths of a step's body; none where they hang on an answer.
pub(crate) fn body_lengths(facts: &Facts, step: &Step) -> Option<BodyLengths> {
    let mut hangs_on_answers = false;
    visit(&step.request.body, &mut |template| hangs_on_answers |= template.uses_answers());
    if hangs_on_answers {
        return None;
    }
    // The boundary has the same length whatever its randomness; a policy cannot be there without an answer.
    let seed = Seed([0; 16]);
    let builder = Builder { facts, seed: &seed, soon: time::OffsetDateTime::UNIX_EPOCH };
    let len = |bytes: &[u8]| u64::try_from(bytes.len()).ok();
    match body::build(builder, &step.id, &step.request.body).ok()?.payload {
        Payload::None => Some(BodyLengths { before: 0, after: 0, total: Some(0) }),
        Payload::Bytes(bytes) => Some(BodyLengths { before: len(&bytes)?, after: 0, total: len(&bytes) }),
        Payload::File(envelope) => {
            let size = facts.file.as_ref().and_then(|file| file.size);
            let total = size.and_then(|size| envelope.body_len(size));
            Some(BodyLengths { before: len(&envelope.prefix)?, after: len(&envelope.suffix)?, total })
        }
    }
}

fn visit(body: &Body, see: &mut impl FnMut(&Template)) {
    match body {
        Body::None | Body::File => {}
        Body::Json(tree) => visit_tree(tree, see),
        Body::Urlencoded(pairs) => pairs.iter().for_each(|(_, template)| see(template)),
        Body::Text(template) => see(template),
        Body::Form(items) => {
            for item in items {
                match item {
                    FormItem::Field { name, value, content_type } => {
                        [name, value].into_iter().chain(content_type).for_each(&mut *see);
                    }
                    FormItem::Fields { from, .. } => see(from),
                    FormItem::File { part, filename, content_type } => {
                        [part].into_iter().chain(filename).chain(content_type).for_each(&mut *see);
                    }
                }
            }
        }
    }
}

fn visit_tree(tree: &Tree, see: &mut impl FnMut(&Template)) {
    match tree {
        Tree::Constant(_) => {}
        Tree::Leaf(template) => see(template),
        Tree::List(items) => items.iter().for_each(|item| visit_tree(item, see)),
        Tree::Map(members) => members.iter().for_each(|(_, member)| visit_tree(member, see)),
    }
}
