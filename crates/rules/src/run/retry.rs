//! How often and how soon a request is sent again.

use std::time::Duration;

use super::seed::Seed;

/// Shortest pause: enough for a restarted process to listen again.
const MIN_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause before the second and the third attempt, which is the last; the upload's client waits meanwhile.
const MAX_PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// How long `Retry-After` is honoured, over all attempts.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The attempts of one request.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failed: u32,
    dialled_again: bool,
    asked_to_wait: Duration,
}

impl Attempts {
    /// The number of the coming attempt, from 1.
    pub(super) fn number(&self) -> u32 {
        1 + self.failed + u32::from(self.dialled_again)
    }

    /// The one further dial that every request has.
    pub(super) fn dial_again(&mut self) -> bool {
        !std::mem::replace(&mut self.dialled_again, true)
    }

    /// How long to wait before the next attempt; none: there is none.
    pub(super) fn next_pause(&mut self, seed: &Seed, step: &str, retry_after: Option<Duration>) -> Option<Duration> {
        let longest = MAX_PAUSES.get(usize::try_from(self.failed).ok()?)?;
        let asked = retry_after.unwrap_or_default();
        self.asked_to_wait = self.asked_to_wait.saturating_add(asked);
        if self.asked_to_wait > MAX_RETRY_AFTER {
            return None;
        }
        let fraction = seed.fraction(&format!("pause {} of {step}", self.failed));
        self.failed += 1;
        let jittered = MIN_PAUSE + (*longest - MIN_PAUSE).mul_f64(fraction);
        Some(jittered.max(asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pauses_between_three_attempts_within_their_bounds() {
        for byte in 0..=255 {
            let seed = Seed([byte; 16]);
            let mut attempts = Attempts::default();
            let pauses: Vec<_> = std::iter::from_fn(|| attempts.next_pause(&seed, "s", None)).collect();
            assert_eq!(pauses.len(), 2);
            assert!(pauses.iter().all(|pause| (MIN_PAUSE..=MAX_PAUSES[1]).contains(pause)), "{pauses:?}");
            assert_eq!(attempts.number(), 3);
        }
    }

    #[test]
    fn retry_after_is_honoured_up_to_half_a_minute_in_all() {
        let seed = Seed([7; 16]);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let mut attempts = Attempts::default();
        assert_eq!(attempts.next_pause(&seed, "s", seconds(20)), seconds(20));
        assert_eq!(attempts.next_pause(&seed, "s", seconds(11)), None);
        assert_eq!(Attempts::default().next_pause(&seed, "s", seconds(31)), None);
    }
}
