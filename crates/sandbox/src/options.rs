//! What can be set about a sandbox.

use std::net::SocketAddr;

/// Flowkiwi's "max size: 5M for general files", read as MiB.
const FLOWKIWI_FILE_LIMIT: u64 = 5 * 1024 * 1024;
/// Flowkiwi's "100M for videos", read as MiB.
const FLOWKIWI_VIDEO_LIMIT: u64 = 100 * 1024 * 1024;
/// The most that an Amazon Connect instance can be configured for.
const CONNECT_FILE_LIMIT: u64 = 104_857_600;
/// A scan is still running for so many polls.
const CONNECT_SCAN_POLLS: u32 = 2;

/// Settings of a sandbox; the defaults behave like the vendors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Keep the contents of stored files. Off, only size and SHA-256 remain, and memory does not grow with files.
    pub keep_objects: bool,
    /// The first listener's address; the others take the ports after it. It must be a loopback address. `None` (and
    /// port 0) lets the system choose each port.
    pub address: Option<SocketAddr>,
    /// The session token of the AWS credentials; with one, every request must carry and sign it.
    pub session_token: Option<String>,
    /// Flowkiwi's limit for files that are no videos, in bytes.
    pub flowkiwi_file_limit: u64,
    /// Flowkiwi's limit for videos, in bytes.
    pub flowkiwi_video_limit: u64,
    /// Amazon Connect's limit per file, in bytes.
    pub connect_file_limit: u64,
    /// How many status polls see `PROCESSING` before the scan's verdict.
    pub connect_scan_polls: u32,
    /// Whether Amazon Connect's presigned URLs sign `Content-Length` and name it in `HeadersToInclude`.
    pub connect_signs_length: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            keep_objects: false,
            address: None,
            session_token: None,
            flowkiwi_file_limit: FLOWKIWI_FILE_LIMIT,
            flowkiwi_video_limit: FLOWKIWI_VIDEO_LIMIT,
            connect_file_limit: CONNECT_FILE_LIMIT,
            connect_scan_polls: CONNECT_SCAN_POLLS,
            connect_signs_length: false,
        }
    }
}
