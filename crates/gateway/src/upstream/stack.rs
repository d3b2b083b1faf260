//! The stack of a step's request, from the outside in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::TryFutureExt as _;
use futures::future::BoxFuture;
use http_body_util::Full;
use rules::run::{Answer, NoAnswer};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder, layer::layer_fn};

use super::MAX_INTERIM_ANSWERS;
use super::client::{StepCall, StepClient, no_answer, read_answer};

/// Takes a request and gives its whole answer.
pub(super) type StepService = BoxCloneSyncService<StepCall, Answer, NoAnswer>;

/// Builds the stack of the targets that share a client.
pub(super) fn step_stack(client: StepClient) -> StepService {
    let stack = ServiceBuilder::new()
        // Outermost, so that the line tells what the run was told: the time limit's verdict included.
        .layer(layer_fn(|inner| Observe { inner }))
        // Around the reading of the answer and not only of its head: an upstream that trickles a body must not hold an upload.
        .layer(layer_fn(|inner| TimeLimit { inner }))
        // Right at the client: nothing above ever sees an unbounded body or a library's error.
        .layer(layer_fn(|inner| WholeAnswer { inner }))
        .service(client);
    BoxCloneSyncService::new(stack)
}

type AnswerFuture = BoxFuture<'static, Result<Answer, NoAnswer>>;

/// Writes one debug line per attempt; never a URL, whose query may be a credential.
#[derive(Clone)]
struct Observe<S> {
    inner: S,
}

impl<S> Service<StepCall> for Observe<S>
where
    S: Service<StepCall, Response = Answer, Error = NoAnswer, Future = AnswerFuture>,
{
    type Response = Answer;
    type Error = NoAnswer;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NoAnswer>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: StepCall) -> AnswerFuture {
        let target = Arc::clone(&call.target);
        let method = call.request.method().clone();
        let began = Instant::now();
        let answer = self.inner.call(call);
        Box::pin(async move {
            let answer = answer.await;
            let millis = began.elapsed().as_millis();
            match &answer {
                Ok(answer) => {
                    tracing::debug!(step_target = %target, %method, status = answer.status, millis, "a step was answered");
                }
                Err(why) => tracing::debug!(step_target = %target, %method, ?why, millis, "a step was not answered"),
            }
            answer
        })
    }
}

/// Ends a call that takes too long; dropping it closes its connection.
#[derive(Clone)]
struct TimeLimit<S> {
    inner: S,
}

impl<S> Service<StepCall> for TimeLimit<S>
where
    S: Service<StepCall, Response = Answer, Error = NoAnswer, Future = AnswerFuture>,
{
    type Response = Answer;
    type Error = NoAnswer;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NoAnswer>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: StepCall) -> AnswerFuture {
        let limit = call.limit;
        let answer = self.inner.call(call);
        Box::pin(async move { timeout(limit, answer).await.unwrap_or(Err(NoAnswer::Timeout)) })
    }
}

/// Turns hyper's streamed response into a whole, bounded answer.
#[derive(Clone)]
struct WholeAnswer {
    inner: StepClient,
}

impl Service<StepCall> for WholeAnswer {
    type Response = Answer;
    type Error = NoAnswer;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NoAnswer>> {
        Service::<http::Request<Full<bytes::Bytes>>>::poll_ready(&mut self.inner, cx).map_err(|error| no_answer(&error))
    }

    fn call(&mut self, call: StepCall) -> AnswerFuture {
        let StepCall { mut request, memory, .. } = call;
        let interim = InterimAnswers::count(&mut request);
        let response = self.inner.request(request).map_err(|error| no_answer(&error));
        Box::pin(async move {
            let response = tokio::select! {
                response = response => response?,
                () = interim.too_many() => {
                    let why = format!("it sent more than {MAX_INTERIM_ANSWERS} interim answers");
                    return Err(NoAnswer::Misbehaved(why));
                }
            };
            read_answer(response, &memory).await
        })
    }
}

/// Counts the interim (1xx) answers to one request: the library passes over any number of them, so an upstream could keep it
/// busy until the time is up.
#[derive(Clone, Default)]
struct InterimAnswers(Arc<InterimCount>);

#[derive(Default)]
struct InterimCount {
    seen: AtomicUsize,
    exceeded: Notify,
}

impl InterimAnswers {
    fn count<B>(request: &mut http::Request<B>) -> Self {
        let counting = Self::default();
        let counter = counting.clone();
        hyper::ext::on_informational(request, move |_| {
            if counter.0.seen.fetch_add(1, Ordering::Relaxed) >= MAX_INTERIM_ANSWERS {
                counter.0.exceeded.notify_one();
            }
        });
        counting
    }

    /// Ready once there were more than allowed.
    async fn too_many(&self) {
        self.0.exceeded.notified().await;
    }
}
