//! The stand-ins over real sockets, spoken to by a client that writes every byte itself.

mod connect;
mod faults;
mod flowkiwi;
mod klinkcx;
mod kustomer;
mod peer;
mod sandbox;
mod teamwork;

use std::io;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::{Options, Sandbox};

/// An answer as it came.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON answer")
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// One connection.
struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    async fn connect(origin: &str) -> Client {
        let host = origin.strip_prefix("http://").expect("an origin").to_owned();
        let stream = TcpStream::connect(&host).await.expect("a listener");
        stream.set_nodelay(true).expect("a socket option");
        Client { stream: BufReader::new(stream), host }
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("an open socket");
    }

    /// Writes a head with `Host` and these fields, nothing else.
    async fn head(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n", self.host);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.write(head.as_bytes()).await;
    }

    /// A whole request with `Content-Length`.
    async fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let length = body.len().to_string();
        let mut headers = headers.to_vec();
        headers.push(("Content-Length", &length));
        self.head(method, target, &headers).await;
        self.write(body).await;
        self.reply().await.expect("an answer")
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        let status = self.line().await?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut reply = Reply { status, headers, body: Vec::new() };
        let length = reply.header("content-length").parse().unwrap_or(0);
        reply.body = vec![0; length];
        self.stream.read_exact(&mut reply.body).await?;
        Ok(reply)
    }

    /// What comes until the other side closes.
    async fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.map(|_length| rest)
    }
}

async fn sandbox() -> Sandbox {
    Sandbox::start(Options { keep_objects: true, ..Options::default() }).await.expect("loopback ports")
}

async fn send(origin: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    Client::connect(origin).await.request(method, target, headers, body).await
}

/// Splits a URL into origin and target.
fn split(url: &str) -> (String, String) {
    let (scheme, rest) = url.split_once("://").expect("an absolute URL");
    let (host, target) = rest.split_once('/').expect("a path");
    (format!("{scheme}://{host}"), format!("/{target}"))
}

const FORM: &str = "multipart/form-data; boundary=XyZ";

/// A form with these fields and then a file.
fn form(fields: &[(String, String)], content: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let head =
        "--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n";
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n--XyZ--\r\n");
    body
}

/// The members of a JSON object of strings, in order.
fn pairs(object: &Value) -> Vec<(String, String)> {
    let object = object.as_object().expect("an object");
    object.iter().map(|(name, value)| (name.clone(), value.as_str().expect("a string").to_owned())).collect()
}

/// Replaces or removes one field.
fn tampered(fields: &[(String, String)], name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let changed = fields.iter().filter_map(|(field, old)| match (field == name, value) {
        (false, _) => Some((field.clone(), old.clone())),
        (true, Some(new)) => Some((field.clone(), new.to_owned())),
        (true, None) => None,
    });
    changed.collect()
}
