//! One thread that waits for all sockets at once.
//!
//! Every socket is registered once, for its changes in both directions, so that an upload costs no call beyond its reads and
//! writes and the wait.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use anyhow::Context as _;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use socket2::{Domain, Socket, Type};

use crate::carrier::Carrier;
use crate::exchange::{Exchange, Next};

/// Thousands of clients connect at once; the kernel cuts it to what the machine allows.
pub(crate) const BACKLOG: i32 = 4096;

/// For heads and answers, and for small bodies that come with their head.
const SCRATCH_LEN: usize = 64 * 1024;

/// As many sockets as one wait tells of.
const EVENTS: usize = 256;

/// No exchange has it: their tokens are twice their place, plus one for the upstream's side.
const LISTENER: u64 = u64::MAX;

const BOTH_WAYS: EventFlags = EventFlags::IN.union(EventFlags::OUT).union(EventFlags::RDHUP).union(EventFlags::ET);

/// Relays until it is ended from outside.
///
/// # Errors
/// When it cannot listen, or runs out of open files.
pub(crate) fn run<C: Carrier>(listen: SocketAddr, upstream: SocketAddr, carrier: C) -> anyhow::Result<()> {
    let listener = listen_on(listen)?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let exchanges = Vec::new();
    let relay = Relay {
        epoll,
        listener,
        upstream,
        carrier,
        exchanges,
        free: Vec::new(),
        resumed: VecDeque::new(),
        scratch: vec![0; SCRATCH_LEN],
    };
    relay.turn_for_ever()
}

/// A listener with room for many clients that have not been accepted yet.
pub(crate) fn listen_on(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into()).with_context(|| format!("cannot listen on {address}"))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

struct Relay<C: Carrier> {
    epoll: OwnedFd,
    listener: TcpListener,
    upstream: SocketAddr,
    carrier: C,
    exchanges: Vec<Option<Exchange<C::Held>>>,
    free: Vec<usize>,
    resumed: VecDeque<usize>,
    scratch: Vec<u8>,
}

impl<C: Carrier> Relay<C> {
    fn turn_for_ever(mut self) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            let now = Timespec { tv_sec: 0, tv_nsec: 0 };
            let timeout = (!self.resumed.is_empty()).then_some(&now);
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let flags = event.flags;
                match event.data.u64() {
                    LISTENER => self.accept_all()?,
                    token => self.wake(token, flags)?,
                }
            }
            for _ in 0..self.resumed.len() {
                if let Some(place) = self.resumed.pop_front() {
                    self.advance(place);
                }
            }
        }
    }

    fn accept_all(&mut self) -> anyhow::Result<()> {
        loop {
            let client = match self.listener.accept() {
                Ok((client, _)) => client,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error).context("cannot accept"),
            };
            // On loopback a connection stands at once or is refused, so nobody waits for this one.
            let upstream = TcpStream::connect(self.upstream).context("cannot reach the upstream")?;
            for socket in [&client, &upstream] {
                socket.set_nonblocking(true)?;
                socket.set_nodelay(true)?;
            }
            let place = self.free.pop().unwrap_or_else(|| {
                self.exchanges.push(None);
                self.exchanges.len() - 1
            });
            let token = 2 * place as u64;
            epoll::add(&self.epoll, &client, EventData::new_u64(token), BOTH_WAYS)?;
            epoll::add(&self.epoll, &upstream, EventData::new_u64(token + 1), BOTH_WAYS)?;
            self.exchanges[place] = Some(Exchange::new(client, upstream));
        }
    }

    /// An event may speak of an exchange that has ended since, or of another one in its place; both only cost a look.
    fn wake(&mut self, token: u64, flags: EventFlags) -> anyhow::Result<()> {
        let place = usize::try_from(token / 2)?;
        if let Some(exchange) = self.exchanges.get_mut(place).and_then(Option::as_mut) {
            if token.is_multiple_of(2) {
                exchange.note_client(flags);
            } else {
                exchange.note_upstream(flags);
            }
            self.advance(place);
        }
        Ok(())
    }

    fn advance(&mut self, place: usize) {
        let Some(exchange) = self.exchanges.get_mut(place).and_then(Option::as_mut) else { return };
        match exchange.advance(&mut self.carrier, &mut self.scratch) {
            Ok(Next::Wait) => {}
            Ok(Next::Resume) => self.resumed.push_back(place),
            // The harness sees a lost connection and says so; a relay has no log.
            Ok(Next::Close) | Err(_) => {
                self.exchanges[place] = None;
                self.free.push(place);
            }
        }
    }
}
