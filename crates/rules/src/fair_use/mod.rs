//! Fair use, decided: windows of quotas, the pace of bytes, and what a client over a limit is told.
//!
//! Times are told as the length of time since any fixed moment, by a clock that never goes back. Counting uploads at once and
//! requests per second is the gateway's work.

mod forwarded;
mod pace;
mod refusal;
mod window;

pub use forwarded::client_address;
pub use pace::{Pace, longest_piece};
pub use refusal::{Limit, Refusal, Scope, never_fits, sentences};
pub use window::Window;

#[cfg(test)]
mod tests;
