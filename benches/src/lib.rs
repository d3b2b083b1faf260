//! What the benchmarks share: how a transform is driven, and how Tidegate and other programs are measured side by side.
//!
//! A *peer* is a program that could carry an upload. A *job* is a kind of upload; it starts a peer between the load generator
//! and the sink, proves that the content arrives, and gives figures. Nothing here is part of the gateway.

mod admin;
pub mod cases;
pub mod content;
pub mod counts;
pub mod crowd;
pub mod drive;
pub mod figure;
pub mod http;
pub mod job;
pub mod jobs;
pub mod load;
pub mod open_files;
pub mod open_loop;
pub mod orphans;
pub mod peer;
pub mod peers;
pub mod process;
pub mod report;
pub mod run;
pub mod sink;
pub mod stats;

pub use drive::drive;
