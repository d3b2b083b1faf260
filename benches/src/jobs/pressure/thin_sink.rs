//! An upstream that accepts slowly: it takes every connection and reads a little of each, again and again, and never answers.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::process::pause;

/// Between two looks at every connection.
const TURN: Duration = Duration::from_millis(250);

/// Connections that the kernel holds until the next turn.
const BACKLOG: i32 = 1024;

/// The sink. It ends, and closes its connections, when this is dropped.
#[derive(Debug)]
pub(super) struct ThinSink {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    ends: AtomicBool,
    connections: AtomicU64,
    read: AtomicU64,
}

impl ThinSink {
    /// Reads `bytes_per_turn` bytes of each connection four times a second. `receive_buffer` sets the kernel's buffer of each;
    /// none leaves it to the system.
    pub(super) fn start(bytes_per_turn: usize, receive_buffer: Option<usize>) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if let Some(size) = receive_buffer {
            // Before it listens: the window scale of a connection is settled in its handshake.
            socket.set_recv_buffer_size(size)?;
        }
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        let listener = TcpListener::from(socket);
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.serve(&listener, bytes_per_turn)
        });
        Ok(Self { address, shared, thread: Some(thread) })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that were taken.
    pub(super) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Bytes that were read, heads included.
    pub(super) fn read(&self) -> u64 {
        self.shared.read.load(Ordering::Relaxed)
    }
}

impl Drop for ThinSink {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Shared {
    fn serve(&self, listener: &TcpListener, bytes_per_turn: usize) {
        let mut streams: Vec<TcpStream> = Vec::new();
        let mut buffer = vec![0; bytes_per_turn];
        while !self.ends.load(Ordering::Relaxed) {
            while let Ok((stream, _)) = listener.accept() {
                if stream.set_nonblocking(true).is_ok() {
                    self.connections.fetch_add(1, Ordering::Relaxed);
                    streams.push(stream);
                }
            }
            streams.retain_mut(|stream| match stream.read(&mut buffer) {
                Ok(0) => false,
                Ok(read) => {
                    self.read.fetch_add(read as u64, Ordering::Relaxed);
                    true
                }
                Err(error) => error.kind() == io::ErrorKind::WouldBlock,
            });
            pause(TURN);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn reads_of_every_connection_and_answers_none() {
        let sink = ThinSink::start(1024, None).expect("it starts");
        let mut clients: Vec<_> = (0..3).map(|_| TcpStream::connect(sink.address()).expect("it listens")).collect();
        for client in &mut clients {
            client.write_all(&[7; 2000]).expect("there is room");
            client.set_nonblocking(true).expect("a socket");
        }
        while sink.read() < 6000 {
            std::thread::yield_now();
        }
        assert_eq!(sink.connections(), 3);
        for client in &clients {
            assert_eq!(client.peek(&mut [0]).expect_err("no answer").kind(), io::ErrorKind::WouldBlock);
        }
        drop(sink);
        clients[0].set_nonblocking(false).expect("a socket");
        assert!(matches!(clients[0].read(&mut [0]), Ok(0) | Err(_)), "it was closed");
    }

    #[test]
    fn a_small_receive_buffer_holds_less() {
        let taken = |receive_buffer| {
            let sink = ThinSink::start(1, receive_buffer).expect("it starts");
            let mut client = TcpStream::connect(sink.address()).expect("it listens");
            client.set_nonblocking(true).expect("a socket");
            let mut taken = 0;
            while let Ok(written) = client.write(&[7; 4096]) {
                taken += written;
            }
            taken
        };
        let (small, default) = (taken(Some(4096)), taken(None));
        assert!(small < default, "{small} < {default}");
    }
}
