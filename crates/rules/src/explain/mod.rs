//! The plan of one upload in words: what would be sent where, what the client must bring, when the file is committed.
//!
//! Nothing is sent. What only an answer can tell stands as `‹create.json.url›`, secrets stand as `***`.

mod sample;
mod show;
mod text;

pub use sample::Sample;

use std::sync::Arc;

use serde::Serialize;

use crate::admission::{Offer, admit};
use crate::config::{AllowedOrigin, AllowedOrigins, Body, Cors, Detect, RequestRule, RetryClass, Route, Step, Undo};
use crate::failure::Failure;
use crate::fair_use::sentences;
use crate::plan::plan;
use crate::run::{BodyLengths, Facts, IdempotencyKey, body_lengths};

/// The plan of one upload.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The route's name.
    pub route: String,
    /// Where clients send uploads.
    pub path: String,
    /// For people.
    pub description: Option<String>,
    /// Who may use the route.
    pub access: String,
    /// The file as the rule sees it.
    pub file: FileExplanation,
    /// What the route needs of a client, a sentence each.
    pub needs: Vec<String>,
    /// Which pages may upload from a browser, and how; none: nothing is said of pages.
    pub pages: Option<String>,
    /// What clients may take of the route, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
    /// When a client that sent `Expect: 100-continue` gets its 100.
    pub continue_after: String,
    /// The digests that are computed while streaming.
    pub digests: Vec<&'static str>,
    /// What an upload holds in memory.
    pub memory: MemoryExplanation,
    /// The requests, in order.
    pub steps: Vec<StepExplanation>,
    /// When the file exists upstream.
    pub commit: String,
    /// The receipt's `result`.
    pub result: String,
}

/// The file of the example.
#[derive(Debug, Clone, Serialize)]
pub struct FileExplanation {
    /// Its name.
    pub name: String,
    /// Its media type.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Its size in bytes, if known.
    pub size: Option<u64>,
    /// The largest size that the route takes for its type.
    pub max_size: Option<u64>,
}

