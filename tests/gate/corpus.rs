//! Every case of the corpus, against a gateway on a socket: it gets its verdict, and nothing behind a refused request is read
//! as another one.

use harness::{Answer, RawConnection};

use crate::cases::{self, Case};
use crate::stage::Stage;

/// Stands behind every request that is refused for its framing or form. Whoever reads it as a request was smuggled one.
const SMUGGLED: &str = "PUT /files/smuggled.bin HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nbad";

/// What a head or body that cannot be trusted is answered with; the connection ends with it.
fn must_close(case: &Case) -> bool {
    matches!(case.status, 400 | 414 | 417 | 431 | 501) && case.problem != "length-mismatch"
}

async fn tell(connection: &mut RawConnection, case: &Case, piece: usize) -> Answer {
    let mut bytes = case.bytes.clone();
    if must_close(case) {
        bytes.extend_from_slice(SMUGGLED.as_bytes());
    }
    for part in bytes.chunks(piece) {
        // The gateway may have answered and closed before it has heard everything.
        if connection.send(part).await.is_err() {
            break;
        }
    }
    connection.answer().await.unwrap_or_else(|error| panic!("{}: no answer: {error}", case.name))
}

async fn run(piece: usize) {
    let cases = cases::all();
    let sound: Vec<_> = cases.iter().filter(|case| case.status == 201).collect();
    // A body that breaks later has begun upstream, where it takes a reply and is never complete.
    let stage = Stage::new(cases.len()).await;
    for case in &cases {
        let mut connection = stage.open().await;
        let answer = tell(&mut connection, case, piece).await;
        assert_eq!((answer.status, answer.problem().as_str()), (case.status, case.problem.as_str()), "{}", case.name);
        assert!(answer.header("tidegate-upload-id").is_some(), "{}: {answer:?}", case.name);
        if must_close(case) {
            assert_eq!(answer.header("connection"), Some("close"), "{}", case.name);
            assert!(connection.is_closed().await, "{}: something followed", case.name);
        }
    }
    let stored = stage.stored();
    assert!(!stored.iter().any(|target| target.contains("smuggled")), "{stored:?}");
    assert_eq!(stored.len(), sound.len(), "as many files as were meant");
}

#[tokio::test]
async fn every_request_gets_its_verdict_and_nothing_is_smuggled_behind_it() {
    run(usize::MAX).await;
}

/// A proxy or a slow network cuts requests anywhere.
#[tokio::test]
async fn the_verdict_is_the_same_when_bytes_come_in_pieces() {
    run(7).await;
}
