//! The relays that copy and splice, where their upstream does not do what a benchmark's does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use benches::peer::free_address;
use benches::process::pause;

const ANSWER: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok";

/// More than the sockets on the way hold, so that the relay meets an upstream that takes no more.
const LONG: usize = 24 * 1024 * 1024;

struct Relay {
    child: Child,
    address: SocketAddr,
}

impl Relay {
    fn start(mode: &str, upstream: SocketAddr) -> Self {
        let address = free_address().expect("an address");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bench-relay"));
        let child = command.args([mode, &address.to_string(), &upstream.to_string()]).spawn().expect("started");
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        for _ in 0..5000 {
            if let Ok(stream) = TcpStream::connect(self.address) {
                return stream;
            }
            pause(Duration::from_millis(1));
        }
        panic!("the relay takes no connection");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn two_bodies_arrive_whole_at_an_upstream_that_begins_to_read_late() {
    for mode in ["copy", "splice"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let relay = Relay::start(mode, listener.local_addr().expect("an address"));
        let mut client = relay.connect();
        let (mut upstream, _) = listener.accept().expect("the relay dials");
        let body: Vec<u8> = (0..LONG).map(|place| (place % 251) as u8).collect();
        let head = format!("PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LONG}\r\n\r\n").into_bytes();
        for _ in 0..2 {
            let whole = [head.clone(), body.clone()].concat();
            let expected = whole.clone();
            let mut writer = client.try_clone().expect("a twin");
            let sending = thread::spawn(move || {
                // The head comes in two pieces.
                writer.write_all(&whole[..20]).expect("sent");
                pause(Duration::from_millis(20));
                writer.write_all(&whole[20..]).expect("sent");
            });
            pause(Duration::from_millis(100));
            let mut arrived = vec![0; expected.len()];
            upstream.read_exact(&mut arrived).expect("it arrives");
            assert!(arrived == expected, "{mode}: other bytes arrived");
            sending.join().expect("all is sent");
            upstream.write_all(ANSWER).expect("answered");
            let mut answer = vec![0; ANSWER.len()];
            client.read_exact(&mut answer).expect("the answer arrives");
            assert_eq!(answer, ANSWER);
        }
    }
}

#[test]
fn an_answer_that_comes_before_the_body_ended_reaches_the_client_and_ends_both_connections() {
    for mode in ["copy", "splice"] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let relay = Relay::start(mode, listener.local_addr().expect("an address"));
        let mut client = relay.connect();
        let (mut upstream, _) = listener.accept().expect("the relay dials");
        client.write_all(b"PUT /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nbegun").expect("sent");
        let mut head = [0; 20];
        upstream.read_exact(&mut head).expect("the head arrives");
        upstream.write_all(ANSWER).expect("answered");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("the answer, and the end");
        assert_eq!(answer, ANSWER);
    }
}
