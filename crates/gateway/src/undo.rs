//! What was begun upstream has an owner that completes it or takes it back, also on drop, panic and shutdown.

use std::sync::Arc;
use std::time::Duration;

use rules::failure::Committed;
use rules::run::{
    Action, Answer, NoAnswer, Now, Run, StepRequest, TransferStage, TransferTrouble, Transferred, UndoRequest,
};
use time::OffsetDateTime;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::app::App;
use crate::memory::UploadMemory;
use crate::metrics::UndoOutcome;
use crate::surroundings::Surroundings;

/// How often an undo request is sent before it is given up.
const ATTEMPTS: u32 = 3;
/// Between two attempts: long enough for a restarting upstream's load balancer to notice, short enough for a drain.
const PAUSE: Duration = Duration::from_millis(500);

/// An upload under way and its duty: dropped unfinished, it hands its undo requests to a task that shutdown waits for.
#[derive(Debug)]
pub(crate) struct Begun {
    app: Arc<App>,
    route: Arc<str>,
    memory: Arc<UploadMemory>,
    /// Boxed, as an upload passes from stage to stage.
    run: Box<Run>,
    clock: Instant,
}

impl Begun {
    /// Takes charge of a run.
    pub(crate) fn new(around: &Surroundings, run: Run) -> Self {
        Self {
            app: Arc::clone(&around.app),
            route: Arc::clone(&around.route.name),
            memory: Arc::clone(&around.memory),
            run: Box::new(run),
            clock: Instant::now(),
        }
    }

    /// The next thing to do.
    pub(crate) fn next(&mut self) -> Action {
        self.run.next(self.now())
    }

    /// Reports an answer or its absence.
    pub(crate) fn report(&mut self, answer: Result<Answer, NoAnswer>) {
        let now = self.now();
        match answer {
            Ok(answer) => self.run.answered(answer, now),
            Err(why) => self.run.not_answered(why, now),
        }
    }

    /// Whether what the transfer uses is still fresh.
    pub(crate) fn is_fresh(&mut self) -> bool {
        self.run.is_fresh(self.now())
    }

    /// Reports a finished transfer.
    pub(crate) fn transferred(&mut self, transferred: Transferred) {
        self.run.transferred(transferred, self.now());
    }

    /// Reports a failed transfer.
    pub(crate) fn not_transferred(&mut self, trouble: TransferTrouble, stage: TransferStage) {
        self.run.not_transferred(trouble, stage, self.now());
    }

    /// Aborts between two requests.
    pub(crate) fn abort(&mut self, trouble: TransferTrouble) {
        self.run.abort(trouble);
    }

    fn now(&self) -> Now {
        Now { wall: OffsetDateTime::now_utc(), monotonic: self.clock.elapsed() }
    }

    /// Takes back what was begun, and says whether the file is known to be gone by that.
    pub(crate) async fn take_back(mut self) -> Option<Committed> {
        let requests = self.run.take_undo();
        if requests.is_empty() {
            return None;
        }
        let work = send_all(Arc::clone(&self.app), Arc::clone(&self.route), Arc::clone(&self.memory), requests);
        // Its own task: the client's going away must not stop it.
        self.app.tasks.spawn(work.in_current_span()).await.ok().flatten()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let requests = self.run.take_undo();
        if !requests.is_empty() {
            let (app, memory) = (Arc::clone(&self.app), Arc::clone(&self.memory));
            self.app.tasks.spawn(send_all(app, Arc::clone(&self.route), memory, requests).in_current_span());
        }
    }
}

/// Sends the requests in order, each whatever became of the one before.
async fn send_all(
    app: Arc<App>,
    route: Arc<str>,
    memory: Arc<UploadMemory>,
    requests: Vec<UndoRequest>,
) -> Option<Committed> {
    let mut gone = None;
    for undo in requests {
        let worked = send_one(&app, &undo, &memory).await;
        let outcome = if worked { UndoOutcome::Done } else { UndoOutcome::Failed };
        app.metrics.route(&route).step(&undo.request.step).undone(outcome);
        if worked && undo.removes_file {
            gone = Some(Committed::No);
        }
        if !worked {
            tracing::error!(
                route = &*route,
                step = &*undo.request.step,
                "undo failed: the upstream may keep what this upload began"
            );
        }
    }
    gone
}

async fn send_one(app: &App, undo: &UndoRequest, memory: &Arc<UploadMemory>) -> bool {
    for attempt in 1..=ATTEMPTS {
        let request = StepRequest { attempt, ..undo.request.clone() };
        if let Ok(answer) = app.upstreams.send(&request, None, memory).await
            && undo.statuses.iter().any(|(low, high)| (*low..=*high).contains(&answer.status))
        {
            return true;
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(PAUSE).await;
        }
    }
    false
}
