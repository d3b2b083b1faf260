//! How often a file is sent: again only while it is certain that it was not stored.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use super::outcome::Outcome;
use super::progress::Progress;
use super::source::Source;
use super::type_of;
use crate::cli::Upload;
use crate::client::{Connection, Form, Offer, Protocol};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The pause before a file is sent for the second time; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// No pause is longer, whatever the gateway asks for: a person may be waiting.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How every file is sent.
pub(super) struct Order<'f> {
    pub(super) flags: &'f Upload,
    pub(super) headers: HeaderMap,
}

/// What became of a file, and after how many attempts.
pub(super) struct Delivered {
    pub(super) outcome: Outcome,
    pub(super) attempts: u32,
}

impl Delivered {
    /// A file that could not be read.
    pub(super) fn unsent(error: anyhow::Error) -> Self {
        Self { outcome: Outcome::Unreadable(error), attempts: 0 }
    }
}

impl Order<'_> {
    /// Sends a file until it is stored, refused for good, or out of attempts.
    pub(super) async fn deliver(&self, source: &Source, label: &str, progress: &Progress) -> Delivered {
        let offer = self.offer(source);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let outcome = self.attempt(&offer, source, label, progress).await;
            let again = attempts <= u32::from(self.flags.retries) && may_be_repeated(&outcome, source);
            if !again {
                return Delivered { outcome, attempts };
            }
            let pause = pause(attempts, outcome.retry_after());
            progress.note(&format!("{label}: trying again in {:.1} s: {}", pause.as_secs_f64(), outcome.words()));
            tokio::time::sleep(pause).await;
        }
    }

    fn offer(&self, source: &Source) -> Offer {
        let flags = self.flags;
        let mut headers = self.headers.clone();
        // An upstream that has such a token then takes all attempts for one.
        if flags.retries > 0 && source.is_repeatable() && !headers.contains_key(&IDEMPOTENCY_KEY) {
            let key = HeaderValue::from_str(&Uuid::now_v7().to_string());
            headers.extend(key.ok().map(|key| (IDEMPOTENCY_KEY, key)));
        }
        Offer {
            url: flags.url.clone(),
            form: if flags.form { Form::Multipart } else { Form::NamedPut },
            name: source.name.clone(),
            media_type: flags.media_type.clone().unwrap_or_else(|| type_of(&source.name)),
            length: source.length,
            sha256: source.sha256,
            params: flags.param.iter().map(|pair| (pair.name.clone(), pair.value.clone())).collect(),
            headers,
        }
    }

    async fn attempt(&self, offer: &Offer, source: &Source, label: &str, progress: &Progress) -> Outcome {
        let protocol = if self.flags.http2 { Protocol::Http2 } else { Protocol::Http1 };
        let mut connection = match Connection::open(&offer.url, protocol).await {
            Ok(connection) => connection,
            Err(error) => return Outcome::Unreached(error),
        };
        // Whatever fails up to here has sent nothing.
        let (chunks, bar) = match source.chunks().await {
            Ok(chunks) => progress.watch(chunks, label, offer.length),
            Err(error) => return Outcome::Unreadable(error),
        };
        let request = match offer.request(chunks) {
            Ok(request) => request,
            Err(error) => return Outcome::Unreadable(error),
        };
        let answer = connection.send(request).await;
        drop(bar);
        match answer {
            Ok(answer) => Outcome::of(answer, offer.sha256),
            Err(error) => Outcome::Lost(error),
        }
    }
}

/// Whether the file was certainly not stored, and another attempt may end otherwise.
fn may_be_repeated(outcome: &Outcome, source: &Source) -> bool {
    match outcome {
        Outcome::Unreached(_) => true,
        Outcome::Refused(answer) => {
            source.is_repeatable() && answer.json["retryable"] == true && answer.text("/committed") == "no"
        }
        Outcome::Stored(_) | Outcome::Different { .. } | Outcome::Lost(_) | Outcome::Unreadable(_) => false,
    }
}

/// What the gateway asks for, or else a pause that doubles; up to a quarter is added, so that many clients do not come back at once.
fn pause(attempts: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    let pause = asked.unwrap_or(doubled).min(LONGEST_PAUSE);
    let mut random = [0];
    // Without randomness there is no spread, and nothing else is lost.
    let _no_spread = getrandom::fill(&mut random);
    pause.saturating_add(pause.saturating_mul(u32::from(random[0])) / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_bounded() {
        for (attempts, least) in [(1, 500), (2, 1000), (3, 2000), (40, 60_000)] {
            let (least, pause) = (Duration::from_millis(least), pause(attempts, None));
            assert!(pause >= least && pause <= least + least / 4, "{attempts}: {pause:?}");
        }
    }

    #[test]
    fn the_gateway_may_ask_for_a_pause() {
        let asked = pause(1, Some(Duration::from_secs(7)));
        assert!(asked >= Duration::from_secs(7) && asked < Duration::from_secs(9), "{asked:?}");
        assert!(pause(1, Some(Duration::from_secs(86_400))) <= LONGEST_PAUSE + LONGEST_PAUSE / 4);
    }
}
