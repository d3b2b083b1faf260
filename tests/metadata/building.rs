//! Requests of many random values, built as the gateway builds them and read by the sandbox's parsers, without a socket.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use rules::admission::{Offer, admit};
use rules::config::Route;
use rules::failure::{Failure, Problem};
use rules::plan::plan;
use rules::run::{Action, Answer, HeaderText, Now, Run, StepRequest, TransferRequest};
use sandbox::reading;
use serde_json::{Value, json};
use time::OffsetDateTime;
use wire::digest::ClientDigests;
use wire::name::FileName;
use wire::transform::Transform as _;

use crate::attacks::{media_type, seeded, value};
use crate::routes;

/// The content of every file here.
const CONTENT: &[u8] = b"\r\n--content\0";

static ROUTES: LazyLock<Vec<Arc<Route>>> =
    LazyLock::new(|| routes::all("http://127.0.0.1:1").check().config.routes.clone());

/// A request as it would be sent.
#[derive(Debug, Clone)]
struct Sent {
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn target(&self) -> reading::Target {
        reading::target(&self.target).unwrap_or_else(|| panic!("no target: {:?}", self.target))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    fn form(&self) -> Vec<reading::Part> {
        let content_type = self.header("content-type").expect("a form has a type");
        reading::form(content_type, &self.body).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

/// What a client says.
#[derive(Debug, Clone)]
struct Said {
    a: String,
    b: String,
    name: FileName,
    media_type: String,
}

/// A name that may be one: the others never get as far, as `sockets` shows.
fn name() -> impl Strategy<Value = FileName> {
    value().prop_filter_map("no name", |text| FileName::parse(&text).ok())
}

fn said() -> impl Strategy<Value = Said> {
    (value(), value(), name(), media_type()).prop_map(|(a, b, name, media_type)| Said { a, b, name, media_type })
}

/// Goes through all steps; each prepare step is answered with `answer`.
fn build(route: &str, said: &Said, answer: &Value) -> Result<Vec<Sent>, Failure> {
    let route = ROUTES.iter().find(|known| &*known.name == route).expect("the route exists");
    let offer = Offer {
        upload_id: uuid::Uuid::nil(),
        idempotency_key: None,
        received: OffsetDateTime::UNIX_EPOCH,
        path: Vec::new(),
        params: vec![("a".to_owned(), said.a.clone()), ("b".to_owned(), said.b.clone())],
        name: Some(said.name.clone()),
        declared_type: Some(said.media_type.clone()),
        size: Some(CONTENT.len() as u64),
        digests: ClientDigests::default(),
        pass: rules::access::Pass::default(),
    };
    let mut run = Run::begin(&plan(admit(route, offer)?)?, [7; 16]);
    let now = Now { wall: OffsetDateTime::UNIX_EPOCH, monotonic: Duration::ZERO };
    let mut sent = Vec::new();
    loop {
        match run.next(now) {
            Action::Send(request) => {
                let body = request.body.clone().unwrap_or_default().to_vec();
                sent.push(record(&request, body));
                run.answered(Answer { status: 200, headers: Vec::new(), body: answer.to_string().into() }, now);
            }
            Action::Transfer(request) => {
                let body = whole(&request);
                assert_eq!(request.body_len, Some(body.len() as u64), "the length is exact");
                sent.push(record(&request.request, body));
                return Ok(sent);
            }
            Action::Fail(failure) => {
                assert_eq!(sent.len() + 1, run_steps(&failure, route), "nothing of the refused step was sent");
                return Err(failure);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// The place of the failed step among the route's, from 1.
fn run_steps(failure: &Failure, route: &Route) -> usize {
    let at = route.steps.iter().position(|step| Some(&*step.id) == failure.step.as_deref());
    at.map_or(1, |at| at + 1)
}

fn record(request: &StepRequest, body: Vec<u8>) -> Sent {
    let headers = request.headers.iter().map(|(name, value)| match value {
        HeaderText::Plain(text) => (name.clone(), text.clone()),
        HeaderText::Secret(_) => panic!("no secret is in these rules"),
    });
    let headers: Vec<_> = headers.collect();
    for (name, value) in &headers {
        assert!(!value.contains(|c: char| c.is_control() && c != '\t'), "{name}: {value:?}");
    }
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), headers.len(), "no field stands twice");
    Sent { target: request.url.path_and_query.clone(), headers, body }
}

fn whole(request: &TransferRequest) -> Vec<u8> {
    let mut writer = request.envelope.open(request.file_len).expect("it opens");
    writer.push(Bytes::from_static(CONTENT)).expect("as announced");
    writer.finish().expect("as announced");
    writer.release();
    std::iter::from_fn(|| writer.pull()).collect::<Vec<_>>().concat()
}

fn has_controls(text: &str) -> bool {
    text.chars().any(|c| c.is_control() && c != '\t')
}

/// As browsers write names in forms, which the sandbox leaves as it stands.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// What no name in a form may hold.
fn is_unsafe(name: &str) -> bool {
    name.chars().any(|c| c == '\\' || (c.is_control() && c != '\r' && c != '\n'))
}

/// White space that a header would lose.
fn has_edges(text: &str) -> bool {
    text.trim_matches([' ', '\t']) != text
}

/// A type is refused before anything is built, for what it is or because a form must not hold it.
fn refuses_type(problem: Problem) -> bool {
    matches!(problem, Problem::MalformedRequest | Problem::TypeRefused)
}

fn well_formed(said: &Said) -> bool {
    let parsed = wire::media_type::MediaType::parse(said.media_type.trim());
    said.media_type.trim().is_empty() || parsed.is_some_and(|found| found.kind() != "*" && found.subtype() != "*")
}

fn type_of(said: &Said) -> &str {
    Some(said.media_type.trim()).filter(|text| !text.is_empty()).unwrap_or("application/octet-stream")
}

proptest! {
    #![proptest_config(seeded(1500))]

    #[test]
    fn a_raw_request_holds_each_value_in_its_place(said in said()) {
        match build("raw", &said, &json!({})) {
            Ok(sent) => {
                let [sent] = sent.as_slice() else { panic!("one request") };
                let target = sent.target();
                let name = said.name.as_str();
                prop_assert_eq!(target.segments, ["v1".to_owned(), said.a.clone(), format!("x-{name}"), format!("{}.bin", said.b)]);
                let query = [("t".to_owned(), said.b.clone()), ("q".to_owned(), said.a.clone())];
                prop_assert_eq!(target.query, query);
                prop_assert_eq!(sent.header("x-b"), Some(said.b.as_str()));
                prop_assert_eq!(sent.header("content-type"), Some(type_of(&said)));
                let disposition = sent.header("content-disposition").unwrap_or_default();
                let read = wire::disposition::parse(disposition.as_bytes(), wire::disposition::Context::Http);
                let filename = read.ok().and_then(|read| read.filename);
                prop_assert_eq!(filename.as_deref(), Some(name));
                prop_assert_eq!(&sent.body, CONTENT);
            }
            Err(failure) if refuses_type(failure.problem) => {
                prop_assert!(!well_formed(&said) || type_of(&said).to_ascii_lowercase().starts_with("multipart/form-data"));
            }
            Err(failure) => {
                prop_assert_eq!(failure.problem, Problem::InvalidParameter);
                let dotted = |text: &str| matches!(text, "" | "." | "..");
                prop_assert!(dotted(&said.a) || dotted(&said.b) || has_controls(&said.b) || has_edges(&said.b), "{:?}", said);
            }
        }
    }

    #[test]
    fn a_form_holds_each_value_in_its_part(said in said()) {
        match build("form", &said, &json!({})) {
            Ok(sent) => {
                let parts = sent[0].form();
                let [mapped, name, file] = parts.as_slice() else { panic!("three parts: {parts:?}") };
                prop_assert_eq!(&mapped.name, &escaped(&format!("m[{}]", said.a)));
                prop_assert_eq!(&mapped.content, said.b.as_bytes());
                prop_assert_eq!((&mapped.filename, &mapped.content_type), (&None, &None));
                prop_assert_eq!((name.name.as_str(), name.content.as_slice()), ("name", said.name.as_str().as_bytes()));
                prop_assert_eq!(file.name.as_str(), "file");
                let filename = escaped(said.name.as_str());
                prop_assert_eq!(file.filename.as_ref(), Some(&filename));
                prop_assert_eq!(file.content_type.as_deref(), Some(type_of(&said)));
                prop_assert_eq!(&file.content, CONTENT);
            }
            Err(failure) if refuses_type(failure.problem) => {
                prop_assert!(!well_formed(&said) || type_of(&said).to_ascii_lowercase().starts_with("multipart/"));
            }
            Err(failure) => {
                prop_assert_eq!(failure.problem, Problem::InvalidParameter);
                prop_assert!(is_unsafe(&said.a), "{:?}", said);
            }
        }
    }

    #[test]
    fn a_form_whose_file_a_parameter_names_holds_one_file(mut said in said()) {
        said.media_type = "image/png".to_owned();
        match build("named", &said, &json!({})) {
            Ok(sent) => {
                let parts = sent[0].form();
                let [file, after] = parts.as_slice() else { panic!("two parts: {parts:?}") };
                prop_assert_eq!(&file.name, &escaped(&said.a));
                prop_assert_eq!(file.filename.clone(), Some(escaped(&format!("{}.bin", said.b))));
                prop_assert_eq!(file.content_type.as_deref(), Some("text/plain"));
                prop_assert_eq!(&file.content, CONTENT);
                prop_assert_eq!((after.name.as_str(), after.content.as_slice()), ("after", said.b.as_bytes()));
            }
            Err(failure) => {
                prop_assert_eq!(failure.problem, Problem::InvalidParameter);
                prop_assert!(is_unsafe(&said.a) || is_unsafe(&said.b), "{:?}", said);
            }
        }
    }

    #[test]
    fn json_holds_each_value_in_its_member(said in said()) {
        match build("json", &said, &json!({})) {
            Ok(sent) => {
                use base64::Engine as _;
                let data = base64::engine::general_purpose::STANDARD.encode(CONTENT);
                let expected = json!({
                    "name": said.name.as_str(),
                    "data": format!("data:{};base64,{data}", type_of(&said)),
                    "list": [said.a, format!("x {} y", said.b)],
                    "more": { "b": said.b },
                });
                prop_assert_eq!(sent[0].json(), expected);
            }
            Err(failure) => prop_assert!(failure.problem == Problem::MalformedRequest && !well_formed(&said), "{:?}", said),
        }
    }

    #[test]
    fn bodies_beside_the_file_hold_each_value_in_its_place(said in said()) {
        match build("beside", &said, &json!({})) {
            Ok(sent) => {
                let [pairs, xml, query, _] = sent.as_slice() else { panic!("four requests") };
                let text = |sent: &Sent| String::from_utf8(sent.body.clone()).expect("text");
                let expected = [("a", said.a.as_str()), ("b", &said.b), ("name", said.name.as_str()), ("type", type_of(&said))];
                let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
                prop_assert_eq!(reading::urlencoded(&text(pairs)), Some(expected.to_vec()));
                let read = read_xml(&text(xml));
                prop_assert_eq!(read, Some((said.a.clone(), said.name.as_str().to_owned(), said.b.clone())));
                prop_assert_eq!(query.json(), json!({ "query": "q", "variables": { "a": said.a, "b": said.b } }));
            }
            Err(failure) if refuses_type(failure.problem) => {
                prop_assert!(!well_formed(&said) || type_of(&said).to_ascii_lowercase().starts_with("multipart/form-data"));
            }
            Err(failure) => {
                // XML cannot hold every character.
                let no_xml = |text: &str| text.contains(|c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'));
                prop_assert!(no_xml(&said.a) || no_xml(&said.b) || no_xml(said.name.as_str()), "{:?}: {:?}", said, failure);
                prop_assert_eq!(failure.problem, Problem::InvalidParameter);
                prop_assert_eq!(failure.step.as_deref(), Some("document"));
            }
        }
    }

    /// An upstream may be as hostile as a client: what it gives for a form's fields is names and values as well.
    #[test]
    fn learned_fields_hold_each_value_in_its_part(mut said in said(), name in value(), learned in value()) {
        said.media_type = "image/png".to_owned();
        let mut answer = json!({ "fields": {} });
        answer["fields"][&name] = learned.clone().into();
        match build("learned", &said, &answer) {
            Ok(sent) => {
                let parts = sent[1].form();
                let [first, second, file] = parts.as_slice() else { panic!("three parts: {parts:?}") };
                prop_assert_eq!((&first.name, first.content.as_slice()), (&escaped(&name), learned.as_bytes()));
                prop_assert_eq!((second.name.as_str(), second.content.as_slice()), ("b", said.b.as_bytes()));
                prop_assert_eq!((file.name.as_str(), file.content.as_slice()), ("file", CONTENT));
            }
            Err(failure) => {
                prop_assert_eq!(failure.problem, Problem::UpstreamMisbehaved);
                prop_assert!(is_unsafe(&name), "{:?}", name);
            }
        }
    }
}

/// The attribute, the element's text and its child's text.
fn read_xml(text: &str) -> Option<(String, String, String)> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut attribute, mut texts, mut open) = (None, [String::new(), String::new()], Vec::new());
    loop {
        let depth = open.len();
        match reader.read_event().ok()? {
            Event::Start(element) => {
                open.push(element.name().as_ref().to_owned());
                if let Some(found) = element.attributes().next() {
                    let raw = found.ok()?.value.into_owned();
                    attribute = Some(quick_xml::escape::unescape(&raw).ok()?.into_owned());
                }
            }
            Event::End(_) => {
                open.pop()?;
            }
            Event::Text(piece) => texts.get_mut(depth.checked_sub(1)?)?.push_str(&piece),
            Event::GeneralRef(reference) => {
                let entity = format!("&{};", &*reference);
                texts.get_mut(depth.checked_sub(1)?)?.push_str(&quick_xml::escape::unescape(&entity).ok()?);
            }
            Event::Eof => break,
            _ => return None,
        }
    }
    let [own, child] = texts;
    Some((attribute?, own, child))
}
