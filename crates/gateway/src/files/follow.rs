//! Looks at one thing again and again, none of which can hold anybody up.

use std::fmt;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long whoever begins a look waits for it, so that a file that changed counts at once. Reading a file of a local disk takes
/// microseconds; where it takes longer than this, the last value counts until the look has ended. As no second look is begun
/// meanwhile, a file that hangs costs one wait.
const PATIENCE: Duration = Duration::from_millis(500);

/// Something that is looked at.
pub(crate) trait Followed: Send + 'static {
    /// What a look brings.
    type Seen: Send + 'static;

    /// A look, which may block. It runs in a thread of its own.
    fn look(&self) -> Box<dyn FnOnce() -> Self::Seen + Send>;

    /// Takes what a look brought.
    fn take(&mut self, seen: Self::Seen);

    /// The look that is under way does not end.
    fn hangs(&mut self);
}

/// Looks at it when the last look is old enough.
pub(crate) struct Follower<F: Followed> {
    held: Mutex<Held<F>>,
    pause: Duration,
}

struct Held<F: Followed> {
    file: F,
    looked_at: Option<Instant>,
    is_under_way: bool,
    /// A look that outlasted the patience of whoever began it.
    late: Option<Receiver<F::Seen>>,
}

/// What is followed may be a secret.
impl<F: Followed> fmt::Debug for Follower<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follower").finish_non_exhaustive()
    }
}

impl<F: Followed> Follower<F> {
    /// Looks again this long after the last look, which was at `looked_at` if ever.
    pub(crate) fn new(file: F, pause: Duration, looked_at: Option<Instant>) -> Self {
        Self { held: Mutex::new(Held { file, looked_at, is_under_way: false, late: None }), pause }
    }

    /// What is known now.
    pub(crate) fn with<R>(&self, now: Instant, read: impl FnOnce(&F) -> R) -> R {
        let begun = self.lock().begin(now, self.pause);
        if let Some(look) = begun {
            // Nobody else waits: the lock is not held.
            let seen = look.recv_timeout(PATIENCE);
            self.lock().end(look, seen);
        }
        read(&self.lock().file)
    }

    /// A panic while the lock is held leaves the last value behind, which is as good as before.
    fn lock(&self) -> MutexGuard<'_, Held<F>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Followed> Held<F> {
    fn begin(&mut self, now: Instant, pause: Duration) -> Option<Receiver<F::Seen>> {
        self.collect();
        let is_fresh = self.looked_at.is_some_and(|at| now.saturating_duration_since(at) < pause);
        if self.is_under_way || is_fresh {
            return None;
        }
        (self.is_under_way, self.looked_at) = (true, Some(now));
        let (sender, receiver) = mpsc::sync_channel(1);
        let look = self.file.look();
        // No task of the runtime, whose end would wait for it. Where no thread can be had the sender is dropped, and the next look
        // tries again.
        let _thread = thread::Builder::new().name("look".to_owned()).spawn(move || {
            // Whoever asked may be gone.
            let _taken = sender.send(look());
        });
        Some(receiver)
    }

    fn end(&mut self, look: Receiver<F::Seen>, seen: Result<F::Seen, RecvTimeoutError>) {
        match seen {
            Ok(seen) => {
                self.is_under_way = false;
                self.file.take(seen);
            }
            Err(RecvTimeoutError::Disconnected) => self.is_under_way = false,
            Err(RecvTimeoutError::Timeout) => {
                self.late = Some(look);
                self.file.hangs();
            }
        }
    }

    /// Takes what a late look brought.
    fn collect(&mut self) {
        let seen = match self.late.as_ref().map(Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => return,
            Some(Ok(seen)) => Some(seen),
            Some(Err(TryRecvError::Disconnected)) => None,
        };
        (self.late, self.is_under_way) = (None, false);
        if let Some(seen) = seen {
            self.file.take(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Looks that bring what the test sends, when it sends it.
    struct Scripted {
        script: Arc<Mutex<Receiver<u32>>>,
        looks: Arc<AtomicUsize>,
        value: u32,
        hangs: bool,
    }

    impl Followed for Scripted {
        type Seen = u32;

        fn look(&self) -> Box<dyn FnOnce() -> u32 + Send> {
            let (script, looks) = (Arc::clone(&self.script), Arc::clone(&self.looks));
            Box::new(move || {
                looks.fetch_add(1, Ordering::SeqCst);
                script.lock().expect("no panic").recv().expect("the script goes on")
            })
        }

        fn take(&mut self, seen: u32) {
            (self.value, self.hangs) = (seen, false);
        }

        fn hangs(&mut self) {
            self.hangs = true;
        }
    }

    #[test]
    fn one_look_that_hangs_costs_one_wait_and_is_taken_when_it_ends() {
        let (sender, script) = mpsc::channel();
        let looks = Arc::new(AtomicUsize::new(0));
        let file = Scripted { script: Arc::new(Mutex::new(script)), looks: Arc::clone(&looks), value: 0, hangs: false };
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let follower = Follower::new(file, second, None);
        let at = |seconds: u32| follower.with(start + second * seconds, |file| (file.value, file.hangs));
        sender.send(1).expect("it listens");
        assert_eq!(at(0), (1, false));
        // Nothing is sent: this look hangs, and the hundred that follow are not begun.
        for _ in 0..100 {
            assert_eq!(at(5), (1, true));
        }
        assert_eq!(looks.load(Ordering::SeqCst), 2);
        sender.send(2).expect("it listens");
        sender.send(3).expect("it listens");
        // The late one ends first, whenever that is; then a fresh one.
        while at(5) == (1, true) {
            thread::yield_now();
        }
        assert_eq!(at(7), (3, false));
    }

    #[test]
    fn a_look_that_panics_is_followed_by_another() {
        struct Panics(bool);
        impl Followed for Panics {
            type Seen = ();
            fn look(&self) -> Box<dyn FnOnce() + Send> {
                Box::new(|| panic!("on purpose"))
            }
            fn take(&mut self, (): ()) {}
            fn hangs(&mut self) {
                self.0 = true;
            }
        }
        let follower = Follower::new(Panics(false), Duration::ZERO, None);
        for _ in 0..3 {
            assert!(!follower.with(Instant::now(), |file| file.0));
        }
    }
}
