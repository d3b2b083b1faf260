//! An upload that ended well: what its receipt and its log line tell.

use rules::plan::TransferPlan;
use rules::run::{Receipt, Transferred};
use wire::digest::Digests;

/// What is known of the file when the plan stands.
#[derive(Debug, Clone)]
pub(crate) struct FileFacts {
    name: String,
    media_type: String,
}

/// What a receipt says of the file.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    /// As sent upstream.
    pub(crate) name: String,
    /// As sent upstream.
    pub(crate) media_type: String,
    /// Bytes.
    pub(crate) size: u64,
    /// What was computed while streaming.
    pub(crate) digests: Digests,
}

/// An upload that ended well.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// The rule's result.
    pub(crate) receipt: Receipt,
    /// The file.
    pub(crate) file: StoredFile,
}

impl FileFacts {
    /// From the plan.
    pub(crate) fn of(plan: &TransferPlan) -> Self {
        Self { name: plan.file_name().to_owned(), media_type: plan.file_type().to_owned() }
    }

    /// With what the transfer told.
    pub(crate) fn complete(self, transferred: &Transferred) -> StoredFile {
        let digests = transferred.digests.clone();
        StoredFile { name: self.name, media_type: self.media_type, size: transferred.file_len, digests }
    }
}

impl Stored {
    /// 201, or 202 while the upstream is still at it.
    pub(crate) fn status(&self) -> u16 {
        if self.receipt.processing { 202 } else { 201 }
    }
}
