//! Many uploads at once out of one thread: connections that do not block and are written to in turns.
//!
//! No runtime and no task per upload, because the generator shares the machine with who is measured: 5,000 uploads of 400
//! bytes a second cost it 5,000 system calls a second. Nothing is read before the end; an upload that was answered or closed
//! before its time shows in [`Crowd::count_open`].

#[cfg(test)]
mod tests;

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::process::pause;

/// Connections that are opened between two pauses: a tenth of the smallest backlog that a peer listens with (nginx: 511).
const OPENED_AT_ONCE: usize = 50;

/// The pause, in which the peer can accept them.
const OPENING_PAUSE: Duration = Duration::from_millis(5);

/// How long a connection may take to open; a full backlog is asked again after a second.
const OPEN_WITHIN: Duration = Duration::from_secs(10);

/// Uploads that are open.
#[derive(Debug)]
pub struct Crowd {
    uploads: Vec<Upload>,
    /// What every body repeats.
    content: Vec<u8>,
    body_len: usize,
}

#[derive(Debug)]
struct Upload {
    stream: TcpStream,
    sent: usize,
}

impl Crowd {
    /// Opens `count` uploads to `address`, each with `head` and nothing of its body. A body has `body_len` bytes, of which
    /// `most` are offered to the kernel at once at most.
    ///
    /// # Errors
    /// A connection could not be made, mostly for lack of descriptors or of places at the peer.
    pub fn open(address: SocketAddr, count: usize, head: &[u8], body_len: usize, most: usize) -> io::Result<Self> {
        let mut uploads = Vec::with_capacity(count);
        for number in 0..count {
            if number % OPENED_AT_ONCE == OPENED_AT_ONCE - 1 {
                pause(OPENING_PAUSE);
            }
            let mut stream = TcpStream::connect_timeout(&address, OPEN_WITHIN)?;
            stream.write_all(head)?;
            stream.set_nonblocking(true)?;
            uploads.push(Upload { stream, sent: 0 });
        }
        Ok(Self { uploads, content: vec![b'x'; most], body_len })
    }

    /// Gives every upload whose number leaves `turn` when divided by `turns` up to `len` bytes more of its body. Returns how
    /// many bytes were taken in all.
    pub fn feed(&mut self, turn: usize, turns: usize, len: usize) -> usize {
        let (content, body_len) = (&self.content, self.body_len);
        let due = self.uploads.iter_mut().skip(turn).step_by(turns.max(1));
        due.map(|upload| upload.feed(content, len.min(body_len.saturating_sub(upload.sent)))).sum()
    }

    /// Body bytes that the kernel took of all uploads.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.uploads.iter().map(|upload| upload.sent).sum()
    }

    /// Uploads that are neither answered nor closed.
    #[must_use]
    pub fn count_open(&self) -> usize {
        self.uploads.iter().filter(|upload| upload.is_open()).count()
    }

    /// What the first upload that is not open any more was told.
    #[must_use]
    pub fn first_answer(&self) -> Option<String> {
        let upload = self.uploads.iter().find(|upload| !upload.is_open())?;
        let mut answer = [0; 512];
        let len = (&upload.stream).read(&mut answer).unwrap_or(0);
        Some(String::from_utf8_lossy(answer.get(..len).unwrap_or_default()).into_owned())
    }
}

impl Upload {
    /// Writes until `len` bytes are taken or the kernel takes no more. One that broke takes nothing.
    fn feed(&mut self, content: &[u8], len: usize) -> usize {
        let mut taken = 0_usize;
        while taken < len {
            let piece = content.get(..content.len().min(len - taken)).unwrap_or_default();
            match self.stream.write(piece) {
                Ok(written) if written > 0 => taken += written,
                Ok(_) | Err(_) => break,
            }
        }
        self.sent += taken;
        taken
    }

    fn is_open(&self) -> bool {
        self.stream.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}
