//! How a client can send a file: three forms, two protocols, and three ways to tell the size or not; and a client that sends
//! such a request piece by piece.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use harness::client::Http2Upload;
use harness::{Answer, RawConnection, forms};
use http::Request;

/// The version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Where the file lies in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The body is the file, the path names it.
    Put,
    /// The body is the file, a header names it.
    Post,
    /// The file is the last part of a form.
    Multipart,
}

/// What the head says of the size. Without `Content-Length`, HTTP/1.1 sends chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    ContentLength,
    UploadLength,
    Nothing,
}

/// One way to send a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) protocol: Protocol,
    pub(crate) form: Form,
    pub(crate) announced: Announced,
}

impl Shape {
    /// Every way that tells the size, and also the others if `unknown`.
    pub(crate) fn all(unknown: bool) -> impl Iterator<Item = Self> {
        let announcements = [Announced::ContentLength, Announced::UploadLength, Announced::Nothing];
        let announcements = announcements.into_iter().take(if unknown { 3 } else { 2 });
        announcements.flat_map(|announced| {
            [Form::Put, Form::Post, Form::Multipart].into_iter().flat_map(move |form| {
                [Protocol::Http1, Protocol::Http2].map(|protocol| Self { protocol, form, announced })
            })
        })
    }

    /// A `PUT` with `Content-Length`.
    pub(crate) const fn put(protocol: Protocol) -> Self {
        Self { protocol, form: Form::Put, announced: Announced::ContentLength }
    }

    /// Whether the body has no length in its framing.
    pub(crate) fn is_open_ended(self) -> bool {
        self.announced != Announced::ContentLength
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?} {:?} {:?}", self.protocol, self.form, self.announced)
    }
}

/// A request as a client means to send it.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    pub(crate) shape: Shape,
    /// Path of the route.
    pub(crate) path: String,
    /// Query with its question mark; may be empty.
    pub(crate) query: String,
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) file: Bytes,
    /// More fields of the head.
    pub(crate) fields: Vec<(String, String)>,
    /// More fields of the file's part.
    pub(crate) part_fields: Vec<(String, String)>,
}

impl Upload {
    /// What stands before the file in the body.
    pub(crate) fn before(&self) -> Bytes {
        if self.shape.form != Form::Multipart {
            return Bytes::new();
        }
        let mut head = forms::file_head(&self.name, &self.media_type);
        head.truncate(head.len().saturating_sub(2));
        for (name, value) in &self.part_fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into()
    }

    /// What stands behind the file.
    pub(crate) fn after(&self) -> Bytes {
        if self.shape.form == Form::Multipart { forms::closing().into() } else { Bytes::new() }
    }

    /// The whole body.
    pub(crate) fn body(&self) -> Vec<u8> {
        [self.before(), self.file.clone(), self.after()].concat()
    }

    fn target(&self) -> String {
        match self.shape.form {
            Form::Put => format!("{}/{}{}", self.path, self.name, self.query),
            _ => format!("{}{}", self.path, self.query),
        }
    }

    fn head_fields(&self) -> Vec<(String, String)> {
        let mut fields = self.fields.clone();
        let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
        match self.shape.form {
            Form::Put => add("content-type", self.media_type.clone()),
            Form::Post => {
                add("content-type", self.media_type.clone());
                add("content-disposition", format!("attachment; filename=\"{}\"", self.name));
            }
            Form::Multipart => add("content-type", forms::content_type()),
        }
        match self.shape.announced {
            Announced::ContentLength => add("content-length", self.body().len().to_string()),
            Announced::UploadLength => add("upload-length", self.file.len().to_string()),
            Announced::Nothing => {}
        }
        if self.shape.is_open_ended() && self.shape.protocol == Protocol::Http1 {
            add("transfer-encoding", "chunked".to_owned());
        }
        fields
    }

    fn method(&self) -> &'static str {
        if self.shape.form == Form::Put { "PUT" } else { "POST" }
    }

    /// The head of an HTTP/1.1 request.
    pub(crate) fn http1_head(&self, address: SocketAddr) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", self.method(), self.target());
        for (name, value) in self.head_fields() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }

    fn http2_head(&self, address: SocketAddr) -> Result<Request<()>, http::Error> {
        let request = Request::builder().method(self.method()).uri(format!("http://{address}{}", self.target()));
        let request = request.version(http::Version::HTTP_2);
        self.head_fields().into_iter().fold(request, |request, (name, value)| request.header(name, value)).body(())
    }
}

/// A client in the middle of a request.
pub(crate) enum Client {
    Http1 { connection: RawConnection, chunked: bool },
    Http2(Http2Upload),
}

impl Client {
    /// Connects and sends the head.
    pub(crate) async fn begin(address: SocketAddr, upload: &Upload) -> io::Result<Self> {
        match upload.shape.protocol {
            Protocol::Http1 => {
                let mut connection = RawConnection::open(address).await?;
                connection.send(upload.http1_head(address)).await?;
                Ok(Self::Http1 { connection, chunked: upload.shape.is_open_ended() })
            }
            Protocol::Http2 => {
                let head = upload.http2_head(address).map_err(io::Error::other)?;
                Ok(Self::Http2(Http2Upload::begin(address, head).await?))
            }
        }
    }

    /// Sends bytes of the body: one chunk, or one DATA frame where the window allows.
    pub(crate) async fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        match self {
            _ if bytes.is_empty() => Ok(()),
            Self::Http1 { connection, chunked: false } => connection.send(bytes).await,
            Self::Http1 { connection, chunked: true } => {
                connection.send([format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat()).await
            }
            Self::Http2(upload) => upload.send(bytes, false).await,
        }
    }

    /// Ends the body by its framing. With `Content-Length` over HTTP/1.1 the count alone ends it.
    pub(crate) async fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Http1 { chunked: false, .. } => Ok(()),
            Self::Http1 { connection, chunked: true } => connection.send("0\r\n\r\n").await,
            Self::Http2(upload) => upload.send(Bytes::new(), true).await,
        }
    }

    /// The answer.
    pub(crate) async fn answer(self) -> io::Result<Answer> {
        match self {
            Self::Http1 { mut connection, .. } => connection.answer().await,
            Self::Http2(upload) => upload.answer().await,
        }
    }
}

/// Sends a whole request and takes its answer, however early it comes.
pub(crate) async fn send_whole(address: SocketAddr, upload: &Upload) -> io::Result<Answer> {
    let mut client = Client::begin(address, upload).await?;
    // The answer may come while this is sent, and the connection then closes under it.
    let _sent = async {
        client.send(upload.body().into()).await?;
        client.end().await
    }
    .await;
    client.answer().await
}
