//! One connection: an upload at a time, written and read without blocking.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use super::answer::{self, Answer};

/// Of one read. Answers are smaller, so a read that is not filled was the last.
const READ_LEN: usize = 16 * 1024;

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    upload: Option<Upload>,
    received: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Upload {
    due: Instant,
    begun: Instant,
    sent: usize,
}

/// What became of a connection's upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is under way, or there is none.
    UnderWay,
    /// It was answered.
    Answered {
        due: Instant,
        /// When its first byte was offered to the kernel.
        begun: Instant,
        status: u16,
        /// Whether the connection may carry another upload.
        keeps: bool,
    },
    /// It broke off.
    Broken,
    /// The connection was closed while it carried none.
    ClosedIdle,
}

impl Connection {
    /// Begins to connect.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Err(error),
            _ => Ok(Self { stream: socket.into(), upload: None, received: Vec::new() }),
        }
    }

    /// Sends an upload that was due then, as far as the kernel takes it.
    pub(super) fn begin(&mut self, due: Instant, request: &[u8]) -> Progress {
        self.upload = Some(Upload { due, begun: Instant::now(), sent: 0 });
        self.received.clear();
        match self.send(request) {
            Ok(()) => Progress::UnderWay,
            Err(_) => Progress::Broken,
        }
    }

    /// Goes on after the kernel said that something can be written or read.
    pub(super) fn go_on(&mut self, request: &[u8]) -> Progress {
        // A peer that refuses resets what is still being sent; its answer lies in the socket.
        let sent = self.send(request);
        let received = self.receive();
        match (self.upload, received) {
            (None, Received::Nothing) => Progress::UnderWay,
            (None, _) => Progress::ClosedIdle,
            (Some(upload), Received::Answer(Answer { status, keeps })) => {
                self.upload = None;
                let Upload { due, begun, sent } = upload;
                Progress::Answered { due, begun, status, keeps: keeps && sent == request.len() }
            }
            (Some(_), Received::Nothing) if sent.is_ok() => Progress::UnderWay,
            (Some(_), _) => Progress::Broken,
        }
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let Some(upload) = &mut self.upload else { return Ok(()) };
        while let Some(rest) = request.get(upload.sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(written) => upload.sent += written,
                Err(error) if is_for_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Received {
        let mut buffer = [0; READ_LEN];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Received::End,
                Ok(read) => self.received.extend_from_slice(buffer.get(..read).unwrap_or_default()),
                Err(error) if is_for_later(&error) => return Received::Nothing,
                Err(_) => return Received::End,
            }
            match answer::read(&self.received) {
                Ok(Some(answer)) => return Received::Answer(answer),
                Ok(None) => {}
                Err(answer::Malformed) => return Received::End,
            }
        }
    }
}

enum Received {
    Nothing,
    Answer(Answer),
    /// The end, or what cannot be understood.
    End,
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// It would block, or the connection is not made yet.
fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected | io::ErrorKind::Interrupted)
}
