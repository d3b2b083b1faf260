//! What an operator sees: uploads in flight and how uploads ended, read from the admin listener as anyone can.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use harness::{Answer, RawConnection};
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// How long a condition may take to come true: far beyond what any needs, so only a fault reaches it.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);

/// Polls until `look` gives something.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        match look().await {
            Some(found) => return Ok(found),
            None if begun.elapsed() > PATIENCE => return Err(format!("waited in vain: {what}")),
            None => sleep(LOOK).await,
        }
    }
}

/// Looks at one gateway.
pub(crate) struct Watch {
    address: SocketAddr,
    connection: Option<RawConnection>,
    ends: BTreeMap<String, u64>,
}

impl Watch {
    /// Looks at the gateway whose admin listener is at `address`.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, connection: None, ends: BTreeMap::new() }
    }

    /// `GET path`.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => RawConnection::open(self.address).await?,
        };
        connection.send(format!("GET {path} HTTP/1.1\r\nhost: admin\r\n\r\n")).await?;
        let answer = connection.answer().await?;
        self.connection = Some(connection);
        Ok(answer)
    }

    /// The uploads in flight.
    pub(crate) async fn uploads(&mut self) -> Vec<Value> {
        let json = self.get("/uploads").await.map(|answer| answer.json()).unwrap_or_default();
        json["uploads"].as_array().or(json.as_array()).cloned().unwrap_or_default()
    }

    /// Waits until the only upload in flight is as `holds` says.
    pub(crate) async fn until_upload(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Result<Value, String> {
        let mut last = Vec::new();
        let seen = until(what, async || {
            last = self.uploads().await;
            last.first().filter(|upload| last.len() == 1 && holds(upload)).cloned()
        });
        let seen = seen.await;
        seen.map_err(|error| format!("{error}; in flight: {}", Value::from(last)))
    }

    /// Waits until no upload is in flight.
    pub(crate) async fn uploads_gone(&mut self) -> Result<(), String> {
        until("the end of an upload in flight", async || self.uploads().await.is_empty().then_some(())).await
    }

    /// Waits until no upload is in flight and one more than before has ended: its outcome and reason.
    pub(crate) async fn next_end(&mut self) -> Result<String, String> {
        self.uploads_gone().await?;
        let before = self.ends.clone();
        let ended = async || {
            let ends = self.all_ends().await;
            (ends != before).then_some(ends)
        };
        let ends = until("the count of an end", ended).await?;
        let new: Vec<_> = ends
            .iter()
            .map(|(end, count)| (end, count - before.get(end).copied().unwrap_or(0)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let one = match new.as_slice() {
            [(end, 1)] => Ok((*end).clone()),
            _ => Err(format!("one upload ended as {new:?}")),
        };
        self.ends = ends;
        one
    }

    /// Every end so far: `outcome reason` and how many.
    pub(crate) async fn all_ends(&mut self) -> BTreeMap<String, u64> {
        let mut ends = self.samples("tidegate_uploads_total", &["outcome", "reason"]).await;
        ends.retain(|_, count| *count > 0);
        ends
    }

    /// The samples of a counter, summed by some of its labels.
    pub(crate) async fn samples(&mut self, family: &str, labels: &[&str]) -> BTreeMap<String, u64> {
        let text = match self.get("/metrics").await {
            Ok(answer) => String::from_utf8_lossy(&answer.body).into_owned(),
            Err(_) => return BTreeMap::new(),
        };
        let mut samples = BTreeMap::new();
        for line in text.lines() {
            let Some((series, value)) = line.strip_prefix(family).and_then(|rest| rest.split_once("} ")) else {
                continue;
            };
            let Some(series) = series.strip_prefix('{') else { continue };
            let value_of = |label: &&str| {
                let found = series.split(',').find_map(|pair| pair.strip_prefix(*label)?.strip_prefix("=\""));
                found.map_or("", |value| value.trim_end_matches('"'))
            };
            let key = labels.iter().map(value_of).collect::<Vec<_>>().join(" ");
            *samples.entry(key).or_insert(0) += value.parse::<u64>().unwrap_or(u64::MAX);
        }
        samples
    }
}
