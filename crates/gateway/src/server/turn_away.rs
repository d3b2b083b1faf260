//! The answer to a connection that cannot be taken: a fixed 503, where it is sure that the client speaks HTTP/1.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::connection::Speaks;

/// Connections that are turned away at once; further ones are closed without a word, so that refusing costs little.
const AT_ONCE: usize = 64;
/// For the answer to be read: closing while the request is still coming in would reset the connection and lose the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Of the request that is not read.
const MOST_DISCARDED: u64 = 64 * 1024;

const ANSWER: &str = "HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: application/problem+json\r\n\
    Content-Length: 236\r\n\
    Retry-After: 1\r\n\
    Connection: close\r\n\
    \r\n\
    {\"type\":\"urn:tidegate:problem:overloaded\",\"title\":\"The gateway is overloaded\",\"status\":503,\
    \"detail\":\"no further connection can be taken now\",\"route\":null,\"step\":null,\"blame\":\"gateway\",\
    \"retryable\":true,\"committed\":\"no\",\"upload_id\":null}\n";

/// Turns connections away, a bounded number at once.
#[derive(Debug, Clone)]
pub(super) struct Doorkeeper(Arc<Semaphore>);

impl Doorkeeper {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// Answers 503 and closes. Where TLS or HTTP/2 is spoken it only closes: saying so would take a handshake.
    pub(super) async fn turn_away(&self, mut stream: TcpStream, speaks: &Speaks) {
        let Ok(_turn) = self.0.try_acquire() else { return };
        let answering = async {
            let speaks_http1 = match speaks {
                Speaks::Http1 => true,
                Speaks::Either => !is_preface(&stream).await?,
                Speaks::Tls(_) => false,
            };
            if !speaks_http1 {
                return Ok(0);
            }
            stream.write_all(ANSWER.as_bytes()).await?;
            stream.shutdown().await?;
            tokio::io::copy(&mut (&mut stream).take(MOST_DISCARDED), &mut tokio::io::sink()).await
        };
        // A client that does not listen is closed all the same.
        let _unheard = timeout(PATIENCE, answering).await;
    }
}

/// Whether a connection begins like HTTP/2; its first bytes are looked at and left where they are.
async fn is_preface(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0; PREFACE_BEGINS.len()];
    let len = stream.peek(&mut first).await?;
    Ok(first.get(..len).is_some_and(|first| PREFACE_BEGINS.starts_with(first)))
}

/// No method begins so (RFC 9113 section 3.4).
const PREFACE_BEGINS: &[u8] = b"PRI ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announces_the_length_that_the_answer_has() {
        let (head, body) = ANSWER.split_once("\r\n\r\n").expect("a head ends in an empty line");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
        let problem: serde_json::Value = serde_json::from_str(body).expect("the body is JSON");
        assert_eq!(problem["type"], "urn:tidegate:problem:overloaded");
    }
}
