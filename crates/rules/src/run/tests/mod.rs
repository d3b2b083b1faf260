//! Whole runs with canned answers: what is sent, in which order, and how each end looks.

mod building;
pub(crate) mod flows;
mod judging;
mod repeating;
mod transferring;

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;
use wire::digest::{Algorithm, ClientDigests, DigestSet, Digester};
use wire::name::FileName;

use super::*;
use crate::admission::{Offer, admit};
use crate::config::{
    Accept, Body, Environment, ErrorRules, Expect, ExtensionRules, FormItem, FormRules, HeaderItem, NameRules, Needs,
    PathPattern, RequestRule, RetryClass, Route, SizeLimits, Step, Tree, TypeRules, Undo, UrlRule,
};
use crate::expr::Template;
use crate::failure::Problem;
use crate::plan::plan;
use crate::url::{Origin, OriginPattern};

pub(super) const WALL: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);
pub(super) const SEED: [u8; 16] = [7; 16];

pub(super) fn now(seconds: u64) -> Now {
    Now { wall: WALL + Duration::from_secs(seconds), monotonic: Duration::from_secs(seconds) }
}

pub(super) fn text(source: &str) -> Template {
    Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"))
}

pub(super) fn target() -> Target {
    Target {
        name: "api".into(),
        origin: Some(Origin::parse("https://api.example.com").expect("parses")),
        allow: vec![OriginPattern::parse("https://*.storage.example.com").expect("parses")],
        auth: None,
        headers: Vec::new(),
        errors: ErrorRules::default(),
        timeout: None,
        connect_timeout: None,
        ca_file: None,
        allow_private: Vec::new(),
        chunked: false,
    }
}

pub(super) fn step(id: &str, method: http::Method, url: &str, body: Body) -> Step {
    let url = if url.starts_with("${") { UrlRule::Learned(text(url)) } else { UrlRule::Path(text(url)) };
    Step {
        id: id.into(),
        request: RequestRule { method, url, target: Arc::new(target()), headers: Vec::new(), query: Vec::new(), body },
        expect: Expect { statuses: vec![(200, 299)], that: None },
        when: None,
        poll: None,
        retry: RetryClass::Never,
        expires: None,
        undo: None,
        check: Vec::new(),
        timeout: None,
    }
}

/// A prepare step that gives a URL and an id, and can be undone.
pub(super) fn create() -> Step {
    let mut create =
        step("create", http::Method::POST, "/files", json(&[("name", "${ file.name }"), ("size", "${ file.size }")]));
    create.undo = Some(Undo {
        request: step("create", http::Method::DELETE, "/files/${ create.json.id }", Body::None).request,
        statuses: vec![(200, 299), (404, 404)],
    });
    create
}

pub(super) fn store() -> Step {
    step("store", http::Method::PUT, "${ create.json.url }", Body::File)
}

pub(super) fn finish() -> Step {
    step("finish", http::Method::POST, "/files/${ create.json.id }/done", Body::None)
}

pub(super) fn json(members: &[(&str, &str)]) -> Body {
    Body::Json(Tree::Map(members.iter().map(|(name, value)| ((*name).to_owned(), Tree::Leaf(text(value)))).collect()))
}

pub(super) fn route(steps: Vec<Step>) -> Route {
    let transfer = steps.iter().position(|step| holds_file(&step.request.body)).expect("one step holds the file");
    Route {
        limits: crate::config::FairUse::default(),
        name: "test".into(),
        path: PathPattern { source: "/test".to_owned(), segments: Vec::new() },
        description: None,
        access: crate::config::Access::Unsaid,
        require_digest: false,
        digests: DigestSet::default().with(Algorithm::Sha256),
        params: Vec::new(),
        accept: Accept {
            size: SizeLimits::default(),
            types: TypeRules::default(),
            extensions: ExtensionRules::default(),
            name: NameRules { max_bytes: 255, pattern: None::<Regex> },
            form: FormRules::default(),
        },
        cors: None,
        targets: Vec::new(),
        steps: steps.into_iter().map(Arc::new).collect(),
        transfer,
        env: Arc::new(Environment::default()),
        result: Tree::Map(vec![("id".to_owned(), Tree::Leaf(text("${ create.json.id | default(omit) }")))]),
        needs: Needs::default(),
    }
}

