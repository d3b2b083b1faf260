//! An upstream for thousands of connections out of one thread: it drops bodies and answers each when it is whole.
//!
//! The sink of the throughput jobs has a thread for each connection, which is cheapest per byte. Thousands of threads that wake for 400 bytes
//! would cost more than who is measured, and three descriptors each more than many systems allow; and a thousand connections that
//! a peer makes at once must find room in the listener's queue, or they wait a second for their next try.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::net::{RecvFlags, recv};
use socket2::{Domain, Socket, Type};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4096;

/// The listener among the events; connections are numbered from 1.
const LISTENER: u64 = 0;

/// Events that are looked at at once.
const EVENTS: usize = 256;

/// Of one read.
const READ_LEN: usize = 256 * 1024;

/// Header fields of a request that are looked at.
const MAX_FIELDS: usize = 64;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// The sink. It ends, and closes its connections, when this is dropped.
#[derive(Debug)]
pub(super) struct CrowdSink {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl CrowdSink {
    /// Listens on a port that the system chooses.
    pub(super) fn start() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from(socket);
        let address = listener.local_addr()?;
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&poll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let ends = Arc::new(AtomicBool::new(false));
        let serving = Serving { listener, poll, connections: HashMap::new(), accepted: LISTENER };
        let thread = std::thread::spawn({
            let ends = Arc::clone(&ends);
            move || serving.run(&ends)
        });
        Ok(Self { address, ends, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for CrowdSink {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        // Wakes the thread, which looks whether it ends.
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

struct Serving {
    listener: TcpListener,
    poll: OwnedFd,
    connections: HashMap<u64, Connection>,
    accepted: u64,
}

impl Serving {
    fn run(mut self, ends: &AtomicBool) {
        let mut buffer = vec![0; READ_LEN];
        let mut events = Vec::with_capacity(EVENTS);
        while !ends.load(Ordering::Relaxed) {
            events.clear();
            match epoll::wait(&self.poll, spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    number => self.read(number, &mut buffer),
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            self.accepted += 1;
            let is_ready = stream.set_nonblocking(true).is_ok() && stream.set_nodelay(true).is_ok();
            let number = EventData::new_u64(self.accepted);
            if is_ready && epoll::add(&self.poll, &stream, number, EventFlags::IN).is_ok() {
                self.connections.insert(self.accepted, Connection { stream, head: Vec::new(), left: None });
            }
        }
    }

    /// Once per event: more that waits is another event.
    fn read(&mut self, number: u64, buffer: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let is_open = match connection.receive(buffer) {
            Ok(is_open) => is_open,
            Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        };
        if !is_open {
            // Closing takes it out of the poll.
            self.connections.remove(&number);
        }
    }
}

struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
    /// Bytes of the body that are still to come; none while a head is awaited.
    left: Option<u64>,
}

impl Connection {
    /// Reads once; false at the end of the connection.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let Some(left) = self.left else {
            let read = self.stream.read(buffer)?;
            return Ok(read > 0 && self.take(buffer.get(..read).unwrap_or_default()));
        };
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        // With MSG_TRUNC, TCP advances without copying (tcp(7)).
        let (_, dropped) = recv(&self.stream, buffer.get_mut(..len).unwrap_or_default(), RecvFlags::TRUNC)?;
        Ok(dropped > 0 && self.passed(dropped as u64))
    }

    /// So many bytes of the body came; answers after the last one.
    fn passed(&mut self, len: u64) -> bool {
        self.left = self.left.map(|left| left.saturating_sub(len));
        if self.left != Some(0) {
            return true;
        }
        self.left = None;
        self.stream.write_all(ANSWER).is_ok()
    }

    /// Takes what was read while a head was awaited; false when the connection is of no further use.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let Some(left) = self.left else {
                let before = self.head.len();
                self.head.extend_from_slice(bytes);
                match head(&self.head) {
                    Ok(Some((head_len, body_len))) => {
                        // What was there before was no whole head, so it ends within these bytes.
                        bytes = bytes.get(head_len - before..).unwrap_or_default();
                        self.head = Vec::new();
                        self.left = Some(body_len);
                    }
                    Ok(None) => return true,
                    Err(()) => return false,
                }
                if self.left == Some(0) && !self.passed(0) {
                    return false;
                }
                continue;
            };
            let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            bytes = bytes.get(here..).unwrap_or_default();
            if !self.passed(here as u64) {
                return false;
            }
        }
        true
    }
}

/// The length of a head and of the body behind it, once the head is whole.
fn head(bytes: &[u8]) -> Result<Option<(usize, u64)>, ()> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let httparse::Status::Complete(head_len) = request.parse(bytes).map_err(|_| ())? else { return Ok(None) };
    let field = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let len = field.and_then(|field| std::str::from_utf8(field.value).ok()?.parse().ok());
    Ok(Some((head_len, len.ok_or(())?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(stream: &mut TcpStream) {
        let mut answer = vec![0; ANSWER.len()];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, ANSWER);
    }

    #[test]
    fn answers_each_request_when_its_last_byte_came() {
        let sink = CrowdSink::start().expect("it starts");
        let mut slow = TcpStream::connect(sink.address()).expect("it listens");
        let mut fast = TcpStream::connect(sink.address()).expect("it listens");
        let request = b"PUT / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";
        for byte in &request[..request.len() - 1] {
            slow.write_all(&[*byte]).expect("it is open");
        }
        fast.write_all(&[&request[..], &request[..]].concat()).expect("it is open");
        answer(&mut fast);
        answer(&mut fast);
        slow.set_nonblocking(true).expect("a socket");
        assert_eq!(slow.read(&mut [0]).expect_err("not yet").kind(), io::ErrorKind::WouldBlock);
        slow.set_nonblocking(false).expect("a socket");
        slow.write_all(b"o").expect("it is open");
        answer(&mut slow);
    }

    #[test]
    fn closes_what_it_does_not_understand_and_goes_on() {
        let sink = CrowdSink::start().expect("it starts");
        let mut odd = TcpStream::connect(sink.address()).expect("it listens");
        odd.write_all(b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is open");
        assert!(matches!(odd.read(&mut [0]), Ok(0) | Err(_)));
        let mut fine = TcpStream::connect(sink.address()).expect("it listens");
        fine.write_all(b"PUT / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").expect("it is open");
        answer(&mut fine);
    }
}
