//! Everything that is logged, at TRACE, in memory.
//!
//! The subscriber is the process's and is there before the first line can be logged: one of a single thread races with the other
//! tests for the places that log, and misses some. It keeps what is logged on threads that listen; a test's runtime has one.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use tracing_subscriber::fmt::MakeWriter;

static INSTALLED: Once = Once::new();

thread_local! {
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Installs the subscriber, once.
pub(crate) fn install() {
    INSTALLED.call_once(|| {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::level_filters::LevelFilter::TRACE)
            .with_writer(ToThread)
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("nothing else installs one here");
    });
}

/// Listens to this thread from now on.
pub(crate) fn listen() {
    install();
    HEARD.with_borrow_mut(|heard| *heard = Some(Vec::new()));
}

/// What was heard.
pub(crate) fn heard() -> String {
    HEARD.with_borrow(|heard| String::from_utf8_lossy(heard.as_deref().unwrap_or_default()).into_owned())
}

/// Writes to the buffer of the thread, if it listens.
struct ToThread;

impl Write for ToThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.iter_mut().for_each(|heard| heard.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for ToThread {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
