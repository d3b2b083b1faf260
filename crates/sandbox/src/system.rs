//! The five systems, and the steps of an upload as seen from their side.

use std::fmt;

/// One of the systems that the sandbox stands in for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum System {
    /// Kustomer: prepare, then a POST-policy form to S3.
    Kustomer,
    /// Flowkiwi: one multipart form.
    Flowkiwi,
    /// KlinkCX: one JSON document with the file in base64.
    KlinkCx,
    /// Teamwork Desk: prepare, a POST-policy form to S3, activate.
    TeamworkDesk,
    /// Amazon Connect: prepare, a presigned PUT to S3, complete.
    AmazonConnect,
}

impl System {
    /// All of them, in the order of their ports.
    pub const ALL: [System; 5] =
        [System::Kustomer, System::Flowkiwi, System::KlinkCx, System::TeamworkDesk, System::AmazonConnect];

    /// The bucket in which this system keeps its files, for those that use S3.
    pub(crate) fn bucket(self) -> Option<&'static str> {
        match self {
            System::Kustomer => Some("kustomer-sandbox-attachments"),
            System::TeamworkDesk => Some("teamwork-desk-sandbox"),
            System::AmazonConnect => Some("amazon-connect-sandbox"),
            System::Flowkiwi | System::KlinkCx => None,
        }
    }

    /// The system that owns a bucket.
    pub(crate) fn of_bucket(bucket: &str) -> Option<System> {
        System::ALL.into_iter().find(|system| system.bucket() == Some(bucket))
    }
}

impl fmt::Display for System {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            System::Kustomer => "kustomer",
            System::Flowkiwi => "flowkiwi",
            System::KlinkCx => "klinkcx",
            System::TeamworkDesk => "teamwork-desk",
            System::AmazonConnect => "amazon-connect",
        })
    }
}

/// Which part of an upload a request plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Asks for the place where the file may go.
    Prepare,
    /// Carries the file's bytes, be it to S3 or to the system itself.
    Store,
    /// Says that the file is there.
    Finalize,
    /// Asks how the file is.
    Status,
    /// Takes the file away.
    Undo,
    /// Anything that is no part of an upload.
    Unknown,
}
