//! What goes wrong, and what the upstream has got by then: never a whole message.

use std::sync::Arc;

use bytes::Bytes;
use rules::config::{Auth, SecretRef, Target};
use rules::run::{NoAnswer, TransferStage, TransferTrouble};
use socket2::SockRef;
use tokio::sync::mpsc::channel;
use wire::digest::ClientDigests;
use wire::envelope::{Encoding, Envelope};

use super::{Live, Ready, Scene, answer, failed, read_request, read_rest};
use crate::upstream::tests::{target, upstreams};

/// Runs a transfer that must fail; gives its trouble, its stage, and what the upstream got.
async fn failing(
    scene: &Scene,
    envelope: Envelope,
    len: Option<u64>,
    mut source: Ready,
) -> (TransferTrouble, TransferStage, String) {
    let request = scene.request(envelope, len);
    let peer = async {
        let mut stream = scene.accept().await;
        String::from_utf8(read_rest(&mut stream).await).expect("text")
    };
    let (end, seen) = tokio::join!(scene.transfer(&request, &mut source), peer);
    let (trouble, stage, _) = failed(end);
    (trouble, stage, seen)
}

/// Dots in front of a file, so many that they are sent before the rest is asked for.
const BULK: u64 = 20_000;

fn bulky(chunks: &[&str], trouble: Option<TransferTrouble>) -> Ready {
    let mut source = Ready::new(chunks.iter().copied());
    source.chunks.push_front(Bytes::from(vec![b'.'; 20_000]));
    source.trouble = trouble;
    source
}

/// The last bytes of what the upstream got.
fn ending(seen: &str) -> &str {
    seen.get(seen.len() - 20..).expect("ASCII")
}

type IsExpected<'a> = &'a dyn Fn(&TransferTrouble) -> bool;

#[tokio::test]
async fn never_completes_a_message_when_the_file_breaks_off() {
    let scene = Scene::new().await;
    let source = bulky(&["0123456789"], Some(TransferTrouble::ClientGone));
    let (trouble, stage, seen) = failing(&scene, Envelope::raw(), Some(BULK + 10), source).await;
    assert!(matches!(trouble, TransferTrouble::ClientGone), "{trouble:?}");
    assert_eq!(stage, TransferStage::Withheld);
    assert!(seen.contains("Content-Length: 20010\r\n") && seen.ends_with('.'));

    let source = bulky(&["0123456789"], Some(TransferTrouble::ClientGone));
    let (_, stage, seen) = failing(&scene, Envelope::raw(), None, source).await;
    assert_eq!(stage, TransferStage::Withheld);
    assert!(seen.ends_with(".\r\n"), "no last chunk: {}", ending(&seen));
}

