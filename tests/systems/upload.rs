//! One upload as a client would send it: to which system, in which form, over which protocol.

use std::fmt::Write as _;
use std::net::SocketAddr;

use harness::{Answer, Rig, client, forms};
use http::{HeaderName, HeaderValue, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sandbox::System;

/// The `associated_resource_arn` of every upload to Amazon Connect.
pub(crate) const CASE_ARN: &str = "arn:aws:cases:us-east-1:123456789012:domain/d1/case/c1";

/// What RFC 3986 calls unreserved.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How a client says which file it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `PUT /route/{name}`.
    Named,
    /// `POST` with `Content-Disposition: attachment; filename="…"`.
    Disposition,
    /// `POST` with `Content-Disposition: attachment; filename="fallback"; filename*=…`.
    ExtendedDisposition,
    /// `POST /route?filename=…`.
    Query,
    /// A form as browsers write it: `"` in a name becomes `%22`.
    Multipart,
    /// A form as curl writes it: `"` in a name becomes `\"`.
    EscapedMultipart,
    /// A form whose part has `filename*` alone.
    ExtendedMultipart,
}

impl Form {
    pub(crate) const ALL: [Self; 7] = [
        Self::Named,
        Self::Disposition,
        Self::ExtendedDisposition,
        Self::Query,
        Self::Multipart,
        Self::EscapedMultipart,
        Self::ExtendedMultipart,
    ];

    /// Whether the file is a part of a form.
    pub(crate) fn is_multipart(self) -> bool {
        matches!(self, Self::Multipart | Self::EscapedMultipart | Self::ExtendedMultipart)
    }
}

/// HTTP/1.1 or HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Http1, Self::Http2];
}

/// The path of a system's route.
pub(crate) fn path_of(system: System) -> &'static str {
    match system {
        System::Kustomer => "/kustomer/media",
        System::Flowkiwi => "/flowkiwi/media",
        System::KlinkCx => "/klinkcx/file",
        System::TeamworkDesk => "/teamwork/desk/file",
        System::AmazonConnect => "/amazon/connect/file",
    }
}

/// The name of a system's route.
pub(crate) fn route_of(system: System) -> String {
    match system {
        System::Kustomer => "kustomer-media",
        System::Flowkiwi => "flowkiwi-media",
        System::KlinkCx => "klinkcx-file",
        System::TeamworkDesk => "teamwork-desk-file",
        System::AmazonConnect => "amazon-connect-file",
    }
    .to_owned()
}

/// An upload before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) system: System,
    pub(crate) form: Form,
    pub(crate) protocol: Protocol,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) content: Vec<u8>,
    /// In the query of a raw upload, and among the fields of a form.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Upload {
    /// A PNG by named `PUT` over HTTP/1.1, with what the route requires.
    pub(crate) fn to(system: System, content: Vec<u8>) -> Self {
        let upload = Self {
            system,
            form: Form::Named,
            protocol: Protocol::Http1,
            name: "a.png".to_owned(),
            media_type: "image/png".to_owned(),
            content,
            params: Vec::new(),
            headers: Vec::new(),
        };
        match system {
            System::AmazonConnect => upload.param("associated_resource_arn", CASE_ARN),
            _ => upload,
        }
    }

    pub(crate) fn by(self, form: Form, protocol: Protocol) -> Self {
        Self { form, protocol, ..self }
    }

    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it, and gives the answer.
    pub(crate) async fn send(&self, rig: &Rig) -> Answer {
        self.send_to(rig.address()).await
    }

    async fn send_to(&self, address: SocketAddr) -> Answer {
        let request = self.request();
        let answer = match self.protocol {
            Protocol::Http1 => client::http1(address, request).await,
            Protocol::Http2 => client::http2(address, request).await,
        };
        answer.unwrap_or_else(|error| panic!("no answer to {self}: {error}"))
    }

    /// The request with its body.
    pub(crate) fn request(&self) -> Request<Vec<u8>> {
        let mut request = Request::builder().method(if self.form == Form::Named { "PUT" } else { "POST" });
        request = request.uri(self.target()).header("content-type", self.content_type());
        if let Some(disposition) = self.disposition() {
            let value = HeaderValue::from_bytes(disposition.as_bytes()).expect("names here are fit for a header");
            request = request.header("content-disposition", value);
        }
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().expect("a header name");
            request = request.header(name, value);
        }
        request.body(self.body()).expect("a request")
    }

    /// Path and query.
    pub(crate) fn target(&self) -> String {
        let mut target = path_of(self.system).to_owned();
        if self.form == Form::Named {
            let _infallible = write!(target, "/{}", encode(&self.name));
        }
        let mut pairs = Vec::new();
        if !self.form.is_multipart() {
            pairs.extend(self.params.iter().map(|(name, value)| format!("{name}={}", encode(value))));
        }
        if self.form == Form::Query {
            pairs.push(format!("filename={}", encode(&self.name)));
        }
        if !pairs.is_empty() {
            let _infallible = write!(target, "?{}", pairs.join("&"));
        }
        target
    }

    pub(crate) fn content_type(&self) -> String {
        if self.form.is_multipart() { forms::content_type() } else { self.media_type.clone() }
    }

    fn disposition(&self) -> Option<String> {
        match self.form {
            Form::Disposition => Some(format!("attachment; filename=\"{}\"", escape(&self.name))),
            Form::ExtendedDisposition => {
                Some(format!("attachment; filename=\"fallback.bin\"; filename*=UTF-8''{}", encode(&self.name)))
            }
            _ => None,
        }
    }

    /// The body: the file, or the form around it.
    pub(crate) fn body(&self) -> Vec<u8> {
        let named = match self.form {
            Form::Multipart => format!("filename=\"{}\"", self.name.replace('"', "%22")),
            Form::EscapedMultipart => format!("filename=\"{}\"", escape(&self.name)),
            Form::ExtendedMultipart => format!("filename*=UTF-8''{}", encode(&self.name)),
            _ => return self.content.clone(),
        };
        let fields: Vec<_> = self.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        forms::form_of(&fields, &forms::file_head_named(&named, &self.media_type), &self.content)
    }
}

impl std::fmt::Display for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { system, form, protocol, name, content, .. } = self;
        write!(f, "{} bytes named `{name}` to {system} as {form:?} over {protocol:?}", content.len())
    }
}

/// Percent-encodes everything that is not unreserved.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
