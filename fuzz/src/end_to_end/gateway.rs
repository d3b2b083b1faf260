//! What joins the stages: the few lines that the real gateway has between its sockets, without the sockets.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use rules::admission::{Offer, admit};
use rules::config::Route;
use rules::plan::plan;
use rules::routing::Routing;
use rules::run::{Action, Answer, HeaderText, Run, StepRequest, TransferRequest, Transferred};
use wire::digest::{ClientDigests, Digester};
use wire::envelope::EnvelopeWriter;
use wire::http1::chunked::{LAST_CHUNK, frame};
use wire::http1::{RequestFraming, RequestHead};
use wire::name::FileName;
use wire::transform::Transform as _;

use super::Outcome;
use super::body::Body;
use super::head::Head;
use crate::routes::{self, NOW};

/// What the rule's transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Raw,
    Json,
    Form,
    /// A form whose fields and URL an answer gave.
    Learned,
}

/// A rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    pub(super) takes_unknown_size: bool,
    text: &'static str,
}

const HEAD: &str = "
route: r
path: /r
params: { title: { default: none }, note: { default: none } }
";

const RAW: &str = "
    request: PUT /put/${ file.name }?title=${ params.title }
    target: store
    headers: { X-Note: '${ params.note }' }
    body: file
";

const JSON: &str = "
    request: POST /files
    target: store
    json:
      name: ${ file.name }
      more: [ '${ params.title }', '${ params.note }' ]
      file: data:${ file.type };base64,${ file.base64 }
      kind: upload
";

const FORM: &str = "
    request: POST /files
    target: store
    form:
      - { field: title, value: '${ params.title }' }
      - { field: 'note of \"it\"', value: '${ params.note }' }
      - { file: file }
";

const LEARNED: &str = "
    request: POST ${ start.json.url }
    target: bucket
    form: [ { fields: '${ start.json.fields }' }, { file: file } ]
";

pub(super) const RULES: [Rule; 6] = [
    Rule { kind: Kind::Raw, takes_unknown_size: false, text: RAW },
    Rule { kind: Kind::Raw, takes_unknown_size: true, text: RAW },
    Rule { kind: Kind::Json, takes_unknown_size: false, text: JSON },
    Rule { kind: Kind::Form, takes_unknown_size: false, text: FORM },
    Rule { kind: Kind::Form, takes_unknown_size: true, text: FORM },
    Rule { kind: Kind::Learned, takes_unknown_size: false, text: LEARNED },
];

impl Rule {
    pub(super) fn host(self) -> &'static str {
        if self.kind == Kind::Learned { "a.bucket.example.com" } else { "store.example.com" }
    }

    fn route(self) -> Arc<Route> {
        static ROUTES: LazyLock<Vec<Arc<Route>>> = LazyLock::new(|| RULES.iter().map(Rule::load).collect());
        let is_this = |rule: &Rule| rule.text == self.text && rule.takes_unknown_size == self.takes_unknown_size;
        let at = RULES.iter().position(is_this).expect("it is one of these");
        Arc::clone(&ROUTES[at])
    }

    fn load(&self) -> Arc<Route> {
        let targets = if self.kind == Kind::Learned {
            "targets: { api: { url: https://api.example.com }, bucket: { allow: https://*.bucket.example.com } }"
                .to_owned()
        } else {
            format!("targets: {{ store: {{ url: https://store.example.com, chunked: {} }} }}", self.takes_unknown_size)
        };
        let start = if self.kind == Kind::Learned {
            "  - { id: start, request: POST /start, target: api, json: { name: '${ file.name }', title: '${ params.title }', note: '${ params.note }' } }\n"
        } else {
            ""
        };
        routes::route(&format!("{HEAD}{targets}\nsteps:\n{start}  - id: store{}", self.text))
    }
}

/// Serves the first request of a connection whose bytes come in these chunks. `seed`: where the form's boundary comes from.
pub(super) fn serve(rule: Rule, seed: [u8; 16], chunks: Vec<Bytes>) -> Outcome {
    let mut upstream = Upstream::default();
    let is_stored = upload(rule, seed, chunks, &mut upstream).is_ok();
    Outcome { sent: upstream.sent, is_stored }
}

/// Why there is nothing stored; the reason is of no interest here.
#[derive(Debug)]
pub(super) struct Refused;