/// What an upload holds in memory beside the two connections' buffers.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryExplanation {
    /// Bytes around the file and first bytes that are looked at; none: they hang on an answer.
    pub held_bytes: Option<u64>,
    /// In words.
    pub bound: String,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct StepExplanation {
    /// The step's id.
    pub id: String,
    /// `prepare`, `transfer` or `finalize`.
    pub stage: &'static str,
    /// Its condition.
    pub when: Option<String>,
    /// What is sent.
    #[serde(flatten)]
    pub request: RequestExplanation,
    /// The exact length of the body in bytes; none: it hangs on an answer or on an unknown size.
    pub body_len: Option<u64>,
    /// Bytes of the body before the file.
    pub before_file: Option<u64>,
    /// Bytes of the body after the file.
    pub after_file: Option<u64>,
    /// The answers that are a success.
    pub expect: String,
    /// Whether it may be sent again.
    pub retry: String,
    /// How it polls.
    pub poll: Option<String>,
    /// When what it gives ends.
    pub expires: Option<String>,
    /// What is asserted of its answer.
    pub checks: Vec<String>,
    /// What takes it back.
    pub undo: Option<UndoExplanation>,
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct RequestExplanation {
    /// Its method.
    pub method: String,
    /// Its URL.
    pub url: String,
    /// The target and where it may go.
    pub target: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body, a line for each part.
    pub body: Vec<String>,
}

/// The request that takes a step back.
#[derive(Debug, Clone, Serialize)]
pub struct UndoExplanation {
    /// What is sent.
    #[serde(flatten)]
    pub request: RequestExplanation,
    /// The answers that are a success.
    pub expect: String,
}

/// Explains what would happen to an upload.
///
/// # Errors
/// The refusal that the upload would meet before anything is sent.
pub fn explain(route: &Arc<Route>, sample: Offer) -> Result<Explanation, Failure> {
    let plan = plan(admit(route, sample)?)?;
    let facts = plan.facts(IdempotencyKey::Text("‹generated when absent›".to_owned()));
    // A generated key has a length of its own.
    let measured = plan.facts(IdempotencyKey::Text(uuid::Uuid::nil().to_string()));
    let steps = route.steps.iter().enumerate();
    let steps = steps.map(|(at, step)| step_of(route, &facts, at, step, body_lengths(&measured, step))).collect();
    let transfer = route.steps.get(route.transfer);
    let lengths = transfer.and_then(|step| body_lengths(&measured, step));
    Ok(Explanation {
        route: route.name.to_string(),
        path: route.path.source.clone(),
        description: route.description.clone(),
        access: route.access.describe(),
        file: FileExplanation {
            name: plan.file_name().to_owned(),
            media_type: plan.file_type().to_owned(),
            size: plan.file_len(),
            max_size: plan.max_len(),
        },
        needs: needs(route),
        pages: route.cors.as_ref().map(pages),
        limits: sentences(&route.limits),
        continue_after: continue_after(route),
        digests: plan.digests().iter().map(wire::digest::Algorithm::name).collect(),
        memory: memory(route, lengths),
        commit: transfer.map(|step| commit(step)).unwrap_or_default(),
        result: show::tree(&route.result, &facts),
        steps,
    })
}

fn step_of(route: &Route, facts: &Facts, at: usize, step: &Step, lengths: Option<BodyLengths>) -> StepExplanation {
    let carries_file = at == route.transfer;
    let stage = match at.cmp(&route.transfer) {
        std::cmp::Ordering::Less => "prepare",
        std::cmp::Ordering::Equal => "transfer",
        std::cmp::Ordering::Greater => "finalize",
    };
    StepExplanation {
        id: step.id.to_string(),
        stage,
        when: step.when.as_ref().map(show::source),
        request: request_of(&step.request, facts),
        body_len: lengths.and_then(|lengths| lengths.total),
        before_file: lengths.filter(|_| carries_file).map(|lengths| lengths.before),
        after_file: lengths.filter(|_| carries_file).map(|lengths| lengths.after),
        expect: show::expect(step),
        retry: retry(step, carries_file),
        poll: step.poll.as_ref().map(show::poll),
        expires: step.expires.as_ref().map(show::source),
        checks: step.check.iter().map(show::source).collect(),
        undo: step.undo.as_ref().map(|undo| undo_of(undo, facts)),
    }
}

fn undo_of(undo: &Undo, facts: &Facts) -> UndoExplanation {
    UndoExplanation { request: request_of(&undo.request, facts), expect: show::statuses(&undo.statuses) }
}

fn request_of(rule: &RequestRule, facts: &Facts) -> RequestExplanation {
    RequestExplanation {
        method: rule.method.to_string(),
        url: show::url(rule, facts),
        target: show::target(rule),
        headers: show::headers(rule, facts),
        body: show::body(&rule.body, facts),
    }
}

fn needs(route: &Route) -> Vec<String> {
    let needs = &route.needs;
    let mut sentences = Vec::new();
    if let Some(need) = &needs.size {
        sentences.push(format!("the exact size (411 without one): {}", need.why));
    }
    if route.require_digest || needs.digest.is_some() {
        let why = needs.digest.as_ref().map_or("the route demands one", |need| need.why.as_str());
        sentences.push(format!("a digest before the file: {why}"));
    }
    for param in route.params.iter().filter(|param| param.required && param.default.is_none()) {
        sentences.push(format!("the parameter `{}`", param.name));
    }
    sentences
}

fn pages(cors: &Cors) -> String {
    let whose = match &cors.origins {
        AllowedOrigins::Any => "of every origin".to_owned(),
        AllowedOrigins::Listed(list) if list.is_empty() => return "of no origin; 403 for every page".to_owned(),
        AllowedOrigins::Listed(list) => list.iter().map(AllowedOrigin::text).collect::<Vec<_>>().join(", "),
    };
    let credentials = if cors.credentials { ", with credentials" } else { "" };
    let others = if cors.origins == AllowedOrigins::Any { "" } else { "; 403 for others" };
    format!("{whose}{credentials}{others}")
}

fn continue_after(route: &Route) -> String {
    let detects = route.accept.types.detect != Detect::Ignore;
    match &route.needs.first_bytes {
        _ if detects => "after the plan: the first bytes of the file are looked at before the prepare steps".to_owned(),
        Some(need) => {
            format!("after the plan: the first bytes of the file are awaited before the prepare steps: {}", need.why)
        }
        None if route.transfer == 0 => "after the plan: no step comes before the transfer".to_owned(),
        None => "after the prepare steps (forms: after the plan, as name and parameters come in the body)".to_owned(),
    }
}

fn memory(route: &Route, lengths: Option<BodyLengths>) -> MemoryExplanation {
    let looked_at = if route.accept.types.detect == Detect::Ignore { 0 } else { wire::sniff::PREFIX_LEN as u64 };
    let held_bytes = lengths.map(|lengths| lengths.before.saturating_add(lengths.after).saturating_add(looked_at));
    let bound = "one chunk of the file at a time, whatever its size; buffers come out of `limits.memory`".to_owned();
    MemoryExplanation { held_bytes, bound }
}

fn commit(step: &Step) -> String {
    let withheld = match &step.request.body {
        Body::Form(_) => "the last byte of the file and the form's closing delimiter",
        Body::Json(_) => "the last base64 group of the file and the rest of the JSON",
        _ => "the last byte of the file",
    };
    format!("step `{}`: until the file's end, length and digests are proven, it withholds {withheld}", step.id)
}

fn retry(step: &Step, carries_file: bool) -> String {
    let words = match step.retry {
        _ if carries_file => "streamed: sent again only while no byte of it is lost, by one fresh dial",
        RetryClass::Idempotent => "retryable: up to 3 attempts",
        RetryClass::Never => "sent once: again only when it is certain that nothing was done",
    };
    words.to_owned()
}

#[cfg(test)]
mod tests;
