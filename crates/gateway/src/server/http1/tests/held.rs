//! A conversation held from its first request to its end, and a drain within it.

use tokio_util::sync::CancellationToken;

use super::*;

/// A conversation in which every request is answered with its target, and what ends it.
struct Held {
    client: DuplexStream,
    draining: CancellationToken,
    closing: CancellationToken,
    conversation: tokio::task::JoinHandle<io::Result<()>>,
}

fn hold() -> Held {
    let Bench { client, conversation, .. } = bench();
    let (draining, closing) = (CancellationToken::new(), CancellationToken::new());
    let holding = {
        let (draining, closing) = (draining.clone(), closing.clone());
        async move {
            let say = |request: Request<ClientBody>| async move { Response::new(request.uri().to_string().into()) };
            conversation.hold(&draining, &closing, say).await
        }
    };
    Held { client, draining, closing, conversation: tokio::spawn(holding) }
}

impl Held {
    async fn send(&mut self, bytes: &str) {
        self.client.write_all(bytes.as_bytes()).await.expect("there is room");
    }

    /// The next answer's content, of so many bytes, and whether it is the last.
    async fn hears(&mut self, len: usize) -> (String, bool) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.client.read_u8().await.expect("an answer comes"));
        }
        let mut content = vec![0; len];
        self.client.read_exact(&mut content).await.expect("it has a content");
        let is_last = String::from_utf8_lossy(&head).contains("connection: close\r\n");
        (String::from_utf8(content).expect("it is text"), is_last)
    }

    /// The connection closes, without another word.
    async fn ends(mut self) {
        let mut rest = String::new();
        self.client.read_to_string(&mut rest).await.expect("it closes properly");
        assert_eq!(rest, "");
        self.conversation.await.expect("no panic").expect("it ended well");
    }
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn requests_that_came_at_once_are_answered_in_their_order() {
    let mut held = hold();
    held.send(&format!("{}{}{}", get("/1"), get("/2"), "GET /3 HTTP/1.0\r\n\r\n")).await;
    for (content, is_last) in [("/1", false), ("/2", false), ("/3", true)] {
        assert_eq!(held.hears(2).await, (content.to_owned(), is_last));
    }
    held.ends().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_shut_its_sending_side_is_answered() {
    let mut held = hold();
    held.send(&get("/1")).await;
    held.client.shutdown().await.expect("it can be shut");
    assert_eq!(held.hears(2).await.0, "/1");
    held.ends().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_request_during_a_drain_is_the_last() {
    let mut held = hold();
    held.send(&get("/1")).await;
    assert_eq!(held.hears(2).await, ("/1".to_owned(), false));
    held.draining.cancel();
    held.send(&get("/2")).await;
    assert_eq!(held.hears(2).await, ("/2".to_owned(), true));
    held.ends().await;
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_a_drain_only_a_connection_that_had_its_answers_is_closed() {
    let mut idle = hold();
    idle.send(&get("/1")).await;
    assert_eq!(idle.hears(2).await.0, "/1");
    idle.draining.cancel();
    idle.closing.cancel();
    idle.ends().await;

    let (mut fresh, mut begun) = (hold(), hold());
    begun.send(&get("/1")).await;
    assert_eq!(begun.hears(2).await.0, "/1");
    begun.send("GET /2 HTT").await;
    tokio::task::yield_now().await;
    for held in [&fresh, &begun] {
        held.draining.cancel();
        held.closing.cancel();
    }
    tokio::time::sleep(TIMES.head / 2).await;
    fresh.send(&get("/1")).await;
    begun.send("P/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(fresh.hears(2).await, ("/1".to_owned(), true));
    assert_eq!(begun.hears(2).await, ("/2".to_owned(), true));
    fresh.ends().await;
    begun.ends().await;
}
