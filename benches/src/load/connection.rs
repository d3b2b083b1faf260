//! One client's connection over HTTP/1.1, in cleartext or over TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::message::Message;
use crate::http::{Head, Inbound};

/// How long a call may stand still. A peer that hangs fails the run in place of hanging it.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// How much TLS may buffer of what is sent: a piece of the file at once, so that records are written to the kernel together.
const TLS_BUFFER: usize = 512 * 1024;

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A client's connection; it is dialled again when the peer closed it.
pub struct Connection {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    inbound: Option<Inbound<Box<dyn Stream>>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Connection {
    /// Will dial `address` when it is first used.
    #[must_use]
    pub fn new(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Self {
        Self { address, tls, inbound: None }
    }

    /// Sends one upload.
    ///
    /// # Errors
    /// It cannot be dialled, or failed.
    pub fn send(&mut self, message: &Message) -> anyhow::Result<()> {
        if self.inbound.is_none() {
            self.inbound = Some(Inbound::new(dial(self.address, self.tls.as_ref())?));
        }
        let inbound = self.inbound.as_mut().context("no connection")?;
        message.write(inbound.stream()).context("the upload could not be sent")
    }

    /// The answer to the oldest upload that has none, and its body.
    ///
    /// # Errors
    /// The connection failed, or ended without an answer.
    pub fn answer(&mut self) -> anyhow::Result<(Head, Vec<u8>)> {
        let inbound = self.inbound.as_mut().context("nothing was sent")?;
        let head = inbound.answer()?.context("the connection ended without an answer")?;
        let mut body = Vec::new();
        inbound.body(head.framing, |piece| body.extend_from_slice(piece))?;
        if head.closes {
            self.inbound = None;
        }
        Ok((head, body))
    }

    /// The same, of a success.
    ///
    /// # Errors
    /// As `answer`, and when the answer is no success.
    pub fn success(&mut self) -> anyhow::Result<()> {
        let (head, body) = self.answer()?;
        ensure!(
            (200..300).contains(&head.status),
            "the answer is {}: {}",
            head.status,
            String::from_utf8_lossy(&body).trim()
        );
        Ok(())
    }
}

fn dial(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> anyhow::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STALL_LIMIT))?;
    stream.set_write_timeout(Some(STALL_LIMIT))?;
    let Some(tls) = tls else { return Ok(Box::new(stream)) };
    let mut session = ClientConnection::new(Arc::clone(tls), ServerName::try_from("localhost")?)?;
    session.set_buffer_limit(Some(TLS_BUFFER));
    Ok(Box::new(StreamOwned::new(session, stream)))
}
