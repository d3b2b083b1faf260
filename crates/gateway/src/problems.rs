//! What went wrong in the last hour, by route and problem, with one example each: what the admin page groups.
//!
//! An example holds no word of a client or of an upstream: those are in the log alone, under the same upload id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rules::failure::{Blame, Committed, Failure, Problem};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ledger::Ledger;

/// Routes times problems can be many; beyond this, what was seen longest ago makes room.
const MOST_GROUPS: usize = 500;

/// In a flood an example is as good as the next, and costs more than its count.
const EXAMPLE_AGE: Duration = Duration::from_secs(1);

/// By route and problem.
type Groups = HashMap<(Option<Arc<str>>, Problem), Group>;

/// Every route's problems of the last hour.
#[derive(Debug)]
pub struct RecentProblems {
    since: Instant,
    groups: Mutex<Groups>,
}

/// One problem of one route.
#[derive(Debug)]
struct Group {
    counts: LastHour,
    noted: Instant,
    latest: Example,
}

/// One upload that met the problem.
#[derive(Debug, Clone)]
struct Example {
    at: OffsetDateTime,
    upload_id: Uuid,
    blame: Blame,
    step: Option<String>,
    committed: Committed,
    upstream_status: Option<u16>,
    said: Option<String>,
}

/// One problem of one route, as the admin side shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemGroup {
    /// The problem's name.
    pub problem: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Its status.
    pub status: u16,
    /// The route; none where the request matched none.
    pub route: Option<String>,
    /// How often it was met in the last hour.
    pub count: u64,
    /// One of them.
    pub example: ProblemExample,
}

/// One upload that met a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemExample {
    /// When it ended: RFC 3339, UTC.
    pub at: String,
    /// UUIDv7; its log line has the same.
    pub upload_id: String,
    /// Who can do something about it.
    pub blame: Blame,
    /// The failing step.
    pub step: Option<String>,
    /// Whether the file may exist upstream.
    pub committed: Committed,
    /// What the upstream answered.
    pub upstream_status: Option<u16>,
    /// What the gateway says of it, where that is its own words only.
    pub detail: Option<String>,
}

impl Default for RecentProblems {
    fn default() -> Self {
        Self { since: Instant::now(), groups: Mutex::default() }
    }
}

impl RecentProblems {
    /// A request ended badly. `failure` is free of secrets.
    pub(crate) fn note(&self, ledger: &Ledger, failure: &Failure) {
        let now = Instant::now();
        let minute = self.minute(now);
        let mut groups = self.lock();
        let key = (ledger.route.clone(), failure.problem);
        if let Some(group) = groups.get_mut(&key) {
            group.counts.add(minute);
            if now.saturating_duration_since(group.noted) >= EXAMPLE_AGE {
                (group.noted, group.latest) = (now, Example::of(ledger.upload_id, failure));
            }
            return;
        }
        if groups.len() >= MOST_GROUPS {
            forget_oldest(&mut groups);
        }
        let mut counts = LastHour::default();
        counts.add(minute);
        groups.insert(key, Group { counts, noted: now, latest: Example::of(ledger.upload_id, failure) });
    }

    /// What was met in the last hour, the most frequent first.
    #[must_use]
    pub fn groups(&self) -> Vec<ProblemGroup> {
        let minute = self.minute(Instant::now());
        let mut groups = self.lock();
        groups.retain(|_, group| group.counts.sum(minute) > 0);
        let mut shown: Vec<_> = groups
            .iter_mut()
            .map(|((route, problem), group)| ProblemGroup {
                problem: problem.name(),
                title: problem.title(),
                status: problem.status(),
                route: route.as_deref().map(str::to_owned),
                count: group.counts.sum(minute),
                example: group.latest.shown(),
            })
            .collect();
        drop(groups);
        shown.sort_by(|one, other| {
            let by_name = || (one.problem, &one.route).cmp(&(other.problem, &other.route));
            other.count.cmp(&one.count).then_with(by_name)
        });
        shown
    }

    fn minute(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_secs() / 60
    }

    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_oldest(groups: &mut Groups) {
    let oldest = groups.iter().min_by_key(|(_, group)| group.noted).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        groups.remove(&oldest);
    }
}

impl Example {
    fn of(upload_id: Uuid, failure: &Failure) -> Self {
        // A client's mistake is told with its own words, an upstream's answer with the upstream's.
        let is_own = failure.blame != Blame::Client && failure.upstream.is_none() && failure.violations.is_empty();
        let said = || match &failure.cause {
            Some(cause) => format!("{}: {cause}", failure.detail),
            None => failure.detail.clone(),
        };
        Self {
            at: OffsetDateTime::now_utc(),
            upload_id,
            blame: failure.blame,
            step: failure.step.clone(),
            committed: failure.committed,
            upstream_status: failure.upstream.as_ref().map(|upstream| upstream.status),
            said: is_own.then(said),
        }
    }

