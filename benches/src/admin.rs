//! What a peer tells of itself on its admin listener.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// How long an answer may take; on a core that is full it waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The answer to `GET path`.
///
/// # Errors
/// Nobody answers, or not with 200.
pub(crate) fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{path} is answered {}", answer.lines().next().unwrap_or_default());
    Ok(answer)
}

/// The value of a series without labels in an answer of `/metrics`.
///
/// # Errors
/// It is not there, or no number.
pub(crate) fn series(metrics: &str, name: &str) -> anyhow::Result<f64> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).with_context(|| format!("/metrics does not tell `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_series_by_its_whole_name() {
        let metrics = "# TYPE a_bytes gauge\na_bytes_total 7\na_bytes 12\na_bytes{route=\"x\"} 3\nb 1.5e3\n";
        assert_eq!(series(metrics, "a_bytes").expect("it is there"), 12.0);
        assert_eq!(series(metrics, "b").expect("it is there"), 1500.0);
        assert!(series(metrics, "c").is_err());
    }
}
