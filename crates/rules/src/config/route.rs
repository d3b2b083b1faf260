//! A route: one path, one rule.

use std::sync::Arc;

use wire::digest::DigestSet;

use super::{Accept, Access, Cors, Environment, FairUse, Param, Step, Target, Tree};

/// One rule: how an upload to `path` becomes the upstream's protocol.
#[derive(Debug, Clone)]
pub struct Route {
    /// The route's name; a metric label.
    pub name: Arc<str>,
    /// Where clients send uploads.
    pub path: PathPattern,
    /// For people.
    pub description: Option<String>,
    /// Who may use it.
    pub access: Access,
    /// Whether the client must bring a digest (`require: [digest]`): one that is known before the body.
    pub require_digest: bool,
    /// Digests to compute: what the route says, what its expressions use, and CRC64 always.
    pub digests: DigestSet,
    /// What the caller may send beside the file.
    pub params: Vec<Param>,
    /// What is checked before anything is sent upstream.
    pub accept: Accept,
    /// Which pages may upload from a browser; none: nothing is said of pages.
    pub cors: Option<Cors>,
    /// What clients may take of it; defaults of the main file are filled in.
    pub limits: FairUse,
    /// Every place this rule may talk to.
    pub targets: Vec<Arc<Target>>,
    /// The requests, in order.
    pub steps: Vec<Arc<Step>>,
    /// Index of the step whose body holds the file.
    pub transfer: usize,
    /// The variables that its expressions read while uploads run: the `env` of [`crate::run::Facts`].
    pub env: Arc<Environment>,
    /// The receipt's `result`.
    pub result: Tree,
    /// What the route needs of a client, derived from the steps.
    pub needs: Needs,
}

/// A route's path: literal segments and `{captures}`, at the end perhaps `{rest...}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// As written.
    pub source: String,
    /// Its parts.
    pub segments: Vec<PathSegment>,
}

/// One segment of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathSegment {
    /// This text, compared after percent-decoding.
    Literal(String),
    /// Any one segment: `{name}`.
    Capture(String),
    /// All remaining segments, at least one: `{name...}`; its last segment is the file's name.
    Rest(String),
}

/// What a route needs of a client, and why.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Why the exact size must be known before the transfer; none: it need not.
    pub size: Option<Need>,
    /// Why the first bytes of the file must be there before the prepare steps run.
    pub first_bytes: Option<Need>,
    /// Why the client must bring a digest.
    pub digest: Option<Need>,
    /// Digests that steps up to the transfer use: the client must bring each of these before the body.
    pub early_digests: DigestSet,
}

/// One need: who has it, and why in words for people.
#[derive(Debug, Clone)]
pub struct Need {
    /// The step that needs it, if it is a step.
    pub step: Option<Arc<str>>,
    /// Such as "step `store` sends a form, whose exact length goes into Content-Length".
    pub why: String,
}