    fn shown(&self) -> ProblemExample {
        ProblemExample {
            at: self.at.format(&Rfc3339).unwrap_or_default(),
            upload_id: self.upload_id.to_string(),
            blame: self.blame,
            step: self.step.clone(),
            committed: self.committed,
            upstream_status: self.upstream_status,
            detail: self.said.clone(),
        }
    }
}

const MINUTES: usize = 60;

/// Counts of the last 60 minutes, the one under way among them.
#[derive(Debug)]
struct LastHour {
    counts: [u32; MINUTES],
    latest: u64,
}

impl Default for LastHour {
    fn default() -> Self {
        Self { counts: [0; MINUTES], latest: 0 }
    }
}

impl LastHour {
    fn add(&mut self, minute: u64) {
        self.turn_to(minute);
        if let Some(count) = self.place(minute) {
            *count = count.saturating_add(1);
        }
    }

    fn sum(&mut self, minute: u64) -> u64 {
        self.turn_to(minute);
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Empties the minutes that have passed since the latest.
    fn turn_to(&mut self, minute: u64) {
        let passed = minute.saturating_sub(self.latest).min(MINUTES as u64);
        for back in 0..passed {
            if let Some(count) = self.place(minute.saturating_sub(back)) {
                *count = 0;
            }
        }
        self.latest = self.latest.max(minute);
    }

    fn place(&mut self, minute: u64) -> Option<&mut u32> {
        let at = usize::try_from(minute % MINUTES as u64).ok()?;
        self.counts.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use rules::failure::UpstreamError;

    use super::*;

    fn ledger(route: Option<&str>) -> Ledger {
        let (head, ()) = Request::new(()).into_parts();
        let mut ledger = Ledger::open(&head);
        ledger.route = route.map(Arc::from);
        ledger
    }

    #[tokio::test(start_paused = true)]
    async fn counts_by_route_and_problem_and_forgets_after_an_hour() {
        let problems = RecentProblems::default();
        let busy = Failure::new(Problem::UpstreamBusy, "x");
        for _ in 0..3 {
            problems.note(&ledger(Some("a")), &busy);
        }
        tokio::time::advance(Duration::from_secs(30 * 60)).await;
        problems.note(&ledger(Some("a")), &busy);
        problems.note(&ledger(Some("b")), &busy);
        problems.note(&ledger(None), &Failure::new(Problem::NoSuchRoute, "x"));
        let seen = || problems.groups().into_iter().map(|group| (group.route, group.count)).collect::<Vec<_>>();
        let [a, b] = ["a", "b"].map(|route| Some(route.to_owned()));
        assert_eq!(seen(), [(a.clone(), 4), (None, 1), (b.clone(), 1)]);
        tokio::time::advance(Duration::from_secs(30 * 60)).await;
        assert_eq!(seen(), [(None, 1), (a, 1), (b, 1)], "the first three are more than an hour ago");
        tokio::time::advance(Duration::from_secs(24 * 3600)).await;
        assert_eq!(seen(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn an_example_is_a_recent_upload_and_repeats_neither_client_nor_upstream() {
        let problems = RecentProblems::default();
        let mut refused = Failure::new(Problem::UpstreamRefused, "`../etc/passwd` was refused").at_step("store");
        refused.upstream = Some(UpstreamError { status: 403, code: None, message: Some("../etc/passwd".to_owned()) });
        problems.note(&ledger(Some("r")), &refused);
        problems.note(&ledger(Some("r")), &Failure::new(Problem::NameRefused, "`../etc/passwd` is no name"));
        let unreachable =
            Failure::new(Problem::UpstreamUnreachable, "no connection could be made").with_cause("no route");
        problems.note(&ledger(Some("r")), &unreachable);
        let text = serde_json::to_string(&problems.groups()).expect("it is JSON");
        assert!(!text.contains("passwd"), "{text}");
        assert!(
            text.contains("no connection could be made: no route") && text.contains("\"upstream_status\":403"),
            "{text}"
        );

        let example =
            || problems.groups().into_iter().find(|group| group.problem == "name-refused").map(|group| group.example);
        let first = example().expect("it was noted");
        let later = ledger(Some("r"));
        problems.note(&later, &Failure::new(Problem::NameRefused, "x"));
        assert_eq!(example().map(|example| example.upload_id), Some(first.upload_id), "one in a second is enough");
        tokio::time::advance(EXAMPLE_AGE).await;
        problems.note(&later, &Failure::new(Problem::NameRefused, "x"));
        assert_eq!(example().map(|example| example.upload_id), Some(later.upload_id.to_string()));
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_a_bounded_number_of_groups() {
        let problems = RecentProblems::default();
        for route in 0..=MOST_GROUPS {
            tokio::time::advance(Duration::from_millis(1)).await;
            problems.note(&ledger(Some(&route.to_string())), &Failure::internal("x"));
        }
        let groups = problems.groups();
        assert_eq!(groups.len(), MOST_GROUPS);
        assert!(groups.iter().all(|group| group.route.as_deref() != Some("0")), "the oldest made room");
    }
}
