//! The upstream: takes every kind of request that the jobs send on, counts what arrives or keeps its digest.
//!
//! While it counts, file bytes are dropped inside the kernel without being copied, so that load generator and sink together
//! cost less than any peer and never are what limits one.

mod event_loop;
mod forms;
mod parts;
mod requests;
mod routes;

use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};

use crate::process;

pub use routes::Wanted;

/// Thousands may connect at once; the kernel cuts it to what the machine allows.
const BACKLOG: i32 = 4096;

/// How the sink treats bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Discards and counts them; costs next to nothing.
    Count,
    /// Reads them, takes the file out of form or JSON, and keeps length and digest.
    Keep,
}

/// What arrived since the last reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Whole requests that carry a file.
    pub files: u64,
    /// Bytes of the bodies of these, without chunked framing, but with what a form or JSON puts around the file.
    pub body_bytes: u64,
    /// Whole requests of other kinds: prepare steps and completions.
    pub calls: u64,
}

/// A file that arrived while the sink kept them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Method and target of the request.
    pub request: String,
    /// Of the file, not of the body around it.
    pub len: u64,
    /// Of the file.
    pub sha256: [u8; 32],
}

/// A running upstream; its threads end when it is dropped.
#[derive(Debug)]
pub struct Sink {
    shared: Arc<Shared>,
    serving: Option<JoinHandle<()>>,
}

/// What all threads of a sink know.
#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    keep: AtomicBool,
    /// Bytes per second of each connection; 0 is no limit.
    pace: AtomicU64,
    files: AtomicU64,
    body_bytes: AtomicU64,
    calls: AtomicU64,
    stored: Mutex<Vec<Stored>>,
    parts: parts::Parts,
    /// What went wrong on connections, for whoever looks.
    complaints: Mutex<Vec<String>>,
    /// Those that have a thread, to end it.
    connections: Mutex<Vec<TcpStream>>,
    ends: AtomicBool,
}