#[tokio::test]
async fn withholds_the_end_from_a_file_that_is_not_what_was_announced() {
    let short =
        |error: &TransferTrouble| matches!(error, TransferTrouble::EndedShort { expected: 20_009, received: 20_008 });
    let long = |error: &TransferTrouble| matches!(error, TransferTrouble::RanOver { expected: 20_007 });
    let small =
        |error: &TransferTrouble| matches!(error, TransferTrouble::TooSmall { limit: 20_009, received: 20_008 });
    let large = |error: &TransferTrouble| matches!(error, TransferTrouble::TooLarge { limit: 20_007 });
    let wrong = |error: &TransferTrouble| matches!(error, TransferTrouble::Digest(_));
    // Announced, smallest, largest, whether the client demands a digest, and the trouble that must come of it.
    let cases: [(_, _, _, _, IsExpected<'_>); 5] = [
        (Some(BULK + 9), None, None, false, &short),
        (Some(BULK + 7), None, None, false, &long),
        (None, Some(BULK + 9), None, false, &small),
        (None, None, Some(BULK + 7), false, &large),
        (Some(BULK + 8), None, None, true, &wrong),
    ];
    for (announced, min_len, max_len, demands, is_expected) in cases {
        let mut scene = Scene::new().await;
        scene.verify.min_len = min_len;
        scene.verify.max_len = max_len;
        if demands {
            // The MD5 of an empty file.
            scene.verify.client =
                ClientDigests::parse([("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")]).expect("a digest");
        }
        let form = Envelope { prefix: "<".into(), encoding: Encoding::Identity, suffix: ">".into() };
        let source = bulky(&["012345", "6Z"], None);
        let (trouble, stage, seen) = failing(&scene, form, announced, source).await;
        assert!(is_expected(&trouble), "{trouble:?}");
        assert_eq!(stage, TransferStage::Withheld);
        assert!(seen.contains("<...."), "the beginning was sent");
        let ending = ending(&seen);
        assert!(!ending.ends_with('>') && !ending.ends_with("0\r\n\r\n") && !ending.contains('Z'), "{ending}");
    }
}

#[tokio::test]
async fn sends_nothing_of_a_small_file_that_is_already_known_to_be_broken() {
    let scene = Scene::new().await;
    let source = Ready::failing("0123456789", TransferTrouble::ClientGone);
    let (_, stage, seen) = failing(&scene, Envelope::raw(), Some(11), source).await;
    assert_eq!((stage, seen.as_str()), (TransferStage::NothingSent, ""));
}

#[tokio::test]
async fn sends_nothing_of_an_empty_file_whose_proof_fails() {
    let mut scene = Scene::new().await;
    scene.verify.min_len = Some(1);
    let (trouble, stage, _) = failed(scene.transfer(&scene.raw(0), &mut Ready::default()).await);
    assert!(matches!(trouble, TransferTrouble::TooSmall { limit: 1, received: 0 }), "{trouble:?}");
    assert_eq!(stage, TransferStage::NothingSent);
    let nobody = tokio::time::timeout(std::time::Duration::ZERO, scene.listener.accept()).await;
    assert!(nobody.is_err(), "it was not even dialled");
}

#[tokio::test]
async fn stops_the_file_at_an_early_answer_and_tells_all_of_it() {
    let early = [
        (403, "HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied"),
        (413, "HTTP/1.1 413 Too Large\r\n\r\ndenied"),
        (
            403,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndenied\r\n0\r\n\r\n",
        ),
        (201, "HTTP/1.1 201 Created\r\nContent-Length: 6\r\n\r\ndenied"),
    ];
    for (status, text) in early {
        let scene = Scene::new().await;
        let mut source = Ready::zeros(1024, 64 * 1024);
        let request = scene.raw(64 << 20);
        let peer = async {
            let mut stream = scene.accept().await;
            read_request(&mut stream, 1000).await;
            answer(&mut stream, text.as_bytes()).await;
            // A polite peer: it says that nothing follows and reads on.
            SockRef::from(&stream).shutdown(std::net::Shutdown::Write).expect("half closed");
            read_rest(&mut stream).await;
        };
        let (end, ()) = tokio::join!(scene.transfer(&request, &mut source), peer);
        let (trouble, stage, _) = failed(end);
        let TransferTrouble::EarlyAnswer(answer) = trouble else { panic!("{trouble:?}") };
        assert_eq!((answer.status, &answer.body[..]), (status, &b"denied"[..]));
        assert_eq!(stage, TransferStage::Withheld);
        assert!(source.taken < 1024, "the file was stopped");
    }
}

#[tokio::test]
async fn finds_the_answer_of_a_peer_that_resets_right_after_it() {
    let scene = Scene::new().await;
    let mut source = Ready::zeros(1024, 64 * 1024);
    let request = scene.raw(64 << 20);
    let peer = async {
        let mut stream = scene.accept().await;
        read_request(&mut stream, 1000).await;
        answer(&mut stream, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\ndenied").await;
        // Closed with unread bytes: the kernel answers them with a reset.
        drop(stream);
    };
    let (end, ()) = tokio::join!(scene.transfer(&request, &mut source), peer);
    let (trouble, ..) = failed(end);
    let TransferTrouble::EarlyAnswer(answer) = trouble else { panic!("{trouble:?}") };
    assert_eq!((answer.status, &answer.body[..]), (403, &b"denied"[..]));
}

#[tokio::test]
async fn tells_a_reset_without_an_answer() {
    let scene = Scene::new().await;
    let mut source = Ready::zeros(1024, 64 * 1024);
    let request = scene.raw(64 << 20);
    let peer = async {
        let mut stream = scene.accept().await;
        read_request(&mut stream, 1000).await;
        drop(stream);
    };
    let (end, ()) = tokio::join!(scene.transfer(&request, &mut source), peer);
    let (trouble, stage, _) = failed(end);
    assert!(matches!(trouble, TransferTrouble::Upstream(NoAnswer::Broken(_))), "{trouble:?}");
    assert_eq!(stage, TransferStage::Withheld);
}

#[tokio::test]
async fn does_not_know_the_outcome_when_the_answer_to_a_whole_message_is_lost_or_nonsense() {
    let too_long = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'a'; (1 << 20) + 1]].concat();
    for (bytes, misbehaves) in [
        (&b""[..], false),
        (b"HTTP/1.1 201 Crea", false),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", false),
        (b"SSH-2.0-OpenSSH_9.2\r\n", true),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        (&too_long, true),
    ] {
        let scene = Scene::new().await;
        let request = scene.raw(3);
        let mut source = Ready::new(["abc"]);
        let peer = async {
            let mut stream = scene.accept().await;
            read_request(&mut stream, 3).await;
            answer(&mut stream, bytes).await;
        };
        let (end, ()) = tokio::join!(scene.transfer(&request, &mut source), peer);
        let (trouble, stage, _) = failed(end);
        assert_eq!(stage, TransferStage::Released);
        let TransferTrouble::Upstream(why) = trouble else { panic!("{trouble:?}") };
        assert_eq!(matches!(why, NoAnswer::Misbehaved(_)), misbehaves, "{why:?}");
        assert_eq!(matches!(why, NoAnswer::Broken(_)), !misbehaves, "{why:?}");
    }
}

