//! Files that are read while uploads run: secrets, API keys, issuers' keys.
//!
//! Reading a file can take forever: a pipe waits for a writer, a network mount for its server. Whoever can replace such a file, or
//! pull a cable, must not be able to stop the gateway with it. So only regular files are read, each look has a thread of its own,
//! one is under way at a time, and what was seen last counts meanwhile.

mod follow;
mod read;

pub(crate) use follow::{Followed, Follower};
pub(crate) use read::{NOT_REGULAR, read};