fn holds_file(body: &Body) -> bool {
    fn in_tree(tree: &Tree) -> bool {
        match tree {
            Tree::Constant(_) => false,
            Tree::Leaf(template) => template.stream().is_some(),
            Tree::List(items) => items.iter().any(in_tree),
            Tree::Map(members) => members.iter().any(|(_, member)| in_tree(member)),
        }
    }
    match body {
        Body::File => true,
        Body::Json(tree) => in_tree(tree),
        Body::Form(items) => items.iter().any(|item| matches!(item, FormItem::File { .. })),
        Body::None | Body::Urlencoded(_) | Body::Text(_) => false,
    }
}

pub(super) fn offer(name: &str, size: Option<u64>) -> Offer {
    Offer {
        upload_id: Uuid::nil(),
        idempotency_key: None,
        received: WALL,
        path: Vec::new(),
        params: Vec::new(),
        name: Some(FileName::parse(name).expect("a name")),
        declared_type: Some("image/png".to_owned()),
        size,
        digests: ClientDigests::default(),
        pass: crate::access::Pass::default(),
    }
}

pub(super) fn begin(route: Route) -> Run {
    begin_with(route, offer("a b.png", Some(3)))
}

pub(super) fn begin_with(route: Route, offer: Offer) -> Run {
    let admission = admit(&Arc::new(route), offer).expect("admitted");
    Run::begin(&plan(admission).expect("planned"), SEED)
}

pub(super) fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: body.to_owned().into() }
}

pub(super) fn answer_with(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    Answer { headers, ..answer(status, body) }
}

pub(super) const CREATED: &str = r#"{"id": 9007199254740993, "url": "https://b.storage.example.com/k?sig=a%2Fb"}"#;

pub(super) fn transferred(answer: Answer) -> Transferred {
    let mut digester = Digester::new(DigestSet::default().with(Algorithm::Sha256));
    digester.update(b"abc");
    Transferred { file_len: 3, digests: digester.finish(), answer }
}

impl Run {
    pub(super) fn sent(&mut self, at: u64) -> StepRequest {
        match self.next(now(at)) {
            Action::Send(request) => request,
            other => panic!("expected a request, not {other:?}"),
        }
    }

    pub(super) fn transfer(&mut self, at: u64) -> TransferRequest {
        match self.next(now(at)) {
            Action::Transfer(request) => request,
            other => panic!("expected the transfer, not {other:?}"),
        }
    }

    pub(super) fn failure(&mut self, at: u64) -> Failure {
        match self.next(now(at)) {
            Action::Fail(failure) => failure,
            other => panic!("expected a failure, not {other:?}"),
        }
    }

    pub(super) fn receipt(&mut self, at: u64) -> Receipt {
        match self.next(now(at)) {
            Action::Finish(receipt) => receipt,
            other => panic!("expected a receipt, not {other:?}"),
        }
    }

    pub(super) fn pause(&mut self, at: u64) -> (Duration, Option<RetryReason>) {
        match self.next(now(at)) {
            Action::Wait { pause, retry, .. } => (pause, retry),
            other => panic!("expected a pause, not {other:?}"),
        }
    }

    /// Through the first step with its usual answer.
    pub(super) fn created(mut self) -> Self {
        self.sent(0);
        self.answered(answer(201, CREATED), now(0));
        self
    }
}

pub(super) fn body_of(request: &StepRequest) -> String {
    String::from_utf8(request.body.clone().unwrap_or_default().to_vec()).expect("UTF-8")
}

pub(super) fn full_url(url: &Url) -> String {
    format!("{}{}", url.origin, url.path_and_query)
}

pub(super) fn header<'a>(request: &'a StepRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| match value {
        HeaderText::Plain(text) => text.as_str(),
        HeaderText::Secret(_) => "(secret)",
    })
}

pub(super) fn written(name: &str, value: &str) -> HeaderItem {
    HeaderItem::Written(name.to_owned(), text(value))
}

pub(super) fn problem_of(mut run: Run) -> (Problem, Committed, Option<String>) {
    let failure = run.failure(100);
    (failure.problem, failure.committed, failure.step)
}

use crate::failure::Committed;
