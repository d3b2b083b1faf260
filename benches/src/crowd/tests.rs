use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use super::*;

const HEAD: &[u8] = b"PUT /raw/a.bin HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";

/// Takes `count` connections and sends each one's head and body, read to its end, to whoever listens.
fn listener(count: usize) -> (SocketAddr, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    let address = listener.local_addr().expect("it is bound");
    let (told, hears) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().take(count) {
            let (mut stream, told) = (BufReader::new(stream.expect("it was accepted")), told.clone());
            thread::spawn(move || {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).expect("a head") > 0 {}
                let mut body = Vec::new();
                stream.read_to_end(&mut body).expect("a body");
                let _nobody_listens = told.send((head, body));
            });
        }
    });
    (address, hears)
}

#[test]
fn every_upload_gets_its_head_and_its_turns() {
    let (address, hears) = listener(5);
    let mut crowd = Crowd::open(address, 5, HEAD, 1000, 64).expect("it opens");
    assert_eq!(crowd.feed(0, 2, 100), 300, "the first, third and fifth");
    assert_eq!(crowd.feed(1, 2, 100), 200, "the second and fourth");
    assert_eq!(crowd.feed(0, 1, 7), 35);
    assert_eq!((crowd.sent(), crowd.count_open()), (535, 5));
    drop(crowd);
    for _ in 0..5 {
        let (head, body) = hears.recv().expect("each tells");
        assert_eq!((head.as_bytes(), body), (HEAD, vec![b'x'; 107]));
    }
}

#[test]
fn no_body_runs_past_its_announced_length() {
    let (address, hears) = listener(1);
    let mut crowd = Crowd::open(address, 1, HEAD, 1000, 4096).expect("it opens");
    assert_eq!([crowd.feed(0, 1, 999), crowd.feed(0, 1, 999), crowd.feed(0, 1, 999)], [999, 1, 0]);
    drop(crowd);
    assert_eq!(hears.recv().expect("it tells").1.len(), 1000);
}

#[test]
fn an_upload_that_was_answered_is_not_open_and_tells_what_it_heard() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    let crowd = Crowd::open(listener.local_addr().expect("it is bound"), 2, HEAD, 1000, 64).expect("it opens");
    assert_eq!((crowd.count_open(), crowd.first_answer()), (2, None));
    let (mut first, _) = listener.accept().expect("it is there");
    let _second = listener.accept().expect("it is there");
    first.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").expect("it is open");
    drop(first);
    while crowd.count_open() == 2 {
        thread::yield_now();
    }
    assert_eq!(crowd.count_open(), 1);
    assert_eq!(crowd.first_answer().expect("one was answered"), "HTTP/1.1 408 Request Timeout\r\n\r\n");
}

#[test]
fn a_peer_that_reads_nothing_takes_no_more_than_the_kernel_buffers() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    let head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n";
    let address = listener.local_addr().expect("it is bound");
    let mut crowd = Crowd::open(address, 1, head, 1 << 30, 64 * 1024).expect("it opens");
    let _unread = listener.accept().expect("it is there");
    while crowd.feed(0, 1, 1 << 30) > 0 {}
    assert!(crowd.sent() < 1 << 30, "{}", crowd.sent());
    assert_eq!(crowd.count_open(), 1);
}
