//! One thread for all connections on which small messages come; a large one gets a thread of its own.
//!
//! With a thread for each, half of what load and sink cost was switching between threads, and peers paid for waking them.
//! A large body is another matter: it is read to its end, so on the loop it would hold up all others.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::requests::Connection;
use super::{Shared, locked};
use crate::http::Arrived;

/// Of a connection's thread. Little of it is ever touched, and thousands may be open.
const STACK_LEN: usize = 128 * 1024;

/// As many sockets as one wait tells of.
const EVENTS: usize = 256;

/// No connection has it: theirs are places in a list.
const LISTENER: u64 = u64::MAX;

/// Connections by their tokens.
struct EventLoop {
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    shared: Arc<Shared>,
}

/// Serves until the sink ends.
pub(super) fn run(listener: &TcpListener, shared: Arc<Shared>) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut this = EventLoop { epoll, connections: Vec::new(), free: Vec::new(), shared };
    let mut events = Vec::with_capacity(EVENTS);
    while !this.shared.ends.load(Ordering::SeqCst) {
        events.clear();
        match epoll::wait(&this.epoll, spare_capacity(&mut events), None) {
            Err(rustix::io::Errno::INTR) => continue,
            waited => waited?,
        };
        for event in &events {
            match event.data.u64() {
                LISTENER => this.accept(listener),
                token => this.turn(usize::try_from(token)?),
            }
        }
    }
    Ok(())
}

impl EventLoop {
    /// Takes every connection that waits. One that cannot be taken is the other side's loss, and it will tell.
    fn accept(&mut self, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept() {
            let token = self.free.pop().unwrap_or(self.connections.len());
            let data = EventData::new_u64(token as u64);
            if stream.set_nodelay(true).is_err() || epoll::add(&self.epoll, &stream, data, EventFlags::IN).is_err() {
                self.free.push(token);
                continue;
            }
            let connection = Some(Connection::new(stream));
            match self.connections.get_mut(token) {
                Some(place) => *place = connection,
                None => self.connections.push(connection),
            }
        }
    }

    /// Reads once, and answers every small message that is whole.
    fn turn(&mut self, token: usize) {
        let Some(mut connection) = self.connections.get_mut(token).and_then(Option::take) else { return };
        match self.read(&mut connection) {
            Ok(Arrived::Part) => {
                if let Some(place) = self.connections.get_mut(token) {
                    *place = Some(connection);
                }
                return;
            }
            Ok(Arrived::Large) => {
                if epoll::delete(&self.epoll, connection.stream()).is_ok() {
                    self.hand_over(connection);
                }
            }
            Ok(Arrived::Whole | Arrived::End) => {}
            Err(error) => locked(&self.shared.complaints).push(format!("{error:#}")),
        }
        // The kernel forgets a socket that is closed.
        self.free.push(token);
    }

    fn read(&self, connection: &mut Connection) -> anyhow::Result<Arrived> {
        if !connection.fill()? {
            return connection.end();
        }
        loop {
            // Paced reading waits, which no other connection must notice.
            let paced = self.shared.pace.load(Ordering::SeqCst) > 0;
            match connection.arrived()? {
                Arrived::Whole if paced => return Ok(Arrived::Large),
                Arrived::Whole if connection.exchange(&self.shared)? => {}
                Arrived::Whole => return Ok(Arrived::End),
                other => return Ok(other),
            }
        }
    }

    /// A thread inherits the core of the one that starts it.
    fn hand_over(&self, mut connection: Connection) {
        let shared = Arc::clone(&self.shared);
        let twin: Option<TcpStream> = connection.stream().try_clone().ok();
        locked(&shared.connections).extend(twin);
        let serve = move || {
            if let Err(error) = connection.serve(&shared) {
                locked(&shared.complaints).push(format!("{error:#}"));
            }
            connection.close();
        };
        if thread::Builder::new().stack_size(STACK_LEN).spawn(serve).is_err() {
            locked(&self.shared.complaints).push("no thread can be had".to_owned());
        }
    }
}