impl Sink {
    /// Listens on a port that the system chooses, its threads on `core`.
    ///
    /// # Errors
    /// No port can be had.
    pub fn start(core: Option<usize>) -> anyhow::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let shared = Arc::new(Shared {
            address: listener.local_addr()?,
            keep: AtomicBool::new(false),
            pace: AtomicU64::new(0),
            files: AtomicU64::new(0),
            body_bytes: AtomicU64::new(0),
            calls: AtomicU64::new(0),
            stored: Mutex::default(),
            parts: parts::Parts::default(),
            complaints: Mutex::default(),
            connections: Mutex::default(),
            ends: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        let serve = move || {
            if let Err(error) = event_loop::run(&listener, Arc::clone(&accepting)) {
                locked(&accepting.complaints).push(format!("the sink ended: {error:#}"));
            }
        };
        let serving = process::pinned(core, || thread::spawn(serve))?;
        Ok(Self { shared, serving: Some(serving) })
    }

    /// Where peers send to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Forgets what arrived, and treats bodies so from the next request on.
    pub fn reset(&self, mode: Mode) {
        self.shared.keep.store(mode == Mode::Keep, Ordering::SeqCst);
        for counter in [&self.shared.files, &self.shared.body_bytes, &self.shared.calls] {
            counter.store(0, Ordering::SeqCst);
        }
        locked(&self.shared.stored).clear();
        locked(&self.shared.complaints).clear();
        locked(&self.shared.connections).retain(|connection| connection.peer_addr().is_ok());
    }

    /// Lets each connection read no more than this many bytes per second; `None` lifts it.
    pub fn pace(&self, bytes_per_second: Option<u64>) {
        self.shared.pace.store(bytes_per_second.unwrap_or(0), Ordering::SeqCst);
    }

    /// What arrived.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            files: self.shared.files.load(Ordering::SeqCst),
            body_bytes: self.shared.body_bytes.load(Ordering::SeqCst),
            calls: self.shared.calls.load(Ordering::SeqCst),
        }
    }

    /// The files that arrived in [`Mode::Keep`].
    #[must_use]
    pub fn stored(&self) -> Vec<Stored> {
        locked(&self.shared.stored).clone()
    }

    /// What went wrong since the last reset: bodies that ended early, requests that nothing here takes.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        locked(&self.shared.complaints).clone()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        // Wakes the loop, which looks whether it ends.
        drop(TcpStream::connect(self.shared.address));
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
        for connection in locked(&self.shared.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;
    use crate::job::JobKind;
    use crate::load::Load;
    use crate::peer::TlsFiles;
    use sha2::{Digest, Sha256};

    fn load(job: JobKind, content: &Content, uploads: usize) -> Load {
        let tls = TlsFiles { certificate: "none".into(), key: "none".into() };
        Load { job, content: content.clone(), uploads, connections: 3, core: None, tls }
    }

    /// What the sink holds after it was posted to directly.
    fn posted(request: &str, body: &[u8]) -> (Vec<Stored>, Vec<String>, String) {
        use std::io::{Read, Write};
        let sink = Sink::start(None).expect("a sink");
        sink.reset(Mode::Keep);
        let mut stream = TcpStream::connect(sink.address()).expect("a connection");
        stream.write_all(format!("{request}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        stream.shutdown(Shutdown::Write).expect("ended");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        (sink.stored(), sink.complaints(), answer)
    }

    #[test]
    fn raw_uploads_are_counted_in_both_framings() {
        let sink = Sink::start(None).expect("a sink");
        for (job, len) in [(JobKind::Raw, 3_000_000), (JobKind::Chunked, 3_000_000), (JobKind::Small, 16 * 1024)] {
            sink.reset(Mode::Count);
            load(job, &Content::repeated(len), 7).run(sink.address()).expect("all are taken");
            assert_eq!(sink.tally(), Tally { files: 7, body_bytes: 7 * len, calls: 0 });
        }
    }

    #[test]
    fn a_kept_file_has_the_digest_of_what_was_sent() {
        let sink = Sink::start(None).expect("a sink");
        let content = Content::unique(1_234_567);
        let sha256: [u8; 32] = content.pieces().fold(Sha256::new(), Sha256::chain_update).finalize().into();
        for job in [JobKind::Raw, JobKind::Chunked] {
            sink.reset(Mode::Keep);
            load(job, &content, 1).run(sink.address()).expect("it is taken");
            let stored = Stored { request: "PUT /raw/file.bin".to_owned(), len: content.len(), sha256 };
            assert_eq!(sink.stored(), [stored]);
        }
    }

    #[test]
    fn a_file_comes_out_of_a_form_and_out_of_json() {
        let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhello\r\n--b--\r\n";
        let head = "POST /form HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b";
        let json = "POST /json HTTP/1.1\r\nContent-Type: application/json";
        for (head, body) in [(head, form), (json, "{\"name\":\"a\",\"data\":\"aGVsbG8=\"}")] {
            let (stored, complaints, answer) = posted(head, body.as_bytes());
            assert_eq!(complaints, Vec::<String>::new());
            assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
            let [stored] = stored.as_slice() else { panic!("one file: {stored:?}") };
            assert_eq!((stored.len, stored.sha256), (5, Sha256::digest(b"hello").into()));
        }
    }

    #[test]
    fn a_body_that_is_no_form_or_json_is_refused() {
        let form = "POST /form HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=b";
        for (head, body) in [
            (form, "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhello"),
            (form, "--b\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nhello\r\n--b--\r\n"),
            ("POST /json HTTP/1.1", "{\"data\":\"aGVsbG8\"}"),
            ("POST /json HTTP/1.1", "{\"data\":1}"),
            ("POST /nowhere HTTP/1.1", ""),
        ] {
            let (stored, complaints, answer) = posted(head, body.as_bytes());
            assert_eq!(stored, []);
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        }
    }
}
