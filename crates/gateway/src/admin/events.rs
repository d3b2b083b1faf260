//! `/events`: the same as `/status`, every second, as server-sent events (WHATWG HTML, section 9.2), for the page.
//!
//! A viewer who reads slowly gets fewer events and not older ones: the next is made when the last was taken.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, Stream};
use http_body::Frame;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::Admin;
use super::history::SAMPLE_EVERY;
use super::state;

/// As fast as people read.
const EVERY: Duration = Duration::from_secs(1);

/// What a browser waits before it connects again, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// One open page.
struct Viewer {
    admin: Arc<Admin>,
    ticks: Interval,
    begun: bool,
    /// Samples that existed when the history was sent.
    seen: u64,
    /// One of the places for viewers.
    _place: OwnedSemaphorePermit,
}

/// Events for as long as they are read. `history` comes first, and again when there is a new sample; `status` comes every second.
pub(super) fn stream(
    admin: Arc<Admin>,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let viewer = Viewer { admin, ticks, begun: false, seen: 0, _place: place };
    stream::unfold(viewer, async |mut viewer| {
        viewer.ticks.tick().await;
        let text = viewer.next();
        Some((Ok(Frame::data(Bytes::from(text))), viewer))
    })
}

impl Viewer {
    fn next(&mut self) -> String {
        let Admin { current, history, .. } = &*self.admin;
        let mut text = String::new();
        let taken = history.taken();
        if !self.begun || taken != self.seen {
            if !self.begun {
                text.push_str(RETRY);
            }
            (self.begun, self.seen) = (true, taken);
            let kept = json!({ "every_seconds": SAMPLE_EVERY.as_secs(), "samples": history.samples() });
            push(&mut text, "history", &kept);
        }
        push(&mut text, "status", &state::now(&current.app(), history));
        text
    }
}

/// JSON has no line break of its own, so an event is one line.
fn push(text: &mut String, event: &str, data: &serde_json::Value) {
    text.push_str(&format!("event: {event}\ndata: {data}\n\n"));
}
