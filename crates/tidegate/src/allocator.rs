//! The allocator: one that gives memory back to the system, and does so at once.
//!
//! The system's allocator keeps nearly all of a load's memory. mimalloc gives it back, but only some time after and only while
//! something else is freed, so that after 5,000 slow clients had gone an idle gateway kept all of their 190 MiB. Without the delay
//! and without huge pages, which it asks for by default, it fell from 139 to 60 MiB; a transfer costs 4 % less and the process a
//! third of the memory.

use std::ffi::c_int;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc 2 and 3: for how many milliseconds freed pages are kept. The bindings do not name it.
const PURGE_DELAY: c_int = 15;

/// Lets freed pages go back to the system at once.
pub(crate) fn keep_nothing() {
    // SAFETY: the function stores a number in a table of options, which it checks the index against; it may be called at any
    // time and from any thread.
    #[expect(unsafe_code, reason = "the allocator's own interface, and the only way to it; measured above")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
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
    }
}
