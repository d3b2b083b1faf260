//! The pure work of an upload, cut into cases: every transform of `wire`, and whole uploads as `rules` decides them.
//!
//! The same cases are timed (`micro`) and counted in instructions (`instructions`), so both figures speak of the same work. A
//! case checks its own result, as a wrong answer is quickly given.

mod bodies;
mod digests;
mod forms;
mod http1;
mod texts;
mod uploads;

use bytes::Bytes;

use crate::content::noise;

/// One piece of work.
pub struct Case {
    /// Unique; `group/what/how`.
    pub name: String,
    /// Bytes that one run takes in; none where bytes are not what it costs by.
    pub bytes: Option<u64>,
    prepare: Box<dyn Fn() -> Work>,
}

/// What is done again and again.
pub type Work = Box<dyn FnMut()>;

impl Case {
    fn new<W: FnMut() + 'static>(
        name: impl Into<String>,
        bytes: Option<usize>,
        prepare: impl Fn() -> W + 'static,
    ) -> Self {
        let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
        Self { name: name.into(), bytes, prepare: Box::new(move || Box::new(prepare())) }
    }

    /// Makes the input, and gives what is measured.
    #[must_use]
    pub fn prepare(&self) -> Work {
        (self.prepare)()
    }

    /// The part of the name before the first slash.
    #[must_use]
    pub fn group(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Case> {
    [bodies::cases(), forms::cases(), http1::cases(), digests::cases(), texts::cases(), uploads::cases()]
        .into_iter()
        .flatten()
        .collect()
}

/// Of one file: enough that what is done once does not show, little enough to stay in a cache.
const FILE_LEN: usize = 1024 * 1024;

/// Of one chunk: what a busy connection's buffer gives, and what a slow one does.
const CHUNK_LENS: [usize; 2] = [256 * 1024, 4 * 1024];

/// Random-looking bytes, the same at each call.
fn file() -> Bytes {
    noise(FILE_LEN).to_vec().into()
}

fn chunks(bytes: &Bytes, len: usize) -> Vec<Bytes> {
    let mut rest = bytes.clone();
    std::iter::from_fn(|| (!rest.is_empty()).then(|| rest.split_to(len.min(rest.len())))).collect()
}
