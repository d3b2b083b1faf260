//! Begins uploads when they are due, and moves those on that can be moved.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::connection::{Connection, Progress};
use super::timer::Timer;
use super::{Load, Pace, Tally};

/// How long uploads that are under way at the end may take.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Events that are looked at between two looks at the clock.
const EVENTS: usize = 256;

/// The timer among the events; connections have their place as number.
const TIMER: u64 = u64::MAX;

/// So many uploads that broke before one did not mean that the peer is not there.
const TOO_MANY_BROKEN: u64 = 100;

/// Sends a load.
#[derive(Debug)]
pub(super) struct Driver<'a> {
    load: Load<'a>,
    poll: OwnedFd,
    timer: Timer,
    connections: Vec<Option<Connection>>,
    /// Places without a connection.
    vacant: Vec<usize>,
    /// Connections without an upload, the one that was busy last at the end.
    idle: Vec<usize>,
    /// Uploads that were due while every connection was busy.
    waiting: VecDeque<Instant>,
    under_way: usize,
    tally: Tally,
}

impl<'a> Driver<'a> {
    pub(super) fn new(load: Load<'a>) -> io::Result<Self> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = Timer::new()?;
        epoll::add(&poll, &timer, EventData::new_u64(TIMER), EventFlags::IN | EventFlags::ET)?;
        Ok(Self {
            load,
            poll,
            timer,
            connections: (0..load.connections).map(|_| None).collect(),
            vacant: (0..load.connections).rev().collect(),
            idle: Vec::with_capacity(load.connections),
            waiting: VecDeque::new(),
            under_way: 0,
            tally: Tally::default(),
        })
    }

    pub(super) fn run(mut self) -> io::Result<Tally> {
        let (began, busy_before) = (Instant::now(), thread_cpu()?);
        let end = began + self.load.lasts;
        let mut dues = Dues { began, end, begun: 0 };
        loop {
            let now = Instant::now();
            // At the end as well: what became due meanwhile is offered, however late.
            let next = self.begin_due(&mut dues, now)?;
            if now >= end {
                break;
            }
            self.turn(next)?;
        }
        self.tally.lasted = began.elapsed();
        self.tally.completed_in_time = self.tally.completed.count();
        self.tally.busy = thread_cpu()?.saturating_sub(busy_before);
        let patience = end + LAST_ANSWERS;
        while self.under_way + self.waiting.len() > 0 && Instant::now() < patience {
            self.begin_waiting()?;
            self.turn(patience)?;
        }
        self.tally.unanswered = (self.under_way + self.waiting.len()) as u64;
        Ok(self.tally)
    }

    /// Begins what is due; gives when something is due next, at the latest the end.
    fn begin_due(&mut self, dues: &mut Dues, now: Instant) -> io::Result<Instant> {
        match self.load.pace {
            Pace::Closed if now >= dues.end => Ok(dues.end),
            Pace::Closed => {
                // No more than that many per turn, so that a peer which breaks each at once does not keep it here.
                for _ in self.under_way..self.load.connections {
                    self.begin(now)?;
                }
                Ok(if self.under_way < self.load.connections { now } else { dues.end })
            }
            Pace::Fixed { per_second } => loop {
                let due = dues.next(per_second);
                if due > now || due >= dues.end {
                    return Ok(due.min(dues.end));
                }
                dues.begun += 1;
                self.begin(due)?;
            },
        }
    }

    /// Waits for events, at most until then, and goes on with what they tell of.
    fn turn(&mut self, until: Instant) -> io::Result<()> {
        let wait = until.saturating_duration_since(Instant::now());
        // The timer, because the time limit of the call itself is one of whole milliseconds.
        if !wait.is_zero() {
            self.timer.set(wait)?;
        }
        let none = rustix::time::Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut events = Vec::with_capacity(EVENTS);
        match epoll::wait(&self.poll, spare_capacity(&mut events), wait.is_zero().then_some(&none)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let number = event.data.u64();
            if let Ok(place) = usize::try_from(number)
                && let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut)
            {
                let progress = connection.go_on(self.load.request);
                self.note(place, progress)?;
                self.begin_waiting()?;
            }
        }
        Ok(())
    }

    /// Begins an upload that was due then, behind those that wait for a connection.
    fn begin(&mut self, due: Instant) -> io::Result<()> {
        self.waiting.push_back(due);
        self.begin_waiting()
    }

    fn begin_waiting(&mut self) -> io::Result<()> {
        while let Some(due) = self.waiting.front().copied()
            && let Some(place) = self.idle.pop().or_else(|| self.vacant.pop())
        {
            self.waiting.pop_front();
            self.begin_at(place, due)?;
        }
        Ok(())
    }

    fn begin_at(&mut self, place: usize, due: Instant) -> io::Result<()> {
        self.tally.late.add(due.elapsed());
        self.under_way += 1;
        if self.connections.get(place).is_some_and(Option::is_none) && self.connect(place).is_err() {
            return self.note(place, Progress::Broken);
        }
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else { return Ok(()) };
        let progress = connection.begin(due, self.load.request);
        self.note(place, progress)
    }

    fn connect(&mut self, place: usize) -> io::Result<()> {
        let connection = Connection::open(self.load.address)?;
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.poll, &connection, EventData::new_u64(place as u64), flags)?;
        if let Some(slot) = self.connections.get_mut(place) {
            *slot = Some(connection);
        }
        Ok(())
    }

    fn note(&mut self, place: usize, progress: Progress) -> io::Result<()> {
        let keeps = match progress {
            Progress::UnderWay => return Ok(()),
            Progress::ClosedIdle => {
                self.idle.retain(|idle| *idle != place);
                self.vacate(place);
                return Ok(());
            }
            Progress::Answered { due, begun, status, keeps } => {
                match status {
                    200..300 => self.tally.completed.add(due.elapsed()),
                    503 => self.tally.refused.add(begun.elapsed()),
                    _ => self.tally.failed += 1,
                }
                keeps
            }
            Progress::Broken => {
                self.tally.broken += 1;
                if self.tally.broken > TOO_MANY_BROKEN && self.tally.offered() == self.tally.broken {
                    return Err(io::Error::other("no upload got an answer"));
                }
                false
            }
        };
        self.under_way -= 1;
        if keeps {
            self.idle.push(place);
        } else {
            self.vacate(place);
        }
        Ok(())
    }

    fn vacate(&mut self, place: usize) {
        if let Some(slot) = self.connections.get_mut(place) {
            // Closing takes it out of the poll.
            *slot = None;
        }
        self.vacant.push(place);
    }
}

/// When uploads are due at a fixed rate.
#[derive(Debug)]
struct Dues {
    began: Instant,
    end: Instant,
    begun: u32,
}

impl Dues {
    fn next(&self, per_second: f64) -> Instant {
        // Out of the number and not by adding up, so that no error does.
        self.began + Duration::from_secs_f64(f64::from(self.begun) / per_second)
    }
}

/// CPU time of the calling thread.
fn thread_cpu() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}
