//! Clients that vanish: thousands of uploads are cut at random places, by an orderly end, a reset, a reset stream or a dropped
//! connection. None is ever committed, none is ever answered 201, and each is counted as ended.

use bytes::Bytes;
use harness::client::Http2Upload;
use harness::{RawConnection, Rules, client, content};
use http::Request;

use crate::stage::Stage;

const KILLS: usize = 2000;
/// At once, so that cuts meet uploads in every stage.
const AT_ONCE: usize = 40;

#[derive(Debug, Clone, Copy)]
enum Cut {
    Fin,
    Reset,
    Http2Reset(h2::Reason),
    Http2Dropped,
}

#[derive(Debug, Clone, Copy)]
struct Kill {
    cut: Cut,
    size: usize,
    /// Bytes of the file that are sent, fewer than all.
    sent: usize,
    chunked: bool,
}

/// What sixteen bytes of noise decide.
fn kill(noise: &[u8]) -> Kill {
    let number = |at: usize| noise[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let cut = match number(0) % 5 {
        0 => Cut::Fin,
        1 => Cut::Reset,
        2 => Cut::Http2Reset(h2::Reason::NO_ERROR),
        3 => Cut::Http2Reset(h2::Reason::CANCEL),
        _ => Cut::Http2Dropped,
    };
    let size = 1 + number(4) % 200_000;
    Kill { cut, size, sent: number(8) % size, chunked: number(12) % 2 == 0 }
}

/// Sends a part, cuts, and says whether the gateway answered 201.
async fn carry_out(stage: &Stage, index: usize, kill: Kill) -> bool {
    let file = content::bytes(kill.size);
    let part = &file[..kill.sent];
    let path = format!("/files/killed-{index}.bin");
    match kill.cut {
        Cut::Fin | Cut::Reset => {
            let mut connection = RawConnection::open(stage.rig.address()).await.expect("the gateway listens");
            let length = if kill.chunked {
                "Transfer-Encoding: chunked".to_owned()
            } else {
                format!("Content-Length: {}", kill.size)
            };
            let head = format!("PUT {path} HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n");
            let body = if kill.chunked && !part.is_empty() {
                [format!("{:x}\r\n", kill.size).as_bytes(), part].concat()
            } else {
                part.to_vec()
            };
            let _cut_early = connection.send([head.as_bytes(), &body].concat()).await;
            if matches!(kill.cut, Cut::Reset) {
                connection.reset().expect("a socket");
                return false;
            }
            let _gone = connection.finish().await;
            connection.answer().await.is_ok_and(|answer| answer.status == 201)
        }
        Cut::Http2Reset(_) | Cut::Http2Dropped => {
            let request = Request::put(format!("http://a{path}")).header("host", "a");
            let request = if kill.chunked { request } else { request.header("content-length", kill.size) };
            let request = request.body(()).expect("a request");
            let mut upload = Http2Upload::begin(stage.rig.address(), request).await.expect("the gateway listens");
            let _cut_early = upload.send(Bytes::copy_from_slice(part), false).await;
            match kill.cut {
                Cut::Http2Reset(reason) => {
                    upload.reset(reason);
                    upload.answer().await.is_ok_and(|answer| answer.status == 201)
                }
                _ => {
                    upload.drop_connection();
                    false
                }
            }
        }
    }
}

async fn scrape(stage: &Stage) -> String {
    let request = Request::get("/metrics").body(Vec::new()).expect("a request");
    let answer = client::http1(stage.rig.admin(), request).await.expect("an answer");
    String::from_utf8(answer.body.to_vec()).expect("metrics are text")
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_cut_anywhere_are_never_committed_and_never_answered_201() {
    let stage = Stage::with(Rules::default(), 2 * KILLS).await;
    // The same at every run, so that a failure can be seen again.
    let kills: Vec<(usize, Kill)> = content::bytes(16 * KILLS).chunks(16).map(kill).enumerate().collect();
    for wave in kills.chunks(AT_ONCE) {
        let cuts = wave.iter().map(|(index, kill)| carry_out(&stage, *index, *kill));
        for ((index, kill), answered) in wave.iter().zip(futures::future::join_all(cuts).await) {
            assert!(!answered, "upload {index} was answered 201: {kill:?}");
        }
    }
    let ended = async {
        while scrape(&stage)
            .await
            .lines()
            .any(|line| line.starts_with("tidegate_uploads_in_flight{") && !line.ends_with(" 0"))
        {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), ended).await.expect("every upload ends");
    assert_eq!(stage.stored(), Vec::<String>::new(), "nothing is committed");
    let scrape = scrape(&stage).await;
    let completed =
        scrape.lines().filter(|line| line.starts_with("tidegate_uploads_total{") && line.contains("completed"));
    assert!(completed.clone().all(|line| line.ends_with(" 0")), "{completed:?}");
    let ended: u64 = scrape
        .lines()
        .filter(|line| line.starts_with("tidegate_uploads_total{"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum();
    // A reset may overtake its request's head, which then was never read.
    assert!(ended > KILLS as u64 / 2 && ended <= KILLS as u64, "{ended}");
    let receipt = Request::put("/files/well.bin").body(vec![7; 100]).expect("a request");
    assert_eq!(client::http1(stage.rig.address(), receipt).await.expect("an answer").status, 201);
}
