//! One uniform upload request, from what is known of the file.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::body::{self, Body, Chunks};
use super::form;

/// What RFC 3986 calls unreserved passes; everything else is encoded, in paths, queries and `filename*` (RFC 8187) alike.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// How a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `PUT URL/NAME`.
    NamedPut,
    /// `POST URL`, the name in `Content-Disposition`.
    Post,
    /// `POST URL`, `multipart/form-data`.
    Multipart,
}

/// What is known of the file's length, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// Said by `Content-Length`.
    Exact(u64),
    /// Said by `Upload-Length`; the body has no length of its own.
    Announced(u64),
    /// Not known.
    Unknown,
}

/// A file that is offered to a route.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// Where the route is.
    pub(crate) url: Uri,
    /// How the file is sent.
    pub(crate) form: Form,
    /// Its name.
    pub(crate) name: String,
    /// Its media type.
    pub(crate) media_type: String,
    /// Its length.
    pub(crate) length: Length,
    /// Its SHA-256, if it is to be verified.
    pub(crate) sha256: Option<[u8; 32]>,
    /// Parameters of the route: the query, or a form's text fields.
    pub(crate) params: Vec<(String, String)>,
    /// Further header fields.
    pub(crate) headers: HeaderMap,
}

impl Offer {
    /// The request that sends `file`.
    ///
    /// # Errors
    /// Name, type or URL cannot stand in a request, or there is no randomness for a form's boundary.
    pub(crate) fn request(&self, file: Chunks) -> anyhow::Result<Request<Body>> {
        match self.form {
            Form::NamedPut => self.raw(Method::PUT, &format!("/{}", encoded(&self.name)), file),
            Form::Post => {
                let mut request = self.raw(Method::POST, "", file)?;
                let disposition = format!("attachment; filename*=UTF-8''{}", encoded(&self.name));
                request.headers_mut().insert(CONTENT_DISPOSITION, disposition.parse()?);
                Ok(request)
            }
            Form::Multipart => self.multipart(file),
        }
    }

    fn raw(&self, method: Method, below: &str, file: Chunks) -> anyhow::Result<Request<Body>> {
        let uri = self.uri(below, &self.params)?;
        let mut request = self.with_head(method, uri, body::framed(Bytes::new(), file, Bytes::new()));
        let media_type = HeaderValue::from_str(&self.media_type).context("the media type cannot be sent")?;
        request.headers_mut().insert(CONTENT_TYPE, media_type);
        if let Some(digest) = self.repr_digest() {
            request.headers_mut().insert(REPR_DIGEST, digest.parse()?);
        }
        self.say_length(request.headers_mut(), 0);
        Ok(request)
    }

    fn multipart(&self, file: Chunks) -> anyhow::Result<Request<Body>> {
        let mut part_fields = vec![("Content-Type", self.media_type.clone())];
        part_fields.extend(self.repr_digest().map(|digest| ("Repr-Digest", digest)));
        let frame = form::frame(&boundary()?, &self.params, Some(&self.name), &part_fields);
        let around = frame.before.len().saturating_add(frame.after.len());
        let body = body::framed(frame.before, file, frame.after);
        let mut request = self.with_head(Method::POST, self.uri("", &[])?, body);
        request.headers_mut().insert(CONTENT_TYPE, frame.content_type.parse()?);
        self.say_length(request.headers_mut(), u64::try_from(around)?);
        Ok(request)
    }

    fn with_head(&self, method: Method, uri: Uri, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        request.headers_mut().clone_from(&self.headers);
        request
    }

    fn say_length(&self, headers: &mut HeaderMap, around: u64) {
        match self.length {
            Length::Exact(len) => headers.insert(CONTENT_LENGTH, len.saturating_add(around).into()),
            Length::Announced(len) => headers.insert(UPLOAD_LENGTH, len.into()),
            Length::Unknown => None,
        };
    }

    /// RFC 9530.
    fn repr_digest(&self) -> Option<String> {
        self.sha256.map(|digest| format!("sha-256=:{}:", STANDARD.encode(digest)))
    }

    /// The route's URL with something below it and parameters added to its query.
    fn uri(&self, below: &str, params: &[(String, String)]) -> anyhow::Result<Uri> {
        let path = self.url.path().trim_end_matches('/');
        let given = self.url.query().map(ToOwned::to_owned);
        let added = params.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let query: Vec<_> = given.into_iter().chain(added).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = Some(format!("{path}{below}{mark}{}", query.join("&")).parse()?);
        Ok(Uri::from_parts(parts)?)
    }
}

/// Text as one segment of a path, one value of a query or a `filename*`.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// 128 random bits: no file contains them by chance, and none can be made to.
pub(crate) fn boundary() -> anyhow::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).context("no randomness")?;
    Ok(format!("tidegate-{:032x}", u128::from_be_bytes(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(form: Form, length: Length) -> Offer {
        Offer {
            url: "http://gateway:8080/klinkcx/file/?a=b".parse().expect("a URL"),
            form,
            name: "Übersicht 100%.png".to_owned(),
            media_type: "image/png".to_owned(),
            length,
            sha256: Some([0; 32]),
            params: vec![("title".to_owned(), "a & b".to_owned())],
            headers: HeaderMap::new(),
        }
    }

    fn sent(offer: &Offer) -> Request<Body> {
        offer.request(body::of_chunks(std::iter::empty())).expect("a request")
    }

    fn field<'r>(request: &'r Request<Body>, name: &str) -> Option<&'r str> {
        request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn a_named_put_tells_name_and_parameters_in_its_url() {
        let request = sent(&offer(Form::NamedPut, Length::Exact(70)));
        let uri = "http://gateway:8080/klinkcx/file/%C3%9Cbersicht%20100%25.png?a=b&title=a%20%26%20b";
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::PUT, uri));
        assert_eq!(field(&request, "content-length"), Some("70"));
        assert!(field(&request, "repr-digest").is_some_and(|digest| digest.starts_with("sha-256=:AAAA")));
    }

    #[test]
    fn a_post_tells_the_name_in_its_disposition() {
        let request = sent(&offer(Form::Post, Length::Announced(70)));
        assert_eq!(request.uri().path(), "/klinkcx/file");
        let disposition = "attachment; filename*=UTF-8''%C3%9Cbersicht%20100%25.png";
        assert_eq!(field(&request, "content-disposition"), Some(disposition));
        assert_eq!((field(&request, "upload-length"), field(&request, "content-length")), (Some("70"), None));
    }

    #[test]
    fn a_form_counts_its_frame_and_says_the_digest_at_its_part() {
        let request = sent(&offer(Form::Multipart, Length::Exact(70)));
        let len: u64 = field(&request, "content-length").expect("a length").parse().expect("a number");
        assert!(len > 70 && field(&request, "repr-digest").is_none());
        assert_eq!(request.uri().query(), Some("a=b"));
    }

    #[test]
    fn boundaries_differ() {
        assert_ne!(boundary().expect("random"), boundary().expect("random"));
    }
}
