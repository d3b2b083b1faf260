//! The allocator: one that gives memory back to the system, soon after it was freed.
//!
//! The system's allocator keeps nearly all of a load's memory. mimalloc gives it back, but late: pages that another thread freed
//! wait until their own thread allocates again, and huge pages hold more than was asked for. After 5,000 slow uploads an idle
//! gateway kept 175 to 300 of 340 MiB; with the three settings here it kept 27 MiB, and a transfer cost no more.

use std::cell::Cell;
use std::ffi::c_int;
use std::time::{Duration, Instant};

use mimalloc::MiMalloc;

// Without huge pages: see the crate's feature in `Cargo.toml`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2 and 3: for how many milliseconds freed pages are kept. The bindings do not name it.
const PURGE_DELAY: c_int = 15;

/// A thread that falls idle again and again under load looks for freed pages no more often than this.
const COLLECT_EVERY: Duration = Duration::from_millis(100);

thread_local! {
    static COLLECTED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Lets freed pages go back to the system without delay.
pub(crate) fn keep_nothing() {
    // SAFETY: the function stores a number in a table of options, which it checks the index against; it may be called at any
    // time and from any thread.
    #[expect(unsafe_code, reason = "the allocator's own interface, and the only way to it; measured above")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
    }
}

/// Gives back what other threads freed of this one's pages. For threads that have nothing to do.
pub(crate) fn collect() {
    let now = Instant::now();
    let is_due = COLLECTED.get().is_none_or(|last| now.duration_since(last) >= COLLECT_EVERY);
    if !is_due {
        return;
    }
    COLLECTED.set(Some(now));
    // SAFETY: the function looks through the calling thread's own heap, outside of any allocation; it takes no pointers.
    #[expect(unsafe_code, reason = "the allocator's own interface, and the only way to it; measured above")]
    unsafe {
        libmimalloc_sys::mi_collect(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default tells the option from its neighbours: a new version of the library may have moved it.
    #[test]
    fn the_option_is_the_one_that_is_meant() {
        let read = |option| {
            // SAFETY: reads a number out of a table of options, which it checks the index against.
            #[expect(unsafe_code, reason = "as above")]
            unsafe {
                libmimalloc_sys::mi_option_get(option)
            }
        };
        assert!([10, 1000].contains(&read(PURGE_DELAY)), "the default is {} ms", read(PURGE_DELAY));
        keep_nothing();
        assert_eq!(read(PURGE_DELAY), 0);
        collect();
    }
}