fn upload(rule: Rule, seed: [u8; 16], chunks: Vec<Bytes>, upstream: &mut Upstream) -> Result<(), Refused> {
    let mut chunks = chunks.into_iter();
    let (head, rest) = Head::read(&mut chunks)?;
    let route = rule.route();
    let Routing::Found(found) = rules::routing::route(&[Arc::clone(&route)], &head.method, &head.path) else {
        return Err(Refused);
    };
    let mut body = Body::new(&head, rest, chunks)?;
    let offer = match found.name {
        Some(name) => raw_offer(&head, name)?,
        None => form_offer(&head, &mut body)?,
    };
    let plan = plan(admit(&route, offer).map_err(|_| Refused)?).map_err(|_| Refused)?;
    let mut run = Run::begin(&plan, seed);
    loop {
        match run.next(NOW) {
            Action::Send(step) => run.answered(prepared(&step), NOW),
            Action::Transfer(transfer) => {
                let digester = Digester::new(plan.digests());
                let transferred = upstream.stream(&transfer, &mut body, digester, plan.client_digests())?;
                run.transferred(transferred, NOW);
            }
            Action::Finish(_) => return Ok(()),
            Action::Wait { .. } | Action::Fail(_) => return Err(Refused),
        }
    }
}

/// The answer of the API that is asked before the transfer: it gives what it was told as fields of a form.
fn prepared(step: &StepRequest) -> Answer {
    let told: serde_json::Value =
        serde_json::from_slice(step.body.as_deref().unwrap_or_default()).expect("the step sends JSON");
    let answer = serde_json::json!({
        "url": "https://a.bucket.example.com/bucket?sig=a%2Fb",
        "fields": { "key": told["title"], "x-meta": told["note"] },
    });
    Answer { status: 200, headers: Vec::new(), body: answer.to_string().into() }
}

fn raw_offer(head: &Head, name: Vec<u8>) -> Result<Offer, Refused> {
    let name = String::from_utf8(name).map_err(|_| Refused)?;
    let digest = head.repr_digest.iter().map(|value| ("Repr-Digest", value.as_bytes()));
    Ok(Offer {
        params: head.params.clone(),
        name: Some(FileName::parse(&name).map_err(|_| Refused)?),
        declared_type: Some(head.content_type.clone()),
        size: head.content_length().or(head.upload_length),
        digests: ClientDigests::parse(digest).map_err(|_| Refused)?,
        ..routes::offer("a")
    })
}

fn form_offer(head: &Head, body: &mut Body) -> Result<Offer, Refused> {
    let (params, part, size) = body.open_form(head)?;
    Ok(Offer {
        params,
        name: Some(FileName::parse(&part.filename).map_err(|_| Refused)?),
        declared_type: part.content_type,
        size,
        digests: part.digests,
        ..routes::offer("a")
    })
}

/// What was written to the upstream.
#[derive(Default)]
struct Upstream {
    sent: Vec<u8>,
}

impl Upstream {
    fn stream(
        &mut self,
        transfer: &TransferRequest,
        body: &mut Body,
        mut digester: Digester,
        demanded: &ClientDigests,
    ) -> Result<Transferred, Refused> {
        let is_chunked = transfer.body_len.is_none();
        let mut writer = transfer.envelope.open(transfer.file_len).map_err(|_| Refused)?;
        assert_eq!(writer.output_len(), transfer.body_len, "the plan knows the length");
        let mut head = Some(head(transfer));
        while let Some(chunk) = body.file()? {
            digester.update(&chunk);
            writer.push(chunk).map_err(|_| Refused)?;
            self.pull(&mut writer, &mut head, is_chunked);
        }
        writer.finish().map_err(|_| Refused)?;
        self.pull(&mut writer, &mut head, is_chunked);
        assert!(!super::upstream::is_complete(&self.sent), "the end is withheld until the proof");
        let digests = digester.finish();
        demanded.verify(&digests).map_err(|_| Refused)?;
        writer.release();
        self.pull(&mut writer, &mut head, is_chunked);
        // An empty body: its head is the whole message.
        self.sent.extend(head.take().into_iter().flatten());
        if is_chunked {
            self.sent.extend_from_slice(LAST_CHUNK);
        }
        let answer = Answer { status: 201, headers: Vec::new(), body: Bytes::new() };
        Ok(Transferred { file_len: writer.file_bytes(), digests, answer })
    }

    fn pull(&mut self, writer: &mut EnvelopeWriter, head: &mut Option<Bytes>, is_chunked: bool) {
        while let Some(piece) = writer.pull() {
            self.sent.extend(head.take().into_iter().flatten());
            if is_chunked {
                self.sent.extend(frame(piece).into_iter().flatten().flatten());
            } else {
                self.sent.extend_from_slice(&piece);
            }
        }
    }
}

fn head(transfer: &TransferRequest) -> Bytes {
    let request = &transfer.request;
    let host = request.url.origin.authority();
    let mut headers: Vec<(&str, &[u8])> = vec![("Host", host.as_bytes())];
    for (name, value) in &request.headers {
        match value {
            HeaderText::Plain(value) => headers.push((name, value.as_bytes())),
            HeaderText::Secret(_) => panic!("no rule here has a secret"),
        }
    }
    let framing = transfer.body_len.map_or(RequestFraming::Chunked, RequestFraming::Length);
    let head = RequestHead {
        method: request.method.as_str(),
        target: &request.url.path_and_query,
        headers: &headers,
        framing,
    };
    head.write().expect("what a rule built can be written")
}