#[tokio::test]
async fn closes_the_connection_without_the_withheld_bytes_when_it_is_dropped() {
    let scene = Scene::new().await;
    let request = scene.raw(4);
    let (send, chunks) = channel(4);
    let mut source = Live { chunks };
    send.try_send(Ok(Bytes::from_static(b"abc"))).expect("a transfer");
    let peer = async {
        let mut stream = scene.accept().await;
        read_request(&mut stream, 3).await;
        stream
    };
    let mut stream = tokio::select! {
        end = scene.transfer(&request, &mut source) => panic!("it ended: {end:?}"),
        stream = peer => stream,
    };
    assert_eq!(scene.progress.stage(), TransferStage::Withheld);
    assert!(read_rest(&mut stream).await.is_empty(), "nothing follows");
}

#[tokio::test]
async fn sends_nothing_without_credentials_or_to_an_address_that_is_not_allowed() {
    let mut scene = Scene::new().await;
    let auth = Some(Auth::Bearer(SecretRef::Env("UNSET".to_owned())));
    let without_secret = Arc::new(Target { auth, ..target() });
    let outside = Arc::new(Target { allow_private: Vec::new(), ..target() });
    for target in [without_secret, outside] {
        scene.upstreams = upstreams(&target);
        scene.target = target;
        let end = scene.transfer(&scene.raw(3), &mut Ready::new(["abc"])).await;
        let (trouble, stage, replay) = failed(end);
        let TransferTrouble::Upstream(why) = trouble else { panic!("{trouble:?}") };
        assert!(matches!(why, NoAnswer::NoCredentials(_) | NoAnswer::NotAllowed(_)), "{why:?}");
        assert_eq!(stage, TransferStage::NothingSent);
        assert_eq!(replay.chunks, ["abc"]);
    }
}
