//! What the end-to-end tests share: a rig of gateway and sandbox in one process, clients that say exactly what they mean, and
//! files whose content is a function of their size.

pub mod client;
pub mod content;
pub mod forms;
mod lines;
pub mod rig;
mod told;

pub use client::{Answer, RawConnection};
pub use lines::Lines;
pub use rig::{Rig, Rules};
pub use told::told;
