//! What joins the stages: the few lines that the real gateway has between its sockets, without the sockets.

use std::sync::{Arc, LazyLock};

use bytes::{Bytes, BytesMut};
use rules::admission::{Offer, admit};
use rules::config::Route;
use rules::plan::plan;
use rules::run::{Action, Answer, HeaderText, Run, StepRequest, TransferRequest, Transferred};
use wire::digest::{ClientDigests, Digester};
use wire::envelope::EnvelopeWriter;
use wire::form::{FilePart, FormEvent, FormLimits, FormParser, Trailing};
use wire::http1::chunked::{ChunkedDecoder, LAST_CHUNK, frame};
use wire::http1::{RequestFraming, RequestHead};
use wire::name::FileName;
use wire::transform::Transform as _;

use super::client::Request;
use super::{Ingress, Outcome};
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
        static ROUTES: LazyLock<Vec<Arc<Route>>> = LazyLock::new(|| RULES.iter().map(|rule| rule.load()).collect());
        let is_this = |rule: &Rule| rule.text == self.text && rule.takes_unknown_size == self.takes_unknown_size;
        let at = RULES.iter().position(is_this).expect("it is one of these");
        Arc::clone(&ROUTES[at])
    }

    fn load(&self) -> Arc<Route> {
        let targets = if self.kind == Kind::Learned {
            "targets: { api: { url: https://api.example.com }, bucket: { allow: https://*.bucket.example.com } }".to_owned()
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

/// Serves one request whose body comes in these chunks.
pub(super) fn serve(request: &Request, rule: Rule, chunks: Vec<Bytes>) -> Outcome {
    let mut upstream = Upstream::default();
    let is_stored = upload(request, rule, Body::new(request, chunks), &mut upstream).is_ok();
    Outcome { sent: upstream.sent, is_stored }
}

/// Why there is nothing stored; the reason is of no interest here.
struct Refused;

fn upload(request: &Request, rule: Rule, mut body: Body, upstream: &mut Upstream) -> Result<(), Refused> {
    let offer = if request.ingress.is_form() { form_offer(request, &mut body)? } else { raw_offer(request)? };
    let plan = plan(admit(&rule.route(), offer).map_err(|_| Refused)?).map_err(|_| Refused)?;
    let mut run = Run::begin(&plan, [9; 16]);
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

fn raw_offer(request: &Request) -> Result<Offer, Refused> {
    let digest = request.repr_digest.iter().map(|value| ("Repr-Digest", value.as_bytes()));
    Ok(Offer {
        params: request.params.clone(),
        name: Some(FileName::parse(&request.name).map_err(|_| Refused)?),
        declared_type: Some(request.content_type.clone()),
        size: request.content_length.or(request.upload_length),
        digests: ClientDigests::parse(digest).map_err(|_| Refused)?,
        ..routes::offer("a")
    })
}

fn form_offer(request: &Request, body: &mut Body) -> Result<Offer, Refused> {
    let (params, part, size) = body.open_form(request)?;
    Ok(Offer {
        params,
        name: Some(FileName::parse(&part.filename).map_err(|_| Refused)?),
        declared_type: part.content_type,
        size,
        digests: part.digests,
        ..routes::offer("a")
    })
}

/// The client's body: what it is framed by, and the form in it.
struct Body {
    chunks: std::vec::IntoIter<Bytes>,
    /// A chunked body is taken apart first.
    decoder: Option<(ChunkedDecoder, BytesMut)>,
    /// Bytes that must come, by `Content-Length`.
    left: Option<u64>,
    form: Option<FormParser>,
}

impl Body {
    fn new(request: &Request, chunks: Vec<Bytes>) -> Self {
        let is_chunked = request.content_length.is_none();
        let form = request.ingress.is_form().then(|| FormParser::new(&request.content_type, FormLimits::default()));
        Self {
            chunks: chunks.into_iter(),
            decoder: is_chunked.then(|| (ChunkedDecoder::new(), BytesMut::new())),
            left: request.content_length,
            form: form.map(|parser| parser.expect("the client writes one boundary")),
        }
    }

    /// The next bytes of the content; none only when the framing says that it ended.
    fn content(&mut self) -> Result<Option<Bytes>, Refused> {
        loop {
            if let Some((decoder, buffer)) = &mut self.decoder {
                if let Some(data) = decoder.decode(buffer).map_err(|_| Refused)? {
                    return Ok(Some(data));
                }
                if decoder.is_complete() {
                    // What follows is the next request's, or garbage: this one is over either way.
                    return Ok(None);
                }
            }
            let Some(chunk) = self.chunks.next() else {
                let ended = self.left == Some(0);
                return if ended { Ok(None) } else { Err(Refused) };
            };
            match (&mut self.decoder, &mut self.left) {
                (Some((_, buffer)), _) => buffer.extend_from_slice(&chunk),
                (None, Some(left)) => {
                    *left = left.checked_sub(chunk.len() as u64).ok_or(Refused)?;
                    return Ok(Some(chunk));
                }
                (None, None) => return Err(Refused),
            }
        }
    }

    /// Reads a form up to its file: its fields, the file's head, and the file's size where it can be known.
    fn open_form(&mut self, request: &Request) -> Result<(Vec<(String, String)>, FilePart, Option<u64>), Refused> {
        let mut fields = Vec::new();
        loop {
            let parser = self.form.as_mut().ok_or(Refused)?;
            match parser.next_event().map_err(|_| Refused)? {
                Some(FormEvent::Field { name, value, .. }) => fields.push((name, value)),
                Some(FormEvent::FileStart(part)) => {
                    let framing = parser.offset() + parser.closing_len();
                    let size = match (request.upload_length, request.content_length) {
                        (None, Some(body)) => Some(body.checked_sub(framing).ok_or(Refused)?),
                        (told, _) => told,
                    };
                    let trailing =
                        if request.ingress == Ingress::FormChunked { Trailing::Either } else { Trailing::Exact };
                    size.into_iter().for_each(|size| parser.expect_file_len(size, trailing));
                    return Ok((fields, part, size));
                }
                Some(_) => return Err(Refused),
                None => match self.content()? {
                    Some(chunk) => self.form.as_mut().ok_or(Refused)?.push(chunk),
                    None => return Err(Refused),
                },
            }
        }
    }

    /// The next bytes of the file; none only on proof of its end.
    fn file(&mut self) -> Result<Option<Bytes>, Refused> {
        loop {
            let Some(parser) = &mut self.form else { return self.content() };
            match parser.next_event().map_err(|_| Refused)? {
                Some(FormEvent::FileData(data)) => return Ok(Some(data)),
                Some(_) => {}
                None => match self.content()? {
                    Some(chunk) => self.form.as_mut().ok_or(Refused)?.push(chunk),
                    None => return self.form.as_mut().ok_or(Refused)?.finish().map(|()| None).map_err(|_| Refused),
                },
            }
        }
    }
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
