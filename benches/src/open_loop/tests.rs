use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

const REQUEST: &[u8] = b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
const FINE: &str = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A server that answers the n-th request of all as it is told to; an empty answer closes the connection.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: fn(usize) -> &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
        let address = listener.local_addr().expect("it is bound");
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let server = Self { address, connections: Arc::clone(&connections), requests: Arc::clone(&requests) };
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::Relaxed);
                let (stream, requests) = (stream.expect("it was accepted"), Arc::clone(&requests));
                thread::spawn(move || serve(&stream, || answer(requests.fetch_add(1, Ordering::Relaxed))));
            }
        });
        server
    }

    fn load(&self, pace: Pace, connections: usize) -> Tally {
        let load =
            Load { address: self.address, request: REQUEST, pace, lasts: Duration::from_millis(200), connections };
        run(&load).expect("it runs")
    }
}

/// Every request must be the one that is sent, to the byte.
fn serve(stream: &TcpStream, mut next: impl FnMut() -> &'static str) {
    let mut reader = BufReader::new(stream);
    while reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
        let mut request = vec![0; REQUEST.len()];
        if reader.read_exact(&mut request).is_err() {
            return;
        }
        assert_eq!(request, REQUEST);
        let answer = next();
        let mut stream = stream;
        if answer.is_empty() || stream.write_all(answer.as_bytes()).is_err() || answer == BUSY {
            return;
        }
    }
}

#[test]
fn a_fixed_rate_offers_every_upload_that_was_due() {
    let server = Server::start(|_| FINE);
    let tally = server.load(Pace::Fixed { per_second: 500.0 }, 100);
    // A slow machine begins them late, and leaves none out.
    assert_eq!((tally.offered(), tally.completed.count(), tally.late.count()), (100, 100, 100));
    assert_eq!(server.requests.load(Ordering::Relaxed), 100);
    assert_eq!(tally.trouble(), None);
}

#[test]
fn a_closed_loop_keeps_its_connections() {
    let server = Server::start(|_| FINE);
    let tally = server.load(Pace::Closed, 4);
    assert!(tally.completed.count() >= 4, "{tally:?}");
    assert_eq!(server.requests.load(Ordering::Relaxed) as u64, tally.completed.count());
    assert_eq!(server.connections.load(Ordering::Relaxed), 4);
    assert!(tally.goodput() > 0.0 && tally.generator_load() > 0.0);
}

#[test]
fn refusals_are_counted_apart_and_their_connections_replaced() {
    let server = Server::start(|number| if number % 2 == 0 { FINE } else { BUSY });
    let tally = server.load(Pace::Fixed { per_second: 200.0 }, 40);
    assert_eq!((tally.completed.count(), tally.refused.count()), (20, 20), "{tally:?}");
    // One that was refused never carried another upload.
    assert!(server.connections.load(Ordering::Relaxed) >= 20);
}

#[test]
fn tells_what_broke_and_what_failed() {
    let server = Server::start(|number| match number % 3 {
        0 => FINE,
        1 => "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n",
        _ => "",
    });
    let tally = server.load(Pace::Fixed { per_second: 300.0 }, 60);
    assert_eq!((tally.completed.count(), tally.failed, tally.broken), (20, 20, 20), "{tally:?}");
    assert!(tally.trouble().expect("there was some").contains("broke off"));
}

#[test]
fn uploads_that_wait_for_a_connection_are_late_and_not_left_out() {
    // One connection, and a server that needs 10 ms for each: 20 of 100 can be carried.
    let server = Server::start(|_| {
        crate::process::pause(Duration::from_millis(10));
        FINE
    });
    let tally = server.load(Pace::Fixed { per_second: 500.0 }, 1);
    assert_eq!((tally.offered(), tally.completed.count()), (100, 100), "{tally:?}");
    assert!(tally.completed_in_time <= 20, "{tally:?}");
    // The last one was due before the end, and had to wait for all the others.
    let (worst, late) = (tally.completed.quantile(1.0), tally.late.quantile(1.0));
    assert!(worst.is_some_and(|worst| worst > 700.0) && late.is_some_and(|late| late > 700.0), "{worst:?} {late:?}");
}

#[test]
fn nobody_there_is_an_error_and_not_a_figure() {
    let address = {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
        listener.local_addr().expect("it is bound")
    };
    let pace = Pace::Closed;
    let load = Load { address, request: REQUEST, pace, lasts: Duration::from_secs(20), connections: 4 };
    assert!(run(&load).is_err());
}
