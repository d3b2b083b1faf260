//! One connection's conversation, driven through a pipe in memory, with paused time.

mod answers;
mod held;
mod limits;
mod requests;

use std::future::{pending, poll_fn};

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::budget::Budget;
use crate::ingress::BodyTrouble;
use crate::ingress::refused::RefusedHead;

const TIMES: HeadTimes = HeadTimes { head: Duration::from_secs(10), keep_alive: Duration::from_secs(60) };
const HEADS: HeadLimits = HeadLimits { bytes: 32 * 1024, line: 16 * 1024, fields: 64, target: 8 * 1024 };
const HEAD: &str = "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
const CHUNKED: &str = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

struct Bench {
    client: DuplexStream,
    conversation: Conversation<DuplexStream>,
    budget: Arc<Budget>,
}

fn bench() -> Bench {
    bench_with(Budget::new(1016 * 1024))
}

fn bench_with(budget: Arc<Budget>) -> Bench {
    let (client, server) = duplex(64 * 1024);
    let buffers = ConnectionBuffers::take(&budget, false).expect("memory is free");
    let means = Http1Means { lender: ReadBuffers::new(&budget), drains: Drains::default() };
    let line = Line::new(server, Arc::clone(&means.lender), buffers, HEADS, TIMES);
    Bench { client, conversation: Conversation::with(line, Duration::from_secs(30), &means), budget }
}

impl Bench {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).await.expect("there is room");
    }

    async fn next(&mut self) -> Option<Asked> {
        self.conversation.next(pin!(pending())).await.expect("it can be read")
    }

    /// The next request.
    async fn request(&mut self) -> Request<ClientBody> {
        let Asked { request, .. } = self.next().await.expect("a request comes");
        assert_eq!(request.extensions().get::<RefusedHead>(), None);
        request
    }

    /// Why the next head is refused; nothing follows it.
    async fn refusal(&mut self) -> RefusedHead {
        let Asked { request, form } = self.next().await.expect("a refusal comes");
        assert_eq!(form, Form::LAST);
        self.send(HEAD).await;
        self.ends().await;
        *request.extensions().get::<RefusedHead>().expect("it is refused")
    }

    async fn hears_nothing(&mut self) {
        assert!(timeout(Duration::from_millis(1), self.next()).await.is_err());
    }

    async fn ends(&mut self) {
        assert!(self.next().await.is_none());
    }

    /// What the client hears when a request that came in this form is answered, and whether the connection goes on.
    async fn answered(&mut self, form: Form, answer: Response<Bytes>, is_last: bool) -> (String, bool) {
        let goes_on = self.conversation.answer(form, answer, is_last).await.expect("it can be written");
        let mut heard = vec![0; 8 * 1024];
        let len = self.client.read(&mut heard).await.expect("something is said");
        heard.truncate(len);
        (String::from_utf8(heard).expect("it is text"), goes_on)
    }
}

/// The next bytes of a body.
async fn data(body: &mut ClientBody) -> Option<Result<Vec<u8>, BodyTrouble>> {
    poll_fn(|cx| body.poll_data(cx)).await.map(|data| data.map(|data| data.to_vec()))
}

/// The form of an answer to `GET` in HTTP/1.1.
fn again() -> Form {
    Form::of(&Request::new(()).into_parts().0)
}

fn busy() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(b"busy"));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    answer.headers_mut().insert("x-name", http::HeaderValue::from_bytes(b"\xc3\xbc").expect("a sound value"));
    answer
}
