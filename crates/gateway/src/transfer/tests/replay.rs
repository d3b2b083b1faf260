//! Second attempts: what may be sent again, and that it is the same file.

use rules::run::{NoAnswer, TransferStage, TransferTrouble};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc::channel;

use super::{
    Live, Ready, Replay, STORED, Scene, TransferEnd, TransferOrder, answer, done, failed, read_request, transfer,
};
use crate::memory::UploadMemory;

/// One good transfer, after which the connection waits in the pool.
async fn pooled(scene: &Scene) -> TcpStream {
    let request = scene.raw(3);
    let mut source = Ready::new(["abc"]);
    let peer = async {
        let mut stream = scene.accept().await;
        read_request(&mut stream, 3).await;
        answer(&mut stream, STORED).await;
        stream
    };
    let (end, stream) = tokio::join!(scene.transfer(&request, &mut source), peer);
    done(end);
    stream
}

#[tokio::test]
async fn dials_anew_when_the_pooled_connection_was_closed() {
    let scene = Scene::new().await;
    drop(pooled(&scene).await);
    let peer = async {
        let mut stream = scene.accept().await;
        let (_, body) = read_request(&mut stream, 5).await;
        answer(&mut stream, STORED).await;
        body
    };
    let request = scene.raw(5);
    let mut source = Ready::new(["hello"]);
    let (end, body) = tokio::join!(scene.transfer(&request, &mut source), peer);
    done(end);
    assert_eq!(body, "hello");
}

#[tokio::test]
async fn sends_all_of_it_again_after_a_reused_connection_died_without_an_answer() {
    let scene = Scene::new().await;
    let mut old = pooled(&scene).await;
    let request = scene.raw(10);
    let (send, chunks) = channel(4);
    let mut source = Live { chunks };
    send.try_send(Ok("first ".into())).expect("a transfer");
    let peer = async {
        let (_, body) = read_request(&mut old, 6).await;
        drop(old);
        body
    };
    let (end, body) = tokio::join!(scene.transfer(&request, &mut source), peer);
    assert_eq!(body, "first ");
    let (trouble, stage, replay) = failed(end);
    assert!(matches!(trouble, TransferTrouble::Upstream(NoAnswer::Broken(_))), "{trouble:?}");
    assert_eq!(stage, TransferStage::Replayable);

    send.try_send(Ok("rest".into())).expect("a transfer");
    drop(send);
    let peer = async {
        let mut stream = scene.accept().await;
        let (_, body) = read_request(&mut stream, 10).await;
        answer(&mut stream, STORED).await;
        body
    };
    let (end, body) = tokio::join!(scene.attempt(&request, &mut source, true, replay), peer);
    assert_eq!(done(end).file_len, 10);
    assert_eq!(body, "first rest");
    assert_eq!(scene.progress.received(), 3 + 10, "replayed bytes are not received twice");
}

#[tokio::test]
async fn does_not_replay_after_any_answer_byte_on_a_fresh_connection_or_beyond_what_is_held() {
    for (reused, interim, len) in [(true, true, 6), (false, false, 6), (true, false, 80 * 1024)] {
        let scene = Scene::new().await;
        let old = if reused { Some(pooled(&scene).await) } else { None };
        let request = scene.raw(len as u64 + 1);
        let (send, chunks) = channel(4);
        let mut source = Live { chunks };
        send.try_send(Ok(vec![b'x'; len].into())).expect("a transfer");
        let peer = async {
            let mut stream = match old {
                Some(stream) => stream,
                None => scene.accept().await,
            };
            read_request(&mut stream, len).await;
            if interim {
                answer(&mut stream, b"HTTP/1.1 100 Continue\r\n\r\n").await;
            }
        };
        let (end, ()) = tokio::join!(scene.transfer(&request, &mut source), peer);
        let (trouble, stage, replay) = failed(end);
        assert!(matches!(trouble, TransferTrouble::Upstream(NoAnswer::Broken(_))), "{trouble:?}");
        assert_eq!(stage, TransferStage::Withheld);
        assert!(replay.chunks.is_empty());
    }
}

#[tokio::test]
async fn keeps_file_and_connection_when_the_plan_went_stale() {
    let scene = Scene::new().await;
    let request = scene.raw(3);
    let mut source = Ready::new(["abc"]);
    let order = TransferOrder {
        request: &request,
        verify: &scene.verify,
        progress: &scene.progress,
        fresh_connection: false,
        traceparent: None,
        memory: &UploadMemory::plenty(),
        replay: Replay::default(),
    };
    let (end, mut stream) = tokio::join!(transfer(&scene.upstreams, order, &mut source, || false), scene.accept());
    let TransferEnd::Stale { replay } = end else { panic!("{end:?}") };
    assert_eq!(scene.progress.stage(), TransferStage::NothingSent);

    let peer = async {
        let (head, body) = read_request(&mut stream, 3).await;
        answer(&mut stream, STORED).await;
        (head, body)
    };
    let (end, (head, body)) = tokio::join!(scene.attempt(&request, &mut source, false, replay), peer);
    done(end);
    assert!(head.starts_with("PUT "), "the first bytes on the same connection: {head}");
    assert_eq!(body, "abc");
    let mut rest = [0; 1];
    assert!(stream.try_read(&mut rest).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    drop(scene);
    assert_eq!(stream.read(&mut rest).await.expect("an end"), 0, "the pool closes with its configuration");
}

#[tokio::test]
async fn gives_back_what_it_took_when_nobody_can_be_reached() {
    let mut scene = Scene::new().await;
    let request = scene.raw(6);
    scene.listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let mut source = Ready::new(["abc", "def"]);
    let (trouble, stage, replay) = failed(scene.transfer(&request, &mut source).await);
    assert!(matches!(trouble, TransferTrouble::Upstream(NoAnswer::Unreachable(_))), "{trouble:?}");
    assert_eq!(stage, TransferStage::NothingSent);
    let peer = async {
        let mut stream = scene.accept().await;
        let (_, body) = read_request(&mut stream, 6).await;
        answer(&mut stream, STORED).await;
        body
    };
    let request = scene.raw(6);
    let (end, body) = tokio::join!(scene.attempt(&request, &mut source, false, replay), peer);
    done(end);
    assert_eq!(body, "abcdef");
}
